package uapi

// Commands and flags of IORING_REGISTER_BPF_FILTER (include/uapi/linux/io_uring/bpf_filter.h).
const (
	IO_URING_BPF_CMD_FILTER = 1

	IO_URING_BPF_FILTER_DENY_REST = 1 // give every other opcode without a filter one that denies
	IO_URING_BPF_FILTER_SZ_STRICT = 2 // EMSGSIZE unless both sides agree on pdu_size
)

// BPFFilterFlags names the flags of a filter registration.
var BPFFilterFlags = newFamily("IO_URING_BPF_FILTER_",
	Row{"IO_URING_BPF_FILTER_DENY_REST", IO_URING_BPF_FILTER_DENY_REST},
	Row{"IO_URING_BPF_FILTER_SZ_STRICT", IO_URING_BPF_FILTER_SZ_STRICT},
)

// SizeofBPF is the size of struct io_uring_bpf in bytes; the filter part starts at BPFFilterOff.
const (
	SizeofBPF    = 72
	BPFFilterOff = 8
)

// BPF is struct io_uring_bpf: the argument of IORING_REGISTER_BPF_FILTER. The offsets are those of the whole struct.
type BPF struct {
	CmdType   uint16    // off 0
	CmdFlags  uint16    // off 2
	Resv      uint32    // off 4
	Opcode    uint32    // off 8
	Flags     uint32    // off 12
	FilterLen uint32    // off 16, instructions
	PDUSize   uint8     // off 20; at commit d42eb05e60 a u32 resv stands here
	Resv1     [3]uint8  // off 21
	FilterPtr uint64    // off 24, address of the instructions
	Resv2     [5]uint64 // off 32
}

// Append writes the 72 bytes.
func (r *BPF) Append(b []byte) []byte {
	b = le.AppendUint16(b, r.CmdType)
	b = le.AppendUint16(b, r.CmdFlags)
	for _, v := range []uint32{r.Resv, r.Opcode, r.Flags, r.FilterLen} {
		b = le.AppendUint32(b, v)
	}
	b = append(b, r.PDUSize, r.Resv1[0], r.Resv1[1], r.Resv1[2])
	b = le.AppendUint64(b, r.FilterPtr)
	for _, v := range r.Resv2 {
		b = le.AppendUint64(b, v)
	}
	return b
}

// DecodeBPF reads 72 bytes.
func DecodeBPF(b []byte) (r BPF) {
	r.CmdType, r.CmdFlags, r.Resv = le.Uint16(b), le.Uint16(b[2:]), le.Uint32(b[4:])
	r.Opcode, r.Flags, r.FilterLen = le.Uint32(b[8:]), le.Uint32(b[12:]), le.Uint32(b[16:])
	r.PDUSize = b[20]
	copy(r.Resv1[:], b[21:])
	r.FilterPtr = le.Uint64(b[24:])
	for i := range r.Resv2 {
		r.Resv2[i] = le.Uint64(b[32+8*i:])
	}
	return r
}

// Sizes and places of struct io_uring_bpf_ctx, the context that a filter loads from, in bytes.
const (
	SizeofBPFCtx = 40 // 16 at commit d42eb05e60

	BPFCtxUserData = 0  // u64
	BPFCtxOpcode   = 8  // u8
	BPFCtxSQEFlags = 9  // u8
	BPFCtxPDUSize  = 10 // u8, then 5 bytes of zero
	BPFCtxPDU      = 16 // the payload, by opcode

	SizeofBPFSocket  = 12 // family, type, protocol u32
	SizeofBPFOpen    = 24 // flags, mode, resolve u64
	SizeofBPFConnect = 24 // family u32, port be16, pad, v4 be32 or v6 16 bytes; 7.2 and later
)

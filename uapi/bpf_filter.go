package uapi

// Commands and flags of IORING_REGISTER_BPF_FILTER (include/uapi/linux/io_uring/bpf_filter.h).
const (
	IO_URING_BPF_CMD_FILTER = 1

	IO_URING_BPF_FILTER_DENY_REST = 1 // deny every other opcode that has no filter
	IO_URING_BPF_FILTER_SZ_STRICT = 2 // EMSGSIZE unless pdu_size is exactly that of the kernel
)

// BPFFilterFlags names the flags of a filter registration.
var BPFFilterFlags = newFamily("IO_URING_BPF_FILTER_",
	Row{"IO_URING_BPF_FILTER_DENY_REST", IO_URING_BPF_FILTER_DENY_REST},
	Row{"IO_URING_BPF_FILTER_SZ_STRICT", IO_URING_BPF_FILTER_SZ_STRICT},
)

// SizeofBPF is the size of struct io_uring_bpf in bytes; the filter part starts at BPFFilterOff.
const (
	// SizeofBPF is the size of struct io_uring_bpf in bytes.
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
	PDUSize   uint8     // off 20; at commit d42eb05e60 this was a u32 resv
	Resv1     [3]uint8  // off 21
	FilterPtr uint64    // off 24, address of the instructions
	Resv2     [5]uint64 // off 32
}

// Append appends the 72 bytes of the struct.
func (r *BPF) Append(b []byte) []byte { return appendStruct(b, r) }

// DecodeBPF decodes 72 bytes.
func DecodeBPF(b []byte) BPF { return decodeStruct[BPF](b) }

// Sizes and offsets of struct io_uring_bpf_ctx, the context from which a filter loads, in bytes.
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

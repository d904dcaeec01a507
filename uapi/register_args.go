package uapi

// Sizes in bytes of what io_uring_register(2) reads and writes.
const (
	SizeofProbe       = 16 // the header; 8 bytes an opcode follow it
	SizeofProbeOp     = 8
	SizeofRsrcUpdate  = 16
	SizeofQueryHdr    = 40
	SizeofQueryOpcode = 48
	SizeofQueryZCRX   = 40
	SizeofQueryEvent  = 48
	SizeofQuerySCQ    = 16
)

// IO_URING_OP_SUPPORTED marks an opcode that the kernel has, in a probe.
const IO_URING_OP_SUPPORTED = 1

// Probe is struct io_uring_probe with its entries.
type Probe struct {
	LastOp uint8 // off 0
	OpsLen uint8 // off 1
	Ops    []ProbeOp
}

// ProbeOp is struct io_uring_probe_op, 8 bytes.
type ProbeOp struct {
	Op    uint8  // off 0
	Flags uint16 // off 2
}

// Append writes 16 bytes and 8 for each entry.
func (p *Probe) Append(b []byte) []byte {
	b = append(b, p.LastOp, p.OpsLen)
	b = append(b, make([]byte, SizeofProbe-2)...)
	for _, op := range p.Ops {
		b = append(b, op.Op, 0)
		b = le.AppendUint16(b, op.Flags)
		b = le.AppendUint32(b, 0)
	}
	return b
}

// RsrcUpdate is struct io_uring_rsrc_update, with which ring fds are registered: the wanted index and the fd.
type RsrcUpdate struct {
	Offset uint32 // off 0
	Resv   uint32 // off 4
	Data   uint64 // off 8
}

// Append writes the 16 bytes.
func (u RsrcUpdate) Append(b []byte) []byte {
	b = le.AppendUint32(le.AppendUint32(b, u.Offset), u.Resv)
	return le.AppendUint64(b, u.Data)
}

// DecodeRsrcUpdate reads 16 bytes.
func DecodeRsrcUpdate(b []byte) RsrcUpdate {
	return RsrcUpdate{le.Uint32(b), le.Uint32(b[4:]), le.Uint64(b[8:])}
}

// Kinds of IORING_REGISTER_QUERY (include/uapi/linux/io_uring/query.h).
const (
	IO_URING_QUERY_OPCODES    = 0
	IO_URING_QUERY_ZCRX       = 1
	IO_URING_QUERY_SCQ        = 2
	IO_URING_QUERY_ZCRX_EVENT = 3 // 7.2 and later
)

// QueryHdr is struct io_uring_query_hdr, 40 bytes: one entry of a chain of questions.
type QueryHdr struct {
	NextEntry uint64    // off 0
	QueryData uint64    // off 8
	QueryOp   uint32    // off 16
	Size      uint32    // off 20, bytes
	Result    int32     // off 24
	Resv      [3]uint32 // off 28
}

// Append writes the 40 bytes.
func (q *QueryHdr) Append(b []byte) []byte {
	b = le.AppendUint64(le.AppendUint64(b, q.NextEntry), q.QueryData)
	b = le.AppendUint32(le.AppendUint32(b, q.QueryOp), q.Size)
	b = le.AppendUint32(b, uint32(q.Result))
	for _, v := range q.Resv {
		b = le.AppendUint32(b, v)
	}
	return b
}

// DecodeQueryHdr reads 40 bytes.
func DecodeQueryHdr(b []byte) QueryHdr {
	return QueryHdr{le.Uint64(b), le.Uint64(b[8:]), le.Uint32(b[16:]), le.Uint32(b[20:]), int32(le.Uint32(b[24:])),
		[3]uint32{le.Uint32(b[28:]), le.Uint32(b[32:]), le.Uint32(b[36:])}}
}

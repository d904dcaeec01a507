package uapi

// Sizes in bytes of structs that io_uring_register(2) reads and writes.
const (
	SizeofProbe       = 16 // the header, which 8 bytes for each opcode follow
	SizeofProbeOp     = 8
	SizeofRsrcUpdate  = 16
	SizeofQueryHdr    = 40
	SizeofQueryOpcode = 48
	SizeofQueryZCRX   = 40
	SizeofQueryEvent  = 48
	SizeofQuerySCQ    = 16
)

// IO_URING_OP_SUPPORTED marks an opcode in a probe that the kernel supports.
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

// Append appends 16 bytes, and 8 for each entry.
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

// RsrcUpdate is struct io_uring_rsrc_update. For ring descriptors it has the wanted index and the descriptor.
type RsrcUpdate struct {
	Offset uint32 // off 0
	Resv   uint32 // off 4
	Data   uint64 // off 8
}

// Append appends the 16 bytes of the struct.
func (u RsrcUpdate) Append(b []byte) []byte { return appendStruct(b, u) }

// DecodeRsrcUpdate decodes 16 bytes.
func DecodeRsrcUpdate(b []byte) RsrcUpdate { return decodeStruct[RsrcUpdate](b) }

// Kinds of IORING_REGISTER_QUERY (include/uapi/linux/io_uring/query.h).
const (
	IO_URING_QUERY_OPCODES    = 0
	IO_URING_QUERY_ZCRX       = 1
	IO_URING_QUERY_SCQ        = 2
	IO_URING_QUERY_ZCRX_EVENT = 3 // 7.2 and later
)

// QueryHdr is struct io_uring_query_hdr, 40 bytes: one entry of a chain of queries.
type QueryHdr struct {
	NextEntry uint64    // off 0
	QueryData uint64    // off 8
	QueryOp   uint32    // off 16
	Size      uint32    // off 20, bytes
	Result    int32     // off 24
	Resv      [3]uint32 // off 28
}

// Append appends the 40 bytes of the struct.
func (q *QueryHdr) Append(b []byte) []byte { return appendStruct(b, q) }

// DecodeQueryHdr decodes 40 bytes.
func DecodeQueryHdr(b []byte) QueryHdr { return decodeStruct[QueryHdr](b) }

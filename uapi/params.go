package uapi

// Limits of io_uring_setup(2).
const (
	IORING_MAX_ENTRIES    = 32768
	IORING_MAX_CQ_ENTRIES = 65536
	IO_RINGFD_REG_MAX     = 16 // registered ring fds of a task
)

// Offsets of mmap(2) on a ring fd.
const (
	IORING_OFF_SQ_RING = 0
	IORING_OFF_CQ_RING = 0x8000000
	IORING_OFF_SQES    = 0x10000000
)

// Offsets in bytes of the shared words at the start of the ring's memory. They are the same on 6.19 to 7.3.
const (
	RingSQHead     = 0
	RingSQTail     = 4
	RingCQHead     = 8
	RingCQTail     = 12
	RingSQMask     = 16
	RingCQMask     = 20
	RingSQEntries  = 24
	RingCQEntries  = 28
	RingSQDropped  = 32
	RingSQFlags    = 36
	RingCQFlags    = 40
	RingCQOverflow = 44
	RingCQEs       = 64
)

// SizeofParams is the size of struct io_uring_params in bytes.
const SizeofParams = 120

// Params is struct io_uring_params, the argument of io_uring_setup(2), which is written back.
type Params struct {
	SQEntries    uint32        // off 0
	CQEntries    uint32        // off 4
	Flags        uint32        // off 8
	SQThreadCPU  uint32        // off 12
	SQThreadIdle uint32        // off 16
	Features     uint32        // off 20
	WQFD         uint32        // off 24
	Resv         [3]uint32     // off 28
	SQOff        SQRingOffsets // off 40
	CQOff        CQRingOffsets // off 80
}

// SQRingOffsets is struct io_sqring_offsets, 40 bytes.
type SQRingOffsets struct {
	Head, Tail, RingMask, RingEntries, Flags, Dropped, Array, Resv1 uint32
	UserAddr                                                        uint64
}

// CQRingOffsets is struct io_cqring_offsets, 40 bytes.
type CQRingOffsets struct {
	Head, Tail, RingMask, RingEntries, Overflow, CQEs, Flags, Resv1 uint32
	UserAddr                                                        uint64
}

// Append appends the 120 bytes of the struct.
func (p *Params) Append(b []byte) []byte { return appendStruct(b, p) }

// DecodeParams decodes 120 bytes.
func DecodeParams(b []byte) Params { return decodeStruct[Params](b) }

package uapi

// Sizes in bytes of structs about zero-copy receive (include/uapi/linux/io_uring/zcrx.h).
const (
	SizeofZCRXIfqReg    = 96
	SizeofZCRXAreaReg   = 48
	SizeofZCRXEventDesc = 96
	SizeofZCRXCtrl      = 72
	SizeofZCRXStats     = 16
	SizeofZCRXRqe       = 16
)

// CacheLine is the size of a cache line in bytes.
const CacheLine = 64

// Flags of zero-copy receive.
const (
	ZCRX_REG_IMPORT            = 1 // in ZCRXIfqReg: take the queue of a descriptor
	ZCRX_REG_NODEV             = 2 // in ZCRXIfqReg: a queue without a network device; 7.1 and later
	IORING_ZCRX_AREA_DMABUF    = 1 // in ZCRXAreaReg: the memory is a dmabuf
	ZCRX_EVENT_DESC_FLAG_STATS = 1 // in ZCRXEventDesc: keep statistics
	ZCRX_FEATURE_RX_PAGE_SIZE  = 1 // rx_buf_len has a meaning
	ZCRX_FEATURE_EVENT         = 2 // event_desc has a meaning
)

// ZCRXIfqReg is struct io_uring_zcrx_ifq_reg, 96 bytes: the argument of ZCRX_IFQ.
type ZCRXIfqReg struct {
	IfIdx, IfRxq uint32    // off 0; IfIdx is a descriptor with IMPORT
	RQEntries    uint32    // off 8
	Flags        uint32    // off 12
	AreaPtr      uint64    // off 16, of a ZCRXAreaReg
	RegionPtr    uint64    // off 24, of a RegionDesc
	Offsets      [8]uint32 // off 32, written back
	ZCRXID       uint32    // off 64, written back
	RxBufLen     uint32    // off 68
	EventDesc    uint64    // off 72, of a ZCRXEventDesc
	Resv         [2]uint64 // off 80
}

// Append appends the 96 bytes of the struct.
func (r *ZCRXIfqReg) Append(b []byte) []byte { return appendStruct(b, r) }

// DecodeZCRXIfqReg decodes 96 bytes.
func DecodeZCRXIfqReg(b []byte) ZCRXIfqReg { return decodeStruct[ZCRXIfqReg](b) }

// ZCRXAreaReg is struct io_uring_zcrx_area_reg, 48 bytes: memory for what is received.
type ZCRXAreaReg struct {
	Addr, Len uint64    // off 0
	Token     uint64    // off 16, rq_area_token, written back
	Flags     uint32    // off 24
	DmabufFD  uint32    // off 28
	Resv      [2]uint64 // off 32
}

// Append appends the 48 bytes of the struct.
func (a *ZCRXAreaReg) Append(b []byte) []byte { return appendStruct(b, a) }

// DecodeZCRXAreaReg decodes 48 bytes.
func DecodeZCRXAreaReg(b []byte) ZCRXAreaReg { return decodeStruct[ZCRXAreaReg](b) }

// ZCRXEventDesc is struct zcrx_event_desc, 96 bytes: which events a queue reports.
type ZCRXEventDesc struct {
	UserData        uint64    // off 0
	TypeMask, Flags uint32    // off 8
	StatsOffset     uint64    // off 16
	Resv            [9]uint64 // off 24
}

// Append appends the 96 bytes of the struct.
func (d *ZCRXEventDesc) Append(b []byte) []byte { return appendStruct(b, d) }

// DecodeZCRXEventDesc decodes 96 bytes.
func DecodeZCRXEventDesc(b []byte) ZCRXEventDesc { return decodeStruct[ZCRXEventDesc](b) }

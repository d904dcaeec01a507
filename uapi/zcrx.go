package uapi

// Sizes in bytes of what describes zero-copy receive (include/uapi/linux/io_uring/zcrx.h).
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
	ZCRX_REG_IMPORT            = 1 // of ZCRXIfqReg: take the queue of a descriptor
	ZCRX_REG_NODEV             = 2 // of ZCRXIfqReg: a queue without a network device; 7.1 and later
	IORING_ZCRX_AREA_DMABUF    = 1 // of ZCRXAreaReg: the memory is a dmabuf
	ZCRX_EVENT_DESC_FLAG_STATS = 1 // of ZCRXEventDesc: there are statistics
	ZCRX_FEATURE_RX_PAGE_SIZE  = 1 // rx_buf_len means something
	ZCRX_FEATURE_EVENT         = 2 // event_desc does
)

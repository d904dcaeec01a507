package uapi

// Sizes in bytes of more structs of io_uring_register(2).
const (
	SizeofBuf           = 16 // struct io_uring_buf, an entry of a ring of buffers
	SizeofBufReg        = 40
	SizeofBufStatus     = 40
	SizeofSyncCancelReg = 64
	SizeofNAPI          = 16
	SizeofClockRegister = 16
)

// EFD_SEMAPHORE is a flag of eventfd2(2); the others are O_CLOEXEC and O_NONBLOCK.
const EFD_SEMAPHORE = 0x1

// Flags of PBUF_RING.
const (
	IOU_PBUF_RING_MMAP = 0x1
	IOU_PBUF_RING_INC  = 0x2
)

// BufRingFlags names the flags of PBUF_RING.
var BufRingFlags = newFamily("IOU_PBUF_RING_",
	Row{"IOU_PBUF_RING_MMAP", IOU_PBUF_RING_MMAP},
	Row{"IOU_PBUF_RING_INC", IOU_PBUF_RING_INC},
)

// BufReg is struct io_uring_buf_reg: a ring of buffers to register or unregister.
type BufReg struct {
	RingAddr    uint64    // off 0
	RingEntries uint32    // off 8
	BGID        uint16    // off 12
	Flags       uint16    // off 14
	MinLeft     uint32    // off 16, bytes; reserved on older kernels
	Resv        [5]uint32 // off 20
}

// Append appends the 40 bytes of the struct.
func (r *BufReg) Append(b []byte) []byte { return appendStruct(b, r) }

// DecodeBufReg decodes 40 bytes.
func DecodeBufReg(b []byte) BufReg { return decodeStruct[BufReg](b) }

// BufStatus is struct io_uring_buf_status: how far the kernel has come in a ring of buffers.
type BufStatus struct {
	BufGroup uint32    // off 0
	Head     uint32    // off 4, written back
	Resv     [8]uint32 // off 8
}

// Append appends the 40 bytes of the struct.
func (s *BufStatus) Append(b []byte) []byte { return appendStruct(b, s) }

// DecodeBufStatus decodes 40 bytes.
func DecodeBufStatus(b []byte) BufStatus { return decodeStruct[BufStatus](b) }

// SyncCancelReg is struct io_uring_sync_cancel_reg: which requests to cancel, and how long to wait for them.
type SyncCancelReg struct {
	Addr      uint64 // off 0, the user_data
	FD        int32  // off 8
	Flags     uint32 // off 12, IORING_ASYNC_CANCEL_*
	Sec, Nsec uint64 // off 16 and 24, the timeout; both -1 for none
	Opcode    uint8  // off 32
	Pad       [7]uint8
	Pad2      [3]uint64 // off 40
}

// Append appends the 64 bytes of the struct.
func (c *SyncCancelReg) Append(b []byte) []byte { return appendStruct(b, c) }

// DecodeSyncCancelReg decodes 64 bytes.
func DecodeSyncCancelReg(b []byte) SyncCancelReg { return decodeStruct[SyncCancelReg](b) }

// Operations of NAPI, and ways to track which device queues a ring uses.
const (
	IO_URING_NAPI_REGISTER_OP   = 0
	IO_URING_NAPI_STATIC_ADD_ID = 1
	IO_URING_NAPI_STATIC_DEL_ID = 2

	IO_URING_NAPI_TRACKING_DYNAMIC  = 0
	IO_URING_NAPI_TRACKING_STATIC   = 1
	IO_URING_NAPI_TRACKING_INACTIVE = 255
)

// NAPI is struct io_uring_napi: how a ring polls network devices.
type NAPI struct {
	BusyPollTo     uint32 // off 0, microseconds
	PreferBusyPoll uint8  // off 4
	Opcode         uint8  // off 5, IO_URING_NAPI_*
	Pad            [2]uint8
	OpParam        uint32 // off 8, IO_URING_NAPI_TRACKING_* or the id of a queue
	Resv           uint32 // off 12
}

// Append appends the 16 bytes of the struct.
func (n NAPI) Append(b []byte) []byte { return appendStruct(b, n) }

// DecodeNAPI decodes 16 bytes.
func DecodeNAPI(b []byte) NAPI { return decodeStruct[NAPI](b) }

// The clocks for waits for completions.
const (
	CLOCK_MONOTONIC = 1
	CLOCK_BOOTTIME  = 7
)

// ClockRegister is struct io_uring_clock_register.
type ClockRegister struct {
	ClockID uint32    // off 0
	Resv    [3]uint32 // off 4
}

// Append appends the 16 bytes of the struct.
func (c ClockRegister) Append(b []byte) []byte { return appendStruct(b, c) }

// DecodeClockRegister decodes 16 bytes.
func DecodeClockRegister(b []byte) ClockRegister { return decodeStruct[ClockRegister](b) }

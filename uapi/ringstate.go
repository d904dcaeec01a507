package uapi

// Sizes in bytes of further structs of io_uring_register(2).
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

// Append writes the 40 bytes.
func (r *BufReg) Append(b []byte) []byte {
	b = le.AppendUint32(le.AppendUint64(b, r.RingAddr), r.RingEntries)
	b = le.AppendUint16(le.AppendUint16(b, r.BGID), r.Flags)
	return appendWords(le.AppendUint32(b, r.MinLeft), r.Resv[:])
}

// DecodeBufReg reads 40 bytes.
func DecodeBufReg(b []byte) (r BufReg) {
	r = BufReg{le.Uint64(b), le.Uint32(b[8:]), le.Uint16(b[12:]), le.Uint16(b[14:]), le.Uint32(b[16:]), r.Resv}
	decodeWords(r.Resv[:], b[20:])
	return r
}

// BufStatus is struct io_uring_buf_status: how far the kernel has come in a ring of buffers.
type BufStatus struct {
	BufGroup uint32    // off 0
	Head     uint32    // off 4, written back
	Resv     [8]uint32 // off 8
}

// Append writes the 40 bytes.
func (s *BufStatus) Append(b []byte) []byte {
	return appendWords(le.AppendUint32(le.AppendUint32(b, s.BufGroup), s.Head), s.Resv[:])
}

// DecodeBufStatus reads 40 bytes.
func DecodeBufStatus(b []byte) (s BufStatus) {
	s.BufGroup, s.Head = le.Uint32(b), le.Uint32(b[4:])
	decodeWords(s.Resv[:], b[8:])
	return s
}

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

// Append writes the 64 bytes.
func (c *SyncCancelReg) Append(b []byte) []byte {
	b = le.AppendUint32(le.AppendUint32(le.AppendUint64(b, c.Addr), uint32(c.FD)), c.Flags)
	b = append(le.AppendUint64(le.AppendUint64(b, c.Sec), c.Nsec), c.Opcode)
	b = append(b, c.Pad[:]...)
	for _, v := range c.Pad2 {
		b = le.AppendUint64(b, v)
	}
	return b
}

// DecodeSyncCancelReg reads 64 bytes.
func DecodeSyncCancelReg(b []byte) SyncCancelReg {
	return SyncCancelReg{le.Uint64(b), int32(le.Uint32(b[8:])), le.Uint32(b[12:]), le.Uint64(b[16:]), le.Uint64(b[24:]),
		b[32], [7]uint8(b[33:40]), [3]uint64{le.Uint64(b[40:]), le.Uint64(b[48:]), le.Uint64(b[56:])}}
}

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

// Append writes the 16 bytes.
func (n NAPI) Append(b []byte) []byte {
	b = append(le.AppendUint32(b, n.BusyPollTo), n.PreferBusyPoll, n.Opcode, n.Pad[0], n.Pad[1])
	return le.AppendUint32(le.AppendUint32(b, n.OpParam), n.Resv)
}

// DecodeNAPI reads 16 bytes.
func DecodeNAPI(b []byte) NAPI {
	return NAPI{le.Uint32(b), b[4], b[5], [2]uint8{b[6], b[7]}, le.Uint32(b[8:]), le.Uint32(b[12:])}
}

// Clocks that waits for completions can go by.
const (
	CLOCK_MONOTONIC = 1
	CLOCK_BOOTTIME  = 7
)

// ClockRegister is struct io_uring_clock_register.
type ClockRegister struct {
	ClockID uint32    // off 0
	Resv    [3]uint32 // off 4
}

// Append writes the 16 bytes.
func (c ClockRegister) Append(b []byte) []byte {
	return appendWords(le.AppendUint32(b, c.ClockID), c.Resv[:])
}

// DecodeClockRegister reads 16 bytes.
func DecodeClockRegister(b []byte) (c ClockRegister) {
	c.ClockID = le.Uint32(b)
	decodeWords(c.Resv[:], b[4:])
	return c
}

func appendWords(b []byte, words []uint32) []byte {
	for _, w := range words {
		b = le.AppendUint32(b, w)
	}
	return b
}

func decodeWords(words []uint32, b []byte) {
	for i := range words {
		words[i] = le.Uint32(b[4*i:])
	}
}

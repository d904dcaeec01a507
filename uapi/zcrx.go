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

// Append writes the 96 bytes.
func (r *ZCRXIfqReg) Append(b []byte) []byte {
	for _, v := range []uint32{r.IfIdx, r.IfRxq, r.RQEntries, r.Flags} {
		b = le.AppendUint32(b, v)
	}
	b = le.AppendUint64(le.AppendUint64(b, r.AreaPtr), r.RegionPtr)
	for _, v := range r.Offsets {
		b = le.AppendUint32(b, v)
	}
	b = le.AppendUint64(le.AppendUint32(le.AppendUint32(b, r.ZCRXID), r.RxBufLen), r.EventDesc)
	return le.AppendUint64(le.AppendUint64(b, r.Resv[0]), r.Resv[1])
}

// DecodeZCRXIfqReg reads 96 bytes.
func DecodeZCRXIfqReg(b []byte) ZCRXIfqReg {
	r := ZCRXIfqReg{IfIdx: le.Uint32(b), IfRxq: le.Uint32(b[4:]), RQEntries: le.Uint32(b[8:]), Flags: le.Uint32(b[12:]),
		AreaPtr: le.Uint64(b[16:]), RegionPtr: le.Uint64(b[24:]), ZCRXID: le.Uint32(b[64:]), RxBufLen: le.Uint32(b[68:]),
		EventDesc: le.Uint64(b[72:]), Resv: [2]uint64{le.Uint64(b[80:]), le.Uint64(b[88:])}}
	for i := range r.Offsets {
		r.Offsets[i] = le.Uint32(b[32+4*i:])
	}
	return r
}

// ZCRXAreaReg is struct io_uring_zcrx_area_reg, 48 bytes: memory for what is received.
type ZCRXAreaReg struct {
	Addr, Len uint64    // off 0
	Token     uint64    // off 16, rq_area_token, written back
	Flags     uint32    // off 24
	DmabufFD  uint32    // off 28
	Resv      [2]uint64 // off 32
}

// Append writes the 48 bytes.
func (a *ZCRXAreaReg) Append(b []byte) []byte {
	b = le.AppendUint64(le.AppendUint64(le.AppendUint64(b, a.Addr), a.Len), a.Token)
	b = le.AppendUint32(le.AppendUint32(b, a.Flags), a.DmabufFD)
	return le.AppendUint64(le.AppendUint64(b, a.Resv[0]), a.Resv[1])
}

// DecodeZCRXAreaReg reads 48 bytes.
func DecodeZCRXAreaReg(b []byte) ZCRXAreaReg {
	return ZCRXAreaReg{le.Uint64(b), le.Uint64(b[8:]), le.Uint64(b[16:]), le.Uint32(b[24:]), le.Uint32(b[28:]),
		[2]uint64{le.Uint64(b[32:]), le.Uint64(b[40:])}}
}

// ZCRXEventDesc is struct zcrx_event_desc, 96 bytes: which events a queue tells of.
type ZCRXEventDesc struct {
	UserData        uint64    // off 0
	TypeMask, Flags uint32    // off 8
	StatsOffset     uint64    // off 16
	Resv            [9]uint64 // off 24
}

// Append writes the 96 bytes.
func (d *ZCRXEventDesc) Append(b []byte) []byte {
	b = le.AppendUint32(le.AppendUint32(le.AppendUint64(b, d.UserData), d.TypeMask), d.Flags)
	b = le.AppendUint64(b, d.StatsOffset)
	for _, v := range d.Resv {
		b = le.AppendUint64(b, v)
	}
	return b
}

// DecodeZCRXEventDesc reads 96 bytes.
func DecodeZCRXEventDesc(b []byte) ZCRXEventDesc {
	d := ZCRXEventDesc{UserData: le.Uint64(b), TypeMask: le.Uint32(b[8:]), Flags: le.Uint32(b[12:]),
		StatsOffset: le.Uint64(b[16:])}
	for i := range d.Resv {
		d.Resv[i] = le.Uint64(b[24+8*i:])
	}
	return d
}

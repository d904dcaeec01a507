package uapi

// Sizes in bytes of what describes memory that a program shares with the kernel.
const (
	SizeofRegionDesc   = 64
	SizeofMemRegionReg = 32
	SizeofRegWait      = 64
)

// Flags of regions and of what is in them.
const (
	IORING_MEM_REGION_TYPE_USER    = 1 // of RegionDesc: the memory is the program's
	IORING_MEM_REGION_REG_WAIT_ARG = 1 // of MemRegionReg: io_uring_enter(2) finds arguments of waits in it
	IORING_REG_WAIT_TS             = 1 // of RegWait: it has a timeout
)

// IORING_MAP_OFF_PARAM_REGION is where mmap(2) on a ring finds the region of MEM_REGION.
const IORING_MAP_OFF_PARAM_REGION = 0x20000000

// RegionDesc is struct io_uring_region_desc, 64 bytes.
type RegionDesc struct {
	UserAddr   uint64    // off 0
	Size       uint64    // off 8, bytes
	Flags      uint32    // off 16
	ID         uint32    // off 20
	MmapOffset uint64    // off 24, written back
	Resv       [4]uint64 // off 32
}

// Append writes the 64 bytes.
func (d *RegionDesc) Append(b []byte) []byte {
	b = le.AppendUint64(le.AppendUint64(b, d.UserAddr), d.Size)
	b = le.AppendUint32(le.AppendUint32(b, d.Flags), d.ID)
	b = le.AppendUint64(b, d.MmapOffset)
	for _, v := range d.Resv {
		b = le.AppendUint64(b, v)
	}
	return b
}

// DecodeRegionDesc reads 64 bytes.
func DecodeRegionDesc(b []byte) RegionDesc {
	return RegionDesc{le.Uint64(b), le.Uint64(b[8:]), le.Uint32(b[16:]), le.Uint32(b[20:]), le.Uint64(b[24:]),
		[4]uint64{le.Uint64(b[32:]), le.Uint64(b[40:]), le.Uint64(b[48:]), le.Uint64(b[56:])}}
}

// MemRegionReg is struct io_uring_mem_region_reg, 32 bytes: the argument of MEM_REGION.
type MemRegionReg struct {
	RegionPtr uint64    // off 0, of a RegionDesc
	Flags     uint64    // off 8
	Resv      [2]uint64 // off 16
}

// Append writes the 32 bytes.
func (r MemRegionReg) Append(b []byte) []byte {
	for _, v := range []uint64{r.RegionPtr, r.Flags, r.Resv[0], r.Resv[1]} {
		b = le.AppendUint64(b, v)
	}
	return b
}

// DecodeMemRegionReg reads 32 bytes.
func DecodeMemRegionReg(b []byte) MemRegionReg {
	return MemRegionReg{le.Uint64(b), le.Uint64(b[8:]), [2]uint64{le.Uint64(b[16:]), le.Uint64(b[24:])}}
}

// RegWait is struct io_uring_reg_wait, 64 bytes: an argument of a wait in a region.
type RegWait struct {
	Sec, Nsec   int64     // off 0
	MinWaitUsec uint32    // off 16
	Flags       uint32    // off 20
	Sigmask     uint64    // off 24
	SigmaskSize uint32    // off 32
	Pad         [3]uint32 // off 36; never looked at, nor are the 16 bytes behind
}

// Append writes the 64 bytes.
func (w *RegWait) Append(b []byte) []byte {
	b = le.AppendUint64(le.AppendUint64(b, uint64(w.Sec)), uint64(w.Nsec))
	b = le.AppendUint32(le.AppendUint32(b, w.MinWaitUsec), w.Flags)
	b = le.AppendUint32(le.AppendUint64(b, w.Sigmask), w.SigmaskSize)
	for _, v := range w.Pad {
		b = le.AppendUint32(b, v)
	}
	return append(b, make([]byte, 16)...)
}

// DecodeRegWait reads 64 bytes.
func DecodeRegWait(b []byte) RegWait {
	return RegWait{int64(le.Uint64(b)), int64(le.Uint64(b[8:])), le.Uint32(b[16:]), le.Uint32(b[20:]), le.Uint64(b[24:]),
		le.Uint32(b[32:]), [3]uint32{le.Uint32(b[36:]), le.Uint32(b[40:]), le.Uint32(b[44:])}}
}

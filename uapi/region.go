package uapi

// Sizes in bytes of structs about memory that a program shares with the kernel.
const (
	SizeofRegionDesc   = 64
	SizeofMemRegionReg = 32
	SizeofRegWait      = 64
)

// Flags of regions and of what is in them.
const (
	IORING_MEM_REGION_TYPE_USER    = 1 // in RegionDesc: the program provides the memory
	IORING_MEM_REGION_REG_WAIT_ARG = 1 // in MemRegionReg: it holds arguments of waits for io_uring_enter(2)
	IORING_REG_WAIT_TS             = 1 // in RegWait: it has a timeout
)

// IORING_MAP_OFF_PARAM_REGION is the offset at which mmap(2) on a ring finds the region of MEM_REGION.
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

// Append appends the 64 bytes of the struct.
func (d *RegionDesc) Append(b []byte) []byte { return appendStruct(b, d) }

// DecodeRegionDesc decodes 64 bytes.
func DecodeRegionDesc(b []byte) RegionDesc { return decodeStruct[RegionDesc](b) }

// MemRegionReg is struct io_uring_mem_region_reg, 32 bytes: the argument of MEM_REGION.
type MemRegionReg struct {
	RegionPtr uint64    // off 0, of a RegionDesc
	Flags     uint64    // off 8
	Resv      [2]uint64 // off 16
}

// Append appends the 32 bytes of the struct.
func (r MemRegionReg) Append(b []byte) []byte { return appendStruct(b, r) }

// DecodeMemRegionReg decodes 32 bytes.
func DecodeMemRegionReg(b []byte) MemRegionReg { return decodeStruct[MemRegionReg](b) }

// RegWait is struct io_uring_reg_wait, 64 bytes: an argument of a wait in registered memory.
type RegWait struct {
	Sec, Nsec   int64     // off 0
	MinWaitUsec uint32    // off 16
	Flags       uint32    // off 20
	Sigmask     uint64    // off 24
	SigmaskSize uint32    // off 32
	Pad         [3]uint32 // off 36, never looked at
	Pad2        [2]uint64 // off 48, never looked at
}

// Append appends the 64 bytes of the struct.
func (w *RegWait) Append(b []byte) []byte { return appendStruct(b, w) }

// DecodeRegWait decodes 64 bytes.
func DecodeRegWait(b []byte) RegWait { return decodeStruct[RegWait](b) }

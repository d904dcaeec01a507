package register

import (
	"fmt"
	"math"

	"github.com/uringsim/uringsim/mm"
	"github.com/uringsim/uringsim/uapi"
)

// Region is the memory of MEM_REGION.
type Region struct {
	size  uint64     // bytes
	pages *mm.Pinned // of the program; nil if the kernel made them, which stay zero as nothing maps them
	waits bool       // arguments of waits are in it
}

// Sizes from which on it depends on the machine's memory whether a region can be had.
const (
	maxCertainKernelRegion = 16 << 20
	maxCertainUserRegion   = 8 << 30
)

// memRegion gives the ring memory that it shares with the program.
//
// Linux: io_uring/register.c:io_register_mem_region
func (c *call) memRegion() Outcome {
	const where = "io_uring/register.c:io_register_mem_region"
	if c.ring.Region != nil {
		return refuse(uapi.EBUSY, where, "there must be no region yet")
	}
	raw := make([]byte, uapi.SizeofMemRegionReg)
	if !c.task.Mem.CopyIn(raw, c.arg) {
		return refuse(uapi.EFAULT, where, "struct io_uring_mem_region_reg must be readable")
	}
	reg := uapi.DecodeMemRegionReg(raw)
	raw = make([]byte, uapi.SizeofRegionDesc)
	if !c.task.Mem.CopyIn(raw, reg.RegionPtr) {
		return refuse(uapi.EFAULT, where, "struct io_uring_region_desc must be readable")
	}
	d := uapi.DecodeRegionDesc(raw)
	switch {
	case reg.Resv != [2]uint64{}:
		return refuse(uapi.EINVAL, where, "resv must be 0")
	case reg.Flags&^uapi.IORING_MEM_REGION_REG_WAIT_ARG != 0:
		return refuse(uapi.EINVAL, where, "flags must be known")
	case reg.Flags != 0 && c.ring.Flags&uapi.IORING_SETUP_R_DISABLED == 0:
		return refuse(uapi.EINVAL, where, "arguments of waits need a ring that is not enabled yet")
	}
	region, o := c.createRegion(&d)
	if region == nil {
		return o
	}
	if !c.task.Mem.CopyOut(reg.RegionPtr, d.Append(nil)) {
		return refuse(uapi.EFAULT, where, "struct io_uring_region_desc must be writable")
	}
	region.waits = reg.Flags != 0
	c.ring.Region = region
	return Outcome{}
}

// createRegion pins the program's memory or makes some, and says in d where programs can map that.
//
// Linux: io_uring/memmap.c:io_create_region
func (c *call) createRegion(d *uapi.RegionDesc) (*Region, Outcome) {
	const where = "io_uring/memmap.c:io_create_region"
	user := d.Flags&uapi.IORING_MEM_REGION_TYPE_USER != 0
	switch {
	case d.Resv != [4]uint64{}:
		return nil, refuse(uapi.EINVAL, where, "resv of the region must be 0")
	case d.Flags&^uapi.IORING_MEM_REGION_TYPE_USER != 0:
		return nil, refuse(uapi.EINVAL, where, "flags of the region must be known")
	case user != (d.UserAddr != 0):
		return nil, refuse(uapi.EFAULT, where, "memory of the program has an address, other memory has none")
	case d.Size == 0 || d.MmapOffset != 0 || d.ID != 0:
		return nil, refuse(uapi.EINVAL, where, "size must not be 0, mmap_offset and id must be 0")
	case d.Size/mm.PageSize > math.MaxInt32:
		return nil, refuse(uapi.E2BIG, where, "a region must not have more pages than an int can count")
	case (d.UserAddr|d.Size)%mm.PageSize != 0:
		return nil, refuse(uapi.EINVAL, where, "a region must be whole pages")
	case d.UserAddr+d.Size < d.UserAddr:
		return nil, refuse(uapi.EOVERFLOW, where, "a region must not wrap around")
	case user && d.Size > maxCertainUserRegion, !user && d.Size > maxCertainKernelRegion:
		return nil, Outcome{Unmodelled: fmt.Sprintf("whether there is memory for a region of %d bytes", d.Size)}
	}
	r := &Region{size: d.Size}
	if !user {
		d.MmapOffset = uapi.IORING_MAP_OFF_PARAM_REGION
		return r, Outcome{}
	}
	if r.pages = c.task.Mem.Pin(d.UserAddr, d.Size); r.pages == nil {
		return nil, refuse(uapi.EFAULT, "io_uring/memmap.c:io_pin_pages", "a region must be writable memory")
	}
	return r, Outcome{}
}

// Wait is the argument of a wait at the offset, or nil if there is none.
//
// Linux: io_uring/io_uring.c:io_get_ext_arg_reg
func (r *Region) Wait(offset uint64) *uapi.RegWait {
	if r == nil || !r.waits || offset%8 != 0 || offset > r.size-uapi.SizeofRegWait {
		return nil
	}
	raw := make([]byte, uapi.SizeofRegWait)
	if r.pages != nil {
		r.pages.Read(raw, offset)
	}
	w := uapi.DecodeRegWait(raw)
	return &w
}

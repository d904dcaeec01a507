package register

import (
	"math/bits"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/mm"
	"github.com/uringsim/uringsim/uapi"
)

// BufferGroup is a group of buffers that requests select from (struct io_buffer_list).
type BufferGroup struct {
	Ring        bool   // the buffers are in a ring that the program fills
	Incremental bool   // a buffer of the ring serves until it is full
	Head        uint16 // of the ring: how many of its buffers were taken
	Count       uint32 // buffers that PROVIDE_BUFFERS added; if more than that is not known, as many at most
	Pending     int    // requests that may take buffers, and whose result is not there yet
	Lost        bool   // the number of buffers that a request took is not known
}

// Known tells whether the kernel could have taken as many buffers as the model says, and no other number.
func (g *BufferGroup) Known() bool { return g.Pending == 0 && !g.Lost }

// maxRingEntries is one more than the entries that a ring of buffers can have.
const maxRingEntries = 1 << 16

// pbufRing makes a group whose buffers are in a ring, in memory of the program or of the kernel. A group of provided
// buffers that is empty goes for it, even if the ring cannot be made then.
//
// Linux: io_uring/kbuf.c:io_register_pbuf_ring
func (c *call) pbufRing() Outcome {
	const where = "io_uring/kbuf.c:io_register_pbuf_ring"
	raw := make([]byte, uapi.SizeofBufReg)
	if !c.task.Mem.CopyIn(raw, c.arg) {
		return refuse(uapi.EFAULT, where, "struct io_uring_buf_reg must be readable")
	}
	reg := uapi.DecodeBufReg(raw)
	known := uint16(uapi.IOU_PBUF_RING_MMAP | uapi.IOU_PBUF_RING_INC)
	switch {
	case !c.reserved(&reg):
		return refuse(uapi.EINVAL, where, "resv must be 0")
	case reg.Flags&^known != 0:
		return refuse(uapi.EINVAL, where, "flags must be known")
	case bits.OnesCount32(reg.RingEntries) != 1 || reg.RingEntries >= maxRingEntries:
		return refuse(uapi.EINVAL, where, "ring_entries must be a power of two, at most 32768")
	case reg.MinLeft != 0 && reg.Flags&uapi.IOU_PBUF_RING_INC == 0:
		return refuse(uapi.EINVAL, where, "min_left needs IOU_PBUF_RING_INC")
	}
	if g := c.ring.Groups[reg.BGID]; g != nil {
		switch {
		case g.Ring || g.Count > 0 && g.Known():
			return refuse(uapi.EEXIST, where, "the group must not have a ring or buffers")
		case !g.Known():
			return Outcome{Unmodelled: "PBUF_RING for a group whose buffers may all have been used"}
		}
		delete(c.ring.Groups, reg.BGID)
	}
	if reg.Flags&uapi.IOU_PBUF_RING_MMAP == 0 {
		size := (uint64(reg.RingEntries)*uapi.SizeofBuf + mm.PageSize - 1) &^ (mm.PageSize - 1)
		if e, where, why := c.userRegion(reg.RingAddr, size); e != 0 {
			return refuse(e, where, why)
		}
	}
	c.ring.AddGroup(reg.BGID, &BufferGroup{Ring: true, Incremental: reg.Flags&uapi.IOU_PBUF_RING_INC != 0})
	return Outcome{}
}

// reserved tells whether the fields that must be 0 are; min_left is one of them where there is no such thing.
func (c *call) reserved(reg *uapi.BufReg) bool {
	return reg.Resv == [5]uint32{} && (reg.MinLeft == 0 || !c.kernel.Has(kernel.NoPBufMinLeft))
}

// userRegion checks memory of the program that is to be shared with the kernel.
//
// Linux: io_uring/memmap.c:io_create_region, io_pin_pages
func (c *call) userRegion(addr, size uint64) (e uapi.Errno, where, why string) {
	where = "io_uring/memmap.c:io_create_region"
	switch {
	case addr == 0:
		return uapi.EFAULT, where, "ring_addr must not be 0 without IOU_PBUF_RING_MMAP"
	case addr%mm.PageSize != 0:
		return uapi.EINVAL, where, "ring_addr must be the start of a page"
	case addr+size < addr:
		return uapi.EOVERFLOW, where, "the ring must not wrap around"
	case !c.task.Mem.Pinnable(addr, size):
		return uapi.EFAULT, "io_uring/memmap.c:io_pin_pages", "the ring must be in writable memory"
	}
	return 0, "", ""
}

// Linux: io_uring/kbuf.c:io_unregister_pbuf_ring
func (c *call) unregisterPBufRing() Outcome {
	const where = "io_uring/kbuf.c:io_unregister_pbuf_ring"
	raw := make([]byte, uapi.SizeofBufReg)
	if !c.task.Mem.CopyIn(raw, c.arg) {
		return refuse(uapi.EFAULT, where, "struct io_uring_buf_reg must be readable")
	}
	reg := uapi.DecodeBufReg(raw)
	if !c.reserved(&reg) || reg.Flags != 0 {
		return refuse(uapi.EINVAL, where, "resv and flags must be 0")
	}
	if e, why := c.ring.ringGroup(uint32(reg.BGID)); e != 0 {
		return refuse(e, where, why)
	}
	delete(c.ring.Groups, reg.BGID)
	return Outcome{}
}

// pbufStatus tells how far the kernel has come in a ring of buffers.
//
// Linux: io_uring/kbuf.c:io_register_pbuf_status
func (c *call) pbufStatus() Outcome {
	const where = "io_uring/kbuf.c:io_register_pbuf_status"
	raw := make([]byte, uapi.SizeofBufStatus)
	if !c.task.Mem.CopyIn(raw, c.arg) {
		return refuse(uapi.EFAULT, where, "struct io_uring_buf_status must be readable")
	}
	s := uapi.DecodeBufStatus(raw)
	if s.Resv != [8]uint32{} {
		return refuse(uapi.EINVAL, where, "resv must be 0")
	}
	if e, why := c.ring.ringGroup(s.BufGroup); e != 0 {
		return refuse(e, where, why)
	}
	g := c.ring.Groups[uint16(s.BufGroup)]
	if !g.Known() {
		return Outcome{Unmodelled: "PBUF_STATUS of a group that requests have taken buffers of"}
	}
	s.Head = uint32(g.Head)
	if !c.task.Mem.CopyOut(c.arg, s.Append(nil)) {
		return refuse(uapi.EFAULT, where, "struct io_uring_buf_status must be writable")
	}
	return Outcome{}
}

// ringGroup checks that there is a ring of buffers with this number.
func (s *State) ringGroup(id uint32) (uapi.Errno, string) {
	g := s.Groups[uint16(id)]
	switch {
	case id > 0xffff || g == nil:
		return uapi.ENOENT, "the group must exist"
	case !g.Ring:
		return uapi.EINVAL, "the group must be a ring of buffers"
	}
	return 0, ""
}

// AddGroup makes a group visible under its number.
//
// Linux: io_uring/kbuf.c:io_buffer_add_list
func (s *State) AddGroup(id uint16, g *BufferGroup) {
	if s.Groups == nil {
		s.Groups = map[uint16]*BufferGroup{}
	}
	s.Groups[id] = g
}

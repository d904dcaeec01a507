package sim

import (
	"slices"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// cqMemory is what the memory of a CQ holds, where a program may find something else in it than the CQEs that were
// posted, in their order. What is posted gets there when somebody looks.
type cqMemory struct {
	halves  []half // nil while CQEs have 16 bytes and are alike: those that were posted are all there is then
	stored  int    // how many of posted are there
	looked  uint32 // the program has seen what there is up to this tail
	skewed  bool   // it finds something else than what was posted
	unclear bool   // when it last looked, it found what the model does not know
}

// half is 16 bytes of a CQ: a CQE, or the second half of one of 32 bytes.
type half struct {
	words [2]uint64
	known bool // as trace.CQE.Known
	any   bool // what stands there is no fact
}

// filler is what keeps a CQE of 32 bytes from wrapping around.
var filler = half{words: [2]uint64{0, uapi.IORING_CQE_F_SKIP << 32}}

// firstHalf is that of a CQE.
func firstHalf(c *trace.CQE) half {
	return half{words: [2]uint64{c.UserData, uint64(c.Flags)<<32 | uint64(uint32(c.Res))}, known: c.Known}
}

// cqe is the CQE whose first half this is.
func (h half) cqe() trace.CQE {
	c := uapi.CQE{UserData: h.words[0], Res: int32(uint32(h.words[1])), Flags: uint32(h.words[1] >> 32)}
	return trace.CQE{CQE: c, Known: h.known}
}

// unit is how many halves an entry of the ring has.
func (c *completionQueue) unit() uint32 {
	if c.r.has(uapi.IORING_SETUP_CQE32) {
		return 2
	}
	return 1
}

// remember starts to keep what the memory holds.
func (c *completionQueue) remember() {
	if c.halves != nil {
		return
	}
	c.halves = make([]half, c.r.cqEntries*c.unit())
	for i := range min(c.tail, c.r.cqEntries) {
		c.halves[i].any = true // a CQE that is forgotten
	}
	c.stored, c.looked = 0, c.tail
	if c.taken < len(c.posted) {
		c.looked = c.posted[c.taken].at
	}
}

// fill puts a filler into the last entry. Rings whose CQEs all have one size should have none: with 16 bytes it looks
// like a CQE, and with 32 it is written to another place, while the last entry keeps what it has.
//
// Linux: io_uring/io_uring.c:io_fill_nop_cqe
func (c *completionQueue) fill(off uint32) {
	c.store()
	c.put(off, filler)
	switch {
	case c.r.has(uapi.IORING_SETUP_CQE_MIXED):
	case c.r.has(uapi.IORING_SETUP_CQE32):
		c.skewed = true
	default:
		e := extend(&c.posted)
		*e = entry{CQE: filler.cqe(), at: c.tail, slots: 1}
	}
	c.tail++
}

// store writes what was posted to the memory.
func (c *completionQueue) store() {
	for i := range c.posted[c.stored:] {
		c.write(&c.posted[c.stored+i])
	}
	c.stored = len(c.posted)
}

// write writes a CQE to the memory. Some that are no request's leave the second half as it is.
//
// Linux: io_uring/io_uring.c:io_fill_cqe_aux, io_uring/io_uring.h:io_fill_cqe_req
func (c *completionQueue) write(e *entry) {
	unit, big := c.unit(), e.Flags&uapi.IORING_CQE_F_32 != 0
	at := (e.at & (c.r.cqEntries - 1)) * unit
	c.put(at, firstHalf(&e.CQE))
	if unit == 1 && !big {
		return
	}
	if e.aux && !big && c.r.k.release.Has(kernel.AuxCQEKeepsBig) {
		e.Big, e.AnyBig = c.halves[at+1].words, c.halves[at+1].any
		return
	}
	c.put(at+1, half{words: e.Big, any: e.AnyBig})
}

// put changes 16 bytes of the memory.
func (c *completionQueue) put(at uint32, h half) {
	c.halves[at] = h
	if c.r.user != nil {
		c.r.user.writeHalf(at, h)
	}
}

// blur makes what nobody has seen yet no facts if a worker has posted some of it, which may be anywhere among it.
func (c *completionQueue) blur() {
	fresh := c.posted[c.taken:]
	if !slices.ContainsFunc(fresh, func(e entry) bool { return e.Unordered }) {
		return
	}
	unit, mask := c.unit(), c.r.cqEntries-1
	blur := func(pos uint32) {
		for i := range unit {
			c.halves[(pos&mask)*unit+i].any = true
		}
	}
	for pos := c.looked; pos != c.tail; pos++ {
		blur(pos)
	}
	for i := range fresh {
		blur(fresh[i].at)
		fresh[i].AnyBig = fresh[i].AnyBig || fresh[i].aux && unit == 2
	}
}

// look makes the list of what was posted that of what the program finds.
func (c *completionQueue) look() {
	if c.halves == nil {
		return
	}
	c.unclear = false
	c.store()
	c.blur()
	if c.skewed {
		c.posted = c.posted[:c.taken]
		c.read()
		c.stored, c.skewed = len(c.posted), false
	}
	c.looked = c.tail
}

// read lists the CQEs that stand between what the program has seen and the tail. A CQE of 32 bytes of which the second
// half would be behind the tail or the ring's end is read as one of 16.
func (c *completionQueue) read() {
	unit, mixed := c.unit(), c.r.has(uapi.IORING_SETUP_CQE_MIXED)
	for pos := c.looked; pos != c.tail; {
		at := (pos & (c.r.cqEntries - 1)) * unit
		if c.halves[at].any {
			c.unclear = true
			return
		}
		e := entry{CQE: c.halves[at].cqe(), at: pos, slots: 1}
		if mixed && e.Flags&uapi.IORING_CQE_F_SKIP != 0 {
			pos++
			continue
		}
		if mixed && e.Flags&uapi.IORING_CQE_F_32 != 0 && c.tail-pos > 1 && at+1 < c.r.cqEntries {
			e.slots = 2
		}
		if e.slots == 2 || unit == 2 {
			e.Big, e.AnyBig = c.halves[at+1].words, c.halves[at+1].any
		}
		c.posted = append(c.posted, e)
		pos += uint32(e.slots)
	}
}

// newMemory is memory for a ring with so many entries, nil if it does not matter what that holds.
func (c *completionQueue) newMemory(entries uint32) []half {
	if c.halves == nil {
		return nil
	}
	return make([]half, entries*c.unit())
}

// copyTo copies what the program has not taken yet to the memory of a ring with so many entries; it is false if that has
// no room.
//
// Linux: io_uring/register.c:io_register_resize_rings
func (c *completionQueue) copyTo(to []half, entries uint32) bool {
	if c.ready() > entries {
		return false
	}
	if c.halves == nil {
		return true
	}
	c.store()
	c.blur()
	if c.r.skips(c.head, c.tail) {
		return true
	}
	end, unit := c.tail, c.unit()
	if at, is := c.tearing(entries); is && !c.r.k.release.Has(kernel.ResizeTearsBigEntries) {
		end = at
	}
	if c.r.k.release.Has(kernel.ResizeMixesUpSQE128) {
		unit = 1
	}
	for i := c.head; i != end; i++ {
		at, from := i&(entries-1)*unit, i&(c.r.cqEntries-1)*unit
		copy(to[at:at+unit], c.halves[from:])
	}
	return end == c.tail
}

// tearing is the place of a CQE that a ring with so many entries has at both of its ends, if there is one. It is one
// that is in the memory from the head on, which may lie within another.
func (c *completionQueue) tearing(entries uint32) (at uint32, is bool) {
	if !c.r.has(uapi.IORING_SETUP_CQE_MIXED) {
		return 0, false
	}
	for at = c.head; at != c.tail; at++ {
		h := c.halves[at&(c.r.cqEntries-1)]
		if h.any || uint32(h.words[1]>>32)&uapi.IORING_CQE_F_32 == 0 {
			continue
		}
		if at&(entries-1) == entries-1 {
			return at, true
		}
		if at++; at == c.tail {
			break
		}
	}
	return 0, false
}

// move gives the CQ the memory that copyTo has filled.
//
// Linux: io_uring/register.c:io_register_resize_rings
func (c *completionQueue) move(to []half, entries uint32) {
	c.cached, c.left = 0, false
	if c.halves == nil {
		return
	}
	mixed := c.unit() == 2 && c.r.k.release.Has(kernel.ResizeMixesUpSQE128)
	_, torn := c.tearing(entries)
	c.skewed = c.skewed || mixed && c.looked != c.tail || torn
	c.halves = to
}

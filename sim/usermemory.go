package sim

import (
	"encoding/binary"

	"github.com/uringsim/uringsim/mm"
	"github.com/uringsim/uringsim/uapi"
)

// userMemory is memory of the program in which a ring lives (IORING_SETUP_NO_MMAP). What it held before is the ring's:
// a setup clears the words before the CQEs, and a resize not even these.
//
// Departs: of the words in a program's ring memory the flags are always 0, and a resize that fails writes none, which both
// show only where that memory becomes SQEs.
type userMemory struct {
	mem         *mm.Space
	rings, sqes *mm.Pinned
	array       uint32 // the offset of the SQ array
}

// pinRing pins memory of the program for a ring; it is nil if there is none, or if the memory is not here.
func pinRing(mem *mm.Space, p *uapi.Params) *userMemory {
	rings, sqes := regions(p)
	if !rings.user {
		return nil
	}
	m := &userMemory{mem, mem.Pin(rings.addr, wholePages(rings.size)), mem.Pin(sqes.addr, wholePages(sqes.size)), p.SQOff.Array}
	if m.rings == nil || m.sqes == nil {
		return nil
	}
	return m
}

// wholePages is a size in bytes, rounded up to pages.
func wholePages(size uint64) uint64 { return (size + mm.PageSize - 1) &^ uint64(mm.PageSize-1) }

// seenBy tells whether a task sees the ring where it expects it: a child that was forked has a copy of its own, unless
// the memory is shared, and a program that was executed has nothing there.
func (m *userMemory) seenBy(t *task) bool {
	return m == nil || m.mem == t.Mem || t.Mem.Sees(m.rings) && t.Mem.Sees(m.sqes)
}

// notSeen is what is not modelled.
const notSeen = "what a task sees and writes where a ring is in memory that it has not"

// overlaps tells whether two rings have a page in common.
func (m *userMemory) overlaps(other *userMemory) bool {
	return m.rings.Overlaps(other.rings) || m.rings.Overlaps(other.sqes) ||
		m.sqes.Overlaps(other.rings) || m.sqes.Overlaps(other.sqes)
}

// readSQ reads SQEs and SQ array. It does nothing for a ring in memory of the kernel, as the others here.
func (m *userMemory) readSQ(s submissions) {
	if m == nil {
		return
	}
	m.sqes.Read(s.sqes, 0)
	raw := make([]byte, 4*len(s.sqArray))
	m.rings.Read(raw, uint64(m.array))
	for i := range s.sqArray {
		s.sqArray[i] = binary.LittleEndian.Uint32(raw[4*i:])
	}
}

// writeSQ writes SQEs and SQ array.
func (m *userMemory) writeSQ(s submissions) {
	if m == nil {
		return
	}
	m.sqes.Write(0, s.sqes)
	var raw []byte
	for _, v := range s.sqArray {
		raw = binary.LittleEndian.AppendUint32(raw, v)
	}
	m.rings.Write(uint64(m.array), raw)
}

// readCQ reads CQEs.
func (m *userMemory) readCQ(halves []half) {
	if m == nil {
		return
	}
	var raw [uapi.SizeofCQE]byte
	for i := range halves {
		m.rings.Read(raw[:], uapi.RingCQEs+uint64(i)*uapi.SizeofCQE)
		halves[i] = half{words: [2]uint64{binary.LittleEndian.Uint64(raw[:]), binary.LittleEndian.Uint64(raw[8:])}}
	}
}

// writeCQ writes CQEs.
func (m *userMemory) writeCQ(halves []half) {
	if m == nil {
		return
	}
	for i, h := range halves {
		m.writeHalf(uint32(i), h)
	}
}

// writeHalf writes 16 bytes of the CQEs.
func (m *userMemory) writeHalf(at uint32, h half) {
	var raw [uapi.SizeofCQE]byte
	binary.LittleEndian.PutUint64(raw[:], h.words[0])
	binary.LittleEndian.PutUint64(raw[8:], h.words[1])
	m.rings.Write(uapi.RingCQEs+uint64(at)*uapi.SizeofCQE, raw[:])
}

// save writes the words before the CQEs.
func (r *Ring) save() {
	if r.user == nil {
		return
	}
	words := map[uint64]uint32{
		uapi.RingSQHead: r.sqHead, uapi.RingSQTail: r.sqTail, uapi.RingCQHead: r.cq.head, uapi.RingCQTail: r.cq.tail,
		uapi.RingSQMask: r.sqEntries - 1, uapi.RingCQMask: r.cqEntries - 1,
		uapi.RingSQEntries: r.sqEntries, uapi.RingCQEntries: r.cqEntries,
		uapi.RingSQDropped: r.sqDropped, uapi.RingCQOverflow: r.cq.overflowed,
	}
	r.user.rings.Write(0, make([]byte, uapi.RingCQEs))
	for at, v := range words {
		r.user.rings.Write(at, binary.LittleEndian.AppendUint32(nil, v))
	}
}

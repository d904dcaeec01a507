package ptrace

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"github.com/uringsim/uringsim/uapi"
)

// RingLink is what links in /proc say for a ring.
const RingLink = "anon_inode:[io_uring]"

// Ring is a ring of the program, as its memory shows it.
type Ring struct {
	File   FileID
	Params uapi.Params // as the setup returned them
	Seen   uint32      // tail of the CQEs that were looked at
	Asleep bool        // it has no submission thread, but the program believes that it has one which always sleeps

	places map[*Space]Place
}

// NewRing returns the ring of a setup.
func NewRing(file FileID, p uapi.Params) *Ring {
	return &Ring{File: file, Params: p, places: map[*Space]Place{}}
}

// Place is where a ring is in an address space. Its words are at the start of the SQ's memory, and the CQEs in that of
// the CQ.
type Place struct {
	SQ, CQ, SQEs uint64
	doubtful     bool // something else may be there by now
}

// Doubt makes the ring be looked for again before it is next read in this address space.
func (r *Ring) Doubt(s *Space) {
	if p, ok := r.places[s]; ok {
		p.doubtful = true
		r.places[s] = p
	}
}

// KnownIn tells whether the ring was found in the address space.
func (r *Ring) KnownIn(s *Space) bool { _, ok := r.places[s]; return ok }

// Forked notes that a child has the ring where its parent has it.
func (r *Ring) Forked(parent, child *Space) {
	if p, ok := r.places[parent]; ok {
		r.places[child] = p
	}
}

// Forget forgets where the ring was in an address space.
func (r *Ring) Forget(s *Space) { delete(r.places, s) }

// Resize gives the ring the parameters of a resize. The program has to map it again.
func (r *Ring) Resize(p uapi.Params) {
	p.Flags = r.Params.Flags
	r.Params, r.places = p, map[*Space]Place{}
}

// Has tells whether the ring was set up with the IORING_SETUP_* flag.
func (r *Ring) Has(flag uint32) bool { return r.Params.Flags&flag != 0 }

// SQESize returns the distance between SQEs in bytes.
func (r *Ring) SQESize() int {
	if r.Has(uapi.IORING_SETUP_SQE128) {
		return 2 * uapi.SizeofSQE
	}
	return uapi.SizeofSQE
}

// CQESize returns the distance between CQEs in bytes.
func (r *Ring) CQESize() int {
	if r.Has(uapi.IORING_SETUP_CQE32) {
		return uapi.SizeofCQE32
	}
	return uapi.SizeofCQE
}

// MemSize returns the size of the memory of SQ and CQ in bytes.
func (r *Ring) MemSize() uint64 {
	size := uint64(r.Params.CQOff.CQEs) + uint64(r.Params.CQEntries)*uint64(r.CQESize())
	if !r.Has(uapi.IORING_SETUP_NO_SQARRAY) {
		size = max(size, uint64(r.Params.SQOff.Array)+4*uint64(r.Params.SQEntries))
	}
	return size
}

// place finds the ring in the task's memory. It returns false if the program has not mapped it.
func (r *Ring) place(t *Task) (Place, bool) {
	if r.Has(uapi.IORING_SETUP_NO_MMAP) {
		at := r.Params.CQOff.UserAddr
		return Place{SQ: at, CQ: at, SQEs: r.Params.SQOff.UserAddr}, true
	}
	space := t.Process.Space
	if p, ok := r.places[space]; ok && !p.doubtful {
		return p, true
	}
	at := t.mapped(r.File)
	p := Place{SQ: at[uapi.IORING_OFF_SQ_RING], CQ: at[uapi.IORING_OFF_CQ_RING], SQEs: at[uapi.IORING_OFF_SQES]}
	if p.SQ == 0 {
		p.SQ = p.CQ
	}
	if p.CQ == 0 {
		p.CQ = p.SQ
	}
	if p.SQ == 0 || p.SQEs == 0 { // the program may map it later
		delete(r.places, space)
		return p, false
	}
	r.places[space] = p
	return p, true
}

// wordsSize is the size of the words at the start of the ring's memory.
const wordsSize = uapi.RingCQEs

// Words are the counters that program and kernel share.
type Words struct{ SQHead, SQTail, CQHead, CQTail, Dropped, Overflow uint32 }

func (r *Ring) decode(b []byte) Words {
	word := func(off uint32) uint32 {
		if off > wordsSize-4 {
			return 0
		}
		return binary.LittleEndian.Uint32(b[off:])
	}
	return Words{word(r.Params.SQOff.Head), word(r.Params.SQOff.Tail), word(r.Params.CQOff.Head),
		word(r.Params.CQOff.Tail), word(r.Params.SQOff.Dropped), word(r.Params.CQOff.Overflow)}
}

// plausible tells whether the words can be those of the ring, and not of another one in the same place.
func (r *Ring) plausible(b []byte) bool {
	for _, w := range []struct{ off, want uint32 }{
		{r.Params.SQOff.RingEntries, r.Params.SQEntries}, {r.Params.CQOff.RingEntries, r.Params.CQEntries},
	} {
		if w.off <= wordsSize-4 && binary.LittleEndian.Uint32(b[w.off:]) != w.want {
			return false
		}
	}
	c := r.decode(b)
	return int32(c.CQTail-r.Seen) >= 0 && int32(c.SQTail-c.SQHead) >= 0
}

// Words reads the counters and returns where the ring is. It returns false if the task has not mapped it.
func (r *Ring) Words(t *Task) (Words, Place, bool) {
	var b [wordsSize]byte
	for range 2 {
		p, ok := r.place(t)
		if !ok {
			return Words{}, p, false
		}
		if t.Gather(b[:], Remote(p.SQ, wordsSize)) == nil && r.plausible(b[:]) {
			return r.decode(b[:]), p, true
		}
		delete(r.places, t.Process.Space) // the program has mapped it elsewhere
	}
	return Words{}, Place{}, false
}

// span returns n entries of a ring from index first on, as pieces of the memory at base.
func span(base uint64, first, n, entries uint32, size int) []unix.RemoteIovec {
	at := first & (entries - 1)
	head := min(n, entries-at)
	list := []unix.RemoteIovec{Remote(base+uint64(at)*uint64(size), int(head)*size)}
	if n > head {
		list = append(list, Remote(base, int(n-head)*size))
	}
	return list
}

// Take reads the new CQEs, and returns how many were lost.
func (r *Ring) Take(t *Task, c Words, p Place) (cqes []uapi.CQE, lost uint32) {
	n := c.CQTail - r.Seen
	if n == 0 {
		return nil, 0
	}
	entries, size := r.Params.CQEntries, r.CQESize()
	if n > entries {
		lost, n = n-entries, entries
		r.Seen = c.CQTail - entries
	}
	b := make([]byte, int(n)*size+wordsSize)
	from := append(span(p.CQ+uint64(r.Params.CQOff.CQEs), r.Seen, n, entries, size), Remote(p.SQ, wordsSize))
	if t.Gather(b, from...) != nil {
		r.Seen = c.CQTail
		return nil, lost + n
	}
	raw := b[:int(n)*size]
	if now := r.decode(b[len(raw):]).CQTail - r.Seen; now > entries { // some were overwritten meanwhile
		gone := min(now-entries, n)
		lost, raw = lost+gone, raw[int(gone)*size:]
	}
	r.Seen = c.CQTail
	return r.cqes(raw), lost
}

// Look reads the next n CQEs and leaves them new. It returns false if they cannot be read.
func (r *Ring) Look(t *Task, p Place, n uint32) ([]uapi.CQE, bool) {
	b := make([]byte, int(n)*r.CQESize())
	from := span(p.CQ+uint64(r.Params.CQOff.CQEs), r.Seen, n, r.Params.CQEntries, r.CQESize())
	if t.Gather(b, from...) != nil {
		return nil, false
	}
	return r.cqes(b), true
}

// cqes decodes consecutive CQEs.
func (r *Ring) cqes(raw []byte) []uapi.CQE {
	var list []uapi.CQE
	for size := r.CQESize(); len(raw) >= size; {
		here := size
		if r.Has(uapi.IORING_SETUP_CQE_MIXED) {
			switch flags := uapi.DecodeCQE(raw[:size]).Flags; {
			case flags&uapi.IORING_CQE_F_SKIP != 0:
				raw = raw[size:]
				continue
			case flags&uapi.IORING_CQE_F_32 != 0 && len(raw) >= uapi.SizeofCQE32:
				here = uapi.SizeofCQE32
			}
		}
		list = append(list, uapi.DecodeCQE(raw[:here]))
		raw = raw[here:]
	}
	return list
}

// Index reads the SQ array: which SQEs the n entries from first on name. An index beyond the SQ's entries names none.
// It returns false if the entries cannot be read.
func (r *Ring) Index(t *Task, p Place, first, n uint32) ([]uint32, bool) {
	entries := r.Params.SQEntries
	if n > entries || entries == 0 || p.SQEs == 0 {
		return nil, false
	}
	index := make([]uint32, n)
	if r.Has(uapi.IORING_SETUP_NO_SQARRAY) {
		for i := range index {
			index[i] = (first + uint32(i)) & (entries - 1)
		}
		return index, true
	}
	b := make([]byte, 4*n)
	if t.Gather(b, span(p.SQ+uint64(r.Params.SQOff.Array), first, n, entries, 4)...) != nil {
		return nil, false
	}
	for i := range index {
		index[i] = binary.LittleEndian.Uint32(b[4*i:])
	}
	return index, true
}

// Wide tells whether an opcode takes two places on a ring with SQEs of both sizes.
func Wide(opcode byte) bool {
	return uapi.Op(opcode) == uapi.IORING_OP_NOP128 || uapi.Op(opcode) == uapi.IORING_OP_URING_CMD128
}

// SQEs reads the SQEs with these indices. For an invalid index the result is nil.
func (r *Ring) SQEs(t *Task, p Place, index []uint32) ([][]byte, bool) {
	size := r.SQESize()
	var from []unix.RemoteIovec
	n := 0
	for _, at := range index {
		if at >= r.Params.SQEntries {
			continue
		}
		n++
		addr := uintptr(r.SQEAddr(p, at))
		if last := len(from) - 1; last >= 0 && from[last].Base+uintptr(from[last].Len) == addr {
			from[last].Len += size
			continue
		}
		from = append(from, unix.RemoteIovec{Base: addr, Len: size})
	}
	b := make([]byte, n*size)
	if t.Gather(b, from...) != nil {
		return nil, false
	}
	list := make([][]byte, len(index))
	for i, at := range index {
		if at < r.Params.SQEntries {
			list[i], b = b[:size], b[size:]
		}
	}
	return list, true
}

// SQEAddr returns the address of the SQE with the index.
func (r *Ring) SQEAddr(p Place, index uint32) uint64 {
	return p.SQEs + uint64(index)*uint64(r.SQESize())
}

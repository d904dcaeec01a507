package record

import (
	"golang.org/x/sys/unix"

	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// ringLink is what /proc calls a ring.
const ringLink = "anon_inode:[io_uring]"

// ring is a ring of the program.
type ring struct {
	name   string // in the trace
	file   fileID
	params uapi.Params
	places map[*space]place

	waits     uint64 // the program's memory with arguments of waits, 0 for none
	waitsSize uint64 // of it in bytes

	sqTail uint32         // up to where SQEs are in the trace
	cqSeen uint32         // up to where CQEs are
	busy   int            // calls under way that submit
	open   map[uint64]int // with a submission thread, SQEs without a CQE by user_data; of others are lost
	makers map[uint64]int // requests that make descriptors, without a CQE, by user_data
	misses int            // how often a ring with a submission thread was not found in memory
}

// answers tells whether the CQE is that of an SQE that was seen.
func (r *ring) answers(c uapi.CQE) bool {
	n := r.open[c.UserData]
	switch {
	case n == 0:
		return false
	case c.Flags&uapi.IORING_CQE_F_MORE != 0:
	case n == 1:
		delete(r.open, c.UserData)
	default:
		r.open[c.UserData]--
	}
	return true
}

// mostOpen bounds the SQEs without a CQE that are kept in mind.
const mostOpen = 1 << 16

// expect keeps an SQE in mind. Of a ring that lost many CQEs all others are forgotten.
func (r *ring) expect(userData uint64) {
	if len(r.open) >= mostOpen {
		clear(r.open)
	}
	r.open[userData]++
}

// makes keeps in mind that a request will make a descriptor.
func (r *ring) makes(s *uapi.SQE) {
	switch s.Opcode() {
	case uapi.IORING_OP_OPENAT, uapi.IORING_OP_OPENAT2, uapi.IORING_OP_SOCKET, uapi.IORING_OP_ACCEPT:
		if s.FileIndex() != 0 {
			return // a slot
		}
	case uapi.IORING_OP_FIXED_FD_INSTALL:
	default:
		return
	}
	if r.makers == nil || len(r.makers) >= mostOpen {
		r.makers = map[uint64]int{}
	}
	r.makers[s.UserData()]++
}

// made is the descriptor that the CQE tells of, -1 for none.
func (r *ring) made(c *uapi.CQE) int32 {
	n := r.makers[c.UserData]
	switch {
	case n == 0:
		return -1
	case c.Flags&uapi.IORING_CQE_F_MORE != 0:
	case n == 1:
		delete(r.makers, c.UserData)
	default:
		r.makers[c.UserData]--
	}
	return c.Res
}

// place is where a ring stands in an address space.
type place struct {
	sq, cq, sqes uint64
	doubtful     bool // something else may stand there by now
}

// doubt has the ring looked for again before it is read in this address space.
func (r *ring) doubt(s *space) {
	if p, ok := r.places[s]; ok {
		p.doubtful = true
		r.places[s] = p
	}
}

func (r *ring) has(flag uint32) bool { return r.params.Flags&flag != 0 }

func (r *ring) sqeSize() int {
	if r.has(uapi.IORING_SETUP_SQE128) {
		return 2 * uapi.SizeofSQE
	}
	return uapi.SizeofSQE
}

func (r *ring) cqeSize() int {
	if r.has(uapi.IORING_SETUP_CQE32) {
		return uapi.SizeofCQE32
	}
	return uapi.SizeofCQE
}

// memSize is the size of the memory of SQ and CQ in bytes.
func (r *ring) memSize() uint64 {
	size := uint64(r.params.CQOff.CQEs) + uint64(r.params.CQEntries)*uint64(r.cqeSize())
	if !r.has(uapi.IORING_SETUP_NO_SQARRAY) {
		size = max(size, uint64(r.params.SQOff.Array)+4*uint64(r.params.SQEntries))
	}
	return size
}

// place finds the ring in the task's memory. It is false as long as the program has not mapped it.
func (r *ring) place(t *task) (place, bool) {
	if r.has(uapi.IORING_SETUP_NO_MMAP) {
		at := r.params.CQOff.UserAddr
		return place{sq: at, cq: at, sqes: r.params.SQOff.UserAddr}, true
	}
	if p, ok := r.places[t.proc.space]; ok && !p.doubtful {
		return p, true
	}
	at := t.mapped(r.file)
	p := place{sq: at[uapi.IORING_OFF_SQ_RING], cq: at[uapi.IORING_OFF_CQ_RING], sqes: at[uapi.IORING_OFF_SQES]}
	if p.sq == 0 {
		p.sq = p.cq
	}
	if p.cq == 0 {
		p.cq = p.sq
	}
	if p.sq == 0 || p.sqes == 0 { // the program may yet map it
		delete(r.places, t.proc.space)
		return p, false
	}
	r.places[t.proc.space] = p
	return p, true
}

// wordsSize is the size of the counters at the start of the ring's memory.
const wordsSize = uapi.RingCQEs

// counters are the words that both sides share.
type counters struct{ sqHead, sqTail, cqHead, cqTail, dropped, overflow uint32 }

func (r *ring) decode(b []byte) counters {
	word := func(off uint32) uint32 {
		if off > wordsSize-4 {
			return 0
		}
		return le.Uint32(b[off:])
	}
	return counters{word(r.params.SQOff.Head), word(r.params.SQOff.Tail), word(r.params.CQOff.Head),
		word(r.params.CQOff.Tail), word(r.params.SQOff.Dropped), word(r.params.CQOff.Overflow)}
}

// plausible tells whether the words can be those of the ring, and not of another one that has taken its place.
func (r *ring) plausible(b []byte) bool {
	for _, w := range []struct{ off, want uint32 }{
		{r.params.SQOff.RingEntries, r.params.SQEntries}, {r.params.CQOff.RingEntries, r.params.CQEntries},
	} {
		if w.off <= wordsSize-4 && le.Uint32(b[w.off:]) != w.want {
			return false
		}
	}
	c := r.decode(b)
	return int32(c.cqTail-r.cqSeen) >= 0 && int32(c.sqTail-c.sqHead) >= 0
}

// counters reads the words; false if the ring is not there.
func (r *ring) counters(t *task) (counters, place, bool) {
	var b [wordsSize]byte
	for range 2 {
		p, ok := r.place(t)
		if !ok {
			return counters{}, p, false
		}
		if t.readv(b[:], remote(p.sq, wordsSize)) == nil && r.plausible(b[:]) {
			return r.decode(b[:]), p, true
		}
		delete(r.places, t.proc.space) // it was mapped elsewhere
	}
	return counters{}, place{}, false
}

// span are n entries of a ring from index first on, as pieces of memory at base.
func span(base uint64, first, n, entries uint32, size int) []unix.RemoteIovec {
	at := first & (entries - 1)
	head := min(n, entries-at)
	list := []unix.RemoteIovec{remote(base+uint64(at)*uint64(size), int(head)*size)}
	if n > head {
		list = append(list, remote(base, int(n-head)*size))
	}
	return list
}

// take reads the CQEs that are new, and how many were lost.
func (r *ring) take(t *task, c counters, p place) (cqes []uapi.CQE, lost uint32) {
	n := c.cqTail - r.cqSeen
	if n == 0 {
		return nil, 0
	}
	entries, size := r.params.CQEntries, r.cqeSize()
	if n > entries {
		lost, n = n-entries, entries
		r.cqSeen = c.cqTail - entries
	}
	b := make([]byte, int(n)*size+wordsSize)
	from := append(span(p.cq+uint64(r.params.CQOff.CQEs), r.cqSeen, n, entries, size), remote(p.sq, wordsSize))
	if t.readv(b, from...) != nil {
		r.cqSeen = c.cqTail
		return nil, lost + n
	}
	raw := b[:int(n)*size]
	if now := r.decode(b[len(raw):]).cqTail - r.cqSeen; now > entries { // written over while it was read
		gone := min(now-entries, n)
		lost, raw = lost+gone, raw[int(gone)*size:]
	}
	r.cqSeen = c.cqTail
	return r.cqes(raw), lost
}

// cqes decodes CQEs that stand one behind the other.
func (r *ring) cqes(raw []byte) []uapi.CQE {
	var list []uapi.CQE
	for size := r.cqeSize(); len(raw) >= size; {
		here := size
		if r.has(uapi.IORING_SETUP_CQE_MIXED) {
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

// submission are entries of the SQ.
type submission struct {
	sqes   []trace.SQE
	array  []uint32 // the values of the SQ array, if one names no SQE
	n      uint32   // entries
	unread int      // pointers that could not be followed
	raw    []uapi.SQE
}

// entries reads n entries of the SQ from index first on; ok is false if they cannot be read.
func (r *ring) entries(m program, t *task, p place, first, n uint32) (s submission, ok bool) {
	entries := r.params.SQEntries
	if n > entries || entries == 0 || p.sqes == 0 {
		return s, false
	}
	index := make([]uint32, n)
	if r.has(uapi.IORING_SETUP_NO_SQARRAY) {
		for i := range index {
			index[i] = (first + uint32(i)) & (entries - 1)
		}
	} else {
		b := make([]byte, 4*n)
		if t.readv(b, span(p.sq+uint64(r.params.SQOff.Array), first, n, entries, 4)...) != nil {
			return s, false
		}
		for i := range index {
			index[i] = le.Uint32(b[4*i:])
		}
	}
	raw, ok := r.sqes(t, p, index)
	if !ok {
		return s, false
	}
	s.n, s.sqes, s.raw = n, make([]trace.SQE, 0, n), make([]uapi.SQE, 0, n)
	for i := 0; i < len(index); i++ {
		if index[i] >= entries {
			s.array = index
			continue
		}
		text := raw[i]
		if r.has(uapi.IORING_SETUP_SQE_MIXED) && is128(text[0]) && i+1 < len(index) && index[i]+1 < entries {
			text = make([]byte, 2*uapi.SizeofSQE)
			if t.readv(text, remote(p.sqes+uint64(index[i])*uapi.SizeofSQE, len(text))) != nil {
				return s, false
			}
		}
		sqe, unread := describe(m, text)
		if index[i] != (first+uint32(i))&(entries-1) {
			sqe.Slot = new(trace.Num32(index[i]))
		}
		s.sqes, s.unread = append(s.sqes, sqe), s.unread+unread
		s.raw = append(s.raw, uapi.SQE(text[:uapi.SizeofSQE]))
		if len(text) > len(raw[i]) {
			i++ // the second half
		}
	}
	if len(s.sqes) == 0 {
		s.sqes = nil
	}
	if s.array != nil {
		for i := range s.sqes {
			s.place(i, r, first)
		}
	}
	return s, true
}

// place names the slot of an SQE, for entries whose array is written out.
func (s *submission) place(i int, r *ring, first uint32) {
	if s.sqes[i].Slot != nil {
		return
	}
	valid := 0
	for _, at := range s.array {
		if at >= r.params.SQEntries {
			continue
		}
		if valid == i {
			s.sqes[i].Slot = new(trace.Num32(at))
			return
		}
		valid++
	}
}

// is128 tells whether an opcode takes two places on a ring with SQEs of both sizes.
func is128(opcode byte) bool {
	return uapi.Op(opcode) == uapi.IORING_OP_NOP128 || uapi.Op(opcode) == uapi.IORING_OP_URING_CMD128
}

// sqes reads the SQEs with these indices; what is no index has none.
func (r *ring) sqes(t *task, p place, index []uint32) ([][]byte, bool) {
	size := r.sqeSize()
	var from []unix.RemoteIovec
	n := 0
	for _, at := range index {
		if at >= r.params.SQEntries {
			continue
		}
		n++
		addr := uintptr(p.sqes) + uintptr(at)*uintptr(size)
		if last := len(from) - 1; last >= 0 && from[last].Base+uintptr(from[last].Len) == addr {
			from[last].Len += size
			continue
		}
		from = append(from, unix.RemoteIovec{Base: addr, Len: size})
	}
	b := make([]byte, n*size)
	if t.readv(b, from...) != nil {
		return nil, false
	}
	list := make([][]byte, len(index))
	for i, at := range index {
		if at < r.params.SQEntries {
			list[i], b = b[:size], b[size:]
		}
	}
	return list, true
}

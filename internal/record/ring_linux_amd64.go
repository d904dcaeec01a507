package record

import (
	"github.com/uringsim/uringsim/internal/ptrace"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// ring is a ring of the program.
type ring struct {
	*ptrace.Ring
	name string // in the trace

	waits     uint64 // the program's memory with arguments of waits, 0 for none
	waitsSize uint64 // of it in bytes

	sqTail uint32         // up to where SQEs are in the trace
	busy   int            // calls under way that submit
	open   map[uint64]int // with a submission thread, SQEs without a CQE by user_data; of others are lost
	makers map[uint64]int // requests that make descriptors, without a CQE, by user_data
	misses int            // how often a ring with a submission thread was not found in memory
}

// polled tells whether a submission thread takes what is in the ring, without a call.
func (r *ring) polled() bool { return r.Has(uapi.IORING_SETUP_SQPOLL) && !r.Asleep }

// left is how many entries of the CQ are seen, and not free.
func (r *ring) left(words ptrace.Words) trace.Num32 {
	return trace.Num32(max(0, int32(r.Seen-words.CQHead)))
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

// submission are entries of the SQ.
type submission struct {
	sqes   []trace.SQE
	array  []uint32 // the values of the SQ array, if one names no SQE
	n      uint32   // entries
	unread int      // pointers that could not be followed
	raw    []uapi.SQE
}

// entries reads n entries of the SQ from index first on; ok is false if they cannot be read.
func (r *ring) entries(m program, t *task, p ptrace.Place, first, n uint32) (s submission, ok bool) {
	index, ok := r.Index(t.Task, p, first, n)
	if !ok {
		return s, false
	}
	raw, ok := r.SQEs(t.Task, p, index)
	if !ok {
		return s, false
	}
	entries := r.Params.SQEntries
	s.n, s.sqes, s.raw = n, make([]trace.SQE, 0, n), make([]uapi.SQE, 0, n)
	for i := 0; i < len(index); i++ {
		if index[i] >= entries {
			s.array = index
			continue
		}
		text := raw[i]
		if r.Has(uapi.IORING_SETUP_SQE_MIXED) && ptrace.Wide(text[0]) && i+1 < len(index) && index[i]+1 < entries {
			text = make([]byte, 2*uapi.SizeofSQE)
			if t.Read(r.SQEAddr(p, index[i]), text) != nil {
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
		if at >= r.Params.SQEntries {
			continue
		}
		if valid == i {
			s.sqes[i].Slot = new(trace.Num32(at))
			return
		}
		valid++
	}
}

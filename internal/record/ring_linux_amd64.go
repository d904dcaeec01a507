package record

import (
	"github.com/uringsim/uringsim/internal/ptrace"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// ring is a ring of the program.
type ring struct {
	*ptrace.Ring
	name string // its name in the trace

	waits     uint64 // address of the registered memory for arguments of waits; 0 if there is none
	waitsSize uint64 // its size in bytes

	sqTail uint32         // the trace has the SQEs up to here
	busy   int            // submitting calls under way
	open   map[uint64]int // with a submission thread: recorded SQEs without a CQE, by user_data
	makers map[uint64]int // requests without a CQE that make descriptors, by user_data
	misses int            // how often the ring was not found in memory
}

// polled tells whether a submission thread takes entries without a call.
func (r *ring) polled() bool { return r.Has(uapi.IORING_SETUP_SQPOLL) && !r.Asleep }

// left returns how many entries of the CQ were seen but are not free yet.
func (r *ring) left(words ptrace.Words) trace.Number {
	return trace.Number(max(0, int32(r.Seen-words.CQHead)))
}

// answers tells whether the CQE is for a recorded SQE.
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

// mostOpen bounds the SQEs without a CQE that are remembered.
const mostOpen = 1 << 16

// expect remembers an SQE. If there are too many, because CQEs were lost, the others are forgotten.
func (r *ring) expect(userData uint64) {
	if len(r.open) >= mostOpen {
		clear(r.open)
	}
	r.open[userData]++
}

// makes remembers a request that will make a descriptor.
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

// made returns the descriptor that the CQE reports, or -1.
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

// submission is entries of the SQ.
type submission struct {
	sqes   []trace.SQE
	array  []uint32 // values of the SQ array, if one of them is invalid
	n      uint32   // number of entries
	unread int      // pointers that could not be followed
	raw    []uapi.SQE
}

// entries reads n entries of the SQ from index first on. It returns false if they cannot be read.
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
			sqe.Slot = new(trace.Number(index[i]))
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

// place sets the slot of an SQE, for entries whose array is part of the event.
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
			s.sqes[i].Slot = new(trace.Number(at))
			return
		}
		valid++
	}
}

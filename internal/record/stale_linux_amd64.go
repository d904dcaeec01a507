package record

import (
	"github.com/uringsim/uringsim/internal/ptrace"
	"github.com/uringsim/uringsim/uapi"
)

// dropStale removes entries that may not have been read in time, from those of a ring with a submission thread that
// begin at index first, and returns their number. If the thread had taken an entry before it was read, the program may
// have put another one in its place. If the program had seen the CQE of the request, it may also have changed the
// paths, addresses and structs. With an entry its whole chain is removed.
func (r *ring) dropStale(t *task, first uint32, s *submission) (lost int) {
	words, p, ok := r.Words(t.Task)
	seen, known := r.seenCQEs(t, words, p)
	stale := make([]bool, len(s.raw))
	for i := range s.raw {
		at := first + uint32(i)
		userData := s.raw[i].UserData()
		taken := int32(words.SQHead-at) > 0
		if taken && words.SQTail-at >= r.Params.SQEntries {
			stale[i] = true
		}
		reaped := seen[userData] > r.open[userData]
		if reaped {
			seen[userData]--
		}
		if len(arguments[s.raw[i].Opcode()]) > 0 && taken && (reaped || !known) {
			stale[i] = true
		}
		if !ok || s.array != nil {
			stale[i] = true
		}
	}
	spread(stale, s.raw)
	var kept submission
	kept.unread = s.unread
	for i := range s.raw {
		if stale[i] {
			lost++
			continue
		}
		kept.sqes, kept.raw = append(kept.sqes, s.sqes[i]), append(kept.raw, s.raw[i])
	}
	if lost > 0 {
		for i := range kept.sqes {
			kept.sqes[i].Slot = nil
		}
		*s = kept
	}
	return lost
}

// spread marks all requests of a chain if one of them is marked.
func spread(marked []bool, sqes []uapi.SQE) {
	const link = uapi.IOSQE_IO_LINK | uapi.IOSQE_IO_HARDLINK
	for i := 0; i < len(sqes); {
		end, any := i, marked[i]
		for end+1 < len(sqes) && sqes[end].Flags()&link != 0 {
			end++
			any = any || marked[end]
		}
		for ; i <= end; i++ {
			marked[i] = any
		}
	}
}

// seenCQEs counts by user_data the CQEs that the program has seen and the recorder has not. Known is false if some of
// them were overwritten.
func (r *ring) seenCQEs(t *task, words ptrace.Words, p ptrace.Place) (seen map[uint64]int, known bool) {
	n := words.CQHead - r.Seen
	switch {
	case int32(n) <= 0:
		return nil, true
	case words.CQTail-r.Seen > r.Params.CQEntries:
		return nil, false
	}
	list, ok := r.Look(t.Task, p, n)
	if !ok {
		return nil, false
	}
	seen = map[uint64]int{}
	for _, c := range list {
		if c.Flags&uapi.IORING_CQE_F_MORE == 0 {
			seen[c.UserData]++
		}
	}
	return seen, true
}

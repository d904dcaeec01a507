package record

import (
	"slices"

	"github.com/uringsim/uringsim/trace"
)

// space is an address space, and where in the trace's memory the program's is: it comes in windows of windowSize bytes,
// so that what is close together stays so.
type space struct {
	windows []uint64 // the first address of the program's memory in each
	mapped  []extent // of the program, sorted and apart
}

// extent is memory from start up to end, whole pages.
type extent struct{ start, end uint64 }

// windowSize divides trace.UserEnd; window i of the trace's memory starts at (i+1) times this, the first one being
// below trace.UserBase in part.
const windowSize = 1 << 33

// clone is the space of a forked child.
func (s *space) clone() *space { return &space{slices.Clone(s.windows), slices.Clone(s.mapped)} }

// moved is where the trace has the address; ok is false if it lies in no window.
func (s *space) moved(addr uint64) (to uint64, ok bool) {
	i := slices.Index(s.windows, addr&^(windowSize-1))
	if i < 0 {
		return addr, false
	}
	return uint64(i+1)*windowSize + addr%windowSize, true
}

// pin gives the memory a place in the trace, and what of it is not mapped there yet. It is false if there is no room.
func (s *space) pin(addr, size uint64) (missing []extent, ok bool) {
	want := extent{addr &^ (pageSize - 1), (addr + size + pageSize - 1) &^ (pageSize - 1)}
	base := addr &^ (windowSize - 1)
	if want.end > base+windowSize {
		return nil, false
	}
	if !slices.Contains(s.windows, base) {
		if (len(s.windows)+2)*windowSize > trace.UserEnd {
			return nil, false
		}
		s.windows = append(s.windows, base)
	}
	var kept []extent
	all, from := want, want.start
	for _, e := range s.mapped {
		if e.end < want.start || e.start > want.end {
			kept = append(kept, e)
			continue
		}
		if e.start > from {
			missing = append(missing, extent{from, e.start})
		}
		from = max(from, e.end)
		all = extent{min(all.start, e.start), max(all.end, e.end)}
	}
	if from < want.end {
		missing = append(missing, extent{from, want.end})
	}
	s.mapped = append(kept, all)
	slices.SortFunc(s.mapped, func(a, b extent) int {
		if a.start < b.start {
			return -1
		}
		return 1
	})
	return missing, true
}

package record

import (
	"cmp"
	"slices"

	"github.com/uringsim/uringsim/trace"
)

// space maps the program's address space to that of the trace. It does so in windows of windowSize bytes, so that what
// is close together stays close.
type space struct {
	windows []uint64 // the start of each window in the program's memory
	mapped  []extent // what the trace has mapped, in the program's addresses; sorted and disjoint
}

// extent is memory from start up to end, in whole pages.
type extent struct{ start, end uint64 }

// windowSize divides trace.UserEnd. Window i of the trace's memory starts at (i+1) times this size, so that all windows
// are above trace.UserBase.
const windowSize = 1 << 33

// clone returns the space of a forked child.
func (s *space) clone() *space { return &space{slices.Clone(s.windows), slices.Clone(s.mapped)} }

// moved returns the trace's address for addr, or false if it is in no window.
func (s *space) moved(addr uint64) (to uint64, ok bool) {
	i := slices.Index(s.windows, addr&^(windowSize-1))
	if i < 0 {
		return addr, false
	}
	return uint64(i+1)*windowSize + addr%windowSize, true
}

// pin gives memory a place in the trace, and returns what of it the trace has not mapped yet. It returns false if there
// is no room.
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
	slices.SortFunc(s.mapped, func(a, b extent) int { return cmp.Compare(a.start, b.start) })
	return missing, true
}

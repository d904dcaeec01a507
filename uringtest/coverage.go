package uringtest

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// collector keeps what requests have reached of the filters of a sandbox.
type collector struct {
	mu      sync.Mutex
	filters []reached
}

// reached is what was reached of one filter, by instruction.
type reached []struct{ run, jumped, fell bool }

func newCollector(p *plan.Plan) *collector {
	c := &collector{filters: make([]reached, len(p.Filters))}
	for i := range p.Filters {
		c.filters[i] = make(reached, len(p.Filters[i].Insns))
	}
	return c
}

// see adds the way of a request through the sandbox's filters.
func (s *Sandbox) see(r *trace.Request) {
	s.seen.mu.Lock()
	defer s.seen.mu.Unlock()
	for _, f := range r.Filters {
		if f.Program == nil {
			return
		}
		path := f.Program.Explain(&r.Context)
		for _, i := range s.indexes(r.Opcode, f.Program.Insns()) {
			s.seen.filters[i].add(path)
		}
		if path.Result == 0 {
			return
		}
	}
}

func (r reached) add(path cbpfvm.Path) {
	for _, step := range path.Steps {
		at := &r[step.PC]
		at.run = true
		if conditional(step.Insn) {
			at.jumped = at.jumped || step.Next == step.PC+1+int(step.Insn.Jt)
			at.fell = at.fell || step.Next == step.PC+1+int(step.Insn.Jf)
		}
	}
}

// Coverage fails the test at its end unless its requests reached at least min percent of the sandbox's filters: of the
// instructions, and of the two ways of each branch. Requests of subtests, of tasks that registered the sandbox, and on
// all kernels count. The message lists the filters that were not reached as a whole.
func Coverage(t testing.TB, s *Sandbox, min float64) {
	t.Helper()
	t.Cleanup(func() {
		t.Helper()
		if percent, listing := s.covered(); percent < min {
			t.Errorf("the requests of this test reached %.1f %% of the filters, want %g %%\n%s", percent, min, listing)
		}
	})
}

// covered is how many percent of the filters were reached, and in words what was not. No filters are covered.
func (s *Sandbox) covered() (percent float64, listing string) {
	s.seen.mu.Lock()
	defer s.seen.mu.Unlock()
	var out strings.Builder
	all, hit := 0, 0
	for i, name := range s.filterNames() {
		n, missing, lines := s.seen.filters[i].list(s.plan.Filters[i].Insns)
		all, hit = all+n, hit+n-missing
		if missing > 0 {
			fmt.Fprintf(&out, "    %s\n%s", name, lines)
		}
	}
	if all == 0 {
		return 100, ""
	}
	return 100 * float64(hit) / float64(all), strings.TrimRight(out.String(), "\n")
}

// list counts the instructions and ways of branches, and those that were not reached, and marks these in a listing.
func (r reached) list(insns []uapi.SockFilter) (all, missing int, listing string) {
	var out strings.Builder
	lines := cbpfvm.Disassemble(insns)
	for pc, in := range insns {
		at := r[pc]
		all++
		mark := ""
		if branch := conditional(in) && in.Jt != in.Jf; branch {
			all += 2
			missing += count(!at.jumped) + count(!at.fell)
			switch {
			case !at.jumped:
				mark = "<- never true"
			case !at.fell:
				mark = "<- never false"
			}
		}
		if !at.run {
			missing++
			mark = "<- never run"
		}
		line := fmt.Sprintf("%9d  %-24s %s", pc, lines[pc], mark)
		out.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return all, missing, out.String()
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

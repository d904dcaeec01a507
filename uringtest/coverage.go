package uringtest

import (
	"strings"
	"sync"
	"testing"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/cover"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// coverage is what requests have reached of the filters of a sandbox, from any number of tests at once.
type coverage struct {
	mu      sync.Mutex
	profile *cover.Profile
}

func newCoverage(p *plan.Plan) *coverage {
	c := &coverage{profile: cover.New()}
	for i := range p.Filters {
		f := &p.Filters[i]
		if program, refused := cbpfvm.Check(f.Insns, uapi.SizeofBPFCtx); refused == nil { // else no kernel takes it
			c.profile.Registered(f.Op, program)
		}
	}
	return c
}

// see adds the way of a request through the sandbox's filters, which are not all that the task may have.
func (s *Sandbox) see(r *trace.Request) {
	s.seen.mu.Lock()
	defer s.seen.mu.Unlock()
	for _, f := range r.Filters {
		if f.Program == nil {
			return
		}
		if len(s.indexes(r.Opcode, f.Program.Insns())) > 0 {
			s.seen.profile.Ran(r.Opcode, f.Program, &r.Context)
		}
		if f.Program.Run(&r.Context) == 0 {
			return
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

// covered is how many percent of the filters were reached, and those that were not reached as a whole.
func (s *Sandbox) covered() (percent float64, listing string) {
	s.seen.mu.Lock()
	defer s.seen.mu.Unlock()
	report := s.seen.profile.Report()
	var out strings.Builder
	for i := range report.Filters {
		f := &report.Filters[i]
		if all := f.Total(); all.Covered == all.Of {
			continue
		}
		if err := f.Write(&out); err != nil {
			return 0, err.Error()
		}
	}
	return report.Total().Percent(), strings.TrimRight(out.String(), "\n")
}

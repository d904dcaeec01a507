// Package uringtest is for tests of io_uring filters and restrictions. A test says which requests a sandbox has to
// allow and which it has to deny, on which kernels; the model of package sim decides, so that it takes microseconds and
// needs neither root nor Linux. A failure shows the way that the request took through the filters.
//
//	func TestOnlyTCP(t *testing.T) {
//		s := uringtest.File(t, "web.policy")
//		uringtest.Coverage(t, s, 100)
//		uringtest.Allow(t, s, sqe.Socket(uapi.AF_INET, uapi.SOCK_STREAM, 0, 0))
//		uringtest.Deny(t, s, sqe.Socket(uapi.AF_UNIX, uapi.SOCK_STREAM, 0, 0))
//	}
//
// Requests are written with package sqe. Allow and Deny ask all releases that have filters; ForEachKernel gives each a
// subtest, for what differs between them. Boot is for what takes more than one call: tasks, fork, exec, rings.
//
// Nothing here is shared between tests, so that they may run in parallel, and a Sandbox may be used by many at once.
package uringtest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/load"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/uapi"
)

// Sandbox is what a test is about: the restrictions and filters that a program registers for itself before it runs what
// it does not trust.
type Sandbox struct {
	plan *plan.Plan
	seen *coverage
}

// Plan is a sandbox that registers the plan, which must not change from then on.
func Plan(t testing.TB, p *plan.Plan) *Sandbox {
	t.Helper()
	if p == nil {
		t.Fatal("uringtest: no plan")
	}
	return &Sandbox{plan: p, seen: newCoverage(p)}
}

// File is a sandbox that stands in a file: a policy, a plan, or another form that load.Forms names. A program alone
// does not say which opcode it is for; see ProgramFile.
func File(t testing.TB, file string) *Sandbox {
	t.Helper()
	return loaded(t, file, load.Options{})
}

// Policy is a sandbox that is written as a policy, the language of files that end in .policy.
func Policy(t testing.TB, text string) *Sandbox {
	t.Helper()
	p, err := load.Text("policy", []byte(text), load.Options{Form: "policy"})
	if err != nil {
		t.Fatalf("uringtest: %v", err)
	}
	return Plan(t, p)
}

// ProgramFile is a sandbox of one filter, whose program is a file in assembler.
func ProgramFile(t testing.TB, op uapi.Op, file string) *Sandbox {
	t.Helper()
	return loaded(t, file, load.Options{Op: &op})
}

func loaded(t testing.TB, file string, o load.Options) *Sandbox {
	t.Helper()
	p, err := load.File(file, o)
	if err != nil {
		t.Fatalf("uringtest: %v", err)
	}
	return Plan(t, p)
}

// Program is a sandbox of one filter for the requests of an opcode, in assembler.
func Program(t testing.TB, op uapi.Op, asm string) *Sandbox {
	t.Helper()
	insns, err := cbpfvm.Assemble(asm)
	if err != nil {
		t.Fatalf("uringtest: program for %s: %v", op, err)
	}
	return Plan(t, &plan.Plan{Name: op.String(), Filters: []plan.Filter{{Op: op, Insns: insns}}})
}

// Plan is what the sandbox registers.
func (s *Sandbox) Plan() *plan.Plan { return s.plan }

// indexes are the filters of the plan that have these instructions for this opcode.
func (s *Sandbox) indexes(op uapi.Op, insns []uapi.SockFilter) []int {
	var found []int
	for i := range s.plan.Filters {
		if f := &s.plan.Filters[i]; f.Op == op && slices.Equal(f.Insns, insns) {
			found = append(found, i)
		}
	}
	return found
}

// name is the sandbox in messages.
func (s *Sandbox) name() string {
	text := "1 filter"
	if n := len(s.plan.Filters); n != 1 {
		text = fmt.Sprintf("%d filters", n)
	}
	if s.plan.Restrictions != nil {
		text = "restrictions and " + text
	}
	if s.plan.Name != "" {
		text = s.plan.Name + ", " + text
	}
	return text
}

// parts names what the sandbox registers, in the order of plan.Events: the restrictions, and each filter.
func (s *Sandbox) parts() []string {
	if s.plan.Restrictions != nil {
		return append([]string{"the restrictions"}, s.filterNames()...)
	}
	return s.filterNames()
}

// filterNames name each filter by its place in the plan, its opcode and its remark.
func (s *Sandbox) filterNames() []string {
	var all []string
	for i, f := range s.plan.Filters {
		text := fmt.Sprintf("filter %d of %d, for %s", i+1, len(s.plan.Filters), f.Op)
		if f.Why != "" {
			text += fmt.Sprintf(" (%s)", f.Why)
		}
		all = append(all, text)
	}
	return all
}

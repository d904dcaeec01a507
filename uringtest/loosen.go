package uringtest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/symbolic"
	"github.com/uringsim/uringsim/uapi"
)

// AssertNeverLoosens fails the test if registering more sandboxes behind the first one allows a request that the first
// one denies, on any release that has filters. Filters only ever add up, so this holds for what a kernel takes; what it
// does not take fails the test as well. The comparison is exact: it is about all requests that can occur.
func AssertNeverLoosens(t testing.TB, base *Sandbox, added ...*Sandbox) {
	t.Helper()
	all := &plan.Plan{Name: base.plan.Name, Restrictions: base.plan.Restrictions, Filters: slices.Clone(base.plan.Filters)}
	for _, k := range Kernels() {
		task := k.Boot(t)
		task.NoNewPrivs()
		task.Restrict(base)
		for _, s := range added {
			task.Restrict(s)
		}
	}
	for _, s := range added { // without restrictions, which kernels take only as the first
		all.Filters = append(all.Filters, s.plan.Filters...)
	}
	AssertNotLooser(t, base, Plan(t, all))
}

// AssertNotLooser fails the test if the new sandbox, in place of the old one, allows a request that the old one denies,
// on any release that has filters. The message has such a request, and the way that it takes through both. The
// comparison is exact: it is about all requests that can occur. Where filters calculate so much that it cannot be, it
// is not decided, which fails the test too.
func AssertNotLooser(t testing.TB, old, new *Sandbox) {
	t.Helper()
	assertNotLooser(t, Kernels(), old, new)
}

// AssertNotLooser is the function of that name for one kernel.
func (k Kernel) AssertNotLooser(t testing.TB, old, new *Sandbox) {
	t.Helper()
	assertNotLooser(t, []Kernel{k}, old, new)
}

func assertNotLooser(t testing.TB, kernels []Kernel, old, new *Sandbox) {
	t.Helper()
	var all kernel.Answers
	for _, k := range kernels {
		r, err := symbolic.Compare(new.plan, old.plan, k.Release)
		if err != nil {
			all.Add(k.Name, err.Error())
		}
		for _, op := range r.Ops {
			if op.OnlyA != nil {
				all.Add(k.Name, k.looser(t, old, new, op.OnlyA))
			} else if !op.Proven {
				all.Add(k.Name, fmt.Sprintf("it is not decided whether the new sandbox allows more of %s: the filters calculate "+
					"too much; of %d requests none shows that it does", op.Op, op.Searched))
			}
		}
	}
	if text := found(all); text != "" {
		t.Error(text)
	}
}

// looser says how the new sandbox allows a request and the old one does not.
func (k Kernel) looser(t testing.TB, old, new *Sandbox, r *symbolic.Request) string {
	t.Helper()
	last := r.SQEs[len(r.SQEs)-1]
	text := fmt.Sprintf("the new sandbox allows what the old one denies\n    %s\n", shown(last))
	if r.Unknown != "" {
		return text + "    " + r.Unknown
	}
	for _, side := range []struct {
		name    string
		sandbox *Sandbox
		other   Decision
	}{{"old", old, Allowed}, {"new", new, Denied}} {
		s := Plan(t, side.sandbox.plan) // which does not count as what the test asked
		task := k.Boot(t)
		task.NoNewPrivs()
		task.Restrict(s)
		answers := task.Setup(r.Setup|uapi.IORING_SETUP_SUBMIT_ALL).submit(r.SQEs, "submit")
		a := answers[len(answers)-1]
		text += fmt.Sprintf("    the %s: %s\n%s", side.name, a.Decision, because([]*Sandbox{s}, a, side.other))
	}
	return text
}

package trial_test

import (
	"slices"
	"testing"

	"github.com/uringsim/uringsim/gen"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/policy"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/trial"
	"github.com/uringsim/uringsim/verdict"
)

// enforced plays a trace by a task that has really registered the policy, and without it if p is nil.
func enforced(t *testing.T, p *policy.Policy, tr *trace.Trace, k kernel.Release) []trace.Outcome {
	t.Helper()
	sys := sim.New(k)
	if p != nil {
		registered, err := p.Compile(policy.Options{})
		if err != nil {
			t.Fatal(err)
		}
		first := registered.Events(trace.InitTask)
		player := trace.NewPlayer(sys, k.Name)
		for i := range first {
			if o, err := player.Play(&first[i]); err != nil || o.Why != nil {
				t.Fatal(err, o.Why)
			}
		}
	}
	player := trace.NewPlayer(sys, k.Name)
	var all []trace.Outcome
	for i := range tr.Events {
		o, err := player.Play(&tr.Events[i])
		if err != nil {
			if p == nil {
				t.Fatal(err)
			}
			break // what was denied before leaves nothing to go on with
		}
		all = append(all, o)
	}
	return all
}

// firstChange is the first event that a policy changes, from 1, and whether it lets more through; 0 if there is none.
func firstChange(without, with []trace.Outcome) (event int, looser bool) {
	for i := range without {
		if i >= len(with) {
			return i + 1, false
		}
		if same, looser := compare(&without[i], &with[i]); !same {
			return i + 1, looser
		}
	}
	return 0, false
}

// compare tells whether the same was let through, or more. What is refused either way may have another errno:
// restrictions come before prep.
func compare(a, b *trace.Outcome) (same, looser bool) {
	refused := a.Got.Ret < 0 && b.Got.Ret < 0
	if !refused && a.Got.Ret != b.Got.Ret || len(a.Requests) != len(b.Requests) {
		return false, a.Got.Ret < b.Got.Ret
	}
	for i := range a.Requests {
		if was, is := admitted(&a.Requests[i]), admitted(&b.Requests[i]); was != is {
			return false, is
		}
	}
	return true, false
}

// admitted tells whether no check refused a request before it was to run.
func admitted(q *trace.Request) bool { return q.Why == nil || q.Why.Stage == verdict.Issue }

// firstBreak is the first event of which a report says that something breaks.
func firstBreak(r *trial.Report) int {
	first := 0
	for _, b := range r.Breaks {
		if n := b.First[0].Event; first == 0 || n < first {
			first = n
		}
	}
	return first
}

// anyKernel is the trace with the results of the newest kernel, for all of them.
func anyKernel(tr *trace.Trace) *trace.Trace {
	out := *tr
	out.Events = slices.Clone(tr.Events)
	for i := range out.Events {
		if e := &out.Events[i]; len(e.Results) > 0 {
			last := e.Results[len(e.Results)-1]
			last.On = nil
			e.Results = []trace.Recorded{last}
		}
	}
	return &out
}

// checkEnforced holds what is said of a policy on trial to what it does once it is registered: up to its first denial
// the two are the same run.
func checkEnforced(t *testing.T, tr *trace.Trace, k kernel.Release) {
	t.Helper()
	tr = anyKernel(tr)
	s := suggest(t, tr, k, trial.Options{})
	policies := without(&s.Policy)
	policies["all of it"] = &s.Policy
	before := enforced(t, nil, tr, k)
	for what, p := range policies {
		r := report(t, p, tr, k)
		if r == nil || r.Unknown > 0 {
			continue // checked where it can be registered, and where everything is known
		}
		did, looser := firstChange(before, enforced(t, p, tr, k))
		said := firstBreak(r)
		if looser && (said == 0 || said > did) {
			continue // DENY_REST of a filter of the program's own spares what the policy has a filter for
		}
		if said != did {
			t.Errorf("%s, on %s: on trial event %d is the first to break, in force event %d, under\n%s",
				what, k.Name, said, did, p)
		}
	}
}

func TestEnforced(t *testing.T) {
	for name, tr := range recorded(t) {
		t.Run(name, func(t *testing.T) {
			k := []kernel.Release{kernel.V7_0, kernel.V7_3}[len(name)%2]
			// Its own filters would go into the policy's set otherwise, and hold for others.
			checkEnforced(t, tr, k.Without(kernel.SharedFiltersAppendInPlace))
		})
	}
}

func TestEnforcedGenerated(t *testing.T) {
	for _, kind := range gen.Kinds {
		t.Run(kind.Name, func(t *testing.T) {
			for seed := range uint64(5) {
				checkEnforced(t, kind.Trace(seed), kernel.V7_3)
			}
		})
	}
}

// FuzzGenerated holds suggestions for any generated trace to what they promise, and trials to what is enforced.
func FuzzGenerated(f *testing.F) {
	for i := range gen.Kinds {
		f.Add(uint8(i), uint64(100+i))
	}
	f.Fuzz(func(t *testing.T, kind uint8, seed uint64) {
		tr := gen.Kinds[int(kind)%len(gen.Kinds)].Trace(seed)
		checkTight(t, tr, trial.Options{})
		checkEnforced(t, tr, kernel.V7_3)
	})
}

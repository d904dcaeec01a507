package trial_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/load"
	"github.com/uringsim/uringsim/policy"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/trial"
	"github.com/uringsim/uringsim/uapi"
)

// Traces of docs/impact.md: a program, and the same behind the registrations of two policies, as real kernels ran it.
const (
	program   = "client-program"
	suggested = "client-program-suggested"
	denied    = "client-program-denied"
)

// registrations are the register calls on the task itself that a trace begins with.
func registrations(tr *trace.Trace) []trace.Event {
	var calls []trace.Event
	for _, e := range tr.Events {
		if a, ok := e.Args.(*trace.RegisterArgs); ok && int32(a.FD) == -1 {
			calls = append(calls, trace.Event{Task: e.Task, Args: a, Why: e.Why})
		}
	}
	return calls
}

// completed are the user_data of the requests that a kernel gave one error.
func completed(tr *trace.Trace, k kernel.Release, e uapi.Errno) []uint64 {
	var list []uint64
	for i := range tr.Events {
		if r := tr.Events[i].RecordedOn(k.Name); r != nil {
			for _, c := range r.CQEs {
				if int64(c.Res) == e.Ret() {
					list = append(list, uint64(c.UserData))
				}
			}
		}
	}
	slices.Sort(list)
	return list
}

// TestSuggestionOnKernels: behind what is suggested, real kernels deny nothing and give what they gave without.
func TestSuggestionOnKernels(t *testing.T) {
	all := recorded(t)
	s := suggest(t, all[program], kernel.V7_3, trial.Options{})
	again, err := policy.Parse("suggestion", []byte(s.String())) // with the lines that the filters name
	if err != nil {
		t.Fatal(err)
	}
	p, err := again.Compile(policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p.Events(trace.InitTask), registrations(all[suggested])); diff != "" {
		t.Fatalf("%s was recorded with another policy than what is suggested now (-now +recorded):\n%s", suggested, diff)
	}
	before := all[program].Events
	after := all[suggested].Events[len(all[suggested].Events)-len(before):]
	for _, k := range []kernel.Release{kernel.V7_2, kernel.V7_3} {
		for i := range before {
			want, got := before[i].RecordedOn(k.Name), after[i].RecordedOn(k.Name)
			if want == nil || got == nil {
				t.Fatalf("event %d is not recorded on %s", i+1, k.Name)
			}
			if want.Ret != got.Ret || !cmp.Equal(want.CQEs, got.CQEs) {
				t.Errorf("event %d on %s gives %v %v with the policy, %v %v without", i+1, k.Name, got.Ret, got.CQEs,
					want.Ret, want.CQEs)
			}
		}
	}
}

// TestReportOnKernels: what a report says to be denied and cancelled is what real kernels denied and cancelled.
func TestReportOnKernels(t *testing.T) {
	all := recorded(t)
	p, err := load.File("../docs/examples/client.policy", load.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p.Events(trace.InitTask), registrations(all[denied])); diff != "" {
		t.Fatalf("%s was recorded with another policy (-now +recorded):\n%s", denied, diff)
	}
	for _, k := range []kernel.Release{kernel.V7_2, kernel.V7_3} {
		r := trial.NewReport(p, k)
		if err := r.Play("trace", &events{all[program].Events}); err != nil {
			t.Fatal(err)
		}
		var said []uint64
		for _, b := range r.Breaks {
			for _, at := range b.First {
				if !b.IsCall {
					said = append(said, at.UserData)
				}
			}
		}
		slices.Sort(said)
		if did := completed(all[denied], k, uapi.EACCES); !slices.Equal(said, did) {
			t.Errorf("%s: said to be denied are %v, denied were %v", k.Name, said, did)
		}
		before, after := completed(all[program], k, uapi.ECANCELED), completed(all[denied], k, uapi.ECANCELED)
		if r.Cancelled != len(after)-len(before) || r.Cancelled == 0 {
			t.Errorf("%s: said to be cancelled are %d, cancelled were %v and before %v", k.Name, r.Cancelled, after, before)
		}
	}
}

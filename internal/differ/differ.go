// Package differ compares the model with real kernels on generated traces, and makes disagreements small.
package differ

import (
	"fmt"
	"slices"

	"github.com/google/go-cmp/cmp"

	"github.com/uringsim/uringsim/internal/judge"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/opdef"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// Finding is a disagreement: at which event, and how.
type Finding struct {
	Event int    // from 1; 0 if it is about the whole trace
	Call  string // of the event
	Diff  string // (-kernel +model), or what the model could not do
	Why   string // the model's reasons, a line each: why it refused a request, or what let it through
}

// Stats count what a comparison covered.
type Stats struct {
	Calls, SQEs, Registrations int
	Outcomes                   map[string]int // by stage and errno
	Exits                      map[opdef.Exit]int
}

// newStats has no counts.
func newStats() *Stats { return &Stats{Outcomes: map[string]int{}, Exits: map[opdef.Exit]int{}} }

// add sums up.
func (s *Stats) add(o *Stats) {
	s.Calls += o.Calls
	s.SQEs += o.SQEs
	s.Registrations += o.Registrations
	for k, n := range o.Outcomes {
		s.Outcomes[k] += n
	}
	for e, n := range o.Exits {
		s.Exits[e] += n
	}
}

// Unreached are the ways to fail of prep functions that no request went.
func (s *Stats) Unreached() []opdef.Exit {
	return slices.DeleteFunc(opdef.Exits(), func(e opdef.Exit) bool { return s.Exits[e] > 0 })
}

// Model plays the trace on a model of the release and compares with the kernel's verdict. Nil means that they agree.
func Model(r kernel.Release, t *trace.Trace, v *judge.Verdict, stats *Stats, options ...sim.Option) *Finding {
	sys := sim.New(r, options...)
	p := trace.NewPlayer(sys, r.Name)
	for i := range t.Events {
		e := t.Events[i]
		if i >= len(v.Results) {
			return &Finding{Event: i + 1, Call: e.Call(), Diff: "the kernel could not: " + v.Err}
		}
		got := v.Results[i]
		got.On = nil
		e.Results = []trace.Recorded{got}
		o, err := p.Play(&e)
		switch {
		case err != nil:
			return &Finding{Event: i + 1, Call: e.Call(), Diff: "the model could not: " + err.Error()}
		case o.Unmodelled != "":
			return &Finding{Event: i + 1, Call: e.Call(), Diff: "not modelled: " + o.Unmodelled}
		case o.Diff != "":
			return &Finding{Event: i + 1, Call: e.Call(), Diff: o.Diff, Why: reasons(&o)}
		}
		stats.count(&o)
	}
	if n := sys.Late(); n > 0 {
		return &Finding{Diff: fmt.Sprintf("%d CQEs of the model never came on the kernel", n)}
	}
	return nil
}

func reasons(o *trace.Outcome) string {
	s := ""
	if o.Why != nil {
		s = o.Why.Error() + "\n"
	}
	differ := map[uint64]bool{}
	for i, c := range o.Got.CQEs {
		if i >= len(o.Want.CQEs) || !cmp.Equal(o.Want.CQEs[i], c) {
			differ[uint64(c.UserData)] = true
		}
	}
	for _, q := range o.Requests {
		switch {
		case !differ[q.UserData]:
		case q.Why != nil:
			s += fmt.Sprintf("%s user_data=%#x: %s\n", q.Opcode, q.UserData, q.Why.Error())
		case q.Opcode < uapi.IORING_OP_LAST:
			s += fmt.Sprintf("%s user_data=%#x: the model lets it through [Linux: %s]\n", q.Opcode, q.UserData,
				opdef.Defs[q.Opcode].Prep.Where)
		}
	}
	return s
}

// count adds an outcome.
func (s *Stats) count(o *trace.Outcome) {
	s.Calls++
	s.SQEs += len(o.Requests)
	if a, ok := o.Event.Args.(*trace.RegisterArgs); ok && isRegistration(uapi.RegisterOp(a.Op)) {
		s.Registrations++
	}
	if o.Why != nil {
		s.Outcomes[string(o.Why.Stage)+" "+o.Why.Errno.String()]++
	} else if o.Event.Call() == "register" || o.Event.Call() == "setup" {
		s.Outcomes[o.Event.Call()+" ok"]++
	}
	for _, q := range o.Requests {
		switch {
		case q.Why != nil:
			s.Outcomes[string(q.Why.Stage)+" "+q.Why.Errno.String()]++
			if q.Why.Stage == verdict.Prep {
				s.Exits[opdef.Exit{Op: q.Opcode, Doc: q.Why.Why, Errno: q.Why.Errno}]++
			}
		case q.Issued:
			s.Outcomes["issued"]++
		default:
			s.Outcomes["admitted, then cancelled"]++
		}
	}
}

// isRegistration tells restrictions and filters from other register calls.
func isRegistration(op uapi.RegisterOp) bool {
	return slices.Contains([]uapi.RegisterOp{uapi.IORING_REGISTER_BPF_FILTER, uapi.IORING_REGISTER_RESTRICTIONS}, op)
}

// Package trial tries policies on what programs were recorded to do: what a policy would break, and which policy is the
// tightest that breaks nothing.
//
// The policy is asked about each request and register call, but not obeyed (sim.Kernel.Try). The program goes on as it
// was recorded, so that one run finds everything that the policy would have to allow, and not only what it denies
// first.
package trial

import (
	"errors"
	"fmt"
	"io"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// Source is where events come from, such as a trace.Reader. It ends with io.EOF.
type Source interface {
	Next() (trace.Event, error)
}

// Refused is a plan that a release does not let tasks register.
type Refused struct {
	Kernel kernel.Release
	What   string // what is refused: the restrictions, or which filter
	Why    *verdict.Refusal
}

// Error says what is refused and why.
func (r *Refused) Error() string {
	return fmt.Sprintf("Linux %s refuses %s: %v", r.Kernel.Name, r.What, r.Why)
}

// Unwrap returns the refusal.
func (r *Refused) Unwrap() error { return r.Why }

// Play plays events on a release and calls see with their outcomes. The plan is on trial: the first task registers it
// before the first event. The options are for the model. An error is a *Refused, a *trace.EventError, or from the
// source.
func Play(in Source, p *plan.Plan, k kernel.Release, see func(*trace.Outcome), options ...sim.Option) error {
	sys := sim.New(k, options...)
	defer sys.Close()
	if err := register(sys, p, k); err != nil {
		return err
	}
	sys.Try()
	player := trace.NewPlayer(sys, k.Name)
	for {
		e, err := in.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		borrow(&e, k)
		o, err := player.Play(&e)
		if err != nil {
			return err
		}
		see(&o)
	}
}

// Refuses returns why the release does not let tasks register the plan, or nil if it does.
func Refuses(p *plan.Plan, k kernel.Release) (*Refused, error) {
	sys := sim.New(k)
	defer sys.Close()
	err := register(sys, p, k)
	if no := (*Refused)(nil); errors.As(err, &no) {
		return no, nil
	}
	return nil, err
}

// borrow gives the event the results of another kernel if it has none of the release. What a file or a socket did there
// is the best that is known. Nothing is compared with them.
func borrow(e *trace.Event, k kernel.Release) {
	if last := len(e.Results) - 1; last >= 0 && e.RecordedOn(k.Name) == nil {
		r := e.Results[last] // of the newest kernel
		r.On = nil
		e.Results = []trace.Recorded{r}
	}
}

// register has the first task register the plan.
func register(sys *sim.Kernel, p *plan.Plan, k kernel.Release) error {
	player := trace.NewPlayer(sys, k.Name)
	events := p.Events(trace.InitTask)
	for i := range events {
		o, err := player.Play(&events[i])
		if err != nil {
			return err
		}
		if o.Why != nil {
			what := "the restrictions"
			if i -= len(events) - len(p.Filters); i >= 0 {
				what = fmt.Sprintf("filter %d, for %s", i+1, p.Filters[i].Op)
			}
			return &Refused{k, what, o.Why}
		}
	}
	return nil
}

// Place is where a request or register call is.
type Place struct {
	File     string
	Event    int // from 1
	Request  int // index among the requests that the event submitted, from 1; 0 for the call itself
	Task     string
	UserData uint64
}

// String describes the place.
func (p Place) String() string {
	s := fmt.Sprintf("%s: event %d", p.File, p.Event)
	if p.Request > 0 {
		s += fmt.Sprintf(", request %d (user_data=%d)", p.Request, p.UserData)
	}
	return s + " by " + p.Task
}

// registerOp returns the opcode of a register call, and whether the call is for the task itself (fd -1). Ok is false
// for other events.
func registerOp(e *trace.Event) (op uapi.RegisterOp, blind, ok bool) {
	switch a := e.Args.(type) {
	case *trace.RegisterArgs:
		return uapi.RegisterOp(uint32(a.Op) &^ uapi.IORING_REGISTER_USE_REGISTERED_RING), int32(a.FD) == -1, true
	case *trace.SeenRegisterArgs:
		return uapi.RegisterOp(a.Op), false, true
	}
	return 0, false, false
}

// refused tells whether the call was refused without a policy.
func refused(o *trace.Outcome) bool {
	_, seen := o.Event.Args.(*trace.SeenRegisterArgs)
	return o.Why != nil || seen && o.Got.Ret < 0
}

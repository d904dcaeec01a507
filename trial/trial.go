// Package trial tries policies on what programs were recorded to do: what a policy would break, and which is the
// tightest that breaks nothing.
//
// The policy is asked about each request and register call, and not obeyed (sim.Kernel.Try): the program goes on as it
// was recorded, so that one look finds everything that would have to be allowed, and not what is denied first.
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

// Source is where events come from, as from a trace.Reader: io.EOF ends them.
type Source interface {
	Next() (trace.Event, error)
}

// Refused is a plan that a release does not let a task register.
type Refused struct {
	Kernel kernel.Release
	What   string // the restrictions, or which filter
	Why    *verdict.Refusal
}

// Error names the registration.
func (r *Refused) Error() string {
	return fmt.Sprintf("Linux %s refuses %s: %v", r.Kernel.Name, r.What, r.Why)
}

// Unwrap is the reason.
func (r *Refused) Unwrap() error { return r.Why }

// Play plays events on a release, and gives see their outcomes. The first task has registered the plan before the first
// event, and it is on trial. The options are those of the model. An error is a *Refused, a *trace.EventError, or one
// of the source.
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

// Refuses tells whether a release does not let a task register the plan; nil if it does.
func Refuses(p *plan.Plan, k kernel.Release) (*Refused, error) {
	sys := sim.New(k)
	defer sys.Close()
	err := register(sys, p, k)
	if no := (*Refused)(nil); errors.As(err, &no) {
		return no, nil
	}
	return nil, err
}

// borrow gives the event the results of another kernel if the release has none: what a file or a socket did there is
// the best that is known. Nothing is compared with them.
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

// Place is where a request or register call stands.
type Place struct {
	File     string
	Event    int // from 1
	Request  int // of those that the event's call submitted, from 1; 0 is the call itself
	Task     string
	UserData uint64
}

// String is the file with the event and the request.
func (p Place) String() string {
	s := fmt.Sprintf("%s: event %d", p.File, p.Event)
	if p.Request > 0 {
		s += fmt.Sprintf(", request %d (user_data=%d)", p.Request, p.UserData)
	}
	return s + " by " + p.Task
}

// registerOp is the opcode of a register call, and whether that is on the task itself; false if the event is none.
func registerOp(e *trace.Event) (op uapi.RegisterOp, blind, ok bool) {
	switch a := e.Args.(type) {
	case *trace.RegisterArgs:
		return uapi.RegisterOp(uint32(a.Op) &^ uapi.IORING_REGISTER_USE_REGISTERED_RING), int32(a.FD) == -1, true
	case *trace.SeenRegisterArgs:
		return uapi.RegisterOp(a.Op), false, true
	}
	return 0, false, false
}

// refused tells whether a call was refused without a policy.
func refused(o *trace.Outcome) bool {
	_, seen := o.Event.Args.(*trace.SeenRegisterArgs)
	return o.Why != nil || seen && o.Got.Ret < 0
}

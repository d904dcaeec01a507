// Package eval tells what releases say to requests under a plan: each is submitted by a task of its own.
package eval

import (
	"cmp"
	"fmt"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/cover"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/opdef"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/request"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// Evaluator judges requests by a plan, on one release.
type Evaluator struct {
	Plan    *plan.Plan
	File    string // of the plan, for the places of answers; "" if there are to be none
	Release kernel.Release
	Engine  cbpfvm.Engine
	Profile *cover.Profile // nil if nothing is counted
	// MaxChildren is how many tasks a kernel gets before there is a new one, which keeps memory bounded; 0 is 500.
	MaxChildren int

	player   *trace.Player // a kernel whose first task registered the plan
	children int           // tasks that it had since, one for each request
	refused  *Answer       // if the release does not accept the plan
	told     bool          // the profile knows of the registrations
}

// Answer is what became of a request.
type Answer struct {
	Verdict string           // one of request.Want, or NoPlan, or Unknown
	Why     *verdict.Refusal // nil if it was allowed
	Note    string           // why it is not known
	At      string           // FILE:LINE:COLUMN of what denied it; "" if that is not known
	Runs    []Run            // of the filters that judged it
	Context cbpfvm.Context   // what they saw, if there are any
}

// Verdicts besides those that requests can expect.
const (
	NoPlan  = "no plan" // the release refuses the plan
	Unknown = "unknown" // the model does not know
)

// Differs tells whether the request expects something else.
func (a *Answer) Differs(r *request.Request) bool { return r.Want != "" && string(r.Want) != a.Verdict }

// Reason is why the verdict is not allow; "" if it is.
func (a *Answer) Reason() string {
	reason := a.Note
	if reason == "" && a.Why != nil && a.Verdict != string(request.Allow) {
		reason = a.Why.Error()
	}
	if a.At != "" {
		reason += " at " + a.At
	}
	return reason
}

// placeOf says where the instruction was written at which a filter of the opcode denied.
func (e *Evaluator) placeOf(op uapi.Op, filter, pc int) string {
	filters, _ := e.Plan.Stack(op)
	if e.File == "" || filter >= len(filters) {
		return ""
	}
	at := e.Plan.Filters[filters[filter]].InsnAt(pc)
	if len(at) == 0 {
		return ""
	}
	return fmt.Sprintf("%s:%s", e.File, at[0])
}

// Registered and Ran make the Evaluator a sim.FilterObserver.

// Registered tells the profile once, and not for each kernel that is made.
func (e *Evaluator) Registered(op uapi.Op, prog *cbpfvm.Program) {
	if e.Profile != nil && !e.told {
		e.Profile.Registered(op, prog)
	}
}

// Ran counts the run.
func (e *Evaluator) Ran(op uapi.Op, prog *cbpfvm.Program, ctx *cbpfvm.Context) {
	if e.Profile != nil {
		e.Profile.Ran(op, prog, ctx)
	}
}

// Ask judges a request. Errors are about requests that cannot be carried out.
func (e *Evaluator) Ask(r *request.Request) (Answer, error) {
	if e.player == nil || e.children == cmp.Or(e.MaxChildren, 500) {
		if err := e.start(); err != nil {
			return Answer{}, err
		}
	}
	switch {
	case e.refused != nil:
		return *e.refused, nil
	case r.Context != nil:
		return e.context(r.Context), nil
	}
	a, err := e.submit(r.SQE)
	if err != nil {
		return a, fmt.Errorf("line %d: %w", r.Line, err)
	}
	return a, nil
}

// start makes a kernel in which the plan is registered.
func (e *Evaluator) start() error {
	sys := sim.New(e.Release, sim.WithEngine(e.Engine))
	if e.Profile != nil {
		sys.ObserveFilters(e)
	}
	e.player, e.children = trace.NewPlayer(sys, ""), 0
	for _, event := range e.Plan.Registration() {
		o, err := e.player.Play(&event)
		if err != nil {
			return err
		}
		if o.Why != nil && e.refused == nil { // what follows may be refused for that
			e.refused = &Answer{Verdict: NoPlan, Note: o.Why.Error()}
		}
	}
	e.told = true
	return nil
}

// submit lets a new task submit the request, so that nothing that earlier ones did matters.
func (e *Evaluator) submit(s *trace.SQE) (Answer, error) {
	e.children++
	child := fmt.Sprintf("child%d", e.children)
	const ring = 3 // the first descriptor that is free
	flags := uint64(0)
	if s.Is128() {
		flags = uapi.IORING_SETUP_SQE128
	}
	events := []trace.Event{
		{Task: trace.InitTask, Args: &trace.ForkArgs{Child: child}},
		{Task: child, Args: &trace.SetupArgs{Ring: child, Entries: 2, Flags: trace.SetupNum(flags)}},
		{Task: child, Args: &trace.EnterArgs{FD: ring, Ring: child, SQEs: []trace.SQE{*s}}},
		{Task: child, Args: &trace.ExitArgs{}},
	}
	var a Answer
	for i := range events {
		o, err := e.player.Play(&events[i])
		if err != nil {
			return a, err
		}
		switch {
		case a.Verdict != "": // the task only exits now
		case o.Unmodelled != "":
			a = Answer{Verdict: Unknown, Note: "not modelled: " + o.Unmodelled}
		case o.Why != nil:
			a = Answer{Verdict: Unknown, Note: events[i].Call() + ": " + o.Why.Error()}
		case len(o.Requests) == 1:
			a = verdictOn(&o.Requests[0])
			a.Runs, a.Context = RunsOf(&o.Requests[0]), o.Requests[0].Context
			if why := a.Why; why != nil && why.Filter != nil && !why.Filter.Marker {
				a.At = e.placeOf(o.Requests[0].Opcode, why.Filter.Index, why.Filter.PC)
			}
		}
	}
	return a, nil
}

// verdictOn is the answer that the request's fate is. What becomes of it once it runs is another matter.
func verdictOn(q *trace.Request) Answer {
	switch {
	case q.Why == nil || q.Issued || q.Why.Stage == verdict.Issue:
		return Answer{Verdict: string(request.Allow)}
	case q.Why.Stage == verdict.Filter || q.Why.Stage == verdict.Restriction:
		return Answer{Verdict: string(request.Deny), Why: q.Why}
	}
	return Answer{Verdict: q.Why.Errno.String(), Why: q.Why}
}

// context lets the filters of the opcode judge a context.
func (e *Evaluator) context(ctx *cbpfvm.Context) Answer {
	op := uapi.Op(ctx[uapi.BPFCtxOpcode])
	filters, denied := e.Plan.Stack(op)
	of := len(filters)
	if denied {
		of++
	}
	var runs []Run
	for n, i := range filters {
		prog, wrong := cbpfvm.Check(e.Plan.Filters[i].Insns, opdef.ContextSize(e.Release))
		if wrong != nil {
			return Answer{Verdict: NoPlan, Note: wrong.Error()}
		}
		e.Ran(op, prog, ctx)
		path := prog.Explain(ctx)
		runs = append(runs, Run{n, of, fmt.Sprintf("registered as filter %d of the plan", i+1), &path})
		if e.Engine.Run(prog, ctx) == 0 {
			note := fmt.Sprintf("denied by filter %d of %d, instruction %d", n+1, of, path.PC())
			return Answer{Verdict: string(request.Deny), Note: note, At: e.placeOf(op, n, path.PC()), Runs: runs}
		}
	}
	if denied {
		const note = "denied by what DENY_REST left for opcodes without a filter"
		return Answer{Verdict: string(request.Deny), Note: note, Runs: append(runs, Run{Index: of - 1, Of: of})}
	}
	return Answer{Verdict: string(request.Allow), Runs: runs}
}

// Refused says why the release does not accept the plan, once it was asked; "" if it does.
func (e *Evaluator) Refused() string {
	if e.refused == nil {
		return ""
	}
	return e.refused.Note
}

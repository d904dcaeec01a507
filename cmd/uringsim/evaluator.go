package main

import (
	"fmt"
	"strings"

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

// evaluator judges requests by a plan, on one release.
type evaluator struct {
	plan    *plan.Plan
	file    string // of the plan; "" if that is not to be told
	release kernel.Release
	engine  cbpfvm.Engine
	profile *cover.Profile // nil if nothing is counted
	// maxChildren is how many tasks a kernel gets before there is a new one, which keeps memory bounded.
	maxChildren int

	player   *trace.Player // a kernel whose first task registered the plan
	children int           // tasks that it had since, one for each request
	refused  *answer       // if the release does not accept the plan
	told     bool          // the profile knows of the registrations
}

// answer is what became of a request.
type answer struct {
	verdict string
	why     *verdict.Refusal // nil if it was allowed
	note    string           // why it is not known
	place   string           // where what denied it was written
	runs    []filterRun      // of the filters that judged it
	context cbpfvm.Context   // what they saw, if there are any
}

// Verdicts besides those that requests can expect.
const (
	noPlan  = "no plan" // the release refuses the plan
	unknown = "unknown" // the model does not know
)

// differs tells whether the request expects something else.
func (a *answer) differs(r *request.Request) bool { return r.Want != "" && string(r.Want) != a.verdict }

// reason is why the verdict is not allow; "" if it is.
func (a *answer) reason() string {
	switch {
	case a.note != "":
		return a.note + a.place
	case a.why != nil && a.verdict != string(request.Allow):
		return a.why.Error() + a.place
	}
	return ""
}

// placeOf says where the instruction was written at which a filter of the opcode denied: " at FILE:LINE:COLUMN"; "" if that
// is not known.
func (e *evaluator) placeOf(op uapi.Op, filter, pc int) string {
	filters, _ := e.plan.Stack(op)
	if e.file == "" || filter >= len(filters) {
		return ""
	}
	at := e.plan.Filters[filters[filter]].InsnAt(pc)
	if len(at) == 0 {
		return ""
	}
	return fmt.Sprintf(" at %s:%s", e.file, at[0])
}

// Registered and Ran make the evaluator a sim.FilterObserver.

// Registered tells the profile once, and not for each kernel that is made.
func (e *evaluator) Registered(op uapi.Op, prog *cbpfvm.Program) {
	if e.profile != nil && !e.told {
		e.profile.Registered(op, prog)
	}
}

// Ran counts the run.
func (e *evaluator) Ran(op uapi.Op, prog *cbpfvm.Program, ctx *cbpfvm.Context) {
	if e.profile != nil {
		e.profile.Ran(op, prog, ctx)
	}
}

// answer judges a request. Errors are about requests that cannot be carried out.
func (e *evaluator) answer(r *request.Request) (answer, error) {
	if e.player == nil || e.children == e.maxChildren {
		if err := e.start(); err != nil {
			return answer{}, err
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
func (e *evaluator) start() error {
	sys := sim.New(e.release, sim.WithEngine(e.engine))
	if e.profile != nil {
		sys.ObserveFilters(e)
	}
	e.player, e.children = trace.NewPlayer(sys, ""), 0
	t := planTrace(e.plan)
	for i := range t.Events {
		o, err := e.player.Play(&t.Events[i])
		if err != nil {
			return err
		}
		if o.Why != nil {
			if e.refused == nil { // what follows may be refused for that
				e.refused = &answer{verdict: noPlan, note: o.Why.Error()}
			}
		}
	}
	e.told = true
	return nil
}

// submit lets a new task submit the request, so that nothing that earlier ones did matters.
func (e *evaluator) submit(s *trace.SQE) (answer, error) {
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
	var a answer
	for i := range events {
		o, err := e.player.Play(&events[i])
		if err != nil {
			return a, err
		}
		switch {
		case a.verdict != "": // the task only exits now
		case o.Unmodelled != "":
			a = answer{verdict: unknown, note: "not modelled: " + o.Unmodelled}
		case o.Why != nil:
			a = answer{verdict: unknown, note: events[i].Call() + ": " + o.Why.Error()}
		case len(o.Requests) == 1:
			a = verdictOn(&o.Requests[0])
			a.runs, a.context = runsOf(&o.Requests[0]), o.Requests[0].Context
			if why := a.why; why != nil && why.Filter != nil && !why.Filter.Marker {
				a.place = e.placeOf(o.Requests[0].Opcode, why.Filter.Index, why.Filter.PC)
			}
		}
	}
	return a, nil
}

// verdictOn is the answer that the request's fate is. What becomes of it once it runs is another matter.
func verdictOn(q *trace.Request) answer {
	switch {
	case q.Why == nil || q.Issued || q.Why.Stage == verdict.Issue:
		return answer{verdict: string(request.Allow)}
	case q.Why.Stage == verdict.Filter || q.Why.Stage == verdict.Restriction:
		return answer{verdict: string(request.Deny), why: q.Why}
	}
	return answer{verdict: q.Why.Errno.String(), why: q.Why}
}

// context lets the filters of the opcode judge a context.
func (e *evaluator) context(ctx *cbpfvm.Context) answer {
	op := uapi.Op(ctx[uapi.BPFCtxOpcode])
	filters, denied := e.plan.Stack(op)
	of := len(filters)
	if denied {
		of++
	}
	var runs []filterRun
	for n, i := range filters {
		prog, wrong := cbpfvm.Check(e.plan.Filters[i].Insns, opdef.ContextSize(e.release))
		if wrong != nil {
			return answer{verdict: noPlan, note: wrong.Error()}
		}
		e.Ran(op, prog, ctx)
		path := prog.Explain(ctx)
		runs = append(runs, filterRun{n, of, fmt.Sprintf("registered as filter %d of the plan", i+1), &path})
		if e.engine.Run(prog, ctx) == 0 {
			note := fmt.Sprintf("denied by filter %d of %d, instruction %d", n+1, of, path.PC())
			return answer{verdict: string(request.Deny), note: note, place: e.placeOf(op, n, path.PC()), runs: runs}
		}
	}
	if denied {
		const note = "denied by what DENY_REST left for opcodes without a filter"
		return answer{verdict: string(request.Deny), note: note, runs: append(runs, filterRun{index: of - 1, of: of})}
	}
	return answer{verdict: string(request.Allow), runs: runs}
}

// answerLine is the JSON of an answer; docs/json.md states the keys.
type answerLine struct {
	Type    string    `json:"type"`
	Line    int       `json:"line"`
	Request string    `json:"request"`
	Kernel  string    `json:"kernel"`
	Verdict string    `json:"verdict"`
	Want    string    `json:"want,omitzero"`
	Why     *whyLine  `json:"why,omitzero"`
	Note    string    `json:"note,omitzero"`
	At      string    `json:"at,omitzero"`
	Filters []runLine `json:"filters,omitzero"`
}

// printLines prints the answers of all releases as JSON.
func (o *evalOptions) printLines(out *printer, r *request.Request, evaluators []*evaluator, answers []answer) {
	for i := range answers {
		a := &answers[i]
		l := answerLine{Type: "answer", Line: r.Line, Request: r.Text, Kernel: evaluators[i].release.Name, Verdict: a.verdict,
			Want: string(r.Want), Why: jsonWhy(a.why), Note: a.note, At: strings.TrimPrefix(a.place, " at ")}
		if o.verbose {
			for _, run := range a.runs {
				l.Filters = append(l.Filters, run.line())
			}
		}
		out.line(l)
	}
}

package fleet

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/trial"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// PolicyHash identifies a policy by what it registers and how it is written, whatever its file is called.
func PolicyHash(p *plan.Plan) (string, error) {
	nameless := *p
	nameless.Name = ""
	var text bytes.Buffer
	if err := nameless.Write(&text); err != nil {
		return "", err
	}
	return fmt.Sprintf("sha256:%x", sha256.Sum256(text.Bytes())), nil
}

// Replays returns the result of replaying no traces on a release.
func Replays(k kernel.Release) Result { return Result{Kernel: k.Name} }

// Trials returns the result of a trial of plan p, from the named file, on a release and without any traces. It says
// whether the release accepts the plan.
func Trials(p *plan.Plan, file string, k kernel.Release) (Result, error) {
	hash, err := PolicyHash(p)
	if err != nil {
		return Result{}, err
	}
	r := Result{Policy: hash, File: file, Kernel: k.Name}
	no, err := trial.Refuses(p, k)
	if no != nil {
		r.Rejected = &Rejected{no.What, no.Why.Errno.String(), no.Why.Where, no.Why.Why}
	}
	return r, err
}

// One collects the result of one trace.
type One struct {
	Result Result
	trace  string
}

// NewOne returns a One for a trace of which nothing was read yet. none is the result of no traces, from Replays or
// Trials.
func NewOne(none Result, trace string) *One {
	one := &One{Result: none, trace: trace}
	one.Result.Counts.Traces = 1
	return one
}

// Header records what the trace lacks.
func (o *One) Header(h *trace.Header) { o.Result.Lacks = lacksOf(h) }

// Fail records that the trace cannot be read or carried out any further.
func (o *One) Fail(err error) {
	o.Result.Errors = Errors{Count: 1, First: []Error{{o.trace, err.Error()}}}
}

// See adds the outcome of an event in a replay without a policy.
func (o *One) See(out *trace.Outcome) {
	c := &o.Result.Counts
	c.Events++
	c.Requests += uint64(out.Tally.Requests)
	c.Refused += uint64(out.Tally.Refused)
	call := Reason{Call: callName(out.Event), Tally: Tally{Count: 1, Example: o.place(out.Number, out.Event.Task)}}
	if out.Want != nil {
		c.Compared++
	}
	if out.Unmodelled != "" {
		c.Unmodelled++
		c.Unknown = 1
		call.Result = Unmodelled
		call.Values = []Value{{out.Unmodelled, call.Tally}}
		o.Result.more(call)
	} else if out.Got.Ret < 0 {
		c.RefusedCalls++
		refused := call
		refused.Result, refused.Errno = Refused, out.Got.Ret.String()
		refused.because(out.Why)
		o.Result.more(refused)
	}
	if out.Diff != "" {
		c.Differ++
		c.Broken = 1
		call.Result = Differs
		o.Result.more(call)
	}
	for i := range out.Requests {
		if q := &out.Requests[i]; q.Why != nil {
			at := o.place(out.Number, out.Event.Task)
			at.Request, at.UserData = i+1, q.UserData
			refused := Reason{Result: Refused, Opcode: q.Opcode.String(), Tally: Tally{Count: 1, Example: at}}
			refused.because(q.Why)
			o.Result.more(refused)
		}
	}
}

// because sets what refused something. The check in words becomes a value, since it may contain numbers from the trace.
func (r *Reason) because(why *verdict.Refusal) {
	if why == nil {
		return
	}
	r.Errno, r.Stage, r.Where, r.Quirk = why.Errno.String(), string(why.Stage), why.Where, why.Quirk
	text := why.Why
	if why.Filter != nil {
		text = why.Filter.String()
	}
	r.Values = []Value{{text, r.Tally}}
}

// callName returns the name of a call, with the opcode if it is a register call.
func callName(e *trace.Event) string {
	switch a := e.Args.(type) {
	case *trace.RegisterArgs:
		return "register " + uapi.RegisterOp(uint32(a.Op)&^uapi.IORING_REGISTER_USE_REGISTERED_RING).String()
	case *trace.SeenRegisterArgs:
		return "register " + uapi.RegisterOp(a.Op).String()
	}
	return e.Call()
}

func (o *One) place(event int, task string) Place {
	return Place{Trace: o.trace, Event: event, Task: task}
}

// Trial adds what a policy breaks in the trace, of which this many events were read.
func (o *One) Trial(r *trial.Report, events uint64) {
	c := &o.Result.Counts
	c.Events = events
	c.Requests, c.Refused, c.RefusedCalls = uint64(r.Requests), uint64(r.Requests-r.Admitted), uint64(r.Calls)
	c.Denied, c.Cancelled = uint64(r.Denied), uint64(r.Cancelled)
	c.Undecided, c.Unmodelled = uint64(r.Undecided), uint64(r.Unknown)
	for _, is := range []struct {
		so   bool
		what *uint64
	}{{r.Broken(), &c.Broken}, {r.Undecided+r.Unknown > 0, &c.Unknown}, {r.SharesFilters, &c.Shares}} {
		if is.so {
			*is.what = 1
		}
	}
	l := &r.Logged
	o.Result.Logged = Logged{Denied: uint64(l.Denied), Allowed: uint64(l.Allowed), Undecided: uint64(l.Undecided)}
	if len(l.First) > 0 {
		at := o.at(l.First[0])
		o.Result.Logged.Example = &at
	}
	for _, b := range r.Breaks {
		o.Result.more(o.broken(b))
	}
	for _, g := range r.Gaps {
		all := Tally{Count: uint64(g.Count), Example: o.at(g.First[0])}
		o.Result.more(Reason{Result: Undecided, Opcode: g.Op.String(), Tally: all, Values: []Value{{g.Missing, all}}})
	}
	for _, d := range r.Doubts {
		one := Tally{Count: 1, Example: o.at(d.Place)}
		o.Result.more(Reason{Result: Unmodelled, Tally: one, Values: []Value{{d.What, one}}})
	}
	if more := r.Unknown - len(r.Doubts); more > 0 {
		rest := Tally{Count: uint64(more), Example: o.at(r.Doubts[0].Place)}
		o.Result.more(Reason{Result: Unmodelled, Tally: rest, OtherValues: uint64(more)})
	}
}

// broken returns the Reason for a group of requests or calls that the policy denies. The check in words is a value of
// the reason. That of a filter is not: it names the event of this trace in which the filter was registered. By names
// the filter instead, in words that are the same for all traces.
func (o *One) broken(b *trial.Break) Reason {
	r := Reason{Result: Denied, Errno: b.Why.Errno.String(), Stage: string(b.Why.Stage), Where: b.Why.Where,
		Quirk: b.Why.Quirk, By: b.By, MoreNeeds: b.MoreNeeds,
		Tally: Tally{Count: uint64(b.Count), Cancelled: uint64(b.Cancelled), Example: o.at(b.First[0])}}
	if b.IsCall {
		r.Call = b.Name()
	} else {
		r.Opcode = b.Name()
	}
	text := b.Saw
	switch {
	case b.Always:
		text = "no task under a policy can register restrictions of its own"
	case b.Why.Filter == nil && b.Why.Stage != verdict.Filter:
		text = b.Why.Why
	}
	if text != "" {
		r.Values = []Value{{text, r.Tally}}
	}
	one := Reason{}
	one.more(&Reason{Needs: b.Needs})
	r.Needs = one.Needs
	return r
}

func (o *One) at(p trial.Place) Place {
	return Place{Trace: o.trace, Event: p.Event, Request: p.Request, Task: p.Task, UserData: p.UserData}
}

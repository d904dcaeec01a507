package trace

import (
	"fmt"
	"slices"

	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// Player plays events on a system, one after the other.
type Player struct {
	sys     System
	release string   // name of the release whose results are compared and recorded
	on      []string // the same, for Recorded.On
	t       *translator
	events  int
	started bool
	share   bool     // outcomes may share memory
	cqes    []CQEOut // of the last outcome, reused if share is set
	lenient *lenient // nil unless it plays a recording
}

// NewPlayer returns a Player. Release is the kernel's name in Recorded.On; results of other kernels are ignored.
func NewPlayer(sys System, release string) *Player {
	return &Player{sys: sys, release: release, on: []string{release}, t: newTranslator()}
}

// Share says whether outcomes may share memory: each is then valid only until the next event is played.
func (p *Player) Share(share bool) { p.share = share }

// Outcome is what an event gave.
type Outcome struct {
	Event  *Event
	Number int      // number of the event in the trace, from 1
	Got    Recorded // the results, as they would be recorded
	// what was recorded; nil if nothing was
	Want     *Recorded
	Diff     string // the differences (-want +got); "" if there are none or Want is nil
	Why      *verdict.Refusal
	Trial    *verdict.Refusal // as in Result
	Requests []Request
	Tally    Tally // of the requests
	CQEs     []CQE
	// Unmodelled says what the model does not know; Got means nothing then.
	Unmodelled string
}

// OK tells whether the event gave what was recorded, or, if nothing was recorded, whether the model knows what it
// gives.
func (o *Outcome) OK() bool { return o.Diff == "" && o.Unmodelled == "" }

// EventError is an event that cannot be carried out: the trace is wrong, not the result.
type EventError struct {
	Number int // of the event, from 1
	Line   int // in its file, 0 if unknown
	Err    error
}

// Error names the event and what is wrong with it.
func (e *EventError) Error() string { return fmt.Sprintf("event %d: %v", e.Number, e.Err) }

// Unwrap returns what is wrong with the event.
func (e *EventError) Unwrap() error { return e.Err }

// labelled is implemented by a System that wants to know the number of the event behind a Register, to name what was
// registered in later messages.
type labelled interface{ SetLabel(string) }

// Play carries out one event. After an error it makes no sense to play further events.
func (p *Player) Play(e *Event) (Outcome, error) {
	p.events++
	o := Outcome{Event: e, Number: p.events, Want: e.RecordedOn(p.release)}
	fail := func(err error) (Outcome, error) { return o, &EventError{p.events, e.Line, err} }
	if !p.started {
		p.started = true
		if err := p.mapScratch(InitTask); err != nil {
			return fail(err)
		}
	}
	if _, ok := e.Args.(*RegisterArgs); ok {
		if s, ok := p.sys.(labelled); ok {
			s.SetLabel(fmt.Sprintf("event %d", p.events))
		}
	}
	p.t.know(p.known(o.Want))
	call, b, err := p.t.call(e.Args)
	if err != nil {
		return fail(err)
	}
	call = p.lenient.withoutEarly(call)
	before := b.bytes()
	if len(before) > 0 {
		if r := p.sys.Do(e.Task, Write{b.base, before}); r.Err != nil {
			return fail(r.Err)
		}
	}
	r := p.do(e, call, o.Want)
	if r.Err != nil {
		return fail(r.Err)
	}
	if err := p.move(e, &r); err != nil {
		return fail(err)
	}
	o.Why, o.Trial, o.Requests, o.Tally, o.Unmodelled = r.Why, r.Trial, r.Requests, r.Tally, r.Unmodelled
	if err := p.after(e, call, b, before, r, &o); err != nil {
		return fail(err)
	}
	p.compare(&o, call, before)
	return o, nil
}

// move moves a new descriptor to the number that the event asks for, with dup2(2) and close(2).
func (p *Player) move(e *Event, r *Result) error {
	var at *Number
	switch a := e.Args.(type) {
	case *OpenArgs:
		at = a.At
	case *SocketArgs:
		at = a.At
	case *EventfdArgs:
		at = a.At
	case *DupArgs:
		at = a.At
	}
	if at == nil || r.Ret < 0 || r.Ret == int64(*at) {
		return nil
	}
	if *at >= MaxFD {
		return fmt.Errorf("at: found %d, expected 0 to %d, the descriptors of traces", int64(*at), MaxFD-1)
	}
	was := int32(r.Ret)
	*r = p.sys.Do(e.Task, DupTo{was, int32(*at)})
	if r.Err != nil {
		return r.Err
	}
	return p.sys.Do(e.Task, Close{was}).Err
}

// mapScratch maps the memory in which objects are placed.
func (p *Player) mapScratch(task string) error {
	r := p.sys.Do(task, Map{Addr: ScratchBase, Size: ScratchSize, Prot: ProtReadWrite})
	if r.Err == nil && r.Ret < 0 {
		r.Err = fmt.Errorf("cannot map %d bytes at %#x: %s", ScratchSize, ScratchBase, Ret(r.Ret))
	}
	return r.Err
}

// after fills in what the call gave and prepares for the next event.
func (p *Player) after(e *Event, c Call, b *block, before []byte, r Result, o *Outcome) error {
	o.Got = Recorded{On: p.on, Ret: Ret(r.Ret)}
	if r.Ring != nil {
		p.look(r.Ring, c, o)
	}
	switch c := c.(type) {
	case Exec:
		return p.mapScratch(e.Task)
	case Exit, Enter, Reap, Write:
		if c, ok := c.(Enter); ok {
			p.t.saw(c.Ring, r.Ring)
		}
		return nil
	case Setup:
		if r.Ret >= 0 {
			params, err := p.sys.Read(e.Task, c.Params, uapi.SizeofParams)
			if err != nil {
				return err
			}
			p.t.didSetup(c, r.Ret, params)
			if a := e.Args.(*SetupArgs); a.Params == nil {
				if o.Got.Params = usual(before, params); o.Got.Params != nil {
					return nil
				}
			}
		}
	case Register:
		if r.Resized != "" {
			params, err := p.sys.Read(e.Task, c.Arg, uapi.SizeofParams)
			if err != nil {
				return err
			}
			p.t.didResize(r.Resized, params)
		}
	case Map:
		if m, ok := e.Args.(*MapArgs); ok && m.Data != nil && r.Ret >= 0 {
			if w := p.sys.Do(e.Task, Write{c.Addr, *m.Data}); w.Err != nil {
				return w.Err
			}
		}
	}
	if len(before) == 0 {
		return nil
	}
	now, err := p.sys.Read(e.Task, b.base, len(before))
	if err != nil {
		return err
	}
	o.Got.Wrote = WroteBytes(before, now)
	return nil
}

// look fills in what the ring holds after the call.
func (p *Player) look(r *RingState, c Call, o *Outcome) {
	o.CQEs = r.CQEs
	o.Got.CQEs = slices.Grow(p.cqes[:0], len(o.CQEs))[:len(o.CQEs)]
	for i := range r.CQEs {
		o.Got.CQEs[i] = cqeOut(r.CQEs[i].CQE)
	}
	if p.share {
		p.cqes = o.Got.CQEs
	}
	o.Got.Dropped, o.Got.Over = r.SQDropped, r.CQOverflow
	if !p.t.threaded(c) {
		o.Got.SQHead = &r.SQHead
	}
}

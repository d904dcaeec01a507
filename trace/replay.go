package trace

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// Player plays events on a system, one after the other.
type Player struct {
	sys     System
	release string   // the name under which results are recorded and looked for
	on      []string // the same, as results have it
	t       *translator
	events  int
	started bool
	share   bool     // outcomes may share their memory
	cqes    []CQEOut // of the last outcome, if they do
	lenient *lenient // nil unless it plays a recording
}

// NewPlayer makes a Player. Release is the name of the kernel in Recorded.On; results recorded on others are ignored.
func NewPlayer(sys System, release string) *Player {
	return &Player{sys: sys, release: release, on: []string{release}, t: newTranslator()}
}

// Share tells whether outcomes may share their memory: one is then only good until the next event is played.
func (p *Player) Share(share bool) { p.share = share }

// Outcome is what an event gave.
type Outcome struct {
	Event    *Event
	Number   int      // of the event in the trace, from 1
	Got      Recorded // the results, as they would be recorded
	Want     *Recorded
	Diff     string // (-want +got); "" if Want is nil or the same
	Why      *verdict.Refusal
	Trial    *verdict.Refusal // as in Result
	Requests []Request
	Tally    Tally // of the requests
	CQEs     []CQE
	// Unmodelled says what the model does not know; Got means nothing then.
	Unmodelled string
}

// OK tells whether the event gave what was recorded, or, where nothing is recorded, anything that is known.
func (o *Outcome) OK() bool { return o.Diff == "" && o.Unmodelled == "" }

// EventError is an event that cannot be carried out: bad input, not a result.
type EventError struct {
	Number int // of the event, from 1
	Line   int // in its file, 0 if unknown
	Err    error
}

// Error names the event.
func (e *EventError) Error() string { return fmt.Sprintf("event %d: %v", e.Number, e.Err) }

// Unwrap is the reason.
func (e *EventError) Unwrap() error { return e.Err }

// labelled is a System that wants to know which event a Register is, as what it registers is spoken of later.
type labelled interface{ SetLabel(string) }

// Play carries out one event. An error means that it could not be, and that later events make no sense.
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

// move puts a new descriptor where the event wants to have it, as dup2(2) and close(2) do.
func (p *Player) move(e *Event, r *Result) error {
	var at *Num32
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
		return fmt.Errorf("at is %d; descriptors of traces are 0 to %d", int64(*at), MaxFD-1)
	}
	was := int32(r.Ret)
	*r = p.sys.Do(e.Task, DupTo{was, int32(*at)})
	if r.Err != nil {
		return r.Err
	}
	return p.sys.Do(e.Task, Close{was}).Err
}

// mapScratch maps the memory that objects are put into.
func (p *Player) mapScratch(task string) error {
	r := p.sys.Do(task, Map{ScratchBase, ScratchSize, ProtReadWrite})
	if r.Err == nil && r.Ret < 0 {
		r.Err = fmt.Errorf("cannot map %d bytes at %#x: %s", ScratchSize, ScratchBase, Ret(r.Ret))
	}
	return r.Err
}

// after collects what the call did and prepares for the next.
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
	o.Got.Wrote = changes(before, now)
	return nil
}

// look notes what the ring holds after the call.
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

// usual is what a setup wrote back in short, or nil if it is not what all kernels write.
func usual(before, now []byte) *Params {
	p, q := uapi.DecodeParams(now), uapi.DecodeParams(before)
	q.SQEntries, q.CQEntries, q.Features = p.SQEntries, p.CQEntries, p.Features
	q.SQOff = uapi.SQRingOffsets{Head: uapi.RingSQHead, Tail: uapi.RingSQTail, RingMask: uapi.RingSQMask,
		RingEntries: uapi.RingSQEntries, Flags: uapi.RingSQFlags, Dropped: uapi.RingSQDropped, Array: p.SQOff.Array,
		UserAddr: p.SQOff.UserAddr}
	q.CQOff = uapi.CQRingOffsets{Head: uapi.RingCQHead, Tail: uapi.RingCQTail, RingMask: uapi.RingCQMask,
		RingEntries: uapi.RingCQEntries, Overflow: uapi.RingCQOverflow, CQEs: uapi.RingCQEs, Flags: uapi.RingCQFlags,
		UserAddr: p.CQOff.UserAddr}
	if old := uapi.DecodeParams(before); q != p || p.SQOff.UserAddr != old.SQOff.UserAddr || p.CQOff.UserAddr != old.CQOff.UserAddr {
		return nil
	}
	return &Params{Num32(p.SQEntries), Num32(p.CQEntries), Num32(p.Features), Num32(p.SQOff.Array)}
}

// changes are the runs of bytes that differ; runs that are close together are one.
func changes(before, now []byte) []Wrote {
	const gap = 4
	var out []Wrote
	for i := 0; i < len(now); i++ {
		if before[i] == now[i] {
			continue
		}
		end := i + 1
		for j := end; j < len(now) && j-end < gap; j++ {
			if before[j] != now[j] {
				end = j + 1
			}
		}
		out = append(out, Wrote{i, bytes.Clone(now[i:end])})
		i = end
	}
	return out
}

// RecordedOn is the result that was recorded on the release, or nil.
func (e *Event) RecordedOn(release string) *Recorded {
	results := e.Results
	for i := range results {
		if on := results[i].On; len(on) == 0 || slices.Contains(on, release) {
			return &results[i]
		}
	}
	return nil
}

// diff compares what counts: facts that were recorded, and the order of CQEs where it is one.
func diff(want, got Recorded, cqes []CQE) string {
	want.On, got.On = nil, nil
	if want.SQHead == nil { // written by hand, or of no interest
		got.SQHead = nil
	}
	if got.Params != nil && want.Wrote == nil && want.Params == nil {
		got.Params = nil
	}
	if sameCQEs(want.CQEs, cqes) {
		got.CQEs = want.CQEs
	}
	if same(&want, &got) {
		return ""
	}
	return cmp.Diff(want, got)
}

// same tells whether there is no difference, which cmp.Diff takes long to find out. What it is not sure of it leaves to
// that.
func same(want, got *Recorded) bool {
	switch {
	case want.Ret != got.Ret, want.Dropped != got.Dropped, want.Over != got.Over, len(want.On) != 0, len(got.On) != 0:
		return false
	case !sameList(want.CQEs, got.CQEs), !sameWrote(want.Wrote, got.Wrote):
		return false
	}
	return sameValue(want.SQHead, got.SQHead) && sameValue(want.Params, got.Params)
}

// sameList tells whether two lists are the same list, or both have nothing.
func sameList[T any](a, b []T) bool {
	return len(a) == len(b) && (a == nil) == (b == nil) && (len(a) == 0 || &a[0] == &b[0])
}

// sameWrote tells whether the same bytes were written.
func sameWrote(a, b []Wrote) bool {
	return (a == nil) == (b == nil) && slices.EqualFunc(a, b, func(a, b Wrote) bool {
		return a.At == b.At && bytes.Equal(a.Bytes, b.Bytes)
	})
}

// sameValue tells whether both pointers are nil, or what they point to is the same.
func sameValue[T comparable](a, b *T) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// sameCQEs tells whether the CQEs are the same, in an order that is possible.
func sameCQEs(want []CQEOut, got []CQE) bool {
	if len(want) != len(got) {
		return false
	}
	if equalCQEs(want, got) {
		return true // this order is possible
	}
	used := make([]bool, len(got))
	next := func(i int, unordered bool) int { // the first that is not used, from i on
		for i < len(got) && (used[i] || got[i].Unordered != unordered) {
			i++
		}
		return i
	}
	ordered, any := next(0, false), next(0, true)
	for i := range want {
		c := want[i].cqe()
		if ordered < len(got) && got[ordered].is(&c) {
			ordered = next(ordered+1, false)
			continue
		}
		i := any
		for i < len(got) && !got[i].is(&c) && !got[i].as(&c) {
			i = next(i+1, true)
		}
		if i == len(got) {
			return false
		}
		used[i] = true
		any = next(any, true)
	}
	return true
}

// equalCQEs tells whether each CQE can be the one at its place. It is asked of every result that is as recorded.
func equalCQEs(want []CQEOut, got []CQE) bool {
	for i := range want {
		w, c := &want[i], &got[i]
		switch {
		case uint64(w.UserData) != c.UserData, int32(w.Res) != c.Res, uint32(w.Flags) != c.Flags:
			return false
		case w.Big != nil || c.Big != [2]uint64{}:
			if real := w.cqe(); !c.is(&real) {
				return false
			}
		}
	}
	return true
}

// is tells whether the CQE can be the one that a real kernel posted.
func (c *CQE) is(real *uapi.CQE) bool {
	return c.UserData == real.UserData && c.Res == real.Res && c.Flags == real.Flags && (c.AnyBig || c.Big == real.Big)
}

// as tells whether a request whose result was recorded, and not decided here, may be the one that the CQE is of. Of
// several requests with the same user_data, it is not known whose is whose. EACCES is a verdict, and not exchanged.
func (c *CQE) as(real *uapi.CQE) bool {
	return c.Known && c.UserData == real.UserData && real.Res != int32(uapi.EACCES.Ret()) &&
		(c.Flags^real.Flags)&(uapi.IORING_CQE_F_MORE|uapi.IORING_CQE_F_NOTIF) == 0
}

// Record adds a kernel's results to the event, next to those of others that gave the same, oldest release first.
func (e *Event) Record(got Recorded) {
	var kept []Recorded
	merged := false
	for _, r := range e.Results {
		r.On = slices.DeleteFunc(slices.Clone(r.On), func(on string) bool { return slices.Contains(got.On, on) })
		same := r
		same.On = got.On
		if !merged && cmp.Equal(same, got) {
			r.On, merged = append(r.On, got.On...), true
		}
		if len(r.On) > 0 {
			slices.SortFunc(r.On, byAge)
			kept = append(kept, r)
		}
	}
	if !merged {
		kept = append(kept, got)
	}
	slices.SortStableFunc(kept, func(a, b Recorded) int { return byAge(a.On[0], b.On[0]) })
	e.Results = kept
}

// byAge orders releases; kernels that are not modelled come last.
func byAge(a, b string) int {
	age := func(name string) int {
		i := slices.IndexFunc(kernel.Releases, func(r kernel.Release) bool { return r.Name == name })
		if i < 0 {
			i = len(kernel.Releases)
		}
		return i
	}
	if d := age(a) - age(b); d != 0 {
		return d
	}
	return strings.Compare(a, b)
}

// Compare is the outcome of an event whose results are known already, as those of a real kernel are. The order of CQEs
// is left to the model to judge, which knows where it is a fact.
func Compare(e *Event, number int, release string, got Recorded) Outcome {
	o := Outcome{Event: e, Number: number, Got: got, Want: e.RecordedOn(release)}
	for _, c := range got.CQEs {
		o.CQEs = append(o.CQEs, CQE{CQE: c.cqe(), Unordered: true})
	}
	if o.Want != nil {
		o.Diff = diff(*o.Want, got, o.CQEs)
	}
	return o
}

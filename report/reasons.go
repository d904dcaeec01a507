package report

import (
	"fmt"
	"strings"

	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/verdict"
)

// reasons are why calls and requests of a trace were refused, the same ones once.
type reasons struct {
	List []*reason
	Left int // refusals whose reason is not listed
	by   map[string]*reason
}

// reason is one of them.
type reason struct {
	ID       int
	What     string // the opcode, or the call
	Errno    string
	Stage    verdict.Stage
	Where    string // file:function of the kernel
	Why      string
	Quirk    string
	Count    int
	Places   []place
	Contexts []seen   // what filters saw
	Steps    []string // how the filter came to deny the first of them
	Others   int      // refusals with another context
}

// place is a call that has the refusal.
type place struct {
	Event int
	Shown bool // the timeline has it
}

// seen is a context in words.
type seen struct {
	Text  string
	Count int
}

// add adds what was refused in an event; c is its call in the timeline, nil if it is not there.
func (r *reasons) add(o *trace.Outcome, c *call, left *limits) {
	if o.Why != nil {
		r.count(o, c, left, Describe(o.Event), o.Why, nil)
	}
	for i := range o.Requests {
		if q := &o.Requests[i]; q.Why != nil {
			r.count(o, c, left, q.Opcode.String(), q.Why, q)
		}
	}
}

// count counts a refusal, of a request or, if that is nil, of a call.
func (r *reasons) count(o *trace.Outcome, c *call, left *limits, what string, why *verdict.Refusal, q *trace.Request) {
	key := what + "\x00" + why.Error()
	one := r.by[key]
	if one == nil {
		if left.reasons == 0 {
			r.Left++
			return
		}
		left.reasons--
		one = &reason{ID: len(r.List), What: clean(what), Errno: why.Errno.String(), Stage: why.Stage, Where: why.Where,
			Why: clean(why.Why), Quirk: why.Quirk}
		if why.Filter != nil {
			one.Why = clean(why.Filter.String())
		}
		if r.by == nil {
			r.by = map[string]*reason{}
		}
		r.by[key] = one
		r.List = append(r.List, one)
	}
	one.Count++
	if len(one.Places) < maxPlaces && (len(one.Places) == 0 || one.Places[len(one.Places)-1].Event != o.Number) {
		one.Places = append(one.Places, place{o.Number, c != nil})
	}
	if c != nil && c.ReasonIndex < 0 {
		c.ReasonIndex = one.ID
	}
	if q != nil && why.Filter != nil && !why.Filter.Marker {
		one.saw(q, why.Filter)
	}
}

// saw keeps what the filter saw of the request.
func (r *reason) saw(q *trace.Request, f *verdict.FilterStep) {
	if r.Steps == nil && f.Index < len(q.Filters) {
		path := q.Filters[f.Index].Program.Explain(&q.Context)
		r.Steps = path.Lines()
		if len(r.Steps) > maxSteps {
			r.Steps = append(r.Steps[:maxSteps], fmt.Sprintf("and %d more", len(path.Steps)-maxSteps))
		}
	}
	text := contextOf(q, f.Loads)
	for i := range r.Contexts {
		if r.Contexts[i].Text == text {
			r.Contexts[i].Count++
			return
		}
	}
	if len(r.Contexts) == maxContexts {
		r.Others++
		return
	}
	r.Contexts = append(r.Contexts, seen{text, 1})
}

// contextOf is what was loaded of the context, in words.
func contextOf(q *trace.Request, loads []verdict.Load) string {
	var words []string
	told := map[uint32]bool{}
	for _, l := range loads {
		if !told[l.Off] {
			told[l.Off] = true
			words = append(words, q.Context.Describe(l.Off))
		}
	}
	if words == nil {
		return "it looked at nothing"
	}
	return strings.Join(words, ", ")
}

// More is how many places are not listed.
func (r *reason) More() bool { return len(r.Places) == maxPlaces }

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
	ID        int
	Subjects  tally // opcodes, or calls
	Errno     string
	Stage     verdict.Stage
	Where     string // file:function of the kernel
	Why       string
	Quirk     string
	Count     int
	Places    []place
	Elsewhere int      // calls that Places does not have
	Contexts  tally    // what filters saw
	Steps     []string // how the filter came to deny the first of them
	last      int      // event
}

// place is a call that has the refusal.
type place struct {
	Event int
	Shown bool // the timeline has it
}

// tally counts texts.
type tally struct {
	List   []counted
	Others int // that have no room in the list
}

type counted struct {
	Text  string
	Count int
}

// add counts a text, of which there is room for so many.
func (t *tally) add(text string, room int) {
	for i := range t.List {
		if t.List[i].Text == text {
			t.List[i].Count++
			return
		}
	}
	if len(t.List) == room {
		t.Others++
		return
	}
	t.List = append(t.List, counted{text, 1})
}

// times is a number in words.
func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// Times is how often something was refused so.
func (r *reason) Times() string { return times(r.Count) }

// Times is the number in words.
func (c counted) Times() string { return times(c.Count) }

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
	key := why.Error()
	one := r.by[key]
	if one == nil {
		if left.reasons == 0 {
			r.Left++
			return
		}
		left.reasons--
		one = newReason(len(r.List), why)
		if r.by == nil {
			r.by = map[string]*reason{}
		}
		r.by[key] = one
		r.List = append(r.List, one)
	}
	one.Count++
	one.Subjects.add(clean(what), maxSubjects)
	one.at(o.Number, c != nil)
	if c != nil && c.ReasonIndex < 0 {
		c.ReasonIndex = one.ID
	}
	if q != nil && why.Filter != nil && !why.Filter.Marker {
		one.saw(q, why.Filter)
	}
}

func newReason(id int, why *verdict.Refusal) *reason {
	r := reason{ID: id, Errno: why.Errno.String(), Stage: why.Stage, Where: why.Where, Why: clean(why.Why),
		Quirk: why.Quirk}
	if why.Filter != nil {
		r.Why = clean(why.Filter.String())
	}
	return &r
}

// at adds a place.
func (r *reason) at(event int, shown bool) {
	if event == r.last {
		return
	}
	r.last = event
	if len(r.Places) == maxPlaces {
		r.Elsewhere++
		return
	}
	r.Places = append(r.Places, place{event, shown})
}

// saw keeps what the filter saw of the request.
func (r *reason) saw(q *trace.Request, f *verdict.FilterStep) {
	r.Contexts.add(contextOf(q, f.Loads), maxContexts)
	if r.Steps != nil {
		return
	}
	path := q.Filters[f.Index].Program.Explain(&q.Context)
	r.Steps = path.Lines()
	if len(r.Steps) > maxSteps {
		r.Steps = append(r.Steps[:maxSteps], fmt.Sprintf("and %d more", len(path.Steps)-maxSteps))
	}
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
		return "nothing, it denies all of them"
	}
	return strings.Join(words, ", ")
}

package report

import (
	"fmt"
	"strings"

	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/verdict"
)

// reasons lists why calls and requests of a trace were refused, each reason once.
type reasons struct {
	List []*reason
	Left int // refusals whose reason is not listed
	by   map[string]*reason
}

// reason is one entry of the list.
type reason struct {
	ID        int
	Subjects  tally // the opcodes or calls that were refused
	Errno     string
	Stage     verdict.Stage
	Where     string // kernel source, as file:function
	Why       string
	Quirk     string
	Count     int
	Places    []place
	Elsewhere int      // how many more calls there are than Places lists
	Contexts  tally    // what the filter saw
	Steps     []string // how the filter came to deny the first of them
	last      int      // number of the last event that was added
}

// place is a call in which something was refused.
type place struct {
	Event int
	Shown bool // whether the timeline shows it
}

// tally counts how often each text occurs.
type tally struct {
	List   []counted
	Others int // texts for which the list had no room
}

type counted struct {
	Text  string
	Count int
}

// add counts a text; the list has at most room entries.
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

// times returns a count in words.
func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// Times returns in words how often something was refused for this reason.
func (r *reason) Times() string { return times(r.Count) }

// Times returns the count in words.
func (c counted) Times() string { return times(c.Count) }

// add adds what was refused in an event; c is its call in the timeline, or nil if the timeline has no room for it.
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

// count counts the refusal of request q, or of the call if q is nil.
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

// at adds the place of a refusal.
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

// saw records what the filter saw of the request, and for the first request how the filter decided.
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

// contextOf describes the words of the context that the filter loaded.
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

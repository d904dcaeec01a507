package report

import (
	"fmt"
	"slices"

	"github.com/uringsim/uringsim/trace"
)

// timeline holds the first calls of a trace.
type timeline struct {
	Calls []call
	Left  int // calls left out
	rings rings
}

// call is a column of the timeline.
type call struct {
	Number       int
	Task         string
	Child        string // the new task, if any
	Ring         string // the ring it uses, if known
	Kind         string // name of the call
	Text         string // the call with its arguments, in words
	Result       string
	Why          string // the trace's remark
	Class        Class
	Requests     []request
	LeftRequests int           // requests left out of Requests
	byClass      map[Class]int // number of requests
	ReasonIndex  int           // index in the trace's list of reasons, or -1
}

// request describes a request in words.
type request struct {
	Name, Fate string
	Class      Class
}

// letter is how a call is marked in the timeline.
type letter struct{ Letter, Call string }

var letters = []letter{{"S", "setup"}, {"R", "register"}, {"E", "enter"}, {"C", "reap"}, {"F", "fork"}, {"V", "vfork"},
	{"T", "thread"}, {"X", "exec"}, {"Z", "exit"}}

// Letter returns the mark of the call.
func (c *call) Letter() string {
	if i := slices.IndexFunc(letters, func(l letter) bool { return l.Call == c.Kind }); i >= 0 {
		return letters[i].Letter
	}
	return "·"
}

// Title describes the call on one line.
func (c *call) Title() string {
	text := fmt.Sprintf("%d: %s, %s: %s", c.Number, c.Task, c.Text, c.Result)
	for _, row := range classes {
		if n := c.byClass[row.Class]; n > 0 {
			text += fmt.Sprintf("; %s %s", Number(n, "request"), row.Class)
		}
	}
	return text
}

// add adds a call and returns it, or nil if there is no room.
func (t *timeline) add(o *trace.Outcome, left *limits) *call {
	ring := t.rings.of(o)
	if left.calls == 0 {
		t.Left++
		return nil
	}
	left.calls--
	c := call{Number: o.Number, Task: clean(o.Event.Task), Child: clean(childOf(o)), Ring: clean(ring),
		Kind: o.Event.Call(), Text: clean(Describe(o.Event)), Result: resultOf(o), Why: clean(o.Event.Why),
		Class: classOfCall(o), byClass: map[Class]int{}, ReasonIndex: -1}
	all := answersOf(o)
	for i := range o.Requests {
		q := &o.Requests[i]
		class := all.class(q)
		c.byClass[class]++
		if len(c.Requests) < maxRequests {
			name := RequestName(q.Opcode, q.UserData)
			c.Requests = append(c.Requests, request{name, clean(all.fate(q)), class})
		} else {
			c.LeftRequests++
		}
	}
	t.Calls = append(t.Calls, c)
	return &t.Calls[len(t.Calls)-1]
}

// resultOf describes the result of a call.
func resultOf(o *trace.Outcome) string {
	switch {
	case o.Unmodelled != "":
		return clean("not modelled: " + o.Unmodelled)
	case o.Why != nil:
		return clean(o.Got.Ret.String() + "  " + o.Why.String())
	}
	return o.Got.Ret.String()
}

// childOf returns the name of the task that the event makes, or "".
func childOf(o *trace.Outcome) string {
	if o.Got.Ret < 0 || o.Unmodelled != "" {
		return ""
	}
	switch a := o.Event.Args.(type) {
	case *trace.ForkArgs:
		return a.Child
	case *trace.VForkArgs:
		return a.Child
	case *trace.ThreadArgs:
		return a.Child
	}
	return ""
}

// rings resolves descriptors to the names of rings: a descriptor stands for the last ring that was set up with it.
type rings struct {
	setups int
	byFD   map[int32]string
}

// of returns the name of the ring that the event uses, or "" if it is not known.
func (r *rings) of(o *trace.Outcome) string {
	switch a := o.Event.Args.(type) {
	case *trace.SetupArgs:
		return r.setup(a, o)
	case *trace.EnterArgs:
		if a.Ring != "" {
			return a.Ring
		}
		return r.byFD[int32(a.FD)]
	case *trace.RegisterArgs:
		if !a.Registered {
			return r.byFD[int32(a.FD)]
		}
	case *trace.ReapArgs:
		return a.Ring
	}
	return ""
}

// setup returns the name of a new ring.
func (r *rings) setup(a *trace.SetupArgs, o *trace.Outcome) string {
	r.setups++
	if o.Got.Ret < 0 || o.Unmodelled != "" {
		return ""
	}
	name := a.Ring
	if name == "" {
		name = fmt.Sprintf("ring%d", r.setups)
	}
	if r.byFD == nil {
		r.byFD = map[int32]string{}
	}
	if r.setups <= maxRings {
		r.byFD[int32(o.Got.Ret)] = name
	}
	return name
}

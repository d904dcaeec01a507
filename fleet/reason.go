package fleet

import (
	"cmp"
	"fmt"
	"slices"
)

// Reason is why requests, calls or events failed, or why their result is unknown. All fields before Tally are its key.
type Reason struct {
	Result Kind   `json:"result"`
	Opcode string `json:"opcode,omitzero"` // of the requests
	Call   string `json:"call,omitzero"`   // of the calls, if known: "enter", "register PROBE"
	Errno  string `json:"errno,omitzero"`
	Stage  string `json:"stage,omitzero"` // a verdict.Stage
	Where  string `json:"where,omitzero"` // kernel source, as file:function
	Quirk  string `json:"quirk,omitzero"` // the quirk of the release that is the cause, if any
	By     string `json:"by,omitzero"`    // the part of the policy that denies them: its restrictions or a filter

	Tally
	Values      []Value  `json:"values,omitzero"`       // ordered by text
	OtherValues uint64   `json:"other_values,omitzero"` // total count of the values that are not listed
	Needs       []string `json:"needs,omitzero"`        // what the policy would have to allow, in its own language
	MoreNeeds   bool     `json:"more_needs,omitzero"`   // whether there are needs that are not listed
}

// Kind says what became of a request, call or event.
type Kind string

const (
	Denied     Kind = "denied"     // by the policy on trial
	Refused    Kind = "refused"    // by a check, in a replay without a policy
	Undecided  Kind = "undecided"  // whether the policy denies it depends on what the log does not show
	Unmodelled Kind = "unmodelled" // the model does not cover it
	Differs    Kind = "differs"    // its result differs from the recorded one
)

// Value is what was seen of some of the requests, calls or events with the same reason: the values that decided, the
// check in words, or what is missing.
type Value struct {
	Text string `json:"value"`
	Tally
}

// Tally counts how often something occurred.
type Tally struct {
	Count     uint64 `json:"count"`
	Traces    uint64 `json:"traces"`             // in how many traces
	Cancelled uint64 `json:"cancelled,omitzero"` // requests cancelled with their chains
	Example   Place  `json:"example"`            // the first place in the first trace, in order of names
}

// Place locates a request or an event.
type Place struct {
	Trace    string `json:"trace"`
	Event    int    `json:"event"`            // number in the trace, from 1
	Request  int    `json:"request,omitzero"` // number in the call, from 1; 0 is the event itself
	Task     string `json:"task"`
	UserData uint64 `json:"user_data,string,omitzero"` // user_data of the request
}

// String names the trace, the event, the request and the task.
func (p *Place) String() string {
	s := fmt.Sprintf("%s: event %d", p.Trace, p.Event)
	if p.Request > 0 {
		s += fmt.Sprintf(", request %d (user_data=%d)", p.Request, p.UserData)
	}
	return s + " by " + p.Task
}

// compare orders places by trace, event and request.
func (p *Place) compare(o *Place) int {
	return cmp.Or(cmp.Compare(p.Trace, o.Trace), cmp.Compare(p.Event, o.Event), cmp.Compare(p.Request, o.Request),
		cmp.Compare(p.Task, o.Task), cmp.Compare(p.UserData, o.UserData))
}

func (t *Tally) add(o *Tally) {
	t.Count += o.Count
	t.Traces += o.Traces
	t.Cancelled += o.Cancelled
	if o.Example.compare(&t.Example) < 0 {
		t.Example = o.Example
	}
}

// compareReasons orders reasons by their keys.
func compareReasons(a, b *Reason) int {
	return cmp.Or(cmp.Compare(a.Result, b.Result), cmp.Compare(a.Opcode, b.Opcode), cmp.Compare(a.Call, b.Call),
		cmp.Compare(a.Errno, b.Errno), cmp.Compare(a.Stage, b.Stage), cmp.Compare(a.Where, b.Where),
		cmp.Compare(a.Quirk, b.Quirk), cmp.Compare(a.By, b.By))
}

func compareValues(a, b *Value) int { return cmp.Compare(a.Text, b.Text) }

func compareNeeds(a, b *string) int { return cmp.Compare(*a, *b) }

// add adds a reason with the same key from other traces.
func (r *Reason) add(o *Reason) {
	r.Tally.add(&o.Tally)
	r.OtherValues += o.OtherValues
	r.Values = merged(r.Values, o.Values, compareValues, func(to, more *Value) { to.Tally.add(&more.Tally) })
	for i := maxValues; i < len(r.Values); i++ {
		r.OtherValues += r.Values[i].Count
	}
	r.Values = r.Values[:min(len(r.Values), maxValues)]
	r.Needs = merged(r.Needs, o.Needs, compareNeeds, func(*string, *string) {})
	r.MoreNeeds = r.MoreNeeds || o.MoreNeeds || len(r.Needs) > maxNeeds
	r.Needs = r.Needs[:min(len(r.Needs), maxNeeds)]
}

// again adds what occurred in the same trace.
func (t *Tally) again(o *Tally) {
	traces := t.Traces
	t.add(o)
	t.Traces = traces
}

// more adds a reason to the result of one trace.
func (r *Result) more(one Reason) {
	one.Traces = 1
	for i := range one.Values {
		one.Values[i].Traces = 1
	}
	i, known := slices.BinarySearchFunc(r.Reasons, &one, func(a Reason, b *Reason) int { return compareReasons(&a, b) })
	if known {
		r.Reasons[i].more(&one)
		return
	}
	r.Reasons = slices.Insert(r.Reasons, i, one)
	if last := len(r.Reasons) - 1; last == maxReasons {
		r.OtherReasons += r.Reasons[last].Count
		r.Reasons = r.Reasons[:last]
	}
}

// more adds a reason with the same key from the same trace.
func (r *Reason) more(one *Reason) {
	r.again(&one.Tally)
	r.OtherValues += one.OtherValues
	for _, v := range one.Values {
		i, known := slices.BinarySearchFunc(r.Values, &v, func(a Value, b *Value) int { return compareValues(&a, b) })
		if known {
			r.Values[i].again(&v.Tally)
			continue
		}
		r.Values = slices.Insert(r.Values, i, v)
		if last := len(r.Values) - 1; last == maxValues {
			r.OtherValues += r.Values[last].Count
			r.Values = r.Values[:last]
		}
	}
	for _, n := range one.Needs {
		if i, known := slices.BinarySearch(r.Needs, n); !known {
			r.Needs = slices.Insert(r.Needs, i, n)
		}
	}
	r.MoreNeeds = r.MoreNeeds || one.MoreNeeds || len(r.Needs) > maxNeeds
	r.Needs = r.Needs[:min(len(r.Needs), maxNeeds)]
}

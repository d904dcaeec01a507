package fleet

import (
	"cmp"
	"fmt"
	"slices"
)

// Reason is why requests, calls or events came to nothing, or are not known. All but its Tally and Values is its key.
type Reason struct {
	Result Kind   `json:"result"`
	Opcode string `json:"opcode,omitzero"` // of requests
	Call   string `json:"call,omitzero"`   // otherwise, if that is known: "enter", "register PROBE"
	Errno  string `json:"errno,omitzero"`
	Stage  string `json:"stage,omitzero"` // of package verdict
	Where  string `json:"where,omitzero"` // the kernel function, as file:function
	Quirk  string `json:"quirk,omitzero"` // that made the difference
	By     string `json:"by,omitzero"`    // the part of the policy that denies requests

	Tally
	Values      []Value  `json:"values,omitzero"`       // by text
	OtherValues uint64   `json:"other_values,omitzero"` // the counts of those that are not listed
	Needs       []string `json:"needs,omitzero"`        // what a policy would have to allow, as it says that
	MoreNeeds   bool     `json:"more_needs,omitzero"`   // there are others
}

// Kind is what became of a request, call or event.
type Kind string

const (
	Denied     Kind = "denied"     // by the policy on trial
	Refused    Kind = "refused"    // by a check, in a replay without a policy
	Undecided  Kind = "undecided"  // it depends on what a log does not show whether the policy denies it
	Unmodelled Kind = "unmodelled" // the model does not know what becomes of it
	Differs    Kind = "differs"    // from what is on record
)

// Value is what was seen of requests, calls or events that have a reason in common: the values that decided, the check
// in words, or what is missing.
type Value struct {
	Text string `json:"value"`
	Tally
}

// Tally is how often something came up.
type Tally struct {
	Count     uint64 `json:"count"`
	Traces    uint64 `json:"traces"`             // in which it did
	Cancelled uint64 `json:"cancelled,omitzero"` // requests that died with their chains
	Example   Place  `json:"example"`            // the first trace in order, and the first place in it
}

// Place is where a request or event stands.
type Place struct {
	Trace    string `json:"trace"`
	Event    int    `json:"event"`            // from 1
	Request  int    `json:"request,omitzero"` // of those that the event's call submitted, from 1; 0 is the event itself
	Task     string `json:"task"`
	UserData uint64 `json:"user_data,string,omitzero"` // of the request
}

// String is the trace with the event and the request.
func (p *Place) String() string {
	s := fmt.Sprintf("%s: event %d", p.Trace, p.Event)
	if p.Request > 0 {
		s += fmt.Sprintf(", request %d (user_data=%d)", p.Request, p.UserData)
	}
	return s + " by " + p.Task
}

// compare orders places by trace and event.
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

// add adds a reason with the same key.
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

// again adds what came up in the same trace.
func (t *Tally) again(o *Tally) {
	traces := t.Traces
	t.add(o)
	t.Traces = traces
}

// more adds a reason of one trace, the only one of the result.
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

// more adds a reason of the same trace with the same key.
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

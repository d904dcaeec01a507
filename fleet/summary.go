// Package fleet adds up what replays of many traces gave, on however many machines: which traces a worker looks at, and
// a summary that is the same however they were divided.
//
// Summaries are a commutative monoid: Add is associative and commutative, and an empty Summary changes nothing. They
// have no more than so many entries, whatever is added.
package fleet

import (
	"cmp"
	"fmt"
)

// Version is that of the document that a Summary is written as.
const Version = 1

// Limits of what a summary has. Entries beyond the first ones, in the order of their keys, are only counted, which gives
// the same whatever is added first.
const (
	maxReasons = 1000 // of a result
	maxValues  = 100  // of a reason
	maxNeeds   = 20   // of a reason
	maxErrors  = 100  // traces of a result that are named
)

// maxResults is how many results, and how many parts, a summary may have; nothing can be added beyond.
const maxResults = 10_000

// Summary is what became of traces. The zero Summary is that of none.
type Summary struct {
	Version int      `json:"summary"`
	Tool    string   `json:"tool,omitzero"` // what made it: other versions of the model may give other results
	Parts   []Part   `json:"parts,omitzero"`
	Results []Result `json:"results,omitzero"`
}

// Result is what became of traces on a release, with a policy on trial or without. Its policy and kernel are its key.
type Result struct {
	Policy   string    `json:"policy,omitzero"` // as PolicyHash gives it; "" is a replay without
	File     string    `json:"file,omitzero"`   // where the policy was read; the first name in order if there are several
	Kernel   string    `json:"kernel"`
	Rejected *Rejected `json:"rejected,omitzero"` // if the release does not let a task register the policy

	Counts Counts `json:"counts"`
	Logged Logged `json:"logged,omitzero"`
	Lacks  Lacks  `json:"lacks,omitzero"`
	Errors Errors `json:"errors,omitzero"`

	Reasons      []Reason `json:"reasons,omitzero"`       // by key
	OtherReasons uint64   `json:"other_reasons,omitzero"` // requests, calls and events for reasons that are not listed
}

// Rejected says what of a policy a release does not take, and why.
type Rejected struct {
	What  string `json:"what"`
	Errno string `json:"errno"`
	Where string `json:"where"`
	Why   string `json:"why"`
}

// Counts are of the traces of a result. What of them stands behind a policy is 0 without one.
type Counts struct {
	Traces       uint64 `json:"traces"`                  // whole or not
	Broken       uint64 `json:"broken"`                  // of these: the policy breaks something, or something differs
	Unknown      uint64 `json:"unknown"`                 // of these: something is not known
	Events       uint64 `json:"events"`                  // that could be read
	Requests     uint64 `json:"requests"`                // that were submitted
	Refused      uint64 `json:"refused"`                 // of these: by checks, whatever the policy says
	RefusedCalls uint64 `json:"refused_calls"`           // by the policy, if there is one, or else by anything
	Denied       uint64 `json:"denied"`                  // requests that the policy denies, of those not refused
	Cancelled    uint64 `json:"cancelled"`               // requests that die with those
	Undecided    uint64 `json:"undecided"`               // requests of which it is not known whether the policy denies them
	Unmodelled   uint64 `json:"unmodelled"`              // events
	Compared     uint64 `json:"compared"`                // results; none with a policy
	Differ       uint64 `json:"differ"`                  // of these
	Shares       uint64 `json:"shares_filters,omitzero"` // traces that register filters which others with the policy get, too
}

// Logged are the requests that a kernel denied when it was logged, by what the policy says of them.
type Logged struct {
	Denied    uint64 `json:"denied"`
	Allowed   uint64 `json:"allowed"`
	Undecided uint64 `json:"undecided"`
	Example   *Place `json:"example,omitzero"` // of those allowed
}

// Errors are traces that could not be read, or carried out, to their end. What comes before is counted.
type Errors struct {
	Count uint64  `json:"count"`
	First []Error `json:"first"` // by trace, each once
}

// Error is what is wrong with a trace.
type Error struct {
	Trace string `json:"trace"`
	Error string `json:"error"`
}

// Empty is the summary of no traces, made by a tool.
func Empty(tool string) *Summary { return &Summary{Version: Version, Tool: tool} }

// Add adds another summary, which stays as it is. An error says why the two cannot be added up; the summary is of no
// use then.
func (s *Summary) Add(o *Summary) error {
	s.Version = Version
	switch {
	case s.Tool == "":
		s.Tool = o.Tool
	case o.Tool != "" && o.Tool != s.Tool:
		return fmt.Errorf("one is made by %s, another by %s, which may judge otherwise", min(s.Tool, o.Tool),
			max(s.Tool, o.Tool))
	}
	var failed error
	s.Results = merged(s.Results, o.Results, compareResults, func(to, more *Result) {
		if err := to.add(more); err != nil && failed == nil {
			failed = err
		}
	})
	s.Parts = addParts(s.Parts, o.Parts)
	if failed == nil && max(len(s.Results), len(s.Parts)) > maxResults {
		failed = fmt.Errorf("together they have more than %d results, or parts", maxResults)
	}
	return failed
}

// AddResult adds one result.
func (s *Summary) AddResult(r *Result) error { return s.Add(&Summary{Results: []Result{*r}}) }

// compareResults orders results by their keys.
func compareResults(a, b *Result) int {
	return cmp.Or(cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.Kernel, b.Kernel))
}

// add adds a result with the same key.
func (r *Result) add(o *Result) error {
	if (r.Rejected == nil) != (o.Rejected == nil) || r.Rejected != nil && *r.Rejected != *o.Rejected {
		return fmt.Errorf("of the policy %s on %s, one says %s, another %s", r.Policy, r.Kernel,
			r.Rejected.text(), o.Rejected.text())
	}
	if r.File == "" || o.File != "" && o.File < r.File {
		r.File = o.File
	}
	r.Counts.add(&o.Counts)
	r.Logged.add(&o.Logged)
	r.Lacks.add(&o.Lacks)
	r.Errors.add(&o.Errors)
	r.OtherReasons += o.OtherReasons
	r.Reasons = merged(r.Reasons, o.Reasons, compareReasons, (*Reason).add)
	for i := maxReasons; i < len(r.Reasons); i++ {
		r.OtherReasons += r.Reasons[i].Count
	}
	r.Reasons = r.Reasons[:min(len(r.Reasons), maxReasons)]
	return nil
}

func (r *Rejected) text() string {
	if r == nil {
		return "that it is accepted"
	}
	return "that " + r.What + " is refused: " + r.Errno + ": " + r.Why
}

func (c *Counts) add(o *Counts) {
	from := o.fields()
	for i, n := range c.fields() {
		*n += *from[i]
	}
}

// fields are all that is counted.
func (c *Counts) fields() []*uint64 {
	return []*uint64{&c.Traces, &c.Broken, &c.Unknown, &c.Events, &c.Requests, &c.Refused, &c.RefusedCalls, &c.Denied,
		&c.Cancelled, &c.Undecided, &c.Unmodelled, &c.Compared, &c.Differ, &c.Shares}
}

func (l *Logged) add(o *Logged) {
	l.Denied += o.Denied
	l.Allowed += o.Allowed
	l.Undecided += o.Undecided
	if o.Example != nil && (l.Example == nil || o.Example.compare(l.Example) < 0) {
		l.Example = o.Example
	}
}

func (e *Errors) add(o *Errors) {
	e.Count += o.Count
	e.First = merged(e.First, o.First, compareErrors, func(*Error, *Error) {})
	e.First = e.First[:min(len(e.First), maxErrors)]
}

func compareErrors(a, b *Error) int {
	return cmp.Or(cmp.Compare(a.Trace, b.Trace), cmp.Compare(a.Error, b.Error))
}

// merged are two lists in one, in order. Elements with one key become one, to which add adds the other.
func merged[T any](a, b []T, compare func(a, b *T) int, add func(to, more *T)) []T {
	if len(a) == 0 {
		return b
	}
	var all []T
	for len(a) > 0 && len(b) > 0 {
		switch c := compare(&a[0], &b[0]); {
		case c < 0:
			all, a = append(all, a[0]), a[1:]
		case c > 0:
			all, b = append(all, b[0]), b[1:]
		default:
			all = append(all, a[0])
			add(&all[len(all)-1], &b[0])
			a, b = a[1:], b[1:]
		}
	}
	return append(append(all, a...), b...)
}

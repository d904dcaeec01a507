// Package fleet divides the replay of many traces among workers and adds up what they found, into a summary that is the
// same however the traces were divided.
//
// Summaries form a commutative monoid: Add is associative and commutative, and adding an empty Summary changes nothing.
// Their size is bounded, whatever is added.
package fleet

import (
	"cmp"
	"fmt"
)

// Version is the version of the JSON document that holds a Summary.
const Version = 1

// Limits of a summary. The first entries in the order of their keys are kept and the others only counted, so that the
// order of additions does not matter.
const (
	maxReasons = 1000 // of a result
	maxValues  = 100  // of a reason
	maxNeeds   = 20   // of a reason
	maxErrors  = 100  // traces named in a result
)

// maxResults is the greatest number of results, and of parts; adding more is an error.
const maxResults = 10_000

// Summary says what became of traces. The zero Summary is of no traces.
type Summary struct {
	Version int      `json:"summary"`
	Tool    string   `json:"tool,omitzero"` // the version of uringsim; others may judge differently
	Parts   []Part   `json:"parts,omitzero"`
	Results []Result `json:"results,omitzero"`
}

// Result says what became of traces on a release, in a trial of a policy or without one. Policy and Kernel are its key.
type Result struct {
	Policy   string    `json:"policy,omitzero"` // from PolicyHash; "" is a replay without a policy
	File     string    `json:"file,omitzero"`   // where the policy was read; the least name if there are several
	Kernel   string    `json:"kernel"`
	Rejected *Rejected `json:"rejected,omitzero"` // set if the release refuses to register the policy

	Counts Counts `json:"counts"`
	Logged Logged `json:"logged,omitzero"`
	Lacks  Lacks  `json:"lacks,omitzero"`
	Errors Errors `json:"errors,omitzero"`

	Reasons      []Reason `json:"reasons,omitzero"`       // ordered by key
	OtherReasons uint64   `json:"other_reasons,omitzero"` // requests, calls and events whose reason is not listed
}

// Rejected says what part of a policy a release refuses, and why.
type Rejected struct {
	What  string `json:"what"`
	Errno string `json:"errno"`
	Where string `json:"where"`
	Why   string `json:"why"`
}

// Counts counts the traces of a result and what they contain. Numbers that concern a policy are 0 without one.
type Counts struct {
	Traces       uint64 `json:"traces"`                  // complete or not
	Broken       uint64 `json:"broken"`                  // traces that the policy breaks, or with a result that differs
	Unknown      uint64 `json:"unknown"`                 // traces in which some result is unknown
	Events       uint64 `json:"events"`                  // that could be read
	Requests     uint64 `json:"requests"`                // submitted
	Refused      uint64 `json:"refused"`                 // requests that checks refuse, whatever the policy
	RefusedCalls uint64 `json:"refused_calls"`           // calls refused: by the policy if there is one, else by anything
	Denied       uint64 `json:"denied"`                  // requests not refused that the policy denies
	Cancelled    uint64 `json:"cancelled"`               // requests cancelled because of those
	Undecided    uint64 `json:"undecided"`               // requests for which the policy's decision is unknown
	Unmodelled   uint64 `json:"unmodelled"`              // events
	Compared     uint64 `json:"compared"`                // results compared with recorded ones; 0 with a policy
	Differ       uint64 `json:"differ"`                  // results that differ from the recorded ones
	Shares       uint64 `json:"shares_filters,omitzero"` // traces that register filters which others get as well
}

// Logged counts requests that a kernel denied when the log was made, by what the policy decides about them.
type Logged struct {
	Denied    uint64 `json:"denied"`
	Allowed   uint64 `json:"allowed"`
	Undecided uint64 `json:"undecided"`
	Example   *Place `json:"example,omitzero"` // of the allowed ones
}

// Errors counts traces that could not be read or carried out to their end. What came before the error is counted.
type Errors struct {
	Count uint64  `json:"count"`
	First []Error `json:"first"` // the first ones by name, each trace once
}

// Error is what is wrong with a trace.
type Error struct {
	Trace string `json:"trace"`
	Error string `json:"error"`
}

// Empty returns the summary of no traces. The tool is the program that makes it, with its version.
func Empty(tool string) *Summary { return &Summary{Version: Version, Tool: tool} }

// Add adds another summary, which is not changed. If they cannot be added up it returns an error, and the summary must
// not be used any more.
func (s *Summary) Add(o *Summary) error {
	s.Version = Version
	switch {
	case s.Tool == "":
		s.Tool = o.Tool
	case o.Tool != "" && o.Tool != s.Tool:
		return fmt.Errorf("found summaries by %s and by %s, which may judge differently",
			min(s.Tool, o.Tool), max(s.Tool, o.Tool))
	}
	var failed error
	s.Results = merged(s.Results, o.Results, compareResults, func(to, more *Result) {
		if err := to.add(more); err != nil && failed == nil {
			failed = err
		}
	})
	s.Parts = addParts(s.Parts, o.Parts)
	if failed == nil && max(len(s.Results), len(s.Parts)) > maxResults {
		failed = fmt.Errorf("found more than %d results or parts in all summaries together", maxResults)
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
		return fmt.Errorf("policy %s on %s: found a summary that says %s, and another that says %s", r.Policy, r.Kernel,
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

// fields returns all counts.
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

// merged merges two ordered lists. Elements with the same key become one: add adds the second to the first.
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

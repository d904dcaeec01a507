package report

import (
	"slices"

	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// Class is what became of a call or a request, as colours and shapes show it.
type Class string

const (
	Allowed   Class = "allowed"   // a call that succeeded, a request that io_uring carries out
	Refused   Class = "refused"   // by a check before it was to run
	Failed    Class = "failed"    // a request that ran, and gave an error
	Cancelled Class = "cancelled" // with its chain
	Waiting   Class = "waiting"   // in a chain, at the end of the call
	Unknown   Class = "unknown"   // a call, to the model
)

// shape is how a Class is drawn.
type shape struct {
	Class Class
	Doc   string
	Path  string // an SVG path in a square of 12 around the origin
}

// classes has a row for each Class that requests have, in the order in which they are shown.
var classes = []shape{
	{Refused, "refused before it ran", "M-6-6H6V6H-6Z " +
		"M-3.6-2.4-1.2 0-3.6 2.4-2.4 3.6 0 1.2 2.4 3.6 3.6 2.4 1.2 0 3.6-2.4 2.4-3.6 0-1.2-2.4-3.6Z"},
	{Failed, "ran, and gave an error", "M0-6 6.5 5.5H-6.5Z"},
	{Cancelled, "cancelled with its chain", "M0-6.5 6.5 0 0 6.5-6.5 0Z"},
	{Waiting, "waits in its chain", "M-5.5 0A5.5 5.5 0 1 0 5.5 0A5.5 5.5 0 1 0-5.5 0Z " +
		"M-3 0A3 3 0 1 1 3 0A3 3 0 1 1-3 0Z"},
	{Allowed, "allowed", "M-5.5 0A5.5 5.5 0 1 0 5.5 0A5.5 5.5 0 1 0-5.5 0Z"},
}

// class is what became of a request.
func (a answers) class(q *trace.Request) Class {
	switch {
	case q.Why != nil && q.Why.Stage == verdict.Link:
		return Cancelled
	case q.Why != nil && (q.Issued || q.Why.Stage == verdict.Issue):
		return Failed
	case q.Why != nil:
		return Refused
	case q.Issued:
		return Allowed
	}
	cancelled := func(c trace.CQE) bool { return c.Res == -int32(uapi.ECANCELED) }
	if slices.ContainsFunc(a.cqes[q.UserData], cancelled) {
		return Cancelled
	}
	return Waiting
}

// classOfCall is what became of a call.
func classOfCall(o *trace.Outcome) Class {
	switch {
	case o.Unmodelled != "":
		return Unknown
	case o.Got.Ret < 0:
		return Refused
	}
	return Allowed
}

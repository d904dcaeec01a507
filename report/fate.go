package report

import (
	"slices"

	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// Class says what became of a call or a request; each has its own colour and shape.
type Class string

const (
	Allowed   Class = "allowed"   // a call succeeded, or io_uring carries out a request
	Refused   Class = "refused"   // by a check, before it ran
	Failed    Class = "failed"    // a request ran and gave an error
	Cancelled Class = "cancelled" // a request, with its chain
	Waiting   Class = "waiting"   // a request still waits in its chain when the call returns
	Unknown   Class = "unknown"   // a call is not modelled
)

// shape is how a Class is drawn.
type shape struct {
	Class Class
	Doc   string
	Path  string // an SVG path within 12 by 12 around the origin
}

// classes has a row for each Class a request can have, in the order they are shown.
var classes = []shape{
	{Refused, "refused before it ran", "M-6-6H6V6H-6Z " +
		"M-3.6-2.4-1.2 0-3.6 2.4-2.4 3.6 0 1.2 2.4 3.6 3.6 2.4 1.2 0 3.6-2.4 2.4-3.6 0-1.2-2.4-3.6Z"},
	{Failed, "ran, and gave an error", "M0-6 6.5 5.5H-6.5Z"},
	{Cancelled, "cancelled with its chain", "M0-6.5 6.5 0 0 6.5-6.5 0Z"},
	{Waiting, "waits in its chain", "M-5.5 0A5.5 5.5 0 1 0 5.5 0A5.5 5.5 0 1 0-5.5 0Z " +
		"M-3 0A3 3 0 1 1 3 0A3 3 0 1 1-3 0Z"},
	{Allowed, "allowed", "M-5.5 0A5.5 5.5 0 1 0 5.5 0A5.5 5.5 0 1 0-5.5 0Z"},
}

// class says what became of a request.
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

// classOfCall says what became of a call.
func classOfCall(o *trace.Outcome) Class {
	switch {
	case o.Unmodelled != "":
		return Unknown
	case o.Got.Ret < 0:
		return Refused
	}
	return Allowed
}

// Package dryrun asks a kernel what it says to requests, and none of them is carried out.
//
// Each request is the second of a chain whose first fails, as there is no such opcode. A kernel prepares the whole chain
// and shows it to restrictions and filters before it gives up on it. So a request that is refused has the errno of that,
// and one that is not is cancelled.
package dryrun

import (
	"fmt"

	"github.com/uringsim/uringsim/internal/judge"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/request"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// Report is what a kernel said.
type Report struct {
	Release string // the modelled release that the kernel belongs to, or its own version
	Version string // as uname says
	Refused string // which registration of the plan it refuses, from 1, and how; "" if none
	Answers []request.Want
}

// Ask registers the plan in a task, and lets a child of it for each SQE submit that. SQEs that kernels cannot be given are
// an error.
func Ask(j judge.Judge, p *plan.Plan, sqes []*trace.SQE) (*Report, error) {
	t := &trace.Trace{Header: trace.Header{Trace: trace.Version}}
	t.Events = append(t.Events, p.Registration()...)
	registered := len(t.Events)
	for i, s := range sqes {
		t.Events = append(t.Events, events(fmt.Sprintf("child%d", i+1), s)...)
	}
	v, err := j.Ask(judge.Question{Trace: t})
	if err != nil {
		return nil, err
	}
	if v.Err != "" {
		return nil, fmt.Errorf("kernel %s: %s", v.Version, v.Err)
	}
	r := &Report{Release: v.Release, Version: v.Version}
	for i, result := range v.Results[:registered] {
		if result.Ret < 0 {
			r.Refused = fmt.Sprintf("registration %d: %s", i, result.Ret)
			return r, nil
		}
	}
	for rest := v.Results[registered:]; len(rest) > 0; rest = rest[perRequest:] {
		answer, err := answer(rest[entered].CQEs)
		if err != nil {
			return nil, fmt.Errorf("kernel %s, request %d: %w", v.Version, len(r.Answers)+1, err)
		}
		r.Answers = append(r.Answers, answer)
	}
	return r, nil
}

// What events gives, and which of them submits.
const (
	perRequest = 4
	entered    = 2
)

// events let a child of the first task submit the request.
func events(child string, s *trace.SQE) []trace.Event {
	const ring = 3 // the first descriptor that is free
	flags := uint64(0)
	if s.Is128() {
		flags = uapi.IORING_SETUP_SQE128
	}
	last := *s
	last.Slot = nil // or it may take the place of the head
	chain := []trace.SQE{head, last}
	if s.Opcode() == uapi.IORING_OP_LINK_TIMEOUT { // its prep asks what it follows
		chain = chain[1:]
	}
	return []trace.Event{
		{Task: trace.InitTask, Args: &trace.ForkArgs{Child: child}},
		{Task: child, Args: &trace.SetupArgs{Ring: child, Entries: 2, Flags: trace.SetupNum(flags)}},
		{Task: child, Args: &trace.EnterArgs{FD: ring, Ring: child, SQEs: chain}},
		{Task: child, Args: &trace.ExitArgs{}},
	}
}

// head is what no kernel knows, linked to what follows.
var head = trace.SQE{Raw: func() []byte {
	var s uapi.SQE
	s.SetOpcode(0xff)
	s.SetFlags(uapi.IOSQE_IO_LINK)
	return s[:]
}()}

// answer is what the CQEs of a chain say of its last request.
func answer(cqes []trace.CQEOut) (request.Want, error) {
	if len(cqes) == 0 {
		return "", fmt.Errorf("found no CQEs, expected those of a chain")
	}
	switch res := cqes[min(1, len(cqes)-1)].Res; res {
	case trace.Ret(uapi.ECANCELED.Ret()):
		return request.Allow, nil
	case trace.Ret(uapi.EACCES.Ret()):
		return request.Deny, nil
	default:
		return request.Want(res.String()), nil
	}
}

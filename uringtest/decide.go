package uringtest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/sqe"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// Decision is what becomes of a request.
type Decision int

// The decisions.
const (
	Allowed Decision = iota + 1 // it is carried out, whatever that gives
	Denied                      // a restriction or a filter refuses it
	Invalid                     // it is refused as such, before a filter can look at it
)

// String is the decision in a word.
func (d Decision) String() string {
	switch d {
	case Allowed:
		return "allowed"
	case Denied:
		return "denied"
	case Invalid:
		return "neither allowed nor denied"
	}
	return fmt.Sprintf("Decision(%d)", int(d))
}

// Answer is what a kernel decided on a request, and why.
type Answer struct {
	Opcode   uapi.Op
	Decision Decision
	Why      *verdict.Refusal // nil if nothing was refused
	Filters  []trace.Filter   // those of the opcode, newest first
	Context  cbpfvm.Context   // what they saw of the request, if there are any
}

// answer reads the model's account of a request.
func answer(r *trace.Request) Answer {
	a := Answer{Opcode: r.Opcode, Decision: Allowed, Why: r.Why, Filters: r.Filters, Context: r.Context}
	if r.Why == nil {
		return a
	}
	switch r.Why.Stage {
	case verdict.Restriction, verdict.Filter:
		a.Decision = Denied
	case verdict.Init, verdict.Prep:
		a.Decision = Invalid
	}
	return a
}

// Decide is what the kernel does with the request of a task that registered the sandbox. It fails the test if the
// sandbox cannot be registered. A LINK_TIMEOUT, which is nothing alone, gets a NOP before it to be the timeout of.
func (k Kernel) Decide(t testing.TB, s *Sandbox, request sqe.SQE) Answer {
	t.Helper()
	task := k.Boot(t)
	task.NoNewPrivs()
	task.Restrict(s)
	return task.decide(request)
}

// decide submits the request to a ring of the task's own, which is gone afterwards.
func (t *Task) decide(request sqe.SQE) Answer {
	t.tb.Helper()
	ring := t.Setup(ringFlags(request))
	a := ring.decide(request)
	t.must(&trace.CloseArgs{FD: trace.Number(ring.fd)}, "close")
	return a
}

// decide submits the request, and a NOP before it if it is nothing alone.
func (r *Ring) decide(request sqe.SQE) Answer {
	r.task.tb.Helper()
	requests := []sqe.SQE{request}
	if request.Opcode() == uapi.IORING_OP_LINK_TIMEOUT {
		requests = []sqe.SQE{sqe.Nop().Link(), request}
	}
	answers := r.Submit(requests...)
	return answers[len(answers)-1]
}

// ringFlags are those of a ring that takes the request.
func ringFlags(request sqe.SQE) uint32 {
	if request.Is128() {
		return uapi.IORING_SETUP_SQE128
	}
	return 0
}

// disagree says in words which kernels do not do what is wanted, and why; "" if all do.
func disagree(t testing.TB, kernels []Kernel, s *Sandbox, request sqe.SQE, want Decision) string {
	t.Helper()
	if want < Allowed || want > Invalid {
		return fmt.Sprintf("found %s as what is wanted, expected Allowed, Denied or Invalid", want)
	}
	var all kernel.Answers
	for _, k := range kernels {
		if a := k.Decide(t, s, request); a.Decision != want {
			all.Add(k.Name, explain([]*Sandbox{s}, request.Trace(), a, want))
		}
	}
	return found(all)
}

// found are texts about kernels, without a newline at the end.
func found(all kernel.Answers) string {
	var parts []string
	for _, a := range all {
		parts = append(parts, "on "+a.Releases()+": "+strings.TrimRight(a.Text, "\n"))
	}
	return strings.Join(parts, "\n")
}

package uringtest

import (
	"fmt"

	"github.com/uringsim/uringsim/sqe"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// Ring is a ring that a task has set up.
type Ring struct {
	task *Task
	name string // as descriptors are different rings in different tasks
	fd   int64
}

// ringEntries is the size of rings, and the most requests of one Submit.
const ringEntries = 64

// Setup sets up a ring with the flags IORING_SETUP_*.
func (t *Task) Setup(flags uint32) *Ring {
	t.tb.Helper()
	t.rings++
	name := fmt.Sprintf("ring%d", t.rings)
	args := &trace.SetupArgs{Ring: name, Entries: ringEntries, Flags: trace.SetupNum(flags)}
	what := "setup"
	if flags != 0 {
		what += " with " + uapi.SetupFlags.FormatFlags(uint64(flags))
	}
	return &Ring{t, name, int64(t.must(args, what).Got.Ret)}
}

// Enable enables a ring that was set up with IORING_SETUP_R_DISABLED.
func (r *Ring) Enable() {
	r.task.tb.Helper()
	r.task.must(&trace.RegisterArgs{FD: trace.Number(r.fd), Op: trace.RegisterNum(uapi.IORING_REGISTER_ENABLE_RINGS)},
		"enable the ring")
}

// By is the ring as another task uses it, which has the descriptor from its parent or is a thread of the same process.
func (r *Ring) By(t *Task) *Ring { return &Ring{t, r.name, r.fd} }

// FD is the ring's descriptor.
func (r *Ring) FD() int32 { return int32(r.fd) }

// Submit submits requests in one call, and says what became of each that the kernel took. After one that it refuses it
// takes no more, unless the ring has IORING_SETUP_SUBMIT_ALL.
func (r *Ring) Submit(requests ...sqe.SQE) []Answer {
	r.task.tb.Helper()
	what := "submit"
	var sqes []trace.SQE
	for _, q := range requests {
		sqes = append(sqes, q.Trace())
		what += " " + q.Opcode().String()
	}
	return r.submit(sqes, what)
}

func (r *Ring) submit(sqes []trace.SQE, what string) []Answer {
	t := r.task
	t.tb.Helper()
	args := &trace.EnterArgs{FD: trace.Number(r.fd), Ring: r.name, SQEs: sqes}
	o := t.must(args, what)
	var answers []Answer
	for i := range o.Requests {
		q := &o.Requests[i]
		for _, s := range t.sandboxes {
			s.see(q)
		}
		answers = append(answers, answer(q))
	}
	if len(answers) == 0 {
		t.tb.Fatalf("on %s: %s: the kernel took no request\n%s", t.kernel.Name, what, t.soFar())
	}
	return answers
}

// Allow fails the test unless a request to this ring is let through.
func (r *Ring) Allow(request sqe.SQE) {
	r.task.tb.Helper()
	r.task.hold(request, r.decide(request), Allowed)
}

// Deny fails the test unless a restriction or filter denies a request to this ring.
func (r *Ring) Deny(request sqe.SQE) {
	r.task.tb.Helper()
	r.task.hold(request, r.decide(request), Denied)
}

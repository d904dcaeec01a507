package admission

import (
	"github.com/uringsim/uringsim/internal/ptrace"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// setupAsleep has the host make a ring without a submission thread where the program asks for one with it: what a
// thread takes from a ring nobody could decide about. To the program it is one whose thread always sleeps.
func (r *runner) setupAsleep(t *task, c *call) (ptrace.Step, error) {
	if c.params.Flags&uapi.IORING_SETUP_IOPOLL != 0 && t.model.Restrict != nil {
		r.gap("a task with restrictions or filters is refused rings with both IORING_SETUP_SQPOLL and IORING_SETUP_IOPOLL: " +
			"only a thread polls for completions without a call, and nobody could decide about what it takes")
		return ptrace.Pass, t.Skip(uapi.EOPNOTSUPP.Ret())
	}
	var other *ptrace.Ring
	if c.params.Flags&uapi.IORING_SETUP_ATTACH_WQ != 0 {
		if ring := r.ringOf(t, uint64(c.params.WQFD), false); ring != nil {
			other = ring.Ring
		}
	}
	flags, asleep := ptrace.AsleepFlags(c.params, other)
	at := ptrace.SetupFlags(c.Args[1], c.params.Flags, flags)
	if t.Apply(at) != nil {
		return ptrace.Pass, t.Skip(uapi.EFAULT.Ret()) // as if its sizes could not be given back
	}
	t.capabilities() // the thread has them for good
	c.asleep, c.patches = asleep, append(c.patches, at)
	t.call = c
	return ptrace.Watch, nil
}

// polled tells whether a thread of the host takes what is in the ring.
func (r *ring) polled() bool { return r.Has(uapi.IORING_SETUP_SQPOLL) && !r.Asleep }

// orphaned tells whether a ring's thread would be dead: it ends with the program that made the ring.
func (r *runner) orphaned(ring *ring) bool {
	for _, t := range r.tasks {
		if t.Process == ring.maker {
			return false
		}
	}
	return true
}

// wake does what a thread would that wakes up: a call on its ring submits all that is there.
func (r *runner) wake(t *task, ring *ring, c ptrace.Call) (ptrace.Step, error) {
	switch {
	case ring.model.Flags&uapi.IORING_SETUP_R_DISABLED != 0:
		return ptrace.Pass, nil // EBADFD of the host
	case r.orphaned(ring):
		return r.refuseCall(t, "enter", "", verdict.Refuse(verdict.Enter, uapi.EOWNERDEAD,
			"io_uring/io_uring.c:io_uring_enter", "the submission thread must be alive"))
	}
	return r.submitInTurn(t, ring, c)
}

// took is what a call gives that has submitted: on a ring with a thread that is what the program asked for.
func (c *call) took(ret int64) (_ int64, all bool) {
	want := int64(uint32(c.Args[argToSubmit]))
	if c.ring.Asleep && ret >= 0 {
		return want, true
	}
	return ret, ret == want
}

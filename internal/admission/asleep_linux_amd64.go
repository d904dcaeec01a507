package admission

import (
	"encoding/binary"

	"github.com/uringsim/uringsim/internal/ptrace"
	"github.com/uringsim/uringsim/internal/sysuring"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// setupAsleep has the host make a ring without a submission thread where the program asks for one with it: what a thread
// takes from a ring nobody could decide about. To the program it is one whose thread always sleeps.
func (r *runner) setupAsleep(t *task, c *call) (ptrace.Step, error) {
	flags := c.params.Flags
	other, attached := r.attached(t, c.params)
	switch {
	case flags&uapi.IORING_SETUP_IOPOLL != 0 && t.model.Restrict == nil:
		if other != nil && other.asleep { // which has no thread to share
			return r.setupWith(t, c, flags&^uapi.IORING_SETUP_ATTACH_WQ)
		}
		t.call = c
		return ptrace.Watch, nil
	case flags&uapi.IORING_SETUP_IOPOLL != 0:
		r.gap("a task with restrictions or filters is refused rings with both IORING_SETUP_SQPOLL and IORING_SETUP_IOPOLL: " +
			"only a thread polls for completions without a call, and nobody could decide about what it takes")
		return ptrace.Pass, t.Skip(uapi.EOPNOTSUPP.Ret())
	case other != nil && !other.Has(uapi.IORING_SETUP_SQPOLL):
		return r.refuseCall(t, "setup", "", verdict.Refuse(verdict.Setup, uapi.EINVAL,
			"io_uring/sqpoll.c:io_attach_sq_data", "wq_fd must have a thread"))
	case flags&uapi.IORING_SETUP_SQ_AFF != 0 && !attached && !sysuring.PollsOn(c.params.SQThreadCPU):
		return r.refuseCall(t, "setup", "", verdict.Refuse(verdict.Setup, uapi.EINVAL,
			"io_uring/sqpoll.c:io_sq_offload_create", "sq_thread_cpu must be online, and one that the task may use"))
	}
	c.asleep = true
	t.capabilities() // the thread has them for good
	return r.setupWith(t, c, ptrace.AsleepFlags(flags))
}

// attached is the ring whose thread a setup asks for, nil if that is not known, and whether it gets that one: those of
// other processes are not shared.
func (r *runner) attached(t *task, p *uapi.Params) (other *ring, attached bool) {
	if p.Flags&uapi.IORING_SETUP_ATTACH_WQ != 0 {
		other = r.ringOf(t, uint64(p.WQFD), false)
	}
	return other, other != nil && other.maker == t.Process
}

// setupWith has a setup be made with other flags than the program's, to which it gets its own back.
func (r *runner) setupWith(t *task, c *call, flags uint32) (ptrace.Step, error) {
	const offset = 8 // of flags in struct io_uring_params
	at := patch{addr: c.Args[1] + offset, was: binary.LittleEndian.AppendUint32(nil, c.params.Flags),
		while: binary.LittleEndian.AppendUint32(nil, flags)}
	if t.Write(at.addr, at.while) != nil {
		return ptrace.Pass, t.Skip(uapi.EFAULT.Ret()) // as if its sizes could not be given back
	}
	c.patches = append(c.patches, at)
	t.call = c
	return ptrace.Watch, nil
}

// polled tells whether a thread of the host takes what is in the ring.
func (r *ring) polled() bool { return r.Has(uapi.IORING_SETUP_SQPOLL) && !r.asleep }

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
	if c.ring.asleep && ret >= 0 {
		return want, true
	}
	return ret, ret == want
}

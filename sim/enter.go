package sim

import (
	"fmt"

	"github.com/uringsim/uringsim/register"
	"github.com/uringsim/uringsim/tctx"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

const whereEnter = "io_uring/io_uring.c:io_uring_enter"

// enter does the program's writes to the ring, io_uring_enter(2), and a look at the ring.
func (k *Kernel) enter(t *task, c *trace.Enter) trace.Result {
	var seen *Ring
	if c.Ring != "" {
		if seen = k.rings[c.Ring]; seen == nil {
			return trace.Result{Err: fmt.Errorf("there is no ring %q", c.Ring)}
		}
		if !seen.user.seenBy(t) {
			return trace.Result{Unmodelled: notSeen}
		}
		if err := seen.store(c); err != nil {
			return trace.Result{Err: err}
		}
		seen.begin(c.Known, c.SQEs)
	}
	ret, refusal, unmodelled := k.enterRing(t, c)
	t.runWork() // on the way back to user mode
	res := trace.Result{Ret: ret, Why: refusal, Unmodelled: unmodelled}
	if seen != nil {
		res.Ring = seen.look(c.KeepCQEs)
		if seen.cq.unclear {
			res.Unmodelled = unclearCQ
		}
		res.Requests, res.Tally = seen.account(), seen.tally
	}
	return res
}

// store does the writes of SQEs, array, tail and the CQ head.
func (r *Ring) store(c *trace.Enter) error {
	size := r.sqeSize()
	r.user.readSQ(r.submissions) // the program may have written there before
	for _, s := range c.SQEs {
		if at := uint64(s.Slot) * uint64(size); at+uint64(len(s.Data)) > uint64(len(r.sqes)) {
			return fmt.Errorf("ring %q has %d SQEs; slot %d is not one of them", r.Name, r.sqEntries, s.Slot)
		}
		copy(r.sqes[s.Slot*size:], s.Data)
	}
	for _, a := range c.Array {
		if a.Slot >= uint32(len(r.sqArray)) {
			return fmt.Errorf("ring %q has an SQ array of %d entries; %d is not one of them", r.Name, len(r.sqArray), a.Slot)
		}
		r.sqArray[a.Slot] = a.Value
	}
	r.sqTail = c.Tail
	r.user.writeSQ(r.submissions)
	if c.CQLeft > 0 {
		r.cq.leave(c.CQLeft)
	}
	return nil
}

// sqeSize is the distance of SQEs in bytes.
func (r *Ring) sqeSize() uint32 {
	if r.has(uapi.IORING_SETUP_SQE128) {
		return 2 * uapi.SizeofSQE
	}
	return uapi.SizeofSQE
}

// enterRing is the system call itself.
//
// Linux: io_uring/io_uring.c:io_uring_enter
func (k *Kernel) enterRing(t *task, c *trace.Enter) (ret int64, why *verdict.Refusal, unmodelled string) {
	fail := func(r *verdict.Refusal) (int64, *verdict.Refusal, string) { return r.Errno.Ret(), r, "" }
	if c.Flags&^register.EnterFlags != 0 {
		return fail(verdict.Refuse(verdict.Enter, uapi.EINVAL, whereEnter, "flags must be known"))
	}
	f, refusal := t.RingFile(verdict.Enter, c.FD, c.Flags&uapi.IORING_ENTER_REGISTERED_RING != 0)
	if refusal != nil {
		return fail(refusal)
	}
	r := f.Ring.(*Ring)
	if r.has(uapi.IORING_SETUP_R_DISABLED) {
		return fail(verdict.Refuse(verdict.Enter, uapi.EBADFD, whereEnter, "the ring must be enabled"))
	}
	switch {
	case r.has(uapi.IORING_SETUP_SQPOLL):
		if !r.thread.Alive() {
			return fail(verdict.Refuse(verdict.Enter, uapi.EOWNERDEAD, whereEnter, "the submission thread must be alive"))
		}
		r.submitByThread()
		ret = int64(c.ToSubmit)
	case c.ToSubmit > 0:
		if r.has(uapi.IORING_SETUP_SINGLE_ISSUER) && r.Submitter != t.Task {
			return fail(verdict.Refuse(verdict.Enter, uapi.EEXIST, "io_uring/tctx.c:__io_uring_add_tctx_node_from_submit",
				"the ring belongs to another task (SINGLE_ISSUER)"))
		}
		r.Use(t.Task)
		n := r.submit(t, c.ToSubmit)
		if ret = int64(n); n != c.ToSubmit {
			return ret, nil, ""
		}
	}
	r.resolveHeld()
	if c.Flags&uapi.IORING_ENTER_GETEVENTS != 0 {
		refusal, unmodelled = r.getEvents(t, c)
		if refusal != nil && ret == 0 {
			return fail(refusal)
		}
	}
	return ret, nil, unmodelled
}

// sqThread is a submission thread; rings that share it get a few entries each in turn.
type sqThread struct {
	task
	rings int
	queue tctx.WorkQueue
}

// sqThreadCap is the most that a shared thread takes from a ring at a time (IORING_SQPOLL_CAP_ENTRIES_VALUE).
const sqThreadCap = 8

// submitByThread is what the submission thread of a ring does with what is in the ring. It has the memory and descriptors
// of the process that made it, and the credentials of the task that made the ring.
//
// Departs: a ring that is closed still is one of those that share its submission thread.
//
// Linux: io_uring/sqpoll.c:__io_sq_thread
func (r *Ring) submitByThread() {
	for r.sqPending() > 0 {
		before, n := r.cachedSQHead, r.sqPending()
		if r.thread.rings > 1 {
			n = min(n, sqThreadCap)
		}
		r.submit(&r.thread.task, n)
		r.thread.runWork()
		if r.cachedSQHead == before {
			return
		}
	}
}

// unclearCQ is what is not modelled.
const unclearCQ = "what a CQ holds where a CQE was overwritten or moved that a worker posted, or that is long taken"

// reap looks at the ring without a system call.
func (k *Kernel) reap(t *task, c trace.Reap) trace.Result {
	r := k.rings[c.Ring]
	if r == nil {
		return trace.Result{Err: fmt.Errorf("there is no ring %q", c.Ring)}
	}
	if !r.user.seenBy(t) {
		return trace.Result{Unmodelled: notSeen}
	}
	r.begin(c.Known, nil)
	res := trace.Result{Ring: r.look(false), Requests: r.account()}
	if r.cq.unclear {
		res.Unmodelled = unclearCQ
	}
	return res
}

// begin starts a call that submits something and ends with a look at the ring.
func (r *Ring) begin(known []uapi.CQE, submits []trace.SlotSQE) {
	r.log, r.tally = nil, trace.Tally{}
	r.call++
	r.known.start(known, !r.k.limits)
	r.resolve(submits)
	r.submitting = len(submits) > 1 && r.known.have
}

// look is the state of the ring as the program sees it; it takes the new CQEs.
func (r *Ring) look(keep bool) *trace.RingState {
	r.resolveHeld()
	r.settle()
	s := &trace.RingState{SQHead: r.sqHead, SQDropped: r.sqDropped, CQOverflow: r.cq.overflowed, CQEs: r.cq.take(keep, &r.known)}
	r.save()
	return s
}

// account tells about the requests of this call, in the order of submission.
func (r *Ring) account() []trace.Request {
	if len(r.log) == 0 {
		return nil
	}
	reqs := make([]trace.Request, len(r.log))
	for i, q := range r.log {
		reqs[i] = q.account()
	}
	return reqs
}

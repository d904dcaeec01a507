package sim

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/uringsim/uringsim/kernel"
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

// getEvents waits for completions. Its errors only show if nothing was submitted.
//
// Linux: io_uring/wait.c:io_cqring_wait
func (r *Ring) getEvents(t *task, c *trace.Enter) (*verdict.Refusal, string) {
	iopoll := r.has(uapi.IORING_SETUP_IOPOLL) && !r.has(uapi.IORING_SETUP_SQPOLL)
	arg, refusal := r.getExtArg(t.Task, c, iopoll)
	if r.has(uapi.IORING_SETUP_DEFER_TASKRUN) && c.ToSubmit > 0 {
		r.runLocal(int(c.MinComplete)) // already under the submission's lock, whatever the arguments are
	}
	if refusal != nil {
		return refusal, ""
	}
	if r.has(uapi.IORING_SETUP_DEFER_TASKRUN) && r.Submitter != t.Task {
		return verdict.Refuse(verdict.Enter, uapi.EEXIST, "io_uring/wait.c:io_cqring_wait", "the ring belongs to another task"), ""
	}
	want := c.MinComplete
	if int32(want) >= 0 { // a number that is negative as an int is not cut
		want = min(want, r.cqEntries)
	}
	r.fireDue()
	r.runLocal(int(int32(want)))
	t.runWork()
	r.cq.flushOverflow()
	if r.cq.ready() >= want || iopoll {
		return nil, ""
	}
	if refusal := arg.check(t.Task); refusal != nil {
		return refusal, ""
	}
	return r.sleep(c, &arg, want)
}

// sleep lets time pass until there are as many completions as wanted, or the wait's own time is over.
//
// Linux: io_uring/wait.c:io_cqring_wait, io_cqring_schedule_timeout
func (r *Ring) sleep(c *trace.Enter, arg *extArg, want uint32) (*verdict.Refusal, string) {
	deadline, fired := int64(math.MaxInt64), r.timers.fired
	if arg.timed {
		deadline = arg.deadline
	}
	for {
		for r.settle() || r.local.run() {
		}
		r.cq.flushOverflow()
		if int32(r.cq.ready()-want) >= 0 || r.timers.fired != fired { // a negative number may be reached, too
			return nil, ""
		}
		if len(r.cq.overflow) > 0 {
			if r.k.release.Has(kernel.WaitSpinsOnOverflow) {
				return nil, "it waits for ever, as CQEs have overflown and do not fit"
			}
			return nil, ""
		}
		if c.Known != nil || !r.k.sleep(deadline) {
			break
		}
	}
	switch {
	case arg.timed && r.cq.ready() > 0:
		return nil, "" // fewer than wanted are no error
	case arg.timed && c.Known == nil && r.unknown() > 0:
		return nil, "whether requests whose results are not known complete in time"
	case arg.timed:
		return verdict.Refuse(verdict.Enter, uapi.ETIME, "io_uring/wait.c:io_cqring_schedule_timeout",
			"the completions must come in time"), ""
	case c.Known == nil && r.unknown() == 0:
		return nil, fmt.Sprintf("it waits for %d completions where only %d can come", want, r.cq.ready())
	}
	return nil, ""
}

// extArg is what a wait is given: a signal mask, and whether and when it ends by itself (struct ext_arg).
type extArg struct {
	sigmask, size uint64
	timed         bool
	deadline      int64 // in ns of the kernel's clock
}

// getExtArg reads the argument of a wait.
//
// Linux: io_uring/io_uring.c:io_get_ext_arg, io_validate_ext_arg
func (r *Ring) getExtArg(t *tctx.Task, c *trace.Enter, iopoll bool) (extArg, *verdict.Refusal) {
	const where = "io_uring/io_uring.c:io_get_ext_arg"
	const size = 24 // struct io_uring_getevents_arg: sigmask u64, sigmask_sz, min_wait_usec u32, ts u64
	refuse := func(e uapi.Errno, why string) (extArg, *verdict.Refusal) {
		return extArg{}, verdict.Refuse(verdict.Enter, e, where, why)
	}
	if c.Flags&uapi.IORING_ENTER_EXT_ARG == 0 {
		return extArg{sigmask: c.Arg, size: c.ArgSize}, nil
	}
	if c.Flags&uapi.IORING_ENTER_EXT_ARG_REG != 0 {
		if iopoll {
			return refuse(uapi.EINVAL, "no registered argument with IOPOLL")
		}
		return r.getRegisteredArg(c)
	}
	if c.ArgSize != size {
		return refuse(uapi.EINVAL, "argsz must be 24 with EXT_ARG")
	}
	raw := make([]byte, size)
	if !t.Mem.CopyIn(raw, c.Arg) {
		return refuse(uapi.EFAULT, "struct io_uring_getevents_arg must be readable")
	}
	le := binary.LittleEndian
	arg := extArg{sigmask: le.Uint64(raw), size: uint64(le.Uint32(raw[8:]))}
	if ts := le.Uint64(raw[16:]); ts != 0 && !iopoll {
		if !t.Mem.CopyIn(raw[:16], ts) {
			return refuse(uapi.EFAULT, "the timespec must be readable")
		}
		arg.timed, arg.deadline = true, r.k.deadline(c, le.Uint64(raw), le.Uint64(raw[8:]))
	}
	return arg, nil
}

// getRegisteredArg reads the argument of a wait from the ring's region, where it needs no pointers and no copies.
//
// Linux: io_uring/io_uring.c:io_get_ext_arg
func (r *Ring) getRegisteredArg(c *trace.Enter) (extArg, *verdict.Refusal) {
	refuse := func(e uapi.Errno, why string) (extArg, *verdict.Refusal) {
		return extArg{}, verdict.Refuse(verdict.Enter, e, "io_uring/io_uring.c:io_get_ext_arg", why)
	}
	if c.ArgSize != uapi.SizeofRegWait {
		return refuse(uapi.EINVAL, "argsz must be 64 with EXT_ARG_REG")
	}
	w := r.Region.Wait(c.Arg)
	if w == nil {
		return refuse(uapi.EFAULT, "arg must be an offset, a multiple of 8, inside of registered wait memory")
	}
	if w.Flags&^uapi.IORING_REG_WAIT_TS != 0 {
		return refuse(uapi.EINVAL, "flags of struct io_uring_reg_wait must be known")
	}
	return extArg{w.Sigmask, uint64(w.SigmaskSize), w.Flags != 0, r.k.deadline(c, uint64(w.Sec), uint64(w.Nsec))}, nil
}

// deadline is when a wait ends, in ns of the kernel's clock. What is too long is over at once, as the sum overflows.
//
// Linux: io_uring/wait.c:io_cqring_wait
func (k *Kernel) deadline(c *trace.Enter, sec, nsec uint64) int64 {
	time := uapi.Nanoseconds(max(int64(sec), 0), max(int64(nsec), 0))
	if c.Flags&uapi.IORING_ENTER_ABS_TIMER != 0 {
		return time
	}
	return k.now + time
}

// check reads the signal mask of a wait.
//
// Linux: kernel/signal.c:set_user_sigmask
func (a extArg) check(t *tctx.Task) *verdict.Refusal {
	const where = "kernel/signal.c:set_user_sigmask"
	switch {
	case a.sigmask == 0:
		return nil
	case a.size != 8:
		return verdict.Refuse(verdict.Enter, uapi.EINVAL, where, "the size of a signal mask must be 8")
	case !t.Mem.CopyIn(make([]byte, 8), a.sigmask):
		return verdict.Refuse(verdict.Enter, uapi.EFAULT, where, "the signal mask must be readable")
	}
	return nil
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
const unclearCQ = "what a CQ holds where a CQE that a worker posted was overwritten or moved"

// reap looks at the ring without a system call.
func (k *Kernel) reap(c trace.Reap) trace.Result {
	r := k.rings[c.Ring]
	if r == nil {
		return trace.Result{Err: fmt.Errorf("there is no ring %q", c.Ring)}
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

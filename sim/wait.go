package sim

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/tctx"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// getEvents waits for completions. Its errors only show if nothing was submitted.
//
// Linux: io_uring/wait.c:io_cqring_wait
func (r *Ring) getEvents(t *task, c *trace.Enter) (*verdict.Refusal, string) {
	iopoll := r.has(uapi.IORING_SETUP_IOPOLL) && !r.has(uapi.IORING_SETUP_SQPOLL)
	arg, refusal := r.getExtArg(t.Task, c, iopoll)
	if r.has(uapi.IORING_SETUP_DEFER_TASKRUN) && c.ToSubmit > 0 && !iopoll {
		r.runLocal(int(c.MinComplete)) // already under the submission's lock, whatever the arguments are
	}
	if refusal != nil {
		return refusal, ""
	}
	if r.has(uapi.IORING_SETUP_DEFER_TASKRUN) && r.Submitter != t.Task {
		return verdict.Refuse(verdict.Enter, uapi.EEXIST, "io_uring/wait.c:io_cqring_wait", "the ring belongs to another task"), ""
	}
	if iopoll {
		r.poll(t, c.MinComplete)
		return nil, ""
	}
	want := c.MinComplete
	if int32(want) >= 0 { // a number that is negative as an int is not cut
		want = min(want, r.cqEntries)
	}
	r.fireDue()
	r.runLocal(int(int32(want)))
	t.runWork()
	r.cq.flushOverflow()
	if r.cq.ready() >= want {
		return nil, ""
	}
	if refusal := arg.check(t.Task); refusal != nil {
		return refusal, ""
	}
	return r.sleep(c, &arg, want)
}

// poll is a wait on a ring with IOPOLL, where nothing that is modelled has to be polled for: it does the work that is left
// if there is no completion yet.
//
// Linux: io_uring/io_uring.c:io_iopoll_check
func (r *Ring) poll(t *task, want uint32) {
	r.cq.flushOverflow()
	if r.cq.ready() == 0 {
		r.runLocal(int(int32(min(want, r.cqEntries))))
		t.runWork()
	}
}

// sleep lets time pass until there are as many completions as wanted, or the wait's own time is over.
//
// Linux: io_uring/wait.c:io_cqring_wait, io_cqring_schedule_timeout
func (r *Ring) sleep(c *trace.Enter, arg *extArg, want uint32) (*verdict.Refusal, string) {
	w := r.startWait(arg, want)
	for {
		did := r.settle() || len(r.local.items) > 0
		r.runLocalUpTo(w.left, w.left)
		r.cq.flushOverflow()
		if w.reached() {
			return nil, ""
		}
		if did {
			w.count()
			continue
		}
		if len(r.cq.overflow) > 0 {
			if r.k.release.Has(kernel.WaitSpinsOnOverflow) {
				return nil, "it waits for ever, as CQEs have overflown and do not fit"
			}
			return nil, ""
		}
		if c.Known != nil || !r.k.sleep(w.deadline) && !w.goesOn() {
			break
		}
	}
	ends := arg.timed || arg.least > 0
	switch {
	case ends && r.cq.ready() > 0:
		return nil, "" // fewer than wanted are no error
	case ends && c.Known == nil && r.unknown() > 0:
		return nil, "whether requests whose results are not known complete in time"
	case ends:
		return verdict.Refuse(verdict.Enter, uapi.ETIME, "io_uring/wait.c:io_cqring_schedule_timeout",
			"the completions must come in time"), ""
	case c.Known == nil && r.unknown() == 0:
		return nil, fmt.Sprintf("it waits for %d completions where only %d can come", want, r.cq.ready())
	}
	return nil, ""
}

// wait is a task that waits for completions (struct io_wait_queue).
type wait struct {
	r        *Ring
	arg      *extArg
	target   uint32 // tail of the CQ at which it is content
	tail     uint32 // when it began
	woke     uint32 // timeouts when it began: another one ends it
	left     int    // how many completions were missing when the task last looked
	least    bool   // its least time is not over
	deadline int64  // of now, in ns of the kernel's clock
}

// startWait begins a wait for so many completions.
func (r *Ring) startWait(arg *extArg, want uint32) *wait {
	w := &wait{r: r, arg: arg, target: r.cq.head + want, tail: r.cq.tail, woke: r.timers.woke(), deadline: math.MaxInt64}
	switch {
	case arg.least > 0:
		w.least, w.deadline = true, r.k.now+arg.least
	case arg.timed:
		w.deadline = arg.deadline
	}
	w.count()
	return w
}

// count looks how many completions are missing.
func (w *wait) count() { w.left = max(1, int(int32(w.target-w.r.cq.tail))) }

// reached tells whether there is what it waits for. A number that is negative may be reached, too.
//
// Linux: io_uring/wait.h:io_should_wake
func (w *wait) reached() bool {
	return int32(w.r.cq.tail-w.target) >= 0 || w.r.timers.woke() != w.woke
}

// woke is the number of timeouts that ended and woke those who wait.
func (t *timers) woke() uint32 { return t.fired - t.silent }

// goesOn tells whether the wait goes on at its deadline: its least time is over, nothing is there, and it has more time,
// in which one completion will do.
//
// Linux: io_uring/wait.c:io_cqring_min_timer_wakeup
func (w *wait) goesOn() bool {
	if !w.least || !w.arg.timed || w.r.cq.tail != w.tail || w.r.cq.ready() > 0 {
		return false
	}
	w.least, w.target, w.deadline = false, w.tail+1, w.arg.deadline
	return true
}

// extArg is what a wait is given: a signal mask, and when it ends by itself (struct ext_arg).
type extArg struct {
	sigmask, size uint64
	least         int64 // in ns: so long it is content with nothing but all that it wants, and then with one (min_time)
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
	arg := extArg{sigmask: le.Uint64(raw), size: uint64(le.Uint32(raw[8:])), least: microseconds(le.Uint32(raw[12:]))}
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
	return extArg{sigmask: w.Sigmask, size: uint64(w.SigmaskSize), least: microseconds(w.MinWaitUsec), timed: w.Flags != 0,
		deadline: r.k.deadline(c, uint64(w.Sec), uint64(w.Nsec))}, nil
}

// microseconds is a time in ns.
func microseconds(n uint32) int64 { return int64(n) * 1000 }

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

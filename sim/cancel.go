package sim

import (
	"slices"

	"github.com/uringsim/uringsim/tctx"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// cancelKey says which requests to cancel (struct io_cancel_data).
type cancelKey struct {
	flags uint32
	data  uint64
	op    uapi.Op
}

// all tells whether every request that matches is meant, not the first.
func (c *cancelKey) all() bool {
	return c.flags&(uapi.IORING_ASYNC_CANCEL_ALL|uapi.IORING_ASYNC_CANCEL_ANY) != 0
}

// matches tells whether a request without a file, or whose file matches, is meant.
//
// Linux: io_uring/cancel.c:io_cancel_req_match
func (c *cancelKey) matches(q *request) bool {
	if c.flags&uapi.IORING_ASYNC_CANCEL_ANY != 0 {
		return true
	}
	if c.flags&uapi.IORING_ASYNC_CANCEL_OP != 0 && q.Opcode != c.op {
		return false
	}
	byOther := c.flags&(uapi.IORING_ASYNC_CANCEL_FD|uapi.IORING_ASYNC_CANCEL_OP) != 0
	return byOther && c.flags&uapi.IORING_ASYNC_CANCEL_USERDATA == 0 || q.UserData == c.data
}

// issueCancel cancels requests in flight.
//
// Linux: io_uring/cancel.c:io_async_cancel
func issueCancel(r *Ring, q *request) bool {
	key := cancelKey{q.SQE.OpFlags(), q.SQE.Addr(), uapi.Op(q.SQE.Len())}
	var file *tctx.File
	if key.flags&uapi.IORING_ASYNC_CANCEL_FD != 0 {
		fixed := q.Flags&uapi.IOSQE_FIXED_FILE != 0 || key.flags&uapi.IORING_ASYNC_CANCEL_FD_FIXED != 0
		if !r.assign(q, fixed) {
			q.because(verdict.Refuse(verdict.Issue, uapi.EBADF, "io_uring/cancel.c:io_async_cancel", "fd must be open, or a slot that is not empty"))
			return r.finish(q, int32(uapi.EBADF.Ret()))
		}
		file = q.file
	}
	if r.mayFindOthers(&key) {
		return r.ask(q)
	}
	n := r.cancel(&key, file, q.inWorker)
	switch {
	case key.all():
		return r.finish(q, int32(n))
	case n > 0:
		return r.finish(q, 0)
	case q.inWorker && key.matches(q):
		q.because(verdict.Refuse(verdict.Issue, uapi.EALREADY, "io_uring/cancel.c:io_async_cancel_one", "it finds itself, running in a worker"))
		return r.finish(q, int32(uapi.EALREADY.Ret()))
	}
	q.because(verdict.Refuse(verdict.Issue, uapi.ENOENT, "io_uring/cancel.c:__io_async_cancel", "there must be a request to cancel"))
	return r.finish(q, int32(uapi.ENOENT.Ret()))
}

// cancel cancels the first request that matches, or all of them, and returns how many. Only requests on the file are
// meant, if there is one.
//
// Linux: io_uring/cancel.c:io_try_cancel
func (r *Ring) cancel(key *cancelKey, file *tctx.File, deferred bool) int {
	n := r.cancelPending(key, file)
	if file == nil && (n == 0 || key.all()) {
		n += r.cancelTimeouts(key, deferred)
	}
	return n
}

// Cancel is for register calls that cancel.
//
// Linux: io_uring/cancel.c:__io_async_cancel
func (r *Ring) Cancel(flags uint32, data uint64, op uapi.Op, file *tctx.File) (n int, known bool) {
	key := cancelKey{flags, data, op}
	if r.mayFindOthers(&key) {
		return 0, false
	}
	return r.cancel(&key, file, false), true
}

// mayFindOthers tells whether the key may match requests that other parts of the kernel, or workers, have in hand: what
// becomes of those is not io_uring's to say.
func (r *Ring) mayFindOthers(key *cancelKey) bool {
	return len(r.workers.items) > 0 ||
		slices.ContainsFunc(r.unresolved, func(q *request) bool { return !q.pending && key.matches(q) })
}

// unknown is the number of requests that were issued, and whose results are not known.
func (r *Ring) unknown() int {
	n := 0
	for _, q := range r.unresolved {
		if !q.pending {
			n++
		}
	}
	return n
}

// cancelAll cancels what a task that executes another program has in flight, and what its chains go on with.
//
// Linux: io_uring/cancel.c:io_uring_cancel_generic, io_uring_try_cancel_requests
func (k *Kernel) cancelAll(t *task) {
	for again := true; again; again = t.runWork() || again {
		again = false
		for _, r := range k.rings {
			mine := func(q *request) bool {
				return q.task.Task == t.Task || r.thread != nil && q.task == &r.thread.task && r.thread.SameProcess(t.Task)
			}
			again = r.cancelDeferred(t, mine) || again
			again = r.cancelRunning(t, mine) || again
			if r.thread != nil && r.thread.SameProcess(t.Task) {
				again = r.thread.runWork() || again
			}
		}
	}
}

// cancelDeferred cancels what waits for a drain, up to the last of the task, whoever submitted what is before it.
//
// Linux: io_uring/cancel.c:io_cancel_defer_files
func (r *Ring) cancelDeferred(t *task, mine func(*request) bool) bool {
	n := len(r.drain.list)
	for n > 0 && !mine(r.drain.list[n-1]) {
		n--
	}
	for _, q := range r.drain.list[:n] {
		r.drain.drained -= q.length()
		by := q.task
		if mine(q) {
			by = t
		}
		r.cancelBy(by, q)
	}
	r.drain.list = r.drain.list[n:]
	return n > 0
}

// cancelRunning cancels timeouts, and what the Issuer has in flight.
func (r *Ring) cancelRunning(t *task, mine func(*request) bool) (did bool) {
	for _, q := range append(slices.Clone(r.timers.list), r.unresolved...) {
		if !mine(q) || q.timer == nil && !q.pending {
			continue
		}
		if q.timer != nil {
			r.timers.remove(q)
			r.timers.fired++
		}
		r.unresolved = slices.DeleteFunc(r.unresolved, func(o *request) bool { return o == q })
		q.pending, did = false, true
		r.cancelBy(t, q)
	}
	return did
}

// cancelBy has a task end a request of a task that executes a program.
func (r *Ring) cancelBy(t *task, q *request) {
	q.deferred, q.note = true, "cancelled, as its task executes a program"
	t.work.add(r, func() { r.fail(q, int32(uapi.ECANCELED.Ret())) })
}

// issuePollRemove cancels or changes a poll in flight.
//
// Linux: io_uring/poll.c:io_poll_remove
func issuePollRemove(r *Ring, q *request) bool {
	key := cancelKey{flags: uapi.IORING_ASYNC_CANCEL_OP | uapi.IORING_ASYNC_CANCEL_USERDATA, data: q.SQE.Addr(), op: uapi.IORING_OP_POLL_ADD}
	if len(r.workers.items)+r.unknown() > 0 {
		return r.ask(q)
	}
	i := slices.IndexFunc(r.unresolved, key.matches)
	switch update := q.SQE.Len() &^ uapi.IORING_POLL_ADD_MULTI; {
	case i < 0:
		q.because(verdict.Refuse(verdict.Issue, uapi.ENOENT, "io_uring/poll.c:io_poll_remove", "there must be a poll with that user_data"))
		return r.finish(q, int32(uapi.ENOENT.Ret()))
	case update == 0:
		r.cancelPending(&key, nil)
	case update&uapi.IORING_POLL_UPDATE_USER_DATA != 0:
		r.unresolved[i].UserData = q.SQE.Off()
	}
	return r.finish(q, 0)
}

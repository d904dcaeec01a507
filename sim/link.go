package sim

import (
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// queueNext moves the chain on behind a request that is done: the next one runs, in the same worker if there is one, or
// the rest is cancelled.
//
// Linux: io_uring/io_uring.c:io_queue_next, io_req_find_next, io_wq_free_work
func (r *Ring) queueNext(q *request) {
	r.disarm(q)
	next := q.next
	q.next = nil
	if next == nil {
		return
	}
	next.deferred = next.deferred || q.deferred
	next.inWorker = q.leads
	if next.later == nil {
		next.later = func() { r.submitLater(next) }
	}
	r.taskWork(next, next.later)
}

// disarm takes a timeout off a request that is done, and cancels the chain if it failed.
//
// Linux: io_uring/timeout.c:io_disarm_next
func (r *Ring) disarm(q *request) {
	if (q.armTimeout || q.hasTimeout) && q.next != nil && q.next.Opcode == uapi.IORING_OP_LINK_TIMEOUT {
		t := q.next
		q.next, t.next = t.next, nil
		r.timers.remove(t)
		t.deferred = t.deferred || q.deferred
		if t.timer == nil || !t.timer.firing {
			r.taskWork(t, func() {
				t.res, t.deferred = r.timerResult(t)
				r.complete(t)
			})
		}
	}
	q.armTimeout, q.hasTimeout = false, false
	if q.failed && q.Flags&uapi.IOSQE_IO_HARDLINK == 0 {
		r.failLinks(q)
	}
}

// failLinks cancels the rest of a chain; members that were refused report why.
//
// Linux: io_uring/timeout.c:io_fail_links, io_req_tw_fail_links
func (r *Ring) failLinks(q *request) {
	first := q.next
	q.next = nil
	if first == nil {
		return
	}
	for l := first; l != nil; l = l.next {
		if q.skipLinks {
			l.Flags |= uapi.IOSQE_CQE_SKIP_SUCCESS
		} else {
			l.Flags &^= uapi.IOSQE_CQE_SKIP_SUCCESS
		}
	}
	r.taskWork(first, func() {
		for l := first; l != nil; {
			next := l.next
			l.next = nil
			if !l.failed {
				l.res = int32(uapi.ECANCELED.Ret())
				l.note = trace.Cancelled
			}
			l.deferred = l.deferred || q.deferred
			r.complete(l)
			l = next
		}
	})
}

// abandoned tells whether its task has ended, without it. A submission thread cancels what it has before it ends.
func (q *request) abandoned() bool {
	return q.task.Ended() && (q.ring.thread == nil || q.task != &q.ring.thread.task)
}

// submitLater runs a request whose turn has come, unless its task has ended meanwhile.
//
// Linux: io_uring/io_uring.c:io_req_task_submit
func (r *Ring) submitLater(q *request) {
	if q.abandoned() {
		q.because(verdict.Refuse(verdict.Issue, uapi.EFAULT, "io_uring/io_uring.c:io_req_task_submit",
			"its task must not have ended"))
		r.fail(q, int32(uapi.EFAULT.Ret()))
		return
	}
	if q.Flags&uapi.IOSQE_ASYNC != 0 {
		r.toWorker(q)
	} else {
		r.queue(q)
	}
}

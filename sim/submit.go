package sim

import (
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// sqPending is how many entries the program has put into the SQ ring.
//
// Linux: io_uring/io_uring.h:__io_sqring_entries
func (r *Ring) sqPending() uint32 {
	if r.has(uapi.IORING_SETUP_SQ_REWIND) {
		return r.sqEntries
	}
	return min(r.sqTail-r.cachedSQHead, r.sqEntries)
}

// submit takes up to nr entries from the SQ ring, and returns how many entries it consumed.
//
// Linux: io_uring/io_uring.c:io_submit_sqes
func (r *Ring) submit(t *task, nr uint32) uint32 {
	entries := min(nr, r.sqPending())
	if entries == 0 {
		return 0
	}
	left := entries
	r.chain = chain{}
	plain := r.takesPlain()
	for left > 0 {
		if plain {
			if left -= r.submitPlain(t, left); left == 0 {
				break
			}
		}
		index, ok := r.nextSQE()
		if !ok {
			break
		}
		good := r.submitOne(t, index, &left)
		plain = r.takesPlain()
		left--
		if !good && !r.has(uapi.IORING_SETUP_SUBMIT_ALL) {
			break
		}
	}
	if r.chain.head != nil { // left open at the end of the batch
		r.queueFallback(r.chain.head)
		r.chain = chain{}
	}
	r.flush()
	if r.has(uapi.IORING_SETUP_SQ_REWIND) {
		r.cachedSQHead = 0
	} else {
		r.sqHead = r.cachedSQHead
	}
	return entries - left
}

// nextSQE is the index of the next SQE; false if the SQ array names none, which drops the entry.
//
// Linux: io_uring/io_uring.c:io_get_sqe
func (r *Ring) nextSQE() (index uint32, ok bool) {
	index = r.cachedSQHead & (r.sqEntries - 1)
	r.cachedSQHead++
	if r.sqArray != nil {
		if index = r.sqArray[index]; index >= r.sqEntries {
			r.sqDropped++
			return 0, false
		}
	}
	return index, true
}

// submitOne prepares a request, lets the filters look at it, and queues it or adds it to the chain. It is false if
// submission is to stop.
//
// Linux: io_uring/io_uring.c:io_submit_sqe
func (r *Ring) submitOne(t *task, index uint32, left *uint32) bool {
	q := r.newRequest(t, r.sqes[index*r.sqeSize():])
	if !r.k.quiet {
		q.chain = len(r.log)
		if r.chain.head != nil {
			q.chain = r.chain.head.chain
		}
		r.log = append(r.log, q)
	}
	r.tally.Requests++
	r.drain.alive++
	if refusal := r.admit(q, index, left); refusal != nil {
		q.because(refusal)
		return r.failInit(q, int32(refusal.Errno.Ret()))
	}
	if head := r.chain.head; head != nil {
		r.chain.last.next = q
		r.chain.last = q
		if q.linked() {
			return true
		}
		r.chain = chain{}
		q = head
	} else if q.linked() {
		r.chain = chain{q, q}
		return true
	}
	if q.failed || q.Flags&uapi.IOSQE_ASYNC != 0 {
		r.queueFallback(q)
	} else {
		r.queue(q)
	}
	return true
}

// admit prepares a request and lets the filters look at it.
//
// Linux: io_uring/io_uring.c:io_submit_sqe
func (r *Ring) admit(q *request, index uint32, left *uint32) *verdict.Refusal {
	refusal := r.initReq(q, index, left)
	if set := r.Restrict.Filters(); refusal == nil && set != nil {
		if r.k.quiet {
			refusal = set.Decide(r.k.engine, r.k.ops, &q.Request, &r.context)
		} else {
			refusal, q.look = r.k.runFilters(set, &q.Request)
		}
	}
	if r.k.trying && refusal == nil {
		r.try(q)
	}
	return refusal
}

// failInit fails a request that was not admitted, and its chain with it. A chain goes on being assembled, so that it
// fails as a whole.
//
// Linux: io_uring/io_uring.c:io_submit_fail_init
func (r *Ring) failInit(q *request, res int32) bool {
	q.setFail()
	q.res = res
	head := r.chain.head
	if head != nil && !head.failed {
		head.setFail()
		head.res = int32(uapi.ECANCELED.Ret())
	}
	if head != nil {
		r.chain.last.next = q
	} else {
		r.chain.head = q
	}
	r.chain.last = q
	if q.linked() {
		return true
	}
	head = r.chain.head
	r.chain = chain{}
	r.queueFallback(head)
	return false
}

// queueFallback queues what does not run at once: failed chains, drains and requests for workers.
//
// Linux: io_uring/io_uring.c:io_queue_sqe_fallback
func (r *Ring) queueFallback(q *request) {
	switch {
	case q.failed:
		q.Flags = q.Flags&^uapi.IOSQE_IO_HARDLINK | uapi.IOSQE_IO_LINK
		r.fail(q, q.res)
	case r.drain.active:
		r.deferRequest(q)
	default:
		r.toWorker(q)
	}
}

// fail completes a request with an error, without carrying it out.
//
// Linux: io_uring/io_uring.c:io_req_defer_failed
func (r *Ring) fail(q *request, res int32) {
	q.setFail()
	q.res, q.flags = res, 0
	if q.Notif && !q.issued {
		q.flags = uapi.IORING_CQE_F_MORE // the notification's CQE follows
	}
	r.complete(q)
	q.leads = false // its task goes on with the chain
}

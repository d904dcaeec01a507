package sim

import (
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/uapi"
)

// drain is the state of IOSQE_IO_DRAIN on a ring.
type drain struct {
	active   bool // requests go through the list
	disabled bool // for good, since a request asked for no CQE
	next     bool // the request after the current chain drains too
	list     []*request
	drained  int      // requests in the list, with their chains (nr_drained)
	alive    int      // requests that exist at all (nr_req_allocated)
	running  *request // the one that runs alone
}

// startDrain begins to drain; in the middle of a chain, its head and the request after it drain.
//
// Linux: io_uring/io_uring.c:io_init_drain
func (r *Ring) startDrain() {
	r.drain.active = true
	if head := r.chain.head; head != nil {
		head.Flags |= uapi.IOSQE_IO_DRAIN | uapi.IOSQE_ASYNC
		r.drain.next = true
	}
}

// drainFlags gives a request the flags that draining adds, which filters see.
//
// Linux: io_uring/io_uring.c:io_init_req
func (r *Ring) drainFlags(q *request) {
	if r.drain.active {
		q.Flags |= uapi.IOSQE_ASYNC
	}
	if r.drain.next && r.chain.head == nil {
		r.drain.next, r.drain.active = false, true
		q.Flags |= uapi.IOSQE_IO_DRAIN | uapi.IOSQE_ASYNC
	}
}

// deferRequest puts a request, or a chain, behind what runs now.
//
// Linux: io_uring/io_uring.c:io_drain_req
func (r *Ring) deferRequest(q *request) {
	draining := q.Flags&uapi.IOSQE_IO_DRAIN != 0
	r.drain.drained += q.length()
	r.drain.list = append(r.drain.list, q)
	r.queueDeferred()
	if !draining && len(r.drain.list) == 0 {
		r.drain.active = false
	}
}

// queueDeferred starts those whose turn it is, and tells whether a draining one is among them.
//
// Linux: io_uring/io_uring.c:io_queue_deferred
func (r *Ring) queueDeferred() (drainQueued bool) {
	if r.drain.alive == r.drain.drained {
		r.drain.running = nil
	}
	seen := false
	for first := true; len(r.drain.list) > 0; first = false {
		q := r.drain.list[0]
		draining := q.Flags&uapi.IOSQE_IO_DRAIN != 0
		seen = seen || draining
		if (seen || first) && r.drain.alive != r.drain.drained {
			return drainQueued
		}
		r.drain.list = r.drain.list[1:]
		r.drain.drained -= q.length()
		if draining {
			drainQueued = true
			if q.next == nil {
				r.drain.running = q
			}
		}
		r.taskWork(q, func() { r.submitLater(q) })
	}
	return drainQueued
}

// afterFlush lets deferred requests go on once others have completed.
//
// Linux: io_uring/io_uring.c:__io_submit_flush_completions
func (r *Ring) afterFlush(drainDone bool) {
	if !r.drain.active {
		return
	}
	if r.queueDeferred() {
		drainDone = false
	}
	if drainDone && len(r.drain.list) == 0 && !r.k.release.Has(kernel.DrainEndsAtSubmit) {
		r.drain.active = false
	}
}

package sim

import (
	"math"
	"slices"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// timer is what a TIMEOUT or LINK_TIMEOUT that runs has besides its request (struct io_timeout, io_timeout_data).
type timer struct {
	off     uint32   // so many CQEs end it; 0 for none
	target  uint32   // the sequence number at which they have come
	repeats uint32   // of a multishot timeout, how often it has yet to fire; 0 for ever
	at      int64    // when it fires, in ns of the kernel's clock
	head    *request // of LINK_TIMEOUT: the request that it is for
	firing  bool     // it has fired, and its task work will end it
	last    bool     // a recording shows that it does not go on, though it was to
}

// timers are the timeouts of a ring that run.
type timers struct {
	list   []*request // TIMEOUT: by sequence, then those without one
	linked []*request // LINK_TIMEOUT whose request is under way
	fired  uint32     // timeouts that ended by time or by sequence: their CQEs are no events (cq_timeouts)
	silent uint32     // how many of them woke nobody, as their task waits in vfork
	used   bool       // a timeout with a sequence came by
	last   uint32     // sequence number when timeouts were last looked at (cq_last_tm_flush)
}

// isMultishot tells whether the timeout fires again and again.
func isMultishot(q *request) bool { return q.SQE.OpFlags()&uapi.IORING_TIMEOUT_MULTISHOT != 0 }

// hasSequence tells whether CQEs can end the timeout.
func hasSequence(q *request) bool { return q.timer.off != 0 && !isMultishot(q) }

// expiry is when a time of the program comes, in ns of the kernel's clock.
func (k *Kernel) expiry(time int64, flags uint32) int64 {
	switch {
	case flags&uapi.IORING_TIMEOUT_ABS == 0:
		if time > math.MaxInt64-k.now {
			return math.MaxInt64
		}
		return k.now + time
	case flags&uapi.IORING_TIMEOUT_REALTIME != 0:
		return time - bootTime
	}
	return time
}

// issueTimeout starts a timeout. Those with a sequence are sorted by it.
//
// Linux: io_uring/timeout.c:io_timeout
func issueTimeout(r *Ring, q *request) bool {
	q.note = "waits for its time"
	q.timer = &timer{off: uint32(q.SQE.Off()), at: r.k.expiry(q.Time, q.SQE.OpFlags())}
	if isMultishot(q) {
		q.timer.repeats = q.timer.off
	}
	at := len(r.timers.list)
	if hasSequence(q) {
		at = r.addSequence(q)
	}
	r.timers.list = slices.Insert(r.timers.list, at, q)
	return true
}

// addSequence gives a timeout its place among those with a sequence.
func (r *Ring) addSequence(q *request) (at int) {
	t := &r.timers
	t.used = true
	tail := r.cq.tail - t.fired
	if r.k.release.Has(kernel.TimeoutSequenceFallsBack) || len(t.list) == 0 || !hasSequence(t.list[0]) {
		t.last = tail
	}
	if int32(tail-t.last) < 0 {
		tail = t.last
	}
	q.timer.target = tail + q.timer.off
	for at = len(t.list); at > 0; at-- {
		if o := t.list[at-1]; hasSequence(o) && q.timer.target-t.last >= o.timer.target-t.last {
			break
		}
	}
	return at
}

// remove takes a timeout off its list.
func (t *timers) remove(q *request) {
	is := func(o *request) bool { return o == q }
	t.list = slices.DeleteFunc(t.list, is)
	t.linked = slices.DeleteFunc(t.linked, is)
}

// flushTimeouts ends the timeouts whose CQEs have come.
//
// Linux: io_uring/timeout.c:io_flush_timeouts
func (r *Ring) flushTimeouts() {
	if !r.timers.used {
		return
	}
	seq := r.cq.tail - r.timers.fired
	if int32(seq-r.timers.last) < 0 && !r.k.release.Has(kernel.TimeoutSequenceFallsBack) {
		seq = r.timers.last
	}
	for len(r.timers.list) > 0 {
		q := r.timers.list[0]
		if !hasSequence(q) || seq-r.timers.last < q.timer.target-r.timers.last {
			break
		}
		r.timers.remove(q)
		r.timers.fired++
		q.note = "so many completions came"
		r.taskWork(q, func() {
			q.res = 0
			r.complete(q)
		})
	}
	r.timers.last = seq
}

// fire ends a timeout by time, or lets a multishot one start again, unless there is no room for the CQE that says so.
//
// Linux: io_uring/timeout.c:io_timeout_fn, io_timeout_complete
func (r *Ring) fire(q *request) {
	r.timers.remove(q)
	r.timers.fired++
	if q.task.Waits() {
		r.timers.silent++
	}
	for _, o := range r.timers.list {
		o.deferred = o.deferred || hasSequence(o) // when its number is reached depends on when this one fired
	}
	if q.SQE.OpFlags()&uapi.IORING_TIMEOUT_ETIME_SUCCESS == 0 {
		q.setFail()
	}
	q.res, q.deferred, q.note = int32(uapi.ETIME.Ret()), true, "its time has come"
	r.taskWork(q, func() {
		if isMultishot(q) && (q.timer.repeats == 0 || q.timer.repeats > 1) {
			q.timer.repeats = max(q.timer.repeats, 1) - 1
			more := uapi.CQE{UserData: q.UserData, Res: q.res, Flags: uapi.IORING_CQE_F_MORE}
			if !q.timer.last && r.cq.postIfFits(trace.CQE{CQE: more, Unordered: true, Known: q.fromTrace}) {
				q.timer.at = r.k.now + max(q.Time, 1)
				r.timers.list = append(r.timers.list, q)
				return
			}
		}
		r.complete(q)
	})
}

// fireLinked cancels the request that a linked timeout is for. If their task has ended, the timeout is cancelled instead.
//
// Linux: io_uring/timeout.c:io_link_timeout_fn, io_req_task_link_timeout
func (r *Ring) fireLinked(q *request) {
	r.timers.remove(q)
	head := q.timer.head
	q.timer.firing = true
	q.deferred, q.note = true, "its time has come"
	r.taskWork(q, func() {
		q.leave(head)
		if q.abandoned() {
			r.fail(q, int32(uapi.ECANCELED.Ret()))
			return
		}
		if q.res = int32(uapi.ETIME.Ret()); r.cancel(&cancelKey{data: head.UserData}, nil, true) == 0 {
			q.res = int32(uapi.ENOENT.Ret())
		}
		r.complete(q)
	})
}

// armLinked starts the timeout of a request that has been issued.
//
// Linux: io_uring/timeout.c:io_queue_linked_timeout
func (r *Ring) armLinked(head *request) {
	q := head.next
	if q == nil || q.Opcode != uapi.IORING_OP_LINK_TIMEOUT {
		return
	}
	q.timer = &timer{at: r.k.expiry(q.Time, q.SQE.OpFlags()), head: head}
	r.timers.linked = append(r.timers.linked, q)
}

// cancelTimeouts cancels the first timeout that matches, or all of them, and returns how many.
//
// Linux: io_uring/timeout.c:io_timeout_cancel
func (r *Ring) cancelTimeouts(key *cancelKey, deferred bool) int {
	n := 0
	for _, q := range slices.Clone(r.timers.list) {
		if !key.matches(q) {
			continue
		}
		r.timers.remove(q)
		if !r.k.release.Has(kernel.CancelledTimeoutsCount) {
			r.timers.fired++
		}
		q.note, q.deferred = "cancelled", q.deferred || deferred
		r.taskWork(q, func() { r.fail(q, int32(uapi.ECANCELED.Ret())) })
		if n++; !key.all() {
			break
		}
	}
	return n
}

// issueTimeoutRemove cancels or changes a timeout.
//
// Linux: io_uring/timeout.c:io_timeout_remove
func issueTimeoutRemove(r *Ring, q *request) bool {
	flags := q.SQE.OpFlags()
	var e uapi.Errno
	why := "there must be a timeout with that user_data"
	switch {
	case flags&uapi.IORING_TIMEOUT_UPDATE == 0:
		if r.cancelTimeouts(&cancelKey{data: q.SQE.Addr()}, q.inWorker) == 0 {
			e = uapi.ENOENT
		}
	case flags&uapi.IORING_LINK_TIMEOUT_UPDATE != 0:
		e = r.updateLinked(q)
	default:
		if e = r.updateTimeout(q); e == uapi.EINVAL {
			why = "a multishot timeout takes no absolute time"
		}
	}
	if e != 0 {
		q.because(verdict.Refuse(verdict.Issue, e, "io_uring/timeout.c:io_timeout_remove", why))
	}
	return r.finish(q, int32(e.Ret()))
}

// updateTimeout gives a timeout another time; it has no sequence any more.
//
// Linux: io_uring/timeout.c:io_timeout_update
func (r *Ring) updateTimeout(q *request) uapi.Errno {
	i := slices.IndexFunc(r.timers.list, func(t *request) bool { return t.UserData == q.SQE.Addr() })
	if i < 0 {
		return uapi.ENOENT
	}
	t := r.timers.list[i]
	unlimits := r.k.release.Has(kernel.TimeoutUpdateUnlimits)
	if isMultishot(t) && q.SQE.OpFlags()&uapi.IORING_TIMEOUT_ABS != 0 && !unlimits {
		return uapi.EINVAL
	}
	if !isMultishot(t) || unlimits {
		t.timer.off, t.timer.repeats = 0, 0
	}
	t.Time = q.Time
	t.timer.at = r.k.expiry(q.Time, r.updateFlags(q, t))
	r.timers.list = append(slices.Delete(r.timers.list, i, i+1), t)
	return 0
}

// Linux: io_uring/timeout.c:io_linked_timeout_update
func (r *Ring) updateLinked(q *request) uapi.Errno {
	for _, t := range r.timers.linked {
		if t.UserData == q.SQE.Addr() {
			t.timer.at = r.k.expiry(q.Time, r.updateFlags(q, t))
			return 0
		}
	}
	return uapi.ENOENT
}

// updateFlags are the flags of an update, with the clock of the timeout that it updates.
func (r *Ring) updateFlags(q, t *request) uint32 {
	return q.SQE.OpFlags()&uapi.IORING_TIMEOUT_ABS | t.SQE.OpFlags()&uapi.IORING_TIMEOUT_REALTIME
}

// running are the timeouts that time can end. What becomes of one that is for a request whose result io_uring does not
// decide, is for the recording to say.
func (t *timers) running() []*request {
	all := slices.Clone(t.list)
	for _, q := range t.linked {
		if t.decided(q.timer.head) {
			all = append(all, q)
		}
	}
	return all
}

// decided tells whether it is for io_uring to say what becomes of a request with a timeout.
func (t *timers) decided(head *request) bool { return head.pending || slices.Contains(t.list, head) }

// fireDue fires the timeouts whose time has come: by the recording if there is one, and by the clock if there is none.
func (r *Ring) fireDue() bool {
	did := false
	for _, q := range r.timers.running() {
		if r.known.have {
			if !r.known.fires(q) {
				continue
			}
			q.fromTrace = true
		} else if q.timer.at > r.k.now {
			continue
		}
		did = true
		if q.timer.head != nil {
			r.fireLinked(q)
		} else {
			r.fire(q)
		}
	}
	if r.known.have {
		did = r.fireRecorded() || did
	}
	return did
}

// fireRecorded ends the timeouts of requests whose results io_uring does not decide, where the recording shows that they
// fired in a call before the one that shows the request done.
func (r *Ring) fireRecorded() (did bool) {
	for _, q := range slices.Clone(r.timers.linked) {
		head := q.timer.head
		if r.timers.decided(head) || r.known.has(head.UserData) || !r.known.fired(q.UserData) {
			continue
		}
		cqe, ok := r.known.match(q.UserData, 0)
		if !ok {
			continue
		}
		did = true
		r.timers.remove(q)
		q.timer.firing, q.fromTrace, q.deferred = true, true, true
		q.res, q.note = cqe.Res, "result as recorded"
		r.taskWork(q, func() {
			q.leave(head)
			r.complete(q)
		})
	}
	return did
}

// leave takes a timeout out of the chain of the request that it is for.
func (q *request) leave(head *request) {
	if head.next == q {
		head.next, q.next, head.hasTimeout = q.next, nil, false
	}
}

// bootTime is the time of day, in ns since 1970, at which the clock of a simulated kernel begins: 1 January 2026.
const bootTime = 1_767_225_600_000_000_000

// sleep lets time pass until the next timeout of any ring, or until the deadline; false if nothing happens before it.
//
// Departs: the clock stands at 0 when the kernel starts, on 1 January 2026, and only waiting takes time.
func (k *Kernel) sleep(deadline int64) bool {
	next := int64(math.MaxInt64)
	for _, r := range k.rings {
		for _, q := range r.timers.running() {
			next = min(next, q.timer.at)
		}
	}
	if next == math.MaxInt64 || next > deadline {
		if deadline != math.MaxInt64 {
			k.now = max(k.now, deadline)
		}
		return false
	}
	k.now = max(k.now, next)
	for _, r := range k.rings {
		r.fireDue()
	}
	return true
}

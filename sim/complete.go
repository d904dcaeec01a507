package sim

import (
	"slices"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// completionQueue is the CQ ring and what did not fit.
type completionQueue struct {
	r          *Ring
	tail, head uint32 // in entries of the ring
	posted     []entry
	seen       []trace.CQE // that were taken last, if nobody keeps them
	taken      int         // how many of posted the program has seen but left in the ring
	late       int         // how many the program did not see yet when it last looked, as the recording does not have them
	overflow   []entry
	overflowed uint32 // CQEs that were lost, as the ring's header says
	cached     uint32 // entries from tail on that are known to be free
	left       bool   // one more is, at leftAt, whatever the tail is by now (kernel.CQECacheOutlivesOverflow)
	leftAt     uint32
	unordered  bool // a worker is posting a message, whose place is no fact
	cqMemory
}

// entry is a CQE in the ring, and the entries that it takes: from at on, so many.
type entry struct {
	trace.CQE
	at    uint32
	slots uint16
	aux   bool // no request's, and put into the ring at once
}

func (c *completionQueue) init(r *Ring) {
	c.r = r
	if r.has(uapi.IORING_SETUP_CQE32 | uapi.IORING_SETUP_CQE_MIXED) {
		c.remember()
	}
}

// ready is the number of entries that are in the ring.
func (c *completionQueue) ready() uint32 { return c.tail - c.head }

// get takes the entries for a CQE with these flags, nil if there are none. Once one did not fit, later ones wait behind
// it, unless it is they that are to go into the ring.
//
// Linux: io_uring/io_uring.h:io_get_cqe_overflow
func (c *completionQueue) get(flags uint32, overflow bool) *entry {
	big := flags&uapi.IORING_CQE_F_32 != 0 && !(overflow && c.r.has(uapi.IORING_SETUP_CQE32))
	slots, needs, at := uint32(1), uint32(1), c.tail
	if big {
		slots, needs = c.bigSlots()
	}
	switch {
	case c.cached >= needs:
	case c.left && needs == 1:
		c.skewed = c.skewed || c.leftAt != c.tail
		c.left, c.cached, at = false, 1, c.leftAt
	case !c.refill(overflow, big):
		return nil
	default:
		at = c.tail
	}
	e := extend(&c.posted)
	e.at, e.slots, e.aux = at, uint16(slots), false
	c.tail += slots
	c.cached -= slots
	if flags&uapi.IORING_CQE_F_SKIP != 0 && c.r.has(uapi.IORING_SETUP_CQE_MIXED) {
		c.skewed = true // it looks like a filler
	}
	return e
}

// bigSlots is how many entries a CQE with IORING_CQE_F_32 takes, and how many have to be free for it.
func (c *completionQueue) bigSlots() (slots, needs uint32) {
	switch {
	case c.r.has(uapi.IORING_SETUP_CQE_MIXED):
		return 2, 2
	case c.r.has(uapi.IORING_SETUP_CQE32):
		return 1, 1
	}
	c.remember() // such a CQE is also written over what stands behind it
	return 1, 2
}

// push takes up to n entries for CQEs of the usual size, as many as are known to be free.
func (c *completionQueue) push(n uint32) []entry {
	had := len(c.posted)
	n = min(n, c.cached, uint32(cap(c.posted)-had))
	c.posted = c.posted[:had+int(n)]
	room := c.posted[had:]
	for i := range room {
		room[i].at, room[i].slots, room[i].aux = c.tail+uint32(i), 1, false
	}
	c.tail += n
	c.cached -= n
	return room
}

// set makes an entry the CQE of a plain SQE.
func (e *entry) set(userData uint64, res int32, flags uint32, anyBig bool) {
	e.UserData, e.Res, e.Flags, e.Big = userData, res, flags, [2]uint64{}
	e.Unordered, e.Known, e.AnyBig = false, false, anyBig
}

// extend makes the list longer by one entry, whose content is anything.
func extend(list *[]entry) *entry {
	n := len(*list)
	if n == cap(*list) {
		*list = append(*list, entry{})
	}
	*list = (*list)[:n+1]
	return &(*list)[n]
}

// refill looks how many entries are free before the ring's end. A filler keeps a big CQE from wrapping around, or what
// kernels take for one.
//
// Linux: io_uring/io_uring.c:io_cqe_cache_refill
func (c *completionQueue) refill(overflow, big bool) bool {
	if !overflow && len(c.overflow) > 0 {
		return false
	}
	if c.cached > 0 {
		c.left, c.leftAt = c.r.k.release.Has(kernel.CQECacheOutlivesOverflow), c.tail
	}
	c.cached = 0
	pads := big && (c.r.has(uapi.IORING_SETUP_CQE_MIXED) || c.r.k.release.Has(kernel.BigCQEPadsAnyRing))
	big = pads || big && !c.r.has(uapi.IORING_SETUP_CQE32)
	off := c.tail & (c.r.cqEntries - 1)
	if pads && off+1 == c.r.cqEntries {
		if c.ready() >= c.r.cqEntries {
			return false
		}
		c.fill(off)
		off = 0
	}
	free := min(c.r.cqEntries-min(c.ready(), c.r.cqEntries), c.r.cqEntries-off)
	if big && free < 2 || free == 0 {
		return false
	}
	c.cached, c.left = free, false
	return true
}

// next is where the next CQE goes, which has these flags: into the ring, or to those that did not fit.
func (c *completionQueue) next(flags uint32) *trace.CQE { return &c.nextEntry(flags).CQE }

func (c *completionQueue) nextEntry(flags uint32) *entry {
	e := c.get(flags, false)
	if e == nil {
		e = extend(&c.overflow)
	}
	return e
}

// post adds a CQE that no request brings along.
func (c *completionQueue) post(cqe trace.CQE) {
	e := c.nextEntry(cqe.Flags)
	e.CQE, e.aux = cqe, !cqe.Known
}

// postIfFits adds a CQE of a request that goes on; false if there is no room.
//
// Linux: io_uring/io_uring.c:io_req_post_cqe
func (c *completionQueue) postIfFits(cqe trace.CQE) bool {
	e := c.get(cqe.Flags, false)
	if e != nil {
		e.CQE, e.aux = cqe, !cqe.Known
	}
	return e != nil
}

// flushOverflow moves what waits into the ring, as far as it fits.
//
// Linux: io_uring/io_uring.c:__io_cqring_overflow_flush
func (c *completionQueue) flushOverflow() {
	for len(c.overflow) > 0 {
		e := c.get(c.overflow[0].Flags, true)
		if e == nil {
			return
		}
		e.CQE = c.overflow[0].CQE // with the words that an aux one does not have, as zeros
		c.overflow = c.overflow[1:]
	}
}

// take is the CQEs that the program has not seen yet. Unless they are kept, their room is free again. Those whose time
// is no fact stay back until the recording has them.
func (c *completionQueue) take(keep bool, known *knowledge) []trace.CQE {
	c.look()
	var cqes []trace.CQE
	if n := len(c.posted) - c.taken; n > 0 && c.r.k.quiet {
		cqes = slices.Grow(c.seen[:0], n)
		c.seen = cqes
	} else if n > 0 {
		cqes = make([]trace.CQE, 0, n)
	}
	var later []entry
	for i := range c.posted[c.taken:] {
		e := &c.posted[c.taken+i]
		if e.Unordered && !e.Known && known.have && !known.has(e.UserData) {
			later = append(later, *e)
		} else {
			cqes = append(cqes, e.CQE)
		}
	}
	if c.late = len(later); keep && c.late == 0 {
		c.taken = len(c.posted)
		return cqes
	}
	c.posted, c.taken, c.head = append(c.posted[:0], later...), 0, c.tail-uint32(len(later))
	c.stored = len(later)
	return cqes
}

// leave has the program leave n entries that it has seen in the ring, whether they were taken or kept.
func (c *completionQueue) leave(n uint32) {
	c.stored = max(c.stored-c.taken, 0)
	c.posted, c.taken = append(c.posted[:0], c.posted[c.taken:]...), 0
	unseen := uint32(0)
	switch {
	case c.halves != nil:
		unseen = c.tail - c.looked
	case len(c.posted) > 0:
		unseen = c.tail - c.posted[0].at
	}
	c.head = c.tail - unseen - n
}

// reap copies the CQEs that the program has not seen yet, as many as fit, and frees their room.
func (c *completionQueue) reap(cqes []uapi.CQE) int {
	c.look()
	from := c.posted[c.taken:]
	n := min(len(cqes), len(from))
	from, cqes = from[:n], cqes[:n]
	for i := range from {
		cqes[i] = from[i].CQE.CQE
	}
	if c.taken += n; c.taken == len(c.posted) {
		c.posted, c.taken, c.stored, c.head = c.posted[:0], 0, 0, c.tail
	} else {
		c.head = c.posted[c.taken].at
		c.looked = c.head
	}
	return n
}

// Late is the number of CQEs that a recording never showed, though workers had all the time they need.
func (k *Kernel) Late() int {
	n := 0
	for _, r := range k.rings {
		n += r.cq.late
	}
	return n
}

// complete ends a request that has its result.
func (r *Ring) complete(q *request) {
	if q.inWorker {
		q.inWorker, q.leads = false, !r.locklessCQ()
		r.taskWork(q, func() { r.complete(q) })
		return
	}
	q.took()
	if !q.fromTrace && !q.deferred {
		r.known.decided(q.UserData, q.res, q.flags)
	}
	r.batch.add(q)
}

// locklessCQ tells whether only the ring's task posts CQEs, also those of requests that workers have carried out.
//
// Linux: io_uring/io_uring.c:io_req_complete_post
func (r *Ring) locklessCQ() bool {
	return r.has(uapi.IORING_SETUP_DEFER_TASKRUN | uapi.IORING_SETUP_IOPOLL)
}

// completions are those whose CQEs are not posted yet, in order (submit_state.compl_reqs).
type completions struct {
	list     []completion
	requests []*request
	nops     int // that the list has besides the first of each run
}

// completion is that of a request, which is in the list of requests, or of plain SQEs, of which this is all.
type completion struct {
	userData    uint64
	res         int32
	flags       uint32
	request     uint32 // its place, from 1; 0 for plain SQEs
	first, nops uint32 // so many NOPs, from this one on; userData, res and flags are not theirs
}

// next is where the next completion goes. Its content is anything, and is set field by field: a whole that was just put
// together by parts takes longer to copy.
func (c *completions) next() *completion {
	n := len(c.list)
	if n == cap(c.list) {
		c.list = append(c.list, completion{})
	}
	c.list = c.list[:n+1]
	return &c.list[n]
}

// add adds the completion of a request.
func (c *completions) add(q *request) {
	c.requests = append(c.requests, q)
	*c.next() = completion{request: uint32(len(c.requests))}
}

// flush posts the CQEs of completed requests, in order, and then lets go of the requests, which moves their chains on.
//
// Linux: io_uring/io_uring.c:__io_submit_flush_completions, io_free_batch_list
func (r *Ring) flush() {
	batch := r.batch
	r.batch, r.spare = r.spare, completions{}
	drainDone := false
	for list := batch.list; len(list) > 0; list = list[1:] {
		if list = list[r.postPlain(list):]; len(list) == 0 {
			break
		}
		q := batch.requests[list[0].request-1]
		r.postCQE(q)
		if r.drain.active && q == r.drain.running {
			r.drain.running, drainDone = nil, true
		}
	}
	if len(batch.list) > 0 {
		r.flushTimeouts()
	}
	r.drain.alive -= len(batch.list) + batch.nops
	for _, q := range batch.requests {
		if q.linked() {
			r.queueNext(q)
		}
		if q.Notif {
			r.postNotif(q)
		}
		r.putNodes(q)
		r.recycle(q)
	}
	clear(batch.requests)
	r.spare = completions{list: batch.list[:0], requests: batch.requests[:0]}
	r.afterFlush(drainDone)
}

// notifCopied is IORING_NOTIF_USAGE_ZC_COPIED, the result of a notification without zero-copy.
const notifCopied = -1 << 31

// postNotif ends the notification of a zero-copy send that did not send anything.
//
// Linux: io_uring/net.c:io_send_zc_cleanup, io_uring/notif.c:io_notif_tw_complete
func (r *Ring) postNotif(q *request) {
	if q.issued {
		return
	}
	n := &request{ring: r, task: q.task}
	n.UserData, n.flags, n.deferred = q.NotifUserData, uapi.IORING_CQE_F_NOTIF, q.deferred
	if q.NotifReport {
		n.res = notifCopied
	}
	r.drain.alive++
	r.taskWork(n, func() { r.complete(n) })
}

// postCQE posts the CQE of a request unless the program wants none.
func (r *Ring) postCQE(q *request) {
	if q.Flags&uapi.IOSQE_CQE_SKIP_SUCCESS != 0 {
		return
	}
	// Field by field, as this is done for every request.
	c := r.cq.next(q.flags)
	c.UserData, c.Res, c.Flags = q.UserData, q.res, q.flags
	c.Big = [2]uint64{}
	if r.has(uapi.IORING_SETUP_CQE32) || q.flags&uapi.IORING_CQE_F_32 != 0 {
		c.Big = q.big
	}
	c.Unordered, c.Known = q.deferred, q.fromTrace
	// What a request does not set stays from the last use of its memory.
	c.AnyBig = r.has(uapi.IORING_SETUP_CQE32) && !q.setsBig
}

// taskWork does something in the context of the request's task: when it returns to user mode, or on rings with
// DEFER_TASKRUN when it waits for events.
//
// Linux: io_uring/tw.c:__io_req_task_work_add
func (r *Ring) taskWork(q *request, f func()) {
	if !q.task.Alive() {
		q.deferred = true // a worker of the kernel does it, some time
	}
	if r.has(uapi.IORING_SETUP_DEFER_TASKRUN) {
		r.local.add(r, f)
	} else {
		q.task.work.add(r, f)
	}
}

// localWorkMax is the least that one run may do (IO_LOCAL_TW_DEFAULT_MAX).
const localWorkMax = 20

// runLocal runs the task work of a ring with DEFER_TASKRUN, until it has done so many things or nothing is left.
func (r *Ring) runLocal(want int) { r.runLocalUpTo(want, max(localWorkMax, want)) }

// runLocalUpTo is runLocal that does up to so many things at a time. What completions cause waits for the next run.
//
// Linux: io_uring/tw.c:__io_run_local_work
func (r *Ring) runLocalUpTo(want, most int) {
	if len(r.local.items) == 0 {
		return
	}
	for {
		limit := most
		if r.k.release.Has(kernel.TaskWorkInBatches) {
			limit = min(most, len(r.local.items))
		}
		did := r.local.pop(limit)
		if len(r.local.items) == 0 || did >= want {
			r.flush()
			if len(r.local.items) == 0 || did >= want {
				return
			}
		}
		want -= did
	}
}

// settle lets workers and the task work that they cause finish, and tells whether there was any. When they do is no fact:
// it is long before anybody looks.
func (r *Ring) settle() (did bool) {
	for again := true; again; did = did || again {
		again = r.workers.run()
		again = r.fireDue() || again
		for _, t := range r.k.order {
			if !t.Waits() {
				again = t.runWork() || again
			}
		}
		if r.thread != nil {
			again = r.thread.runWork() || again
		}
	}
	return did
}

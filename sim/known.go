package sim

import (
	"slices"

	"github.com/uringsim/uringsim/tctx"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// knowledge are the CQEs that a real kernel posted in a call, for results that io_uring does not decide.
type knowledge struct {
	have bool
	open bool       // nothing has asked for filters or restrictions: EACCES is no verdict of theirs
	cqes []uapi.CQE // those that no request has taken
	room []uapi.CQE // that they are in
}

func (k *knowledge) start(cqes []uapi.CQE, open bool) {
	k.room = append(k.room[:0], cqes...)
	k.have, k.open, k.cqes = cqes != nil, open, k.room
}

// match takes the first CQE with the user_data that could come from a request that was let through. EACCES could not,
// once a task has tried to register filters or restrictions: it is what they give, and taking it from the recording
// would hide a wrong verdict.
//
// Departs: a path that a task with filters or restrictions may not open gives EACCES as well, and is reported as a
// difference.
func (k *knowledge) match(userData uint64, flags uint32) (uapi.CQE, bool) {
	for i := range k.cqes {
		c := &k.cqes[i]
		if c.UserData == userData && (k.open || c.Res != int32(uapi.EACCES.Ret())) && c.Flags&uapi.IORING_CQE_F_NOTIF == flags {
			return k.takeAt(i), true
		}
	}
	return uapi.CQE{}, false
}

// takeAt takes a CQE; those before it, which are few if they are taken in their order, move up.
func (k *knowledge) takeAt(i int) uapi.CQE {
	c := k.cqes[i]
	copy(k.cqes[1:], k.cqes[:i])
	k.cqes = k.cqes[1:]
	return c
}

// decided takes the CQE of a request whose result is io_uring's own, so that none with the same user_data takes it.
func (k *knowledge) decided(userData uint64, res int32, flags uint32) {
	for i := range k.cqes {
		if c := &k.cqes[i]; c.UserData == userData && c.Res == res && c.Flags == flags {
			k.takeAt(i)
			return
		}
	}
}

// has tells whether the recording shows a CQE with the user_data that no request has taken.
func (k *knowledge) has(userData uint64) bool {
	return slices.ContainsFunc(k.cqes, func(c uapi.CQE) bool { return c.UserData == userData })
}

// cancelled tells whether the recording shows that a request was perhaps cancelled: who ended it, and so when, it does
// not say.
func (k *knowledge) cancelled(userData uint64) bool {
	return slices.ContainsFunc(k.cqes, func(c uapi.CQE) bool {
		return c.UserData == userData && (c.Res == int32(uapi.ECANCELED.Ret()) || c.Res == int32(uapi.EINTR.Ret()))
	})
}

// fired tells whether the recording shows that a timeout came before its request was done.
func (k *knowledge) fired(userData uint64) bool {
	return slices.ContainsFunc(k.cqes, func(c uapi.CQE) bool {
		return c.UserData == userData && c.Res != int32(uapi.ECANCELED.Ret())
	})
}

// fires takes the CQE by which the recording shows that a timeout fired; false if there is none. One that goes on says so,
// unless it had no room for it when that was: the CQE that did not fit shows later. One that posts no CQE has fired if its
// chain went on, and a linked one whose task has ended is cancelled when it does.
func (k *knowledge) fires(q *request) bool {
	res := uapi.ETIME
	if q.timer.head != nil && q.abandoned() && !k.has(q.timer.head.UserData) {
		res = uapi.ECANCELED
	}
	i := slices.IndexFunc(k.cqes, func(c uapi.CQE) bool { return c.UserData == q.UserData && c.Res == int32(res.Ret()) })
	if i < 0 {
		silent := q.skipsSuccess() && q.SQE.OpFlags()&uapi.IORING_TIMEOUT_ETIME_SUCCESS != 0
		return silent && !k.has(q.UserData) && k.followed(q)
	}
	q.timer.last = k.takeAt(i).Flags&uapi.IORING_CQE_F_MORE == 0
	return true
}

// ask looks for the result of an issued request in the recording, and asks the Issuer if there is none; false if the
// result has yet to come.
func (r *Ring) ask(q *request) bool {
	if q.notifies {
		return r.askNotif(q)
	}
	if r.submitting && r.known.cancelled(q.UserData) {
		r.held++ // by one of those that come behind it
		return false
	}
	cqe, ok := r.known.match(q.UserData, 0)
	if !ok && !r.known.have {
		q.note = "issued; its result is not known"
		return r.askIssuer(q)
	}
	if !ok && q.skipsSuccess() && r.known.followed(q) {
		r.succeed(q)
		return true
	}
	if !ok {
		return false
	}
	q.note = "issued; result as recorded"
	q.fromTrace, q.deferred = true, true
	for cqe.Flags&uapi.IORING_CQE_F_MORE != 0 {
		cqe.Res = r.effect(q, cqe.Res)
		r.cq.post(traceCQE(cqe))
		if q.Notif {
			n := &request{ring: r, task: q.task}
			n.UserData, n.notifies = q.NotifUserData, true
			if !r.ask(n) {
				r.unresolved = append(r.unresolved, n)
			}
			break
		}
		if cqe, ok = r.known.match(q.UserData, 0); !ok {
			return false // a multishot request goes on
		}
	}
	q.res, q.flags, q.big = r.effect(q, cqe.Res), cqe.Flags, cqe.Big
	if q.breaksChain() {
		q.setFail()
	}
	if q.Notif && cqe.Flags&uapi.IORING_CQE_F_MORE != 0 {
		q.Flags |= uapi.IOSQE_CQE_SKIP_SUCCESS // posted above
	}
	r.complete(q)
	return true
}

func (q *request) skipsSuccess() bool { return q.Flags&uapi.IOSQE_CQE_SKIP_SUCCESS != 0 }

// followed tells whether the recording shows that the chain has come past a request.
func (k *knowledge) followed(q *request) bool {
	for n := q.next; n != nil; n = n.next {
		if slices.ContainsFunc(k.cqes, func(c uapi.CQE) bool {
			return c.UserData == n.UserData && c.Res != int32(uapi.ECANCELED.Ret())
		}) {
			return true
		}
	}
	return false
}

// succeed ends a request that posts no CQE for success. A descriptor that it made is not known.
func (r *Ring) succeed(q *request) {
	q.note = "issued; no CQE is recorded"
	q.fromTrace, q.deferred = true, true
	q.res = int32(q.SQE.Len())
	if q.SQE.FileIndex() != 0 {
		q.res = r.effect(q, 0)
	}
	r.complete(q)
}

// mostSilent is how many requests that post no CQE for success are thought to be in flight.
const mostSilent = 1 << 10

// askNotif looks for the notification of a zero-copy send in the recording: it comes when the other side has the data.
func (r *Ring) askNotif(n *request) bool {
	cqe, ok := r.known.match(n.UserData, uapi.IORING_CQE_F_NOTIF)
	if ok {
		r.cq.post(traceCQE(cqe))
	}
	return ok
}

// effect does to the model's tables what a successful request did, and returns its result. Whether a file goes into a
// slot, and into which, is not left to the recording.
func (r *Ring) effect(q *request, res int32) int32 {
	if res < 0 {
		return res
	}
	kind := tctx.OtherFile
	switch q.Opcode {
	case uapi.IORING_OP_OPENAT, uapi.IORING_OP_OPENAT2:
	case uapi.IORING_OP_SOCKET, uapi.IORING_OP_ACCEPT:
		kind = tctx.SocketFile
	case uapi.IORING_OP_MSG_RING:
		return r.passed(q)
	default:
		return res
	}
	f := &tctx.File{Kind: kind}
	if q.SQE.FileIndex() == 0 {
		q.task.Files.Put(res, f, q.opensCloexec())
		return res
	}
	return r.installFile(q, f)
}

// installFile puts a file that a request opened into a slot, and returns the request's result.
func (r *Ring) installFile(q *request, f *tctx.File) int32 {
	index := q.SQE.FileIndex()
	r.cq.unordered = true // the tag of what was in the slot
	slot, e, why := r.InstallFile(f, index)
	r.cq.unordered = false
	switch {
	case e != 0:
		q.because(verdict.Refuse(verdict.Issue, e, "io_uring/filetable.c:__io_fixed_fd_install", why))
		return int32(e.Ret())
	case index == uapi.IORING_FILE_INDEX_ALLOC:
		return int32(slot)
	}
	return 0
}

// resolve looks whether requests that wait for their result got one. At the start of a call, those that it may be about
// are held back until it has submitted: what it cancels, and what has the user_data of one of its SQEs, whose CQE may be
// meant.
func (r *Ring) resolve(submits []trace.SlotSQE) {
	if len(r.unresolved) == 0 || !r.known.have && r.k.issuer == nil { // nobody knows more by now
		return
	}
	about := map[uint64]bool{}
	if r.known.have {
		for _, s := range submits {
			sqe := (*uapi.SQE)(s.Data)
			about[sqe.UserData()] = true
			switch sqe.Opcode() {
			case uapi.IORING_OP_ASYNC_CANCEL, uapi.IORING_OP_POLL_REMOVE, uapi.IORING_OP_TIMEOUT_REMOVE:
				about[sqe.Addr()] = true
			}
		}
	}
	waiting := r.unresolved
	r.unresolved, r.held = nil, 0
	for i, q := range waiting {
		switch {
		case r.known.have && i+mostSilent < len(waiting) && q.skipsSuccess():
			r.succeed(q)
		case len(about) > 0 && (about[q.UserData] || r.known.cancelled(q.UserData)):
			r.held++
			r.unresolved = append(r.unresolved, q)
		case !r.ask(q):
			r.unresolved = append(r.unresolved, q)
		}
	}
	r.flush()
}

// resolveHeld asks once more for those that were held back, once all is submitted.
func (r *Ring) resolveHeld() {
	r.submitting = false
	if r.held > 0 {
		r.resolve(nil)
	}
}

// timerResult is the result of the timeout of a request that is done, and whether its place is no fact.
func (r *Ring) timerResult(t *request) (res int32, deferred bool) {
	if t.why == nil {
		t.issued, t.note = true, "the request before it was done first"
		if r.known.fired(t.UserData) {
			cqe, _ := r.known.match(t.UserData, 0)
			t.fromTrace, t.note = true, "result as recorded"
			return cqe.Res, true
		}
	}
	return int32(uapi.ECANCELED.Ret()), t.deferred
}

func traceCQE(c uapi.CQE) trace.CQE { return trace.CQE{CQE: c, Unordered: true, Known: true} }

package gen

import (
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// sqpoll lets tasks use rings with a submission thread, which has the memory and descriptors of their maker. Everybody
// waits for what they have submitted, so that it is no matter of time who sees it.
func (m *maker) sqpoll() {
	w := newWorld(m)
	w.vforks = false
	w.pollingRing(w.somebody())
	for range 30 {
		t := w.somebody()
		switch w.IntN(14) {
		case 0, 1:
			w.spawn(t)
		case 2:
			w.exec(t)
		case 3:
			w.exit(t)
		case 4:
			w.privileges(t.name)
		case 5:
			w.pollingRing(t)
		case 6, 7:
			w.add(t.name, &trace.MapArgs{Addr: trace.Number(w.page()), Size: trace.PageSize})
		case 8:
			w.add(t.name, &trace.OpenArgs{Path: "/dev/null"})
			t.files.lowest()
		case 9:
			w.filterCall(t.name, w.someRing(t))
		default:
			w.submitAndWait(t)
		}
	}
}

// page is one of a few pages that a task may have mapped.
func (m *maker) page() uint64 { return trace.UserBase + uint64(m.IntN(3))*trace.PageSize }

// pollingRing makes a ring with a submission thread, perhaps that of another ring.
func (w *world) pollingRing(t *life) {
	other := w.someRing(t)
	w.newRing(t, uapi.IORING_SETUP_SQPOLL|w.some(50, uapi.IORING_SETUP_SUBMIT_ALL))
	a := w.events[len(w.events)-1].Args.(*trace.SetupArgs)
	a.Idle = pick(w.maker, trace.Number(1), 50, 1000) // ms: asleep at nearly every call, or at none
	if other >= 0 && w.chance(60) {
		a.Flags |= setupFlags(uint32(uapi.IORING_SETUP_ATTACH_WQ))
		a.WQFD = trace.Number(other)
	}
}

// submitAndWait submits requests that tell whose memory, descriptors and privileges they have.
func (w *world) submitAndWait(t *life) {
	if len(t.files.rings) == 0 {
		return
	}
	h := pick(w.maker, t.files.rings...)
	var sqes []trace.SQE
	if w.chance(20) {
		sqes = w.longChain()
	} else {
		for range 1 + w.IntN(4) {
			sqes = append(sqes, w.revealing())
		}
	}
	w.add(t.name, &trace.EnterArgs{FD: trace.Number(h.fd), Ring: h.name, SQEs: sqes,
		MinComplete: trace.Number(len(sqes)), Flags: enterFlags(uapi.IORING_ENTER_GETEVENTS | uapi.IORING_ENTER_SQ_WAKEUP)})
}

// longChain fails at its head. A thread that several rings share cuts it into two, of which the second runs.
func (w *world) longChain() []trace.SQE {
	sqes := []trace.SQE{w.sqe(badOp, uapi.IOSQE_IO_LINK)}
	for range 6 + w.IntN(8) {
		sqes = append(sqes, w.sqe(uapi.IORING_OP_NOP, uapi.IOSQE_IO_LINK))
	}
	closeChain(sqes)
	return sqes
}

// revealing is a request that fails where the task does not have something.
func (w *world) revealing() trace.SQE {
	switch w.IntN(4) {
	case 0:
		return w.sqe(uapi.IORING_OP_EPOLL_CTL, 0, field("fd", 99), field("len", 1), field("addr", w.page()))
	case 1:
		return w.sqe(uapi.IORING_OP_READ, 0, field("fd", 99), field("ioprio", 1<<13))
	case 2:
		return w.sqe(uapi.IORING_OP_NOP, 0, field("nop_flags", uapi.IORING_NOP_FILE), field("fd", uint64(3+w.IntN(6))))
	}
	return w.sqe(uapi.IORING_OP_NOP, 0)
}

package gen

import (
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// timeouts are the user_data of timeouts that may run still.
type timeouts struct {
	*maker
	ids    []uint64
	counts bool // they wait for completions; none fires then, as when it does decides what others count
}

// timeoutKind starts, changes and cancels timeouts, which other completions may end. Nearly all of them last longer than the
// trace; what a short one ends is waited for.
func (m *maker) timeoutKind() {
	w := &timeouts{maker: m, counts: m.chance(70)}
	fd, name := m.ring(trace.InitTask, 64, m.ringFlags())
	if m.chance(30) {
		f := filter(pick(m, uapi.IORING_OP_TIMEOUT, uapi.IORING_OP_TIMEOUT_REMOVE, uapi.IORING_OP_LINK_TIMEOUT), m.verdictProgram())
		m.registerCall(trace.InitTask, fd, uapi.IORING_REGISTER_BPF_FILTER, pointer(trace.Object{BPFFilter: &f}), 1)
	}
	for range 8 + m.IntN(8) {
		var sqes []trace.SQE
		for range 1 + m.IntN(8) {
			sqes = append(sqes, w.request()...)
		}
		closeChain(sqes)
		e := &trace.EnterArgs{FD: trace.Number(fd), Ring: name, SQEs: sqes, DropRest: true}
		if m.chance(50) {
			e.Flags = enterFlags(uapi.IORING_ENTER_GETEVENTS)
		}
		m.add(trace.InitTask, e)
		if m.chance(15) {
			how := m.some(30, uapi.IORING_ASYNC_CANCEL_ALL, uapi.IORING_ASYNC_CANCEL_OP) | m.some(10, uapi.IORING_ASYNC_CANCEL_ANY)
			c := trace.SyncCancel{Addr: trace.Number(w.id()), Flags: trace.CancelNum(how),
				Opcode: trace.OpNum(uapi.IORING_OP_TIMEOUT)}
			m.registerCall(trace.InitTask, fd, uapi.IORING_REGISTER_SYNC_CANCEL, pointer(trace.Object{SyncCancel: &c}), 1)
		}
		if !w.counts && m.chance(30) {
			sqes := w.short()
			m.add(trace.InitTask, &trace.EnterArgs{FD: trace.Number(fd), Ring: name, SQEs: sqes, DropRest: true})
			m.wait(trace.InitTask, fd, name, true)
		}
	}
	m.wait(trace.InitTask, fd, name, false)
}

// request is a request about timeouts, or one that completes; it may be part of a chain.
func (w *timeouts) request() []trace.SQE {
	flags := w.some(20, uapi.IOSQE_IO_LINK) | w.some(8, uapi.IOSQE_IO_HARDLINK, uapi.IOSQE_CQE_SKIP_SUCCESS)
	switch w.IntN(8) {
	case 0, 1:
		head := w.start(flags)
		if w.chance(25) {
			set(&head, field("flags", uint64(flags|uapi.IOSQE_IO_LINK)))
			return []trace.SQE{head, w.linked(flags &^ uapi.IOSQE_CQE_SKIP_SUCCESS)}
		}
		return []trace.SQE{head}
	case 2:
		return []trace.SQE{w.sqe(uapi.IORING_OP_TIMEOUT_REMOVE, flags, field("addr", w.id()))}
	case 3:
		update := uint64(uapi.IORING_TIMEOUT_UPDATE | w.some(25, uapi.IORING_TIMEOUT_ABS, uapi.IORING_LINK_TIMEOUT_UPDATE))
		s := w.sqe(uapi.IORING_OP_TIMEOUT_REMOVE, flags, field("addr", w.id()), w.long1000("addr2"), field("timeout_flags", update))
		return []trace.SQE{s}
	case 4:
		how := w.some(25, uapi.IORING_ASYNC_CANCEL_ALL, uapi.IORING_ASYNC_CANCEL_USERDATA) | w.some(10, uapi.IORING_ASYNC_CANCEL_ANY,
			uapi.IORING_ASYNC_CANCEL_OP, uapi.IORING_ASYNC_CANCEL_FD)
		op := pick(w.maker, uapi.IORING_OP_TIMEOUT, uapi.IORING_OP_TIMEOUT, uapi.IORING_OP_LINK_TIMEOUT, uapi.IORING_OP_NOP)
		return []trace.SQE{w.sqe(uapi.IORING_OP_ASYNC_CANCEL, flags, field("addr", w.id()), field("cancel_flags", uint64(how)),
			field("len", uint64(op)), field("fd", 0))}
	case 5:
		return []trace.SQE{w.sqe(uapi.IORING_OP_POLL_REMOVE, flags, field("addr", w.id()))}
	case 6:
		if w.chance(20) {
			return []trace.SQE{w.sqe(badOp, flags)}
		}
		return []trace.SQE{w.sqe(uapi.IORING_OP_NOP, flags|uapi.IOSQE_IO_LINK), w.linked(0)}
	}
	return []trace.SQE{w.sqe(uapi.IORING_OP_NOP, flags, field("nop_flags", uint64(w.some(20, uapi.IORING_NOP_TW))))}
}

// long1000 is a time that does not come.
func (m *maker) long1000(name string) trace.SQEField {
	return object(name, trace.Object{Timespec: &trace.Timespec{Sec: trace.Number(1_000_000 + m.IntN(1000))}})
}

// start is a TIMEOUT that may wait for a few completions.
func (w *timeouts) start(flags uint32) trace.SQE {
	how := w.some(20, uapi.IORING_TIMEOUT_ETIME_SUCCESS, uapi.IORING_TIMEOUT_MULTISHOT) | w.some(5, uapi.IORING_TIMEOUT_ABS)
	off := uint64(0)
	if w.counts || how&uapi.IORING_TIMEOUT_MULTISHOT != 0 {
		off = pick(w.maker, uint64(0), 0, 1, 1, 2, 3, 5, 100)
	}
	s := w.sqe(uapi.IORING_OP_TIMEOUT, flags, w.long1000("addr"), field("len", 1), field("timeout_flags", uint64(how)), field("off", off))
	w.remember()
	return s
}

// linked is the LINK_TIMEOUT of the request before it.
func (w *timeouts) linked(flags uint32) trace.SQE {
	s := w.sqe(uapi.IORING_OP_LINK_TIMEOUT, flags, w.long1000("addr"), field("len", 1))
	w.remember()
	return s
}

// short is a timeout that fires, with what may be linked to it, and with another timeout that it may be for.
func (w *timeouts) short() []trace.SQE {
	soon := object("addr", trace.Object{Timespec: &trace.Timespec{Nsec: 1_000_000}})
	link := w.some(50, uapi.IOSQE_IO_LINK)
	var sqes []trace.SQE
	if w.chance(30) {
		long := w.start(uapi.IOSQE_IO_LINK)
		sqes = append(sqes, long, w.sqe(uapi.IORING_OP_LINK_TIMEOUT, link, soon, field("len", 1)))
	} else {
		how := w.some(40, uapi.IORING_TIMEOUT_ETIME_SUCCESS)
		off := uint64(0)
		if w.chance(30) { // it fires once: when it does so again is for time to say
			how, off = how|uapi.IORING_TIMEOUT_MULTISHOT, 1
		}
		sqes = append(sqes, w.sqe(uapi.IORING_OP_TIMEOUT, link, soon, field("len", 1), field("timeout_flags", uint64(how)), field("off", off)))
	}
	if link != 0 {
		sqes = append(sqes, w.sqe(uapi.IORING_OP_NOP, 0))
	}
	return sqes
}

func (w *timeouts) remember() {
	w.ids = append(w.ids, w.userData)
}

// id is the user_data of a timeout, mostly.
func (w *timeouts) id() uint64 {
	if len(w.ids) == 0 || w.chance(15) {
		return uint64(w.IntN(100))
	}
	return w.ids[len(w.ids)-1-w.IntN(min(len(w.ids), 8))]
}

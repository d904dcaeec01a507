package gen

import (
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// link submits chains with failures of all kinds anywhere.
func (m *maker) link() {
	async := m.chance(10) // with requests that workers carry out, who get the time to do so after each call
	flags := m.ringFlags()
	fd, name := m.ring(trace.InitTask, 32, flags)
	f := filter(uapi.IORING_OP_NOP, []uapi.SockFilter{{Code: codeLoad, K: 0}, {Code: 0x54, K: 4}, {Code: codeRetA}})
	if m.chance(70) {
		m.registerCall(trace.InitTask, fd, uapi.IORING_REGISTER_BPF_FILTER, pointer(trace.Object{BPFFilter: &f}), 1)
	}
	if m.chance(30) {
		f := filter(uapi.IORING_OP_LINK_TIMEOUT, m.verdictProgram())
		m.registerCall(trace.InitTask, fd, uapi.IORING_REGISTER_BPF_FILTER, pointer(trace.Object{BPFFilter: &f}), 1)
	}
	if m.chance(30) {
		fds := []trace.Number{^trace.Number(0), 0, 1}
		m.registerCall(trace.InitTask, fd, uapi.IORING_REGISTER_FILES, pointer(trace.Object{FDs: &fds}), len(fds))
	}
	calls := 6 + m.IntN(6)
	if async {
		calls = 4
	}
	for range calls {
		var sqes []trace.SQE
		for range 1 + m.IntN(12) {
			sqes = append(sqes, m.member(async))
		}
		if m.chance(15) { // each member causes task work for the next
			for range 3 {
				sqes = append(sqes, m.sqe(uapi.IORING_OP_NOP, uapi.IOSQE_IO_LINK, field("nop_flags", uapi.IORING_NOP_TW)))
			}
		}
		if !async && m.chance(10) { // a linked timeout has to follow a request of another kind
			for range 2 {
				sqes = append(sqes, m.linkTimeout(uapi.IOSQE_IO_LINK))
			}
		}
		if !async {
			closeChain(sqes)
		}
		e := &trace.EnterArgs{FD: trace.Number(fd), Ring: name, SQEs: sqes, DropRest: m.chance(80)}
		if m.chance(40) {
			e.Flags = enterFlags(uapi.IORING_ENTER_GETEVENTS)
		}
		if !e.DropRest && async {
			e.ToSubmit = ptr(trace.Number(m.IntN(len(sqes) + 3)))
		}
		e.KeepCQEs = m.chance(10) && !async
		m.add(trace.InitTask, e)
		if async {
			m.wait(trace.InitTask, fd, name, async)
		}
	}
	m.wait(trace.InitTask, fd, name, async)
}

// closeChain lets the last request end its chain: a chain that is left open is for workers.
func closeChain(sqes []trace.SQE) {
	last := &sqes[len(sqes)-1]
	for i := range last.Fields {
		if f := &last.Fields[i]; f.Name == "flags" {
			f.Value.Num &^= uapi.IOSQE_IO_LINK | uapi.IOSQE_IO_HARDLINK
		}
	}
}

// ringFlags are setup flags that change how completions come about.
func (m *maker) ringFlags() uint32 {
	flags := m.some(40, uapi.IORING_SETUP_SUBMIT_ALL) | m.some(15, uapi.IORING_SETUP_CQE32, uapi.IORING_SETUP_SQE128,
		uapi.IORING_SETUP_COOP_TASKRUN, uapi.IORING_SETUP_SINGLE_ISSUER, uapi.IORING_SETUP_NO_SQARRAY)
	if m.chance(25) {
		flags |= uapi.IORING_SETUP_DEFER_TASKRUN | uapi.IORING_SETUP_SINGLE_ISSUER
	}
	if flags&uapi.IORING_SETUP_CQE32 == 0 {
		flags |= m.some(15, uapi.IORING_SETUP_CQE_MIXED)
	}
	if flags&uapi.IORING_SETUP_SQE128 == 0 {
		flags |= m.some(15, uapi.IORING_SETUP_SQE_MIXED)
	}
	return flags
}

// member is a request that may be part of a chain: it works, or fails somewhere on its way.
func (m *maker) member(async bool) trace.SQE {
	flags := m.some(30, uapi.IOSQE_IO_LINK) | m.some(12, uapi.IOSQE_IO_HARDLINK) | m.some(8, uapi.IOSQE_CQE_SKIP_SUCCESS)
	pollFirst := uint32(0)
	if async {
		flags |= m.some(12, uapi.IOSQE_ASYNC, uapi.IOSQE_IO_DRAIN)
		pollFirst = m.some(60, 1) // what cannot be polled goes to a worker
	}
	switch m.IntN(16) {
	case 0:
		return m.sqe(badOp, flags)
	case 1:
		return m.sqe(uapi.IORING_OP_NOP, flags, field("nop_flags", 0x100))
	case 2:
		return m.sqe(uapi.IORING_OP_NOP, flags|0x80)
	case 3:
		return m.sqe(uapi.IORING_OP_NOP, flags|uapi.IOSQE_BUFFER_SELECT)
	case 4:
		return m.sqe(uapi.IORING_OP_NOP, flags, field("nop_flags", uapi.IORING_NOP_INJECT_RESULT), field("len", uint64(pick(m, m.word(), 0xffffffff, 7))))
	case 5:
		return m.sqe(uapi.IORING_OP_NOP, flags, field("nop_flags", uint64(m.some(40, uapi.IORING_NOP_FILE, uapi.IORING_NOP_FIXED_FILE,
			uapi.IORING_NOP_FIXED_BUFFER, uapi.IORING_NOP_TW))), field("fd", uint64(m.IntN(200))))
	case 6:
		return m.sqe(uapi.IORING_OP_READ, flags, field("fd", 99))
	case 7:
		return m.linkTimeout(flags)
	case 8:
		return m.sqe(pick(m, uapi.IORING_OP_NOP128, uapi.IORING_OP_NOP), flags, field("nop_flags", uint64(m.some(50, uapi.IORING_NOP_CQE32))),
			field("off", m.long()), field("addr", m.long()))
	case 10:
		return m.sqe(uapi.IORING_OP_MSG_RING, flags, field("fd", uint64(pick(m, 3, 3, 0, 99))), field("off", m.long()<<16|m.data()),
			field("len", uint64(m.word())), field("addr", uint64(m.IntN(20)/19*2)), field("msg_ring_flags", uint64(m.some(20, 1, 2))),
			field("file_index", uint64(m.some(20, 1, 2))))
	case 11:
		return m.sqe(pick(m, uapi.IORING_OP_SEND, uapi.IORING_OP_RECV, uapi.IORING_OP_RECV, uapi.IORING_OP_CONNECT, uapi.IORING_OP_LISTEN, uapi.IORING_OP_ACCEPT),
			flags, field("fd", uint64(m.IntN(3))), field("ioprio", uint64(pollFirst)))
	case 9:
		if m.chance(50) {
			fd := pick(m, 0, 3, 99) // a ring is not closed this way
			if m.keepsFDs {
				fd = 99
			}
			return m.sqe(uapi.IORING_OP_CLOSE, flags, field("fd", uint64(fd)), field("file_index", uint64(m.IntN(5))))
		}
		how := m.some(25, uapi.IORING_ASYNC_CANCEL_FD, uapi.IORING_ASYNC_CANCEL_FD_FIXED)
		if !async { // which of several requests a worker still finds is for time to say
			how |= m.some(25, uapi.IORING_ASYNC_CANCEL_ALL, uapi.IORING_ASYNC_CANCEL_ANY)
		}
		return m.sqe(uapi.IORING_OP_ASYNC_CANCEL, flags, field("fd", uint64(pick(m, 0, 99))), field("cancel_flags", uint64(how)))
	}
	return m.sqe(uapi.IORING_OP_NOP, flags)
}

// linkTimeout is a timeout that does not come to pass, now and then with a number of CQEs, which it cannot have.
func (m *maker) linkTimeout(flags uint32) trace.SQE {
	long := trace.Timespec{Sec: 1000}
	return m.sqe(uapi.IORING_OP_LINK_TIMEOUT, flags, object("addr", trace.Object{Timespec: &long}), field("len", 1),
		field("off", uint64(m.some(10, 1))))
}

// wait lets everything finish: it waits for more completions than can come, for a short time if workers are at it.
func (m *maker) wait(task string, fd int, ring string, async bool) {
	e := &trace.EnterArgs{FD: trace.Number(fd), Ring: ring, Flags: enterFlags(uapi.IORING_ENTER_GETEVENTS), DropRest: true}
	if async {
		short := trace.Timespec{Nsec: 60_000_000}
		e.Flags |= enterFlags(uapi.IORING_ENTER_EXT_ARG)
		e.MinComplete, e.ArgSize = 1<<15, 24
		e.Arg = pointer(trace.Object{GetEvents: &trace.GetEvents{TS: pointer(trace.Object{Timespec: &short})}})
	}
	m.add(task, e)
}

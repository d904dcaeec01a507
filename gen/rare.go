package gen

import (
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// rare plays one of the scenes.
func (m *maker) rare() { pick(m, scenes...)(m) }

// scenes are what takes several steps to come about, none of which by chance: each leads there, and varies around it.
var scenes = []func(*maker){
	(*maker).fullTimer,
	(*maker).lateTimer,
	(*maker).leastWait,
	(*maker).vforkWait,
	(*maker).ownMessage,
	(*maker).deadOwner,
	(*maker).wrappedResize,
	(*maker).deadTask,
	(*maker).execDeferred,
}

// millis is a time.
func millis(n int) trace.Object {
	return trace.Object{Timespec: &trace.Timespec{Nsec: trace.Number(n * 1_000_000)}}
}

// timer is a TIMEOUT of so many milliseconds.
func (m *maker) timer(ms int, sqeFlags uint32, fields ...trace.SQEField) trace.SQE {
	return m.sqe(uapi.IORING_OP_TIMEOUT, sqeFlags, append(fields, object("addr", millis(ms)), field("len", 1))...)
}

// submitTo submits requests to a ring that ring set up.
func (m *maker) submitTo(task string, fd int, sqes ...trace.SQE) *trace.EnterArgs {
	e := &trace.EnterArgs{FD: trace.Number(fd), Ring: m.names[fd], SQEs: sqes}
	m.add(task, e)
	return e
}

// waitFor waits for so many CQEs, until so many milliseconds are over.
func (m *maker) waitFor(task string, fd, n, ms int) *trace.GetEvents {
	g := &trace.GetEvents{TS: pointer(millis(ms))}
	e := m.submitTo(task, fd)
	e.Flags, e.MinComplete = enterFlags(uapi.IORING_ENTER_GETEVENTS|uapi.IORING_ENTER_EXT_ARG), trace.Number(n)
	e.Arg, e.ArgSize = pointer(trace.Object{GetEvents: g}), 24
	return g
}

// pass lets time go by, on a ring of its own.
func (m *maker) pass(ms int) {
	fd, _ := m.ring(trace.InitTask, 1, 0)
	m.waitFor(trace.InitTask, fd, 1, ms)
}

// look enters a ring for events.
func (m *maker) look(task string, fd int) {
	m.submitTo(task, fd).Flags = enterFlags(uapi.IORING_ENTER_GETEVENTS)
}

// fullTimer has a multishot timeout find no room.
func (m *maker) fullTimer() {
	fd, _ := m.ring(trace.InitTask, 1, m.some(30, uapi.IORING_SETUP_SINGLE_ISSUER|uapi.IORING_SETUP_DEFER_TASKRUN))
	for range 2 {
		m.submitTo(trace.InitTask, fd, m.sqe(uapi.IORING_OP_NOP, 0)).KeepCQEs = true
	}
	left := pick[trace.Number](m, 0, 1, 2, 2)
	how := uint64(uapi.IORING_TIMEOUT_MULTISHOT | m.some(30, uapi.IORING_TIMEOUT_ETIME_SUCCESS))
	e := m.submitTo(trace.InitTask, fd, m.timer(1, 0, field("timeout_flags", how), field("off", 1+uint64(left))))
	e.CQLeft, e.KeepCQEs = left, true
	m.pass(60)
	for range 3 {
		m.look(trace.InitTask, fd)
	}
}

// lateTimer has a multishot timeout find its task busy elsewhere.
func (m *maker) lateTimer() {
	fd, _ := m.ring(trace.InitTask, 4, uapi.IORING_SETUP_SINGLE_ISSUER|uapi.IORING_SETUP_DEFER_TASKRUN)
	m.submitTo(trace.InitTask, fd, m.timer(100, 0, field("timeout_flags", uapi.IORING_TIMEOUT_MULTISHOT), field("off", 2)))
	m.pass(450)
	m.look(trace.InitTask, fd)
	m.look(trace.InitTask, fd)
	m.pass(250)
	m.look(trace.InitTask, fd)
}

// leastWait waits with a least time, while there is something, or comes something, or nothing.
func (m *maker) leastWait() {
	fd, _ := m.ring(trace.InitTask, 4, m.some(50, uapi.IORING_SETUP_SINGLE_ISSUER|uapi.IORING_SETUP_DEFER_TASKRUN))
	m.submitTo(trace.InitTask, fd, m.sqe(uapi.IORING_OP_NOP, 0), m.sqe(uapi.IORING_OP_NOP, 0)).KeepCQEs = true
	if m.chance(50) {
		m.submitTo(trace.InitTask, fd, m.timer(100+100*m.IntN(2), 0))
	} else {
		late := m.sqe(uapi.IORING_OP_LINK_TIMEOUT, 0, object("addr", millis(100)), field("len", 1))
		m.submitTo(trace.InitTask, fd, m.timer(900, uapi.IOSQE_IO_LINK), late)
	}
	for range 2 {
		g := m.waitFor(trace.InitTask, fd, 1+m.IntN(4), pick(m, 20, 400))
		g.MinWaitUsec = trace.Number(pick(m, 0, 1000, 300_000))
		m.events[len(m.events)-1].Args.(*trace.EnterArgs).CQLeft = pick[trace.Number](m, 0, 0, 1, 2)
	}
	m.waitFor(trace.InitTask, fd, 1, 400)
	m.look(trace.InitTask, fd) // a wait leaves work that it did not need
}

// vforkWait has a child wait for what its parent submitted, who waits for the child.
func (m *maker) vforkWait() {
	fd, name := m.ring(trace.InitTask, 4, 0)
	how := uint64(m.some(50, uapi.IORING_TIMEOUT_ETIME_SUCCESS))
	link := m.some(50, uapi.IOSQE_IO_LINK)
	sqes := []trace.SQE{m.timer(10, link, field("timeout_flags", how))}
	if link != 0 {
		sqes = append(sqes, m.sqe(uapi.IORING_OP_NOP, 0))
	}
	m.submitTo(trace.InitTask, fd, sqes...)
	m.add(trace.InitTask, &trace.VForkArgs{Child: "child"})
	m.waitFor("child", fd, 1, 100)
	if m.chance(50) {
		m.add("child", &trace.ExecArgs{})
	}
	m.add("child", &trace.ExitArgs{})
	m.add(trace.InitTask, &trace.ReapArgs{Ring: name, Wait: trace.Number(len(sqes))})
}

// ownMessage sends messages of a ring to itself, some of them by workers.
func (m *maker) ownMessage() {
	fd, _ := m.ring(trace.InitTask, 8, uapi.IORING_SETUP_SQPOLL|m.some(70, uapi.IORING_SETUP_IOPOLL))
	for range 3 {
		link := m.some(40, uapi.IOSQE_IO_LINK)
		e := m.submitTo(trace.InitTask, fd,
			m.sqe(uapi.IORING_OP_MSG_RING, link|m.some(20, uapi.IOSQE_ASYNC), field("fd", uint64(fd)), field("off", m.data()), field("len", 7)),
			m.sqe(uapi.IORING_OP_NOP, 0), m.sqe(uapi.IORING_OP_NOP, 0))
		e.MinComplete, e.Flags = 4, enterFlags(uapi.IORING_ENTER_GETEVENTS|uapi.IORING_ENTER_SQ_WAKEUP)
	}
}

// deadOwner sends messages and files to a ring of a task that has ended.
func (m *maker) deadOwner() {
	from, _ := m.ring(trace.InitTask, 8, uapi.IORING_SETUP_SUBMIT_ALL)
	m.registerCall(trace.InitTask, from, uapi.IORING_REGISTER_FILES, pointer(trace.Object{FDs: &[]trace.Number{0}}), 1)
	m.add(trace.InitTask, &trace.ThreadArgs{Child: "owner"})
	to, _ := m.ring("owner", 4, uapi.IORING_SETUP_SINGLE_ISSUER|m.some(80, uapi.IORING_SETUP_DEFER_TASKRUN))
	m.add("owner", &trace.ExitArgs{})
	for range 3 {
		m.submitTo(trace.InitTask, from, m.sqe(uapi.IORING_OP_MSG_RING, m.some(30, uapi.IOSQE_IO_LINK), field("fd", uint64(to)),
			field("addr", uint64(m.IntN(2))), field("off", m.data()), field("addr3", uint64(m.IntN(4)/3)),
			field("file_index", uint64(m.IntN(2)))), m.sqe(uapi.IORING_OP_NOP, 0))
	}
	m.look(trace.InitTask, to)
}

// wrappedResize resizes a ring whose head stands before its beginning, with CQEs that nobody has looked at.
func (m *maker) wrappedResize() {
	fd, name := m.ring(trace.InitTask, 4, uapi.IORING_SETUP_SUBMIT_ALL|uapi.IORING_SETUP_SINGLE_ISSUER|uapi.IORING_SETUP_DEFER_TASKRUN)
	m.add(trace.InitTask, &trace.DupArgs{FD: trace.Number(fd)})
	blind := m.nextFD // a ring is entered through it without a look
	m.nextFD++
	n := trace.Number(1 + m.IntN(3))
	e := &trace.EnterArgs{FD: trace.Number(fd), Ring: name, ToSubmit: ptr(trace.Number(0)), KeepCQEs: true}
	for range n {
		e.SQEs = append(e.SQEs, m.sqe(uapi.IORING_OP_NOP, 0))
	}
	e.CQLeft = pick[trace.Number](m, 0, 1, 2, 9)
	m.add(trace.InitTask, e)
	m.add(trace.InitTask, &trace.EnterArgs{FD: trace.Number(blind), ToSubmit: &n})
	m.resizeRing(fd, &trace.ResizeParams{SQEntries: 4})
	m.look(trace.InitTask, fd)
	m.submitTo(trace.InitTask, fd, m.sqe(uapi.IORING_OP_NOP, 0))
}

// never is a timeout that does not come.
func (m *maker) never(sqeFlags uint32, fields ...trace.SQEField) trace.SQE {
	return m.sqe(uapi.IORING_OP_TIMEOUT, sqeFlags, append(fields, m.long1000("addr"), field("len", 1))...)
}

// links are what may stand between the requests of a chain.
func (m *maker) links() uint32 { return pick(m, uint32(uapi.IOSQE_IO_LINK), uapi.IOSQE_IO_HARDLINK) }

// deadTask has a task end before its requests do.
func (m *maker) deadTask() {
	fd, name := m.ring(trace.InitTask, 16, 0)
	spawn := pick[trace.Args](m, &trace.ForkArgs{Child: "child"}, &trace.ThreadArgs{Child: "child"})
	m.add(trace.InitTask, spawn)
	link := m.links()
	how := field("timeout_flags", uint64(m.some(60, uapi.IORING_TIMEOUT_ETIME_SUCCESS)))
	nop := func(flags uint32) trace.SQE { return m.sqe(uapi.IORING_OP_NOP, flags|m.some(20, uapi.IOSQE_ASYNC)) }
	late := m.sqe(uapi.IORING_OP_LINK_TIMEOUT, link, object("addr", millis(50)), field("len", 1))
	waits := m.never(0)
	m.submitTo("child", fd, pick(m,
		[]trace.SQE{m.timer(50, link, how), nop(link), nop(0)},
		[]trace.SQE{m.never(uapi.IOSQE_IO_LINK), late, nop(0)},
		[]trace.SQE{waits, nop(uapi.IOSQE_IO_DRAIN), nop(link), nop(0)},
		[]trace.SQE{m.timer(50, 0, field("timeout_flags", uapi.IORING_TIMEOUT_MULTISHOT), field("off", 1)), m.never(link, field("off", 1)), nop(0)},
	)...)
	m.add("child", &trace.ExitArgs{})
	m.pass(120)
	m.add(trace.InitTask, &trace.ReapArgs{Ring: name})
	c := trace.SyncCancel{Flags: trace.CancelNum(uapi.IORING_ASYNC_CANCEL_ANY)}
	m.registerCall(trace.InitTask, fd, uapi.IORING_REGISTER_SYNC_CANCEL, pointer(trace.Object{SyncCancel: &c}), 1)
	m.pass(60)
	m.add(trace.InitTask, &trace.ReapArgs{Ring: name})
}

// execDeferred has a task execute a program while its requests wait, with and without those of another.
func (m *maker) execDeferred() {
	fd, name := m.ring(trace.InitTask, 16, m.some(30, uapi.IORING_SETUP_SUBMIT_ALL))
	m.add(trace.InitTask, &trace.ForkArgs{Child: "child"})
	first := pick(m, trace.InitTask, "child")
	link := m.links()
	m.submitTo(first, fd, m.never(link), m.sqe(uapi.IORING_OP_NOP, link), m.never(link), m.sqe(uapi.IORING_OP_NOP, 0))
	m.submitTo(trace.InitTask, fd, m.sqe(uapi.IORING_OP_NOP, m.some(70, uapi.IOSQE_IO_DRAIN)), m.sqe(uapi.IORING_OP_NOP, 0))
	m.add(trace.InitTask, &trace.ExecArgs{})
	m.add("child", &trace.ReapArgs{Ring: name})
}

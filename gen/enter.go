package gen

import (
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// enter submits a little with all arguments that enter has, on rings that are small enough to overflow.
func (m *maker) enter() {
	flags := m.ringFlags() | m.some(15, uapi.IORING_SETUP_IOPOLL)
	big := flags&uapi.IORING_SETUP_CQE_MIXED == 0 // see kernel.WaitSpinsOnOverflow
	waits := m.chance(40)
	if waits {
		flags |= uapi.IORING_SETUP_R_DISABLED
	}
	fd, name := m.smallRing(flags)
	if waits {
		m.waitRegion(fd)
	}
	other := trace.InitTask
	switch m.IntN(6) {
	case 0:
		other = "child"
		m.add(trace.InitTask, &trace.ForkArgs{Child: other})
	case 1:
		other = "thread"
		m.add(trace.InitTask, &trace.ThreadArgs{Child: other})
	}
	for range 10 + m.IntN(10) {
		task := pick(m, trace.InitTask, trace.InitTask, other)
		e := &trace.EnterArgs{FD: trace.Number(int64(fd)), Ring: name, DropRest: true, KeepCQEs: m.chance(40)}
		for range m.IntN(4) {
			e.SQEs = append(e.SQEs, m.plain(big))
		}
		if len(e.SQEs) > 0 {
			closeChain(e.SQEs)
		}
		if m.chance(15) {
			e.ToSubmit = ptr(trace.Number(m.IntN(6)))
		}
		if m.chance(5) {
			e.FD = pick(m, trace.Number(0), 99, ^trace.Number(0))
		}
		m.leaveCQEs(e)
		m.waitArgs(e, waits)
		m.add(task, e)
	}
}

// smallRing is a ring of one to four entries.
func (m *maker) smallRing(flags uint32) (fd int, name string) {
	fd, name = m.ring(trace.InitTask, pick(m, 4, 4, 8), flags)
	if m.chance(60) {
		a := m.events[len(m.events)-1].Args.(*trace.SetupArgs)
		a.Flags |= trace.SetupNum(uapi.IORING_SETUP_CQSIZE)
		a.CQEntries = a.Entries
	}
	return fd, name
}

// plain is a request that completes at once; if big, now and then one that asks for a big CQE.
func (m *maker) plain(big bool) trace.SQE {
	switch m.IntN(6) {
	case 0:
		return m.sqe(badOp, 0)
	case 1:
		if !big {
			break
		}
		return m.sqe(uapi.IORING_OP_NOP, 0, field("nop_flags", uapi.IORING_NOP_CQE32), field("off", m.long()), field("addr", m.long()))
	case 3:
		return m.sqe(uapi.IORING_OP_NOP, 0, field("nop_flags", uapi.IORING_NOP_TW))
	}
	return m.sqe(uapi.IORING_OP_NOP, 0)
}

// waitArgs lets an enter wait, never for long, with arguments most of which are valid. With waits, the ring has
// waitRegion.
func (m *maker) waitArgs(e *trace.EnterArgs, waits bool) {
	if m.chance(30) {
		e.Flags = enterFlags(m.some(10, 1, 2, 4, 16, 64, 128, 256))
		if m.chance(50) {
			return
		}
	}
	e.Flags |= enterFlags(m.some(80, uapi.IORING_ENTER_GETEVENTS))
	bad := func(o trace.Object) trace.Pointer {
		if m.chance(15) {
			return trace.Pointer{Num: pick(m, uint64(0x1000), 1<<47, ^uint64(0))} // nothing that is no argument, and waits for ever
		}
		return pointer(o)
	}
	short, mask := trace.Timespec{Nsec: 1_000_000}, trace.Bytes(make([]byte, 8))
	switch m.IntN(4) {
	case 0: // a signal mask
		e.Arg, e.ArgSize = bad(trace.Object{Bytes: &mask}), pick(m, trace.Number(8), 8, 0, 24)
		switch m.IntN(4) { // what is no mask ends a wait that nothing else would
		case 0:
			e.Arg, e.ArgSize, e.MinComplete = trace.Pointer{Num: 0x1000}, 8, 100
		case 1:
			e.Arg, e.ArgSize, e.MinComplete = pointer(trace.Object{Bytes: &mask}), 16, 100
		}
	case 1: // registered wait memory
		e.Flags |= enterFlags(uapi.IORING_ENTER_EXT_ARG | uapi.IORING_ENTER_EXT_ARG_REG)
		e.Arg.Num, e.ArgSize = pick(m, uint64(0), 64, 4, trace.PageSize, m.long()), pick(m, trace.Number(64), 24)
		if waits && m.chance(60) {
			m.registeredWait(e)
		}
	case 2:
		e.Flags |= enterFlags(uapi.IORING_ENTER_EXT_ARG)
		g := trace.GetEvents{TS: bad(trace.Object{Timespec: &short})}
		if m.chance(30) {
			g.MinWaitUsec = trace.Number(pick(m, 1, 500, 3000))
		}
		if m.chance(30) {
			g.Sigmask, g.SigmaskSize = bad(trace.Object{Bytes: &mask}), trace.Number(pick(m, 8, 8, 0, 16))
		}
		e.Arg, e.ArgSize = bad(trace.Object{GetEvents: &g}), pick(m, trace.Number(24), 24, 24, 23)
		e.MinComplete = pick(m, trace.Number(0), 1, 2, 8, 100, 1<<31-1, ^trace.Number(0))
	}
}

package gen

import (
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// cqes fills small CQs with CQEs of both sizes, so that they overflow and wrap around, moves them to other sizes, and
// looks at them now and then. Nothing waits: see kernel.WaitSpinsOnOverflow.
func (m *maker) cqes() {
	for range 3 {
		flags := uapi.IORING_SETUP_SUBMIT_ALL | pick(m, uint32(0), uapi.IORING_SETUP_CQE_MIXED, uapi.IORING_SETUP_CQE_MIXED,
			uapi.IORING_SETUP_CQE_MIXED, uapi.IORING_SETUP_CQE32, uapi.IORING_SETUP_CQE32)
		resizes := m.chance(50)
		if resizes {
			flags |= uapi.IORING_SETUP_SINGLE_ISSUER | uapi.IORING_SETUP_DEFER_TASKRUN
		}
		fd, name := m.ring(trace.InitTask, pick(m, 2, 2, 4), flags)
		a := m.events[len(m.events)-1].Args.(*trace.SetupArgs)
		a.Flags |= trace.SetupNum(uapi.IORING_SETUP_CQSIZE)
		a.CQEntries = a.Entries * trace.Number(1+m.IntN(2))
		m.add(trace.InitTask, &trace.DupArgs{FD: trace.Number(int64(fd))})
		blind := m.nextFD // through it, a ring is entered without a look at it
		m.nextFD++
		for range 8 + m.IntN(10) {
			switch m.IntN(6) {
			case 0:
				m.cqeMessage(fd)
			case 1:
				if resizes {
					m.resizeRing(fd, &trace.ResizeParams{SQEntries: a.Entries, Flags: setupFlags(uint32(uapi.IORING_SETUP_CQSIZE)),
						CQEntries: pick[trace.Number](m, 1, 2, 4, 8, 16)})
				}
			default:
				m.fillCQ(fd, blind, name, flags)
			}
		}
	}
}

// fillCQ submits up to two NOPs, and looks at the ring or does not.
func (m *maker) fillCQ(fd, blind int, name string, flags uint32) {
	e := &trace.EnterArgs{FD: trace.Number(int64(fd)), Ring: name, DropRest: true, KeepCQEs: m.chance(40)}
	for range m.IntN(3) {
		s := m.sqe(uapi.IORING_OP_NOP, 0)
		if flags&(uapi.IORING_SETUP_CQE32|uapi.IORING_SETUP_CQE_MIXED) != 0 && m.chance(50) {
			set(&s, field("nop_flags", uint64(uapi.IORING_NOP_CQE32|m.some(10, uapi.IORING_NOP_TW))))
			set(&s, field("off", m.long()))
			set(&s, field("addr", m.long()))
		}
		e.SQEs = append(e.SQEs, s)
	}
	if flags&(uapi.IORING_SETUP_CQE32|uapi.IORING_SETUP_CQE_MIXED) != 0 { // of others, old CQEs are not modelled
		m.leaveCQEs(e)
	}
	e.Flags = enterFlags(m.some(30, uapi.IORING_ENTER_GETEVENTS))
	if m.chance(60) {
		m.add(trace.InitTask, e)
		return
	}
	n := trace.Number(len(e.SQEs))
	e.ToSubmit, e.KeepCQEs = ptr(trace.Number(0)), m.chance(70)
	m.add(trace.InitTask, e)
	m.add(trace.InitTask, &trace.EnterArgs{FD: trace.Number(blind), ToSubmit: &n, Flags: e.Flags})
}

// cqeMessage posts a CQE that is no request's, now and then one that claims to have 32 bytes, or to be a filler.
func (m *maker) cqeMessage(ring int) {
	s := m.sqe(uapi.IORING_OP_MSG_RING, 0, field("fd", uint64(ring)), field("off", m.data()), field("len", uint64(m.word())),
		field("msg_ring_flags", uapi.IORING_MSG_RING_FLAGS_PASS),
		field("file_index", uint64(pick[uint32](m, 0, 1, uapi.IORING_CQE_F_32, uapi.IORING_CQE_F_32, uapi.IORING_CQE_F_SKIP))))
	m.registerCall(trace.InitTask, -1, uapi.IORING_REGISTER_SEND_MSG_RING, pointer(trace.Object{SQE: &s}), 1)
}

// leaveCQEs now and then has the program not free CQEs that it has seen.
func (m *maker) leaveCQEs(e *trace.EnterArgs) {
	if m.chance(20) {
		e.CQLeft = pick[trace.Number](m, 1, 1, 2, 3, 8)
	}
}

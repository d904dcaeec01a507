package gen

import (
	"fmt"

	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// setupKind sets up rings with all flags, submits a little on those that came to be or resizes them, and closes them.
func (m *maker) setupKind() {
	const page = trace.UserBase
	m.add(trace.InitTask, &trace.MapArgs{Addr: page, Size: 64 * trace.PageSize})
	m.add(trace.InitTask, &trace.MapArgs{Addr: readOnly, Size: trace.PageSize, Prot: trace.ProtRead})
	plain, _ := m.ring(trace.InitTask, 1, 0)
	for range 25 {
		if m.chance(20) {
			if m.chance(25) {
				m.tornRing()
			} else {
				m.resizedRing()
			}
			m.add(trace.InitTask, &trace.CloseArgs{FD: trace.Number(m.nextFD)})
			continue
		}
		a := m.setupArgs(page, plain)
		a.Ring = fmt.Sprintf("r%d", len(m.events))
		m.add(trace.InitTask, a)
		e := &trace.EnterArgs{FD: trace.Number(m.nextFD), Ring: a.Ring, SQEs: []trace.SQE{m.sqe(uapi.IORING_OP_NOP,
			0), m.sqe(badOp, 0)}}
		if uint32(a.Flags)&uapi.IORING_SETUP_SQPOLL == 0 && m.chance(70) {
			if a.Entries < 2 {
				e.SQEs = e.SQEs[:1]
			}
			if m.chance(15) {
				e.Array = ptr([]trace.Number{trace.Number(m.IntN(3)), trace.Number(m.word())})
				if a.Entries < 2 {
					e.Array = ptr((*e.Array)[:1])
				}
			}
			e.Flags = enterFlags(m.some(10, 1, 2, 4, 32, 128, 256))
			m.add(trace.InitTask, e)
		}
		m.add(trace.InitTask, &trace.CloseArgs{FD: trace.Number(m.nextFD)})
	}
}

// setupArgs are arguments of a setup, most of them nearly valid. Page is memory for the ring, plain a ring without a
// submission thread.
func (m *maker) setupArgs(page uint64, plain int) *trace.SetupArgs {
	a := &trace.SetupArgs{Entries: trace.Number(pick(m, 1, 2, 3, 4, 8, 8, 8, 100))}
	flags := m.some(8, uapi.IORING_SETUP_IOPOLL, uapi.IORING_SETUP_SQPOLL, uapi.IORING_SETUP_SQ_AFF, uapi.IORING_SETUP_CQSIZE,
		uapi.IORING_SETUP_CLAMP, uapi.IORING_SETUP_ATTACH_WQ, uapi.IORING_SETUP_R_DISABLED, uapi.IORING_SETUP_SUBMIT_ALL,
		uapi.IORING_SETUP_COOP_TASKRUN, uapi.IORING_SETUP_TASKRUN_FLAG, uapi.IORING_SETUP_SQE128, uapi.IORING_SETUP_CQE32,
		uapi.IORING_SETUP_SINGLE_ISSUER, uapi.IORING_SETUP_DEFER_TASKRUN, uapi.IORING_SETUP_NO_MMAP,
		uapi.IORING_SETUP_NO_SQARRAY, uapi.IORING_SETUP_HYBRID_IOPOLL, uapi.IORING_SETUP_CQE_MIXED,
		uapi.IORING_SETUP_SQE_MIXED, uapi.IORING_SETUP_SQ_REWIND)
	flags |= pick(m, uint32(0), 0, 0, uapi.IORING_SETUP_SINGLE_ISSUER|uapi.IORING_SETUP_DEFER_TASKRUN,
		uapi.IORING_SETUP_SQ_REWIND|uapi.IORING_SETUP_NO_SQARRAY, uapi.IORING_SETUP_TASKRUN_FLAG|uapi.IORING_SETUP_COOP_TASKRUN,
		uapi.IORING_SETUP_HYBRID_IOPOLL|uapi.IORING_SETUP_IOPOLL)
	if m.chance(3) {
		flags |= 1 << (20 + m.IntN(12))
	}
	if m.chance(5) {
		flags |= uapi.IORING_SETUP_REGISTERED_FD_ONLY
		flags &^= uapi.IORING_SETUP_NO_MMAP // a registered ring cannot be closed, so let it fail
	}
	a.Flags = setupFlags(flags)
	if m.chance(10) {
		a.Entries = trace.Number(pick(m, 0, 32768, 32769, 65536, m.word()))
	}
	if flags&uapi.IORING_SETUP_CQSIZE != 0 || m.chance(3) {
		a.CQEntries = trace.Number(pick(m, 0, 1, 2, 4, 8, 16, 100, 65536, 65537, m.word()))
	}
	if flags&uapi.IORING_SETUP_ATTACH_WQ != 0 {
		a.WQFD = trace.Number(pick(m, 0, 99, plain))
	}
	if flags&uapi.IORING_SETUP_SQ_AFF != 0 {
		a.CPU = trace.Number(pick(m, 0, 0, 4096))
	}
	if m.chance(3) {
		a.Resv = make(trace.Bytes, 12)
		a.Resv[m.IntN(12)] = 1
	}
	if flags&uapi.IORING_SETUP_NO_MMAP != 0 {
		a.SQAddr = trace.Number(pick(m, page, page, page, 0, page+1, page+63*trace.PageSize, 0x1000,
			-trace.PageSize&(1<<64-1)))
		a.CQAddr = trace.Number(pick(m, page+32*trace.PageSize, page+32*trace.PageSize, page+32*trace.PageSize, 0,
			page+64*trace.PageSize))
	}
	if m.chance(2) {
		a.Params = &trace.Pointer{Num: pick(m, m.badPointer(), readOnly)}
	}
	return a
}

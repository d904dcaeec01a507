package gen

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// resizedRing sets up a ring, and resizes it a few times between requests of which some stay in the rings.
func (m *maker) resizedRing() {
	flags := uapi.IORING_SETUP_SINGLE_ISSUER | uapi.IORING_SETUP_DEFER_TASKRUN | m.some(50, uapi.IORING_SETUP_SUBMIT_ALL) |
		m.some(20, uapi.IORING_SETUP_NO_SQARRAY, uapi.IORING_SETUP_SQE_MIXED, uapi.IORING_SETUP_CQE_MIXED) |
		pick(m, uint32(0), 0, 0, 0, uapi.IORING_SETUP_NO_MMAP, uapi.IORING_SETUP_SQ_REWIND|uapi.IORING_SETUP_NO_SQARRAY, uapi.IORING_SETUP_NO_MMAP)
	if flags&uapi.IORING_SETUP_SQE_MIXED == 0 {
		flags |= m.some(40, uapi.IORING_SETUP_SQE128)
	}
	if flags&uapi.IORING_SETUP_CQE_MIXED == 0 {
		flags |= m.some(15, uapi.IORING_SETUP_CQE32)
	}
	if m.chance(5) {
		flags &^= uapi.IORING_SETUP_DEFER_TASKRUN
	}
	a := &trace.SetupArgs{Ring: fmt.Sprintf("r%d", len(m.events)), Entries: pick(m, trace.Number(2), 4, 4, 8)}
	a.Flags = setupFlags(flags)
	if flags&uapi.IORING_SETUP_NO_MMAP != 0 {
		rings, sqes := m.ringArea(0)
		a.SQAddr, a.CQAddr = trace.Number(sqes), trace.Number(rings)
	}
	m.add(trace.InitTask, a)
	least := uint32(a.Entries) // what the SQ holds at any rate
	for i := range 2 + m.IntN(4) {
		for range 1 + m.IntN(2) {
			m.leaveSome(a, least)
		}
		p := m.resizeParams(flags, i+1)
		if n := uint32(p.SQEntries); n > 0 {
			least = min(least, 1<<bits.Len32(min(n, uapi.IORING_MAX_ENTRIES)-1))
		}
		m.resizeRing(m.nextFD, p)
	}
	m.leaveSome(a, least)
}

// leaveSome submits up to so many requests, and leaves some of them or some CQEs in the ring.
func (m *maker) leaveSome(a *trace.SetupArgs, most uint32) {
	e := &trace.EnterArgs{FD: trace.Number(m.nextFD), Ring: a.Ring, KeepCQEs: m.chance(50), DropRest: m.chance(15)}
	for left := m.IntN(int(most) + 1); left > 0; left-- {
		s := m.plain(false)
		if uint32(a.Flags)&uapi.IORING_SETUP_SQE_MIXED != 0 && left > 1 && m.chance(40) {
			s = m.sqe(uapi.IORING_OP_NOP128, 0)
			s.Cmd = make(trace.Bytes, 64)
			left--
		}
		e.SQEs = append(e.SQEs, s)
	}
	if m.chance(20) {
		array := make([]trace.Number, m.IntN(int(most)+1))
		for i := range array {
			array[i] = trace.Number(m.IntN(10))
		}
		e.Array = &array
	}
	if m.chance(40) {
		e.ToSubmit = ptr(trace.Number(m.IntN(3)))
	}
	e.Flags = enterFlags(m.some(30, uapi.IORING_ENTER_GETEVENTS))
	m.add(trace.InitTask, e)
}

// ringArea maps memory for the n-th ring, from 0, and its SQEs. There is something in it already, which is the ring's
// then; what an older ring left would not do, as that may write there for a while after it was closed.
func (m *maker) ringArea(n int) (rings, sqes uint64) {
	rings = trace.UserBase + 1<<24 + uint64(n)<<20
	sqes = rings + 1<<19
	var words, requests trace.Bytes
	for range 256 {
		words = binary.LittleEndian.AppendUint32(words, uint32(m.IntN(10)))
	}
	for range 16 {
		var s uapi.SQE // a NOP
		binary.LittleEndian.PutUint64(s[32:], m.data())
		requests = append(requests, s[:]...)
	}
	m.add(trace.InitTask, &trace.MapArgs{Addr: trace.Number(rings), Size: 64 * trace.PageSize, Data: &words})
	m.add(trace.InitTask, &trace.MapArgs{Addr: trace.Number(sqes), Size: 64 * trace.PageSize, Data: &requests})
	return rings, sqes
}

// resizeParams are parameters of the n-th resize, from 1, for a ring with these flags, most of them valid. A ring in
// memory of the program gets other memory each time.
func (m *maker) resizeParams(flags uint32, n int) *trace.ResizeParams {
	p := &trace.ResizeParams{SQEntries: pick[trace.Number](m, 2, 3, 4, 4, 8, 16)}
	p.Flags = setupFlags(m.some(20, uapi.IORING_SETUP_CLAMP))
	if m.chance(10) {
		p.SQEntries = trace.Number(pick(m, 0, 1, 32769, m.word()))
	}
	if m.chance(50) {
		p.Flags |= setupFlags(uint32(uapi.IORING_SETUP_CQSIZE))
		p.CQEntries = pick(m, p.SQEntries, p.SQEntries, 2, 4, 8, 16)
	}
	if m.chance(8) {
		p.CQEntries = trace.Number(pick(m, 0, 1, 65537, m.word()))
	}
	if m.chance(4) {
		p.Flags |= setupFlags(uint32(1) << m.IntN(32))
	}
	if m.chance(15) {
		p.Resv = make(trace.Bytes, 12)
		p.Resv[m.IntN(12)] = 1
	}
	switch {
	case flags&uapi.IORING_SETUP_NO_MMAP != 0:
		rings, sqes := m.ringArea(n)
		p.SQAddr, p.CQAddr = trace.Number(sqes), trace.Number(rings)
		if m.chance(15) {
			p.CQAddr = trace.Number(pick(m, 0, rings+1, rings+64*trace.PageSize))
		}
		if m.chance(15) {
			p.SQAddr = trace.Number(pick(m, 0, sqes+1, sqes+64*trace.PageSize))
		}
	case m.chance(10):
		p.SQAddr, p.CQAddr = trace.Number(m.long()), trace.Number(m.long())
	}
	return p
}

// resizeRing resizes a ring, now and then with what is no parameters.
func (m *maker) resizeRing(fd int, p *trace.ResizeParams) {
	arg, nr := pointer(trace.Object{Resize: p}), 1
	switch m.IntN(25) {
	case 0:
		arg = trace.Pointer{Num: m.badPointer()}
	case 1:
		nr = m.IntN(3)
	case 2:
		arg = m.readOnlyParams()
	}
	m.registerCall(trace.InitTask, fd, uapi.IORING_REGISTER_RESIZE_RINGS, arg, nr)
}

// readOnlyParams are valid parameters to which nothing can be written back.
func (m *maker) readOnlyParams() trace.Pointer {
	const at = readOnly + 4*trace.PageSize
	p := uapi.Params{SQEntries: 8}
	page := trace.Bytes(p.Append(nil))
	m.add(trace.InitTask, &trace.MapArgs{Addr: at, Size: trace.PageSize, Data: &page})
	m.add(trace.InitTask, &trace.ProtectArgs{Addr: at, Size: trace.PageSize, Prot: trace.ProtRead})
	return trace.Pointer{Num: at}
}

// tornRing puts a CQE of two entries where a smaller ring may have its end, and does not look at the ring again.
func (m *maker) tornRing() {
	name := fmt.Sprintf("r%d", len(m.events))
	m.add(trace.InitTask, &trace.SetupArgs{Ring: name, Entries: 4, Flags: setupFlags(uapi.IORING_SETUP_SINGLE_ISSUER |
		uapi.IORING_SETUP_DEFER_TASKRUN | uapi.IORING_SETUP_CQE_MIXED | m.some(50, uapi.IORING_SETUP_SQE_MIXED))})
	e := &trace.EnterArgs{FD: trace.Number(m.nextFD), Ring: name, KeepCQEs: m.chance(50)}
	for range m.IntN(4) {
		e.SQEs = append(e.SQEs, m.sqe(uapi.IORING_OP_NOP, 0))
	}
	m.add(trace.InitTask, e)
	big := m.sqe(uapi.IORING_OP_NOP, 0, field("nop_flags", uapi.IORING_NOP_CQE32), field("off", m.long()))
	m.add(trace.InitTask, &trace.EnterArgs{FD: e.FD, Ring: name, SQEs: []trace.SQE{big}, KeepCQEs: true})
	m.resizeRing(m.nextFD, &trace.ResizeParams{SQEntries: pick[trace.Number](m, 1, 2)})
}

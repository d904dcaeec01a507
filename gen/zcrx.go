package gen

import (
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// queryCall asks what the kernel can do.
func (m *maker) queryCall(task string, fd int) {
	q := m.query(m.IntN(3))
	arg, nr := pointer(trace.Object{Query: q}), 0
	if m.chance(10) {
		nr = 1
	}
	if m.chance(10) {
		arg = trace.Pointer{Num: m.badPointer()}
	}
	m.registerCall(task, fd, uapi.IORING_REGISTER_QUERY, arg, nr)
}

func (m *maker) query(more int) *trace.Query {
	q := &trace.Query{Op: trace.Number(pick(m, 0, 1, 1, 2, 3, 4, m.word()|4)),
		Size: trace.Number(pick(m, 0, 1, 16, 20, 28, 32, 40, 48, 56, 100))}
	if m.chance(10) {
		q.Size = trace.Number(pick(m, trace.PageSize, trace.PageSize+1, m.IntN(3*trace.PageSize)))
	}
	switch m.IntN(8) {
	case 0:
		q.Resv = trace.Bytes{0, 1}
	case 1:
		q.Result = 1
	case 2:
		q.Data = &trace.Pointer{Num: m.badPointer()}
	}
	if more > 0 {
		q.Next = ptr(pointer(trace.Object{Query: m.query(more - 1)}))
	}
	return q
}

// zcrxCall asks for queues of zero-copy receive on a ring that may have one, or on any. None is ever made: the loopback
// device has no queue, and memory for one without a device is never good.
func (m *maker) zcrxCall(task string, target, ring int) {
	fd, own := target, m.names[ring] != "" && m.chance(80) // other traces know their descriptors better
	if own {
		fd, _ = m.ring(task, 4, uapi.IORING_SETUP_SINGLE_ISSUER|uapi.IORING_SETUP_DEFER_TASKRUN|
			m.some(15, uapi.IORING_SETUP_CLAMP)|
			pick(m, uapi.IORING_SETUP_CQE32, uapi.IORING_SETUP_CQE_MIXED, m.some(90, uapi.IORING_SETUP_CQE32)))
	}
	for range 6 + m.IntN(10) {
		if m.chance(20) {
			m.zcrxControl(task, fd)
			continue
		}
		q := m.zcrxQueue()
		m.registerCall(task, fd, uapi.IORING_REGISTER_ZCRX_IFQ, m.orBad(trace.Object{ZCRXQueue: q}), m.nr(1))
	}
	if own {
		m.add(task, &trace.CloseArgs{FD: trace.Number(fd)})
		m.nextFD--
	}
}

// zcrxControl controls a queue that is not there.
func (m *maker) zcrxControl(task string, fd int) {
	words := make([]trace.Number, uapi.SizeofZCRXCtrl/4)
	words[0], words[1] = trace.Number(m.IntN(2)), trace.Number(m.IntN(6))
	if m.chance(20) {
		words[2+m.IntN(len(words)-2)] = 1
	}
	m.registerCall(task, fd, uapi.IORING_REGISTER_ZCRX_CTRL, m.orBad(trace.Object{Words: &words}), m.IntN(10)/9)
}

// zcrxQueue describes a queue, mostly with a mistake.
func (m *maker) zcrxQueue() *trace.ZCRXQueue {
	q := &trace.ZCRXQueue{Interface: pick[trace.Number](m, 0, 1, 1, 1<<32-1),
		Entries: pick[trace.Number](m, 1, 100, 128, 129, 248, 249),
		Offsets: m.spoilt(32), Resv: m.spoilt(16), Area: m.orBad(trace.Object{ZCRXArea: m.zcrxArea(false)})}
	r := trace.Region{Size: pick[trace.Number](m, trace.PageSize, trace.PageSize, trace.PageSize, 2*trace.PageSize,
		129*trace.PageSize, trace.PageSize+1, 0)}
	if m.chance(20) {
		r.UserAddr, r.Flags = trace.ScratchBase, uapi.IORING_MEM_REGION_TYPE_USER
	}
	q.Region = m.orBad(trace.Object{Region: &r})
	switch m.IntN(12) {
	case 0:
		q.Flags = trace.Number(pick(m, 4, 1<<m.IntN(32)&^uint32(uapi.ZCRX_REG_NODEV)))
	case 1:
		q.RxQueue = pick[trace.Number](m, 1, 1<<32-1)
	case 2:
		q.Entries = pick[trace.Number](m, 0, 32767, 32768, 32769, 1<<32-1)
	case 3:
		q.ID = trace.Number(m.IntN(2))
	case 4:
		q.RxBufLen = pick[trace.Number](m, 1, trace.PageSize, 3*trace.PageSize, 4*trace.PageSize)
	case 5, 6:
		q.Entries, q.Area, q.Region = pick[trace.Number](m, 8, 100, 128), pointer(trace.Object{ZCRXArea: m.zcrxArea(false)}),
			pointer(trace.Object{Region: &trace.Region{Size: trace.PageSize}})
		q.Events = m.orBad(trace.Object{ZCRXEvents: m.zcrxEvents(uint64(q.Entries))})
	case 7:
		*q = trace.ZCRXQueue{Interface: trace.Number(m.IntN(100)),
			Flags:   uapi.ZCRX_REG_IMPORT | trace.Number(m.some(10, uapi.ZCRX_REG_NODEV)),
			RxQueue: trace.Number(m.IntN(8) / 7), Entries: trace.Number(m.IntN(8) / 7), Resv: m.spoilt(16)}
	case 8, 9, 10:
		q.Interface, q.RxQueue, q.Flags = trace.Number(m.IntN(12)/11), trace.Number(m.IntN(12)/11), uapi.ZCRX_REG_NODEV
		q.RxBufLen = pick[trace.Number](m, 0, 0, 0, 1, 3*trace.PageSize, trace.PageSize, 2*trace.PageSize)
		q.Area = m.orBad(trace.Object{ZCRXArea: m.zcrxArea(true)})
	}
	return q
}

// zcrxArea is memory for what is received, with a mistake or, if that may be, without.
func (m *maker) zcrxArea(bad bool) *trace.ZCRXArea {
	a := &trace.ZCRXArea{Addr: trace.ScratchBase, Len: trace.PageSize}
	if !bad && m.chance(60) {
		return a
	}
	switch m.IntN(7) {
	case 0:
		a.Token = trace.Number(1 + m.IntN(4))
	case 1:
		a.Flags = trace.Number(1 << m.IntN(32))
	case 2:
		a.Resv = make(trace.Bytes, 16)
		a.Resv[m.IntN(16)] = 1
	case 3:
		a.Len = pick[trace.Number](m, 0, 0, 0, 1, trace.PageSize-1, 1<<30+1, 1<<40+1, 1<<63)
	case 4:
		a.Addr, a.Len = ^trace.Number(trace.PageSize-1), pick[trace.Number](m, 1, trace.PageSize, 2*trace.PageSize)
	case 5:
		a.DmabufFD = 1
	case 6:
		a.Addr = pick[trace.Number](m, 0, 0, trace.ScratchBase+1, trace.Number(m.badPointer()))
	}
	return a
}

// zcrxEvents describes events, with statistics near the end of the ring of so many entries or of the region.
func (m *maker) zcrxEvents(entries uint64) *trace.ZCRXEvents {
	d := &trace.ZCRXEvents{UserData: trace.Number(m.word()), TypeMask: trace.Number(m.IntN(16) / 3), Resv: m.spoilt(72),
		Flags: pick[trace.Number](m, 0, 1, 1, 1, 1, 2)}
	if d.Flags != 0 || m.chance(50) {
		end := uint64(uapi.CacheLine) + entries*uapi.SizeofZCRXRqe
		d.Stats = trace.Number(pick(m, 0, end, end, end+56, end+64, end+60, trace.PageSize-16, trace.PageSize-8, ^uint64(7)))
	}
	return d
}

package gen

import (
	"encoding/binary"

	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// bufferRings is memory for rings of buffers.
const bufferRings = trace.UserBase + 1100*trace.PageSize

// spoilt is memory that is zero but for one byte, mostly not.
func (m *maker) spoilt(size int) trace.Bytes {
	if !m.chance(8) {
		return nil
	}
	b := make(trace.Bytes, size)
	b[m.IntN(size)] = 1
	return b
}

// nr is the number, or one more or less now and then.
func (m *maker) nr(n int) int { return n + m.IntN(16)/15 - m.IntN(16)/15 }

// orBad is a pointer to the object, or now and then to nothing.
func (m *maker) orBad(o trace.Object) trace.Pointer {
	if m.chance(6) {
		return trace.Pointer{Num: m.badPointer()}
	}
	return pointer(o)
}

// readOnlyBytes is a call with an argument that the kernel can read and not write.
func (m *maker) readOnlyBytes(task string, fd int, op uapi.RegisterOp, page trace.Bytes, nr int) {
	m.add(task, &trace.MapArgs{Addr: readOnly, Size: trace.PageSize, Data: &page})
	m.add(task, &trace.ProtectArgs{Addr: readOnly, Size: trace.PageSize, Prot: trace.ProtRead})
	m.registerCall(task, fd, op, trace.Pointer{Num: readOnly}, nr)
}

// eventfdCall registers or unregisters an eventfd, or what is none. The ring keeps it when its descriptor is closed.
func (m *maker) eventfdCall(task string, fd, ring int) {
	if m.chance(30) {
		m.registerCall(task, fd, uapi.IORING_UNREGISTER_EVENTFD, trace.Pointer{}, m.IntN(10)/9)
		return
	}
	op := pick(m, uapi.IORING_REGISTER_EVENTFD, uapi.IORING_REGISTER_EVENTFD_ASYNC)
	fds := []trace.Number{trace.Number(pick(m, 0, ring, 99))}
	if m.names[ring] == "" || m.chance(40) { // other traces know their descriptors better
		m.registerCall(task, fd, op, m.orBad(trace.Object{FDs: &fds}), m.nr(1))
		return
	}
	fds[0] = trace.Number(m.nextFD)
	m.add(task, &trace.EventfdArgs{Count: trace.Number(m.IntN(3)), Flags: trace.OpenNum(m.some(10, 1, 2))})
	m.registerCall(task, fd, op, pointer(trace.Object{FDs: &fds}), 1)
	m.add(task, &trace.CloseArgs{FD: fds[0]})
	if m.chance(50) {
		m.registerCall(task, fd, op, trace.Pointer{Num: m.badPointer()}, 1)
	}
}

// clockCall sets the clock of waits.
func (m *maker) clockCall(task string, fd, _ int) {
	c := trace.Clock{ClockID: trace.Number(pick(m, 1, 1, 7, 7, 0, 2, m.word())), Resv: m.spoilt(12)}
	m.registerCall(task, fd, uapi.IORING_REGISTER_CLOCK, m.orBad(trace.Object{Clock: &c}), m.IntN(12)/11)
}

// napiCall changes how the ring polls network devices. Ids are such that all kernels agree on what is one.
func (m *maker) napiCall(task string, fd, ring int) {
	n := trace.NAPI{BusyPollTo: trace.Number(pick(m, 0, 1, 9999, 10000, 10001, 10001, m.word())),
		PreferBusyPoll: trace.Number(m.IntN(4)), Pad: m.spoilt(2), OpParam: trace.Number(pick(m, 0, 0, 1, 1, 1, 2, 255))}
	if m.chance(45) {
		n.Opcode = trace.Number(pick(m, 1, 1, 2, 3, 255))
		n.OpParam = trace.Number(pick(m, 0, 1, 9000, 9000, 9001, 0xffffffff))
	}
	if m.chance(4) {
		n.Resv = 1
	}
	switch o := (trace.Object{NAPI: &n}); m.IntN(10) {
	case 0:
		arg := pick(m, trace.Pointer{}, pointer(o), pointer(o), trace.Pointer{Num: readOnly})
		m.registerCall(task, fd, uapi.IORING_UNREGISTER_NAPI, arg, m.nr(1))
	case 1:
		op := pick(m, uapi.IORING_REGISTER_NAPI, uapi.IORING_REGISTER_NAPI, uapi.IORING_UNREGISTER_NAPI)
		m.readOnlyBytes(task, fd, op, make(trace.Bytes, 16), 1)
	case 2:
		m.napiIDs(task, fd)
	case 3:
		if m.names[ring] != "" { // a ring that does not wait
			poll, _ := m.ring(task, 1, uapi.IORING_SETUP_IOPOLL)
			m.registerCall(task, poll, uapi.IORING_REGISTER_NAPI, pick(m, pointer(o), trace.Pointer{Num: m.badPointer()}), 1)
			m.add(task, &trace.CloseArgs{FD: trace.Number(poll)})
			m.nextFD--
		}
	default:
		m.registerCall(task, fd, uapi.IORING_REGISTER_NAPI, m.orBad(o), m.nr(1))
		if m.chance(50) { // the next one writes back what this one set
			m.registerCall(task, fd, uapi.IORING_REGISTER_NAPI, pointer(trace.Object{NAPI: &trace.NAPI{}}), 1)
		}
	}
}

// napiIDs names queues of devices that the ring is to poll.
func (m *maker) napiIDs(task string, fd int) {
	const op = uapi.IORING_REGISTER_NAPI
	static := trace.NAPI{BusyPollTo: trace.Number(m.IntN(3)), OpParam: uapi.IO_URING_NAPI_TRACKING_STATIC}
	m.registerCall(task, fd, op, pointer(trace.Object{NAPI: &static}), 1)
	for range 5 {
		n := trace.NAPI{Opcode: trace.Number(pick(m, 1, 1, 2)), OpParam: trace.Number(pick(m, 1, 9000, 9000, 9001))}
		m.registerCall(task, fd, op, pointer(trace.Object{NAPI: &n}), 1)
	}
}

// bufferGroup is a number that few groups share.
func (m *maker) bufferGroup() trace.Number { return trace.Number(pick(m, 0, 1, 1, 2, 65535)) }

// pbufCall makes rings of buffers, looks at them, or takes them back.
func (m *maker) pbufCall(task string, fd, ring int) {
	if m.names[ring] != "" && m.chance(15) {
		m.emptyGroup(task, ring)
	}
	switch m.IntN(5) {
	case 0:
		r := trace.BufReg{BGID: m.bufferGroup(), Flags: trace.BufRingNum(m.IntN(12) / 11), Resv: m.spoilt(20),
			MinLeft: trace.Number(m.IntN(12) / 11)}
		m.registerCall(task, fd, uapi.IORING_UNREGISTER_PBUF_RING, m.orBad(trace.Object{BufReg: &r}), m.nr(1))
	case 1:
		s := trace.BufStatus{BufGroup: m.bufferGroup() | trace.Number(m.IntN(8)/7<<16), Head: trace.Number(m.word()),
			Resv: m.spoilt(32)}
		if m.chance(20) {
			page := make(trace.Bytes, uapi.SizeofBufStatus)
			binary.LittleEndian.PutUint32(page, uint32(s.BufGroup))
			page[4] = 1 // the head is something else
			r := trace.BufReg{RingEntries: 1, BGID: s.BufGroup & 0xffff, Flags: uapi.IOU_PBUF_RING_MMAP}
			m.registerCall(task, fd, uapi.IORING_REGISTER_PBUF_RING, pointer(trace.Object{BufReg: &r}), 1)
			m.readOnlyBytes(task, fd, uapi.IORING_REGISTER_PBUF_STATUS, page, 1)
			return
		}
		m.registerCall(task, fd, uapi.IORING_REGISTER_PBUF_STATUS, m.orBad(trace.Object{BufStatus: &s}), m.nr(1))
	default:
		m.pbufRing(task, fd)
	}
}

// emptyGroup leaves a group of buffers without any, for a ring to take its place, or not.
func (m *maker) emptyGroup(task string, ring int) {
	group := field("buf_group", uint64(m.bufferGroup()))
	provide := m.sqe(uapi.IORING_OP_PROVIDE_BUFFERS, 0, field("fd", 2), field("addr", trace.ScratchBase), field("len", 1), group)
	remove := m.sqe(uapi.IORING_OP_REMOVE_BUFFERS, 0, field("fd", 2), group)
	submit := func(sqes ...trace.SQE) {
		m.add(task, &trace.EnterArgs{FD: trace.Number(ring), Ring: m.names[ring], SQEs: sqes, DropRest: true})
	}
	submit(provide, remove)
	r := trace.BufReg{RingEntries: 1, BGID: trace.Number(group.Value.Num), Flags: trace.BufRingNum(m.IntN(2))}
	m.registerCall(task, ring, uapi.IORING_REGISTER_PBUF_RING, pointer(trace.Object{BufReg: &r}), 1)
	submit(m.sqe(uapi.IORING_OP_REMOVE_BUFFERS, 0, field("fd", 2), group))
}

// pbufRing makes a ring of buffers, in memory of its own or of the kernel.
func (m *maker) pbufRing(task string, fd int) {
	flags := m.some(40, uapi.IOU_PBUF_RING_MMAP, uapi.IOU_PBUF_RING_INC) | m.some(3, 4, 0x8000)
	r := trace.BufReg{RingEntries: trace.Number(pick(m, 1, 2, 8, 256, 257, 512, 0, 3, 32768, 65536, m.word())),
		BGID: m.bufferGroup(), Flags: trace.BufRingNum(flags), Resv: m.spoilt(20)}
	if m.chance(60) {
		r.RingEntries = trace.Number(1 << m.IntN(9))
	}
	if flags&uapi.IOU_PBUF_RING_INC != 0 && m.chance(40) || m.chance(4) {
		r.MinLeft = trace.Number(m.word())
	}
	if flags&uapi.IOU_PBUF_RING_MMAP == 0 {
		m.add(task, &trace.MapArgs{Addr: bufferRings, Size: trace.PageSize})
		r.RingAddr = trace.Number(pick(m, bufferRings, bufferRings, bufferRings, bufferRings+16, 0, m.badPointer(),
			1<<64-trace.PageSize, 1<<64-2*trace.PageSize))
	} else if m.chance(10) {
		r.RingAddr = 1
	}
	m.registerCall(task, fd, uapi.IORING_REGISTER_PBUF_RING, m.orBad(trace.Object{BufReg: &r}), m.nr(1))
}

// bufferSQEs add buffers to groups, or remove some.
func (m *maker) bufferSQEs() []trace.SQE {
	group := field("buf_group", uint64(m.bufferGroup()))
	provide := func(n, off int) trace.SQE {
		return m.sqe(uapi.IORING_OP_PROVIDE_BUFFERS, 0, field("fd", uint64(n)), field("addr", trace.ScratchBase),
			field("len", 1), field("off", uint64(off)), group)
	}
	switch m.IntN(20) {
	case 0: // to the brim
		return []trace.SQE{provide(65535, 0), provide(2, 65534), provide(1, 0)}
	case 1, 2, 3, 4, 5, 6, 7:
		return []trace.SQE{provide(1+m.IntN(4), m.IntN(8))}
	}
	return []trace.SQE{m.sqe(uapi.IORING_OP_REMOVE_BUFFERS, 0, field("fd", uint64(1+m.IntN(4))), group)}
}

// syncCancelCall cancels requests where none is in flight.
func (m *maker) syncCancelCall(task string, fd, ring int) {
	c := trace.SyncCancel{Addr: trace.Number(m.word()), FD: trace.Number(int64(pick(m, 0, ring, 99, -1))),
		Flags:  trace.CancelNum(m.some(25, 1, 2, 2, 4, 8, 16, 32) | m.some(2, 64, 1<<31)),
		Opcode: opNum64(uint64(m.IntN(256))), Pad: m.spoilt(31)}
	if m.chance(30) {
		c.Timeout = m.timespec().Timespec
	}
	m.registerCall(task, fd, uapi.IORING_REGISTER_SYNC_CANCEL, m.orBad(trace.Object{SyncCancel: &c}), m.nr(1))
}

// workersCall limits the task's workers. What they were limited to before depends on the machine, until they are
// limited by a call that cannot write it back.
func (m *maker) workersCall(task string, fd, ring int) {
	const op = uapi.IORING_REGISTER_IOWQ_MAX_WORKERS
	limit := func(fd int) {
		page := make(trace.Bytes, 8)
		page[0], page[4] = byte(1+m.IntN(200)), byte(1+m.IntN(200))
		m.readOnlyBytes(task, fd, op, page, 2)
	}
	limit(fd)
	if m.names[ring] != "" && m.chance(50) { // another ring of the same task, with limits of its own
		other, _ := m.ring(task, 1, 0)
		limit(other)
		m.add(task, &trace.CloseArgs{FD: trace.Number(other)})
		m.nextFD--
	}
	for range m.IntN(4) {
		words := []trace.Number{trace.Number(m.IntN(5)), trace.Number(m.IntN(5))}
		if m.chance(15) {
			words[m.IntN(2)] = pick[trace.Number](m, 0x80000000, 0xffffffff, 256)
		}
		m.registerCall(task, fd, op, m.orBad(trace.Object{Words: &words}), m.nr(2))
	}
	if m.chance(10) {
		words := []trace.Number{0x7fffffff, 257}
		m.registerCall(task, fd, op, pointer(trace.Object{Words: &words}), 2)
	}
}

// affinityCall binds the task's workers to the first processor, or to none, or to all.
func (m *maker) affinityCall(task string, fd, _ int) {
	if m.chance(30) {
		m.registerCall(task, fd, uapi.IORING_UNREGISTER_IOWQ_AFF, trace.Pointer{}, m.IntN(10)/9)
		return
	}
	mask := make(trace.Bytes, 1+m.IntN(16))
	mask[0] = byte(m.IntN(2))
	arg, nr := pointer(trace.Object{Bytes: &mask}), len(mask)
	if m.chance(20) {
		arg, nr = trace.Pointer{Num: m.badPointer()}, 1+m.IntN(8)
	}
	if m.chance(5) {
		nr = 0
	}
	m.registerCall(task, fd, uapi.IORING_REGISTER_IOWQ_AFF, arg, nr)
}

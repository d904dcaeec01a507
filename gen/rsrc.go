package gen

import (
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// edge is a page behind which there is nothing.
const edge = trace.UserBase + 2048*trace.PageSize

// rsrc registers files and buffers on a few rings, changes and clones them, and uses their slots in requests.
func (m *maker) rsrc() {
	rings := []int{}
	for range 2 + m.IntN(2) {
		flags := uapi.IORING_SETUP_SUBMIT_ALL | m.some(15, uapi.IORING_SETUP_CQE32, uapi.IORING_SETUP_R_DISABLED,
			uapi.IORING_SETUP_SINGLE_ISSUER)
		if m.chance(20) {
			flags = uapi.IORING_SETUP_DEFER_TASKRUN | uapi.IORING_SETUP_SINGLE_ISSUER
		}
		fd, _ := m.ring(trace.InitTask, 8, flags)
		rings = append(rings, fd)
		for range 3 {
			m.registerRsrcCall(trace.InitTask, fd)
		}
	}
	list := []trace.RingFD{{Index: ptr(trace.Num32(0)), FD: trace.Num32(rings[0])}}
	m.registerCall(trace.InitTask, rings[0], uapi.IORING_REGISTER_RING_FDS, pointer(trace.Object{RingFDs: &list}), 1)
	for range 40 {
		fd := pick(m, rings...)
		if m.chance(30) {
			m.slotRequests(fd)
		} else {
			m.rsrcCall(trace.InitTask, fd, pick(m, rings...))
		}
	}
	if m.chance(40) {
		m.foreignClones(rings)
	}
	for _, fd := range rings {
		m.registerCall(trace.InitTask, fd, uapi.IORING_UNREGISTER_FILES, trace.Pointer{}, 0)
		m.registerCall(trace.InitTask, fd, uapi.IORING_UNREGISTER_BUFFERS, trace.Pointer{}, 0)
		m.add(trace.InitTask, &trace.EnterArgs{FD: trace.Num32(fd), Flags: enterFlags(uapi.IORING_ENTER_GETEVENTS)})
	}
}

// foreignClones clones buffers between rings of two tasks that share memory, or do not.
func (m *maker) foreignClones(rings []int) {
	const child = "child"
	if m.chance(30) {
		m.add(trace.InitTask, &trace.DropPrivilegesArgs{})
	}
	m.add(trace.InitTask, pick[trace.Args](m, &trace.ForkArgs{Child: child}, &trace.ThreadArgs{Child: child}))
	if m.chance(30) {
		m.add(child, &trace.NewUserNSArgs{}) // which a thread may not
	}
	own, _ := m.ring(child, 8, 0)
	for range 6 {
		fd := pick(m, append(rings, own)...)
		if m.chance(50) {
			m.registerCall(child, fd, uapi.IORING_UNREGISTER_BUFFERS, trace.Pointer{}, 0)
		}
		m.cloneCall(child, fd, pick(m, append(rings, own)...))
	}
}

// rsrcCall is a register call on the files or buffers of a ring.
func (m *maker) rsrcCall(task string, fd, other int) {
	switch m.IntN(15) {
	case 0, 1, 2:
		m.registerRsrcCall(task, fd)
	case 3, 4, 5, 6:
		m.updateRsrcCall(task, fd)
	case 7, 8:
		u := trace.RsrcUpdate{Offset: m.offsetInTable(), Resv: trace.Num32(m.some(4, 1))}
		n := 1 + m.IntN(3)
		u.Data = m.maybeBad(m.fds(n))
		m.registerCall(task, fd, uapi.IORING_REGISTER_FILES_UPDATE, m.maybeBad(pointer(trace.Object{RsrcUpdate: &u})),
			pick(m, n, n, n, n, n, n, 0, 9))
	case 9, 10:
		r := trace.FileIndexRange{Off: trace.Num32(m.IntN(5)), Len: trace.Num32(m.IntN(5))}
		switch m.IntN(12) {
		case 0:
			r.Resv = trace.Num32(pick(m, uint64(1), 1<<32))
		case 1:
			r.Len = trace.Num32(m.word())
		case 2:
			r.Off, r.Len = ^trace.Num32(0), 1
		}
		m.registerCall(task, fd, uapi.IORING_REGISTER_FILE_ALLOC_RANGE, m.maybeBad(pointer(trace.Object{FileIndexRange: &r})),
			m.IntN(20)/19)
	case 11, 12, 13:
		m.cloneCall(task, fd, other)
	default:
		m.registerCall(task, fd, pick(m, uapi.IORING_UNREGISTER_FILES, uapi.IORING_UNREGISTER_BUFFERS), trace.Pointer{}, 0)
		m.registerRsrcCall(task, fd)
		m.registerRsrcCall(task, fd)
	}
}

// maybeBad is the pointer, or now and then a bad one.
func (m *maker) maybeBad(p trace.Pointer) trace.Pointer {
	if m.chance(3) {
		return trace.Pointer{Num: m.badPointer()}
	}
	return p
}

// offsetInTable is a place in a table of some entries.
func (m *maker) offsetInTable() trace.Num32 {
	return pick(m, 0, trace.Num32(m.IntN(4)), trace.Num32(m.IntN(4)), trace.Num32(m.IntN(4)), trace.Num32(m.IntN(4)), trace.Num32(m.IntN(9)),
		trace.Num32(m.word()))
}

// fds are descriptors that mostly can be registered, some behind the last of which memory ends.
func (m *maker) fds(n int) trace.Pointer {
	fds := make([]trace.Num32, n)
	for i := range fds {
		fds[i] = trace.Num32(int64(pick(m, 0, 0, 0, 1, 1, 2, 2, -1, -1, -2)))
		if m.chance(8) {
			fds[i] = trace.Num32(int64(pick(m, 3, 99, -3)))
		}
	}
	if m.chance(5) {
		page := make(trace.Bytes, trace.PageSize)
		m.add(trace.InitTask, &trace.MapArgs{Addr: edge, Size: trace.PageSize, Data: &page})
		return trace.Pointer{Num: edge + trace.PageSize - uint64(4*m.IntN(n+1))}
	}
	return pointer(trace.Object{FDs: &fds})
}

// buffers are iovecs that mostly can be registered.
func (m *maker) buffers(n int) trace.Pointer {
	vec := make([]trace.Iovec, n)
	for i := range vec {
		switch m.IntN(14) {
		case 0, 1, 2:
		case 3:
			vec[i] = trace.Iovec{Base: trace.Pointer{Num: pick(m, 0, m.badPointer())}, Len: trace.Num32(pick(m, 0, 1, 1<<40+1, ^uint64(0)))}
		case 4:
			vec[i] = trace.Iovec{Base: trace.Pointer{Num: trace.ScratchBase}, Len: pick[trace.Num32](m, 1<<30+1, 1<<40+1, 1<<40+1)}
		default:
			vec[i] = trace.Iovec{Base: trace.Pointer{Num: trace.ScratchBase + uint64(m.IntN(9000))}, Len: trace.Num32(1 + m.IntN(9000))}
		}
	}
	return pointer(trace.Object{Iovecs: &vec})
}

// tags are as many tags, of which some are none.
func (m *maker) tags(n int) trace.Pointer {
	if m.chance(15) {
		return trace.Pointer{}
	}
	tags := make([]trace.Num32, n)
	for i := range tags {
		if m.chance(70) {
			tags[i] = trace.Num32(m.data())
		}
	}
	return m.maybeBad(pointer(trace.Object{Tags: &tags}))
}

// registerRsrcCall makes a table with tags, now and then with a mistake.
func (m *maker) registerRsrcCall(task string, fd int) {
	n := 3 + m.IntN(5)
	r := trace.RsrcRegister{Nr: trace.Num32(n)}
	op := pick(m, uapi.IORING_REGISTER_FILES2, uapi.IORING_REGISTER_FILES2, uapi.IORING_REGISTER_BUFFERS2)
	tags := make([]trace.Num32, n)
	switch {
	case m.chance(30):
		r.Flags = trace.RsrcFlagsNum(m.some(70, uapi.IORING_RSRC_REGISTER_SPARSE))
		if m.chance(30) {
			r.Tags = pointer(trace.Object{Tags: &tags})
		}
	case op == uapi.IORING_REGISTER_FILES2:
		fds := make([]trace.Num32, n)
		for i := range fds {
			fds[i], tags[i] = trace.Num32(m.IntN(3)), trace.Num32(m.data())
			if m.chance(20) {
				fds[i], tags[i] = ^trace.Num32(0), 0
			}
		}
		r.Data, r.Tags = pointer(trace.Object{FDs: &fds}), pointer(trace.Object{Tags: &tags})
	default:
		vec := make([]trace.Iovec, n)
		for i := range vec {
			if m.chance(80) {
				vec[i] = trace.Iovec{Base: trace.Pointer{Num: trace.ScratchBase}, Len: trace.Num32(1 + m.IntN(9000))}
				tags[i] = trace.Num32(m.data())
			}
		}
		r.Data, r.Tags = pointer(trace.Object{Iovecs: &vec}), pointer(trace.Object{Tags: &tags})
	}
	if m.chance(25) {
		m.spoilRsrc(&r, op, n)
	}
	nr := pick(m, uapi.SizeofRsrcRegister, uapi.SizeofRsrcRegister, uapi.SizeofRsrcRegister, uapi.SizeofRsrcRegister+m.IntN(20)/19)
	m.registerCall(task, fd, op, m.maybeBad(pointer(trace.Object{RsrcRegister: &r})), nr)
}

// spoilRsrc makes one mistake in a registration.
func (m *maker) spoilRsrc(r *trace.RsrcRegister, op uapi.RegisterOp, n int) {
	switch m.IntN(8) {
	case 0:
		r.Nr = pick[trace.Num32](m, 0, 1025, 16385)
	case 1:
		r.Resv2 = trace.Num32(pick(m, uint64(1), 1<<63))
	case 2:
		r.Flags = trace.RsrcFlagsNum(m.word())
	case 3, 4:
		r.Tags = m.tags(n)
	case 5:
		r.Flags |= uapi.IORING_RSRC_REGISTER_SPARSE
	case 6:
		r.Data = trace.Pointer{Num: m.badPointer()}
	case 7:
		if r.Data = m.fds(n); op == uapi.IORING_REGISTER_BUFFERS2 {
			r.Data = m.buffers(n)
		}
	}
}

// updateRsrcCall changes some entries of a table.
func (m *maker) updateRsrcCall(task string, fd int) {
	n := 1 + m.IntN(4)
	u := trace.RsrcUpdate2{Offset: m.offsetInTable(), Nr: trace.Num32(n), Resv: trace.Num32(m.some(3, 1)), Resv2: trace.Num32(m.some(3, 1))}
	op := pick(m, uapi.IORING_REGISTER_FILES_UPDATE2, uapi.IORING_REGISTER_FILES_UPDATE2, uapi.IORING_REGISTER_BUFFERS_UPDATE)
	if u.Data = m.maybeBad(m.fds(n)); op == uapi.IORING_REGISTER_BUFFERS_UPDATE {
		u.Data = m.maybeBad(m.buffers(n))
	}
	if m.chance(60) {
		u.Tags = m.tags(n)
	}
	if m.chance(5) {
		u.Nr = trace.Num32(pick(m, 0, m.word()))
	}
	nr := uapi.SizeofRsrcUpdate2 - m.IntN(20)/19
	m.registerCall(task, fd, op, m.maybeBad(pointer(trace.Object{RsrcUpdate2: &u})), nr)
}

// cloneCall clones buffers of the other ring.
func (m *maker) cloneCall(task string, fd, other int) {
	b := trace.CloneBuffers{SrcFD: trace.Num32(other), Flags: trace.CloneFlagsNum(m.some(60, uapi.IORING_REGISTER_DST_REPLACE))}
	if m.chance(60) {
		b.Nr = trace.Num32(1 + m.IntN(3))
		b.SrcOff, b.DstOff = trace.Num32(m.IntN(4)/2), trace.Num32(m.IntN(4))
	}
	switch m.IntN(14) {
	case 0:
		b.Pad = make(trace.Bytes, 12)
		b.Pad[m.IntN(12)] = 1
	case 1:
		b.Flags |= trace.CloneFlagsNum(m.word())
	case 2:
		b.SrcFD = pick[trace.Num32](m, 0, 99, ^trace.Num32(0))
	case 3:
		b.Flags |= uapi.IORING_REGISTER_SRC_REGISTERED
		b.SrcFD = pick[trace.Num32](m, 0, 0, 1, 16)
	case 4:
		b.SrcOff = trace.Num32(m.word())
	case 5:
		b.DstOff = trace.Num32(pick(m, m.word(), 16383, 16384, ^uint32(0)))
	case 6:
		b.Nr = trace.Num32(m.word())
	}
	m.registerCall(task, fd, uapi.IORING_REGISTER_CLONE_BUFFERS, m.maybeBad(pointer(trace.Object{CloneBuffers: &b})), 1-m.IntN(20)/19)
}

// slotRequests are requests that use, change or empty slots, one after the other.
func (m *maker) slotRequests(fd int) {
	var sqes []trace.SQE
	for range 1 + m.IntN(7) {
		sqes = append(sqes, m.slotRequest())
	}
	closeChain(sqes)
	m.add(trace.InitTask, &trace.EnterArgs{FD: trace.Num32(fd), SQEs: sqes, DropRest: true,
		Flags: enterFlags(m.some(50, uapi.IORING_ENTER_GETEVENTS))})
	if m.chance(30) {
		m.install(fd)
	}
}

// install makes a descriptor of a slot, and closes it, whether it is there or not.
func (m *maker) install(fd int) {
	s := m.sqe(uapi.IORING_OP_FIXED_FD_INSTALL, uapi.IOSQE_FIXED_FILE, field("fd", uint64(m.IntN(5))),
		field("install_fd_flags", uint64(m.some(50, uapi.IORING_FIXED_FD_NO_CLOEXEC))))
	m.add(trace.InitTask, &trace.EnterArgs{FD: trace.Num32(fd), SQEs: []trace.SQE{s}, DropRest: true})
	m.add(trace.InitTask, &trace.CloseArgs{FD: trace.Num32(m.nextFD)})
}

func (m *maker) slotRequest() trace.SQE {
	flags, slot := m.some(20, uapi.IOSQE_IO_LINK), uint64(m.IntN(6))
	switch m.IntN(8) {
	case 0:
		return m.sqe(uapi.IORING_OP_NOP, flags|uapi.IOSQE_FIXED_FILE, field("nop_flags", uapi.IORING_NOP_FILE|uapi.IORING_NOP_FIXED_FILE|
			uint64(m.some(20, uapi.IORING_NOP_TW))), field("fd", slot))
	case 1:
		return m.sqe(uapi.IORING_OP_NOP, flags, field("nop_flags", uapi.IORING_NOP_FIXED_BUFFER), field("buf_index", slot))
	case 2:
		return m.sqe(uapi.IORING_OP_ASYNC_CANCEL, flags, field("fd", slot),
			field("cancel_flags", uapi.IORING_ASYNC_CANCEL_FD|uapi.IORING_ASYNC_CANCEL_FD_FIXED|uapi.IORING_ASYNC_CANCEL_ALL))
	case 3, 4:
		return m.sqe(uapi.IORING_OP_CLOSE, flags, field("file_index", 1+slot))
	}
	n := 1 + m.IntN(3)
	s := m.sqe(uapi.IORING_OP_FILES_UPDATE, flags, field("len", uint64(n)))
	off := uint64(m.offsetInTable())
	if m.chance(60) {
		off = uapi.IORING_FILE_INDEX_ALLOC
	}
	set(&s, field("off", off|m.long()<<32))
	addr := m.fds(n)
	switch m.IntN(20) {
	case 0:
		addr = trace.Pointer{Num: m.badPointer()}
	case 1: // the slots cannot be written
		page := make(trace.Bytes, trace.PageSize)
		m.add(trace.InitTask, &trace.MapArgs{Addr: readOnly, Size: trace.PageSize, Data: &page})
		m.add(trace.InitTask, &trace.ProtectArgs{Addr: readOnly, Size: trace.PageSize, Prot: trace.ProtRead})
		addr = trace.Pointer{Num: readOnly}
	}
	set(&s, trace.SQEField{Name: "addr", Value: addr})
	return s
}

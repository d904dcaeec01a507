package gen

import (
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// edge is a page behind which there is nothing.
const edge = trace.UserBase + 2048*trace.PageSize

// rsrc registers files and buffers on a few rings, changes and clones them, and uses their slots in requests.
func (m *maker) rsrc() {
	rings, targets := []int{}, []int{99, 0}
	for range 2 + m.IntN(2) {
		flags := uapi.IORING_SETUP_SUBMIT_ALL | m.some(15, uapi.IORING_SETUP_CQE32, uapi.IORING_SETUP_R_DISABLED,
			uapi.IORING_SETUP_SINGLE_ISSUER)
		if m.chance(20) {
			flags = uapi.IORING_SETUP_DEFER_TASKRUN | uapi.IORING_SETUP_SINGLE_ISSUER
		}
		fd, _ := m.ring(trace.InitTask, 8, flags)
		rings, targets = append(rings, fd), append(targets, fd, fd)
		for range 3 {
			m.registerRsrcCall(trace.InitTask, fd)
		}
	}
	list := []trace.RingFD{{Index: ptr(trace.Number(0)), FD: trace.Number(rings[0])}}
	m.registerCall(trace.InitTask, rings[0], uapi.IORING_REGISTER_RING_FDS, pointer(trace.Object{RingFDs: &list}), 1)
	for range 40 {
		fd := pick(m, rings...)
		if m.chance(30) {
			m.slotRequests(fd, targets)
		} else {
			m.rsrcCall(trace.InitTask, fd, pick(m, rings...))
		}
	}
	if m.chance(10) {
		m.tee(pick(m, rings...))
	}
	if m.chance(40) {
		m.foreignClones(rings)
	}
	for _, fd := range rings {
		m.registerCall(trace.InitTask, fd, uapi.IORING_UNREGISTER_FILES, trace.Pointer{}, 0)
		m.registerCall(trace.InitTask, fd, uapi.IORING_UNREGISTER_BUFFERS, trace.Pointer{}, 0)
		m.add(trace.InitTask, &trace.EnterArgs{FD: trace.Number(fd), Flags: enterFlags(uapi.IORING_ENTER_GETEVENTS)})
	}
}

// tee lets a worker look for a file to read from, where there is none, or for one from which it then reads nothing.
func (m *maker) tee(fd int) {
	s := m.sqe(pick(m, uapi.IORING_OP_TEE, uapi.IORING_OP_SPLICE), 0, field("fd", 0),
		field("splice_fd_in", pick(m, uint64(0), 99)),
		field("splice_flags", uint64(m.some(50, 1<<31))))
	m.add(trace.InitTask, &trace.EnterArgs{FD: trace.Number(fd), SQEs: []trace.SQE{s}, DropRest: true})
	m.wait(trace.InitTask, fd, "", true)
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
		u := trace.RsrcUpdate{Offset: m.offsetInTable(), Resv: trace.Number(m.some(4, 1))}
		n := 1 + m.IntN(3)
		u.Data = m.maybeBad(m.fds(task, n))
		m.registerCall(task, fd, uapi.IORING_REGISTER_FILES_UPDATE, m.maybeBad(pointer(trace.Object{RsrcUpdate: &u})),
			pick(m, n, n, n, n, n, n, 0, 9))
	case 9, 10:
		r := trace.FileIndexRange{Off: trace.Number(m.IntN(5)), Len: trace.Number(m.IntN(5))}
		switch m.IntN(12) {
		case 0:
			r.Resv = trace.Number(pick(m, uint64(1), 1<<32))
		case 1:
			r.Len = trace.Number(m.word())
		case 2:
			r.Off, r.Len = ^trace.Number(0), 1
		}
		arg := m.maybeBad(pointer(trace.Object{FileIndexRange: &r}))
		m.registerCall(task, fd, uapi.IORING_REGISTER_FILE_ALLOC_RANGE, arg, m.IntN(20)/19)
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
func (m *maker) offsetInTable() trace.Number {
	switch m.IntN(8) {
	case 0:
		return trace.Number(m.word())
	case 1:
		return trace.Number(m.IntN(9))
	}
	return trace.Number(m.IntN(4))
}

// fds are descriptors that mostly can be registered, some behind the last of which memory ends.
func (m *maker) fds(task string, n int) trace.Pointer {
	fds := make([]trace.Number, n)
	for i := range fds {
		fds[i] = trace.Number(int64(pick(m, 0, 0, 0, 1, 1, 2, 2, -1, -1, -2)))
		if m.chance(8) {
			fds[i] = trace.Number(int64(pick(m, 3, 99, -3)))
		}
	}
	if m.chance(5) {
		page := make(trace.Bytes, trace.PageSize)
		m.add(task, &trace.MapArgs{Addr: edge, Size: trace.PageSize, Data: &page})
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
			vec[i].Base, vec[i].Len = trace.Pointer{Num: pick(m, 0, m.badPointer())}, pick(m, 0, 1, 1<<40+1, ^trace.Number(0))
		case 4:
			vec[i].Base, vec[i].Len = trace.Pointer{Num: trace.ScratchBase}, pick[trace.Number](m, 1<<30+1, 1<<40+1, 1<<40+1)
		default:
			vec[i].Base, vec[i].Len = trace.Pointer{Num: trace.ScratchBase + uint64(m.IntN(9000))}, trace.Number(1+m.IntN(9000))
		}
	}
	return pointer(trace.Object{Iovecs: &vec})
}

// tags are as many tags, of which some are none.
func (m *maker) tags(n int) trace.Pointer {
	if m.chance(15) {
		return trace.Pointer{}
	}
	tags := make([]trace.Number, n)
	for i := range tags {
		if m.chance(70) {
			tags[i] = trace.Number(m.data())
		}
	}
	return m.maybeBad(pointer(trace.Object{Tags: &tags}))
}

// registerRsrcCall makes a table with tags, now and then with a mistake.
func (m *maker) registerRsrcCall(task string, fd int) {
	n := 3 + m.IntN(5)
	r := trace.RsrcRegister{Nr: trace.Number(n)}
	op := pick(m, uapi.IORING_REGISTER_FILES2, uapi.IORING_REGISTER_FILES2, uapi.IORING_REGISTER_BUFFERS2)
	tags := make([]trace.Number, n)
	switch {
	case m.chance(30):
		r.Flags = trace.RsrcFlagsNum(m.some(70, uapi.IORING_RSRC_REGISTER_SPARSE))
		if m.chance(30) {
			r.Tags = pointer(trace.Object{Tags: &tags})
		}
	case op == uapi.IORING_REGISTER_FILES2:
		fds := make([]trace.Number, n)
		for i := range fds {
			fds[i], tags[i] = trace.Number(m.IntN(3)), trace.Number(m.data())
			if m.chance(20) {
				fds[i], tags[i] = ^trace.Number(0), 0
			}
		}
		r.Data, r.Tags = pointer(trace.Object{FDs: &fds}), pointer(trace.Object{Tags: &tags})
	default:
		vec := make([]trace.Iovec, n)
		for i := range vec {
			if m.chance(80) {
				vec[i] = trace.Iovec{Base: trace.Pointer{Num: trace.ScratchBase}, Len: trace.Number(1 + m.IntN(9000))}
				tags[i] = trace.Number(m.data())
			}
		}
		r.Data, r.Tags = pointer(trace.Object{Iovecs: &vec}), pointer(trace.Object{Tags: &tags})
	}
	if m.chance(25) {
		m.spoilRsrc(task, &r, op, n)
	}
	nr := uapi.SizeofRsrcRegister + m.IntN(60)/59
	m.registerCall(task, fd, op, m.maybeBad(pointer(trace.Object{RsrcRegister: &r})), nr)
}

// spoilRsrc makes one mistake in a registration.
func (m *maker) spoilRsrc(task string, r *trace.RsrcRegister, op uapi.RegisterOp, n int) {
	switch m.IntN(8) {
	case 0:
		r.Nr = pick[trace.Number](m, 0, 1025, 16385)
	case 1:
		r.Resv2 = trace.Number(pick(m, uint64(1), 1<<63))
	case 2:
		r.Flags = trace.RsrcFlagsNum(m.word())
	case 3, 4:
		r.Tags = m.tags(n)
	case 5:
		r.Flags |= uapi.IORING_RSRC_REGISTER_SPARSE
	case 6:
		r.Data = trace.Pointer{Num: m.badPointer()}
	case 7:
		if r.Data = m.fds(task, n); op == uapi.IORING_REGISTER_BUFFERS2 {
			r.Data = m.buffers(n)
		}
	}
}

// updateRsrcCall changes some entries of a table.
func (m *maker) updateRsrcCall(task string, fd int) {
	n := 1 + m.IntN(4)
	u := trace.RsrcUpdate2{Offset: m.offsetInTable(), Nr: trace.Number(n), Resv: trace.Number(m.some(3, 1)),
		Resv2: trace.Number(m.some(3, 1))}
	op := pick(m, uapi.IORING_REGISTER_FILES_UPDATE2, uapi.IORING_REGISTER_FILES_UPDATE2,
		uapi.IORING_REGISTER_BUFFERS_UPDATE)
	if u.Data = m.maybeBad(m.fds(task, n)); op == uapi.IORING_REGISTER_BUFFERS_UPDATE {
		u.Data = m.maybeBad(m.buffers(n))
	}
	if m.chance(60) {
		u.Tags = m.tags(n)
	}
	if m.chance(5) {
		u.Nr = trace.Number(pick(m, 0, m.word()))
	}
	nr := uapi.SizeofRsrcUpdate2 - m.IntN(20)/19
	m.registerCall(task, fd, op, m.maybeBad(pointer(trace.Object{RsrcUpdate2: &u})), nr)
}

// cloneCall clones buffers of the other ring.
func (m *maker) cloneCall(task string, fd, other int) {
	b := trace.CloneBuffers{SrcFD: trace.Number(other)}
	b.Flags = trace.CloneFlagsNum(m.some(60, uapi.IORING_REGISTER_DST_REPLACE))
	if m.chance(60) {
		b.Nr = trace.Number(1 + m.IntN(3))
		b.SrcOff, b.DstOff = trace.Number(m.IntN(4)/2), trace.Number(m.IntN(4))
	}
	switch m.IntN(14) {
	case 0:
		b.Pad = make(trace.Bytes, 12)
		b.Pad[m.IntN(12)] = 1
	case 1:
		b.Flags |= trace.CloneFlagsNum(m.word())
	case 2:
		b.SrcFD = pick[trace.Number](m, 0, 99, ^trace.Number(0))
	case 3:
		b.Flags |= uapi.IORING_REGISTER_SRC_REGISTERED
		b.SrcFD = pick[trace.Number](m, 0, 0, 1, 16)
	case 4:
		b.SrcOff = trace.Number(m.word())
	case 5:
		b.DstOff = trace.Number(pick(m, m.word(), 16383, 16384, ^uint32(0)))
	case 6:
		b.Nr = trace.Number(m.word())
	}
	arg := m.maybeBad(pointer(trace.Object{CloneBuffers: &b}))
	m.registerCall(task, fd, uapi.IORING_REGISTER_CLONE_BUFFERS, arg, 1-m.IntN(20)/19)
}

// slotRequests are requests that use, change or empty slots, one after the other, and pass files to the targets.
func (m *maker) slotRequests(fd int, targets []int) {
	var sqes []trace.SQE
	for range 1 + m.IntN(7) {
		sqes = append(sqes, m.slotRequest(pick(m, targets...)))
	}
	closeChain(sqes)
	m.add(trace.InitTask, &trace.EnterArgs{FD: trace.Number(fd), SQEs: sqes, DropRest: true,
		Flags: enterFlags(m.some(50, uapi.IORING_ENTER_GETEVENTS))})
	if m.chance(30) {
		m.install(fd)
	}
}

// install makes a descriptor of a slot, and closes it, whether it is there or not.
func (m *maker) install(fd int) {
	s := m.sqe(uapi.IORING_OP_FIXED_FD_INSTALL, uapi.IOSQE_FIXED_FILE, field("fd", uint64(m.IntN(5))),
		field("install_fd_flags", uint64(m.some(50, uapi.IORING_FIXED_FD_NO_CLOEXEC))))
	m.add(trace.InitTask, &trace.EnterArgs{FD: trace.Number(fd), SQEs: []trace.SQE{s}, DropRest: true})
	m.add(trace.InitTask, &trace.CloseArgs{FD: trace.Number(m.nextFD)})
}

// slotRequest is one that uses a slot, changes it or empties it.
func (m *maker) slotRequest(target int) trace.SQE {
	flags, slot := m.some(20, uapi.IOSQE_IO_LINK), uint64(m.IntN(6))
	switch m.IntN(11) {
	case 0:
		return m.sqe(uapi.IORING_OP_NOP, flags|uapi.IOSQE_FIXED_FILE, field("fd", slot),
			field("nop_flags", uapi.IORING_NOP_FILE|uapi.IORING_NOP_FIXED_FILE|uint64(m.some(20, uapi.IORING_NOP_TW))))
	case 1:
		return m.sqe(uapi.IORING_OP_NOP, flags, field("nop_flags", uapi.IORING_NOP_FIXED_BUFFER), field("buf_index", slot))
	case 2:
		return m.sqe(uapi.IORING_OP_ASYNC_CANCEL, flags, field("fd", slot),
			field("cancel_flags", uapi.IORING_ASYNC_CANCEL_FD|uapi.IORING_ASYNC_CANCEL_FD_FIXED|uapi.IORING_ASYNC_CANCEL_ALL))
	case 3, 4:
		return m.sqe(uapi.IORING_OP_CLOSE, flags, field("file_index", 1+slot))
	case 5: // no buffer is there, whether or not buf_index is one
		op := pick(m, uapi.IORING_OP_READ_FIXED, uapi.IORING_OP_WRITE_FIXED)
		return m.sqe(op, flags, field("addr", pick(m, 0x1000, ^uint64(0))), field("len", uint64(1+m.IntN(9))),
			field("buf_index", slot))
	case 6:
		s := m.sqe(uapi.IORING_OP_PIPE, flags, field("file_index", m.index()),
			field("pipe_flags", uint64(m.some(10, uapi.O_CLOEXEC))),
			object("addr", trace.Object{Bytes: ptr(make(trace.Bytes, 8))}))
		return m.unwritable(s)
	case 7:
		return m.sqe(uapi.IORING_OP_MSG_RING, flags, field("fd", uint64(target)), field("addr", 1), field("addr3", slot),
			field("len", uint64(m.some(5, 1))), field("file_index", pick(m, m.index(), m.index(), m.index(), 0)),
			field("off", m.data()),
			field("msg_ring_flags", uint64(m.some(20, uapi.IORING_MSG_RING_CQE_SKIP))))
	}
	n := 1 + m.IntN(3)
	off := uint64(m.offsetInTable())
	if m.chance(60) {
		off = uapi.IORING_FILE_INDEX_ALLOC
	}
	s := m.sqe(uapi.IORING_OP_FILES_UPDATE, flags, field("len", uint64(n)), field("off", off|m.long()<<32))
	set(&s, trace.SQEField{Name: "addr", Value: m.fds(trace.InitTask, n)})
	return m.unwritable(s)
}

// index is a slot, counted from 1, or any.
func (m *maker) index() uint64 {
	return pick(m, uint64(uapi.IORING_FILE_INDEX_ALLOC), uint64(1+m.IntN(6)), uint64(1+m.IntN(6)), uint64(1+m.IntN(6)))
}

// unwritable lets a request now and then write to where it cannot.
func (m *maker) unwritable(s trace.SQE) trace.SQE {
	switch m.IntN(20) {
	case 0:
		set(&s, field("addr", m.badPointer()))
	case 1:
		page := make(trace.Bytes, trace.PageSize)
		m.add(trace.InitTask, &trace.MapArgs{Addr: readOnly, Size: trace.PageSize, Data: &page})
		m.add(trace.InitTask, &trace.ProtectArgs{Addr: readOnly, Size: trace.PageSize, Prot: trace.ProtRead})
		set(&s, field("addr", readOnly))
	}
	return s
}

package gen

import (
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// register registers restrictions, filters and other things on a ring and on the task.
func (m *maker) register() {
	if m.chance(30) {
		m.privileges(trace.InitTask)
		for _, op := range []uapi.RegisterOp{uapi.IORING_REGISTER_RESTRICTIONS, uapi.IORING_REGISTER_BPF_FILTER} {
			// whether it is allowed is asked before what nr is
			m.registerCall(trace.InitTask, -1, op, trace.Pointer{Num: m.badPointer()}, m.IntN(3))
		}
	}
	m.mistakes = pick(m, 5, 40)
	if m.chance(30) {
		m.filterCall(trace.InitTask, -1)
	}
	flags := uapi.IORING_SETUP_SUBMIT_ALL | m.some(50, uapi.IORING_SETUP_R_DISABLED) |
		m.some(20, uapi.IORING_SETUP_SQE128) // the last opcode wants it
	fd, name := m.ring(trace.InitTask, 8, flags)
	if flags&uapi.IORING_SETUP_R_DISABLED != 0 {
		switch m.IntN(5) {
		case 0, 1:
			m.refusedRestrictions(fd)
		case 2:
			m.listedFlags(fd, name)
		}
	}
	for range 60 {
		target := pick(m, fd, fd, fd, -1, -1, 0, 99)
		m.anyRegister(trace.InitTask, target, fd)
		if m.chance(25) {
			m.add(trace.InitTask, &trace.EnterArgs{FD: trace.Number(fd), Ring: name, SQEs: m.probeSQEs(6), DropRest: true})
		}
		if m.chance(5) {
			fd, name = m.ring(trace.InitTask, 8, uapi.IORING_SETUP_SUBMIT_ALL|m.some(50, uapi.IORING_SETUP_R_DISABLED))
		}
	}
}

// refusedRestrictions looks whether a list that cannot be read takes a filter with it, at once or with the next one.
func (m *maker) refusedRestrictions(fd int) {
	deny := filter(uapi.IORING_OP_NOP, []uapi.SockFilter{{Code: codeRetK}})
	m.registerCall(trace.InitTask, fd, uapi.IORING_REGISTER_BPF_FILTER, pointer(trace.Object{BPFFilter: &deny}), 1)
	m.registerCall(trace.InitTask, fd, uapi.IORING_REGISTER_RESTRICTIONS, trace.Pointer{Num: m.badPointer()}, 1)
	if m.chance(50) {
		m.filterCall(trace.InitTask, fd)
	}
	m.registerCall(trace.InitTask, fd, uapi.IORING_REGISTER_ENABLE_RINGS, trace.Pointer{}, 0)
}

// listedFlags allows and requires some of the flags that a NOP can have, and tries them all. With drains, workers carry
// it out.
func (m *maker) listedFlags(fd int, name string) {
	drains := m.chance(30)
	flags := func() uint32 {
		f := m.some(50, uapi.IOSQE_FIXED_FILE, uapi.IOSQE_IO_LINK) | m.some(30, uapi.IOSQE_CQE_SKIP_SUCCESS)
		if drains {
			f |= m.some(20, uapi.IOSQE_IO_DRAIN)
		}
		return f
	}
	list := []trace.Restriction{{SQEOp: ptr(opNum(uapi.IORING_OP_NOP))}, {SQEFlagsAllowed: ptr(trace.SQEFlagsNum(flags()))}}
	for range 1 + m.IntN(2) { // the last counts
		few := flags()
		few &= flags()
		list = append(list, trace.Restriction{SQEFlagsRequired: ptr(trace.SQEFlagsNum(few))})
	}
	m.registerCall(trace.InitTask, fd, uapi.IORING_REGISTER_RESTRICTIONS, pointer(trace.Object{Restrictions: &list}), len(list))
	m.registerCall(trace.InitTask, fd, uapi.IORING_REGISTER_ENABLE_RINGS, trace.Pointer{}, 0)
	for range 3 {
		var sqes []trace.SQE
		for range 8 {
			sqes = append(sqes, m.sqe(uapi.IORING_OP_NOP, flags()))
		}
		closeChain(sqes)
		m.add(trace.InitTask, &trace.EnterArgs{FD: trace.Number(fd), Ring: name, SQEs: sqes, DropRest: true})
		if drains {
			m.wait(trace.InitTask, fd, name, true)
		}
	}
}

// privileges changes what the task may do.
func (m *maker) privileges(task string) {
	switch m.IntN(4) {
	case 0:
		m.add(task, &trace.NoNewPrivsArgs{})
	case 1:
		m.add(task, &trace.DropPrivilegesArgs{})
	case 2:
		m.add(task, &trace.DropPrivilegesArgs{})
		m.add(task, &trace.NoNewPrivsArgs{})
	case 3:
		m.add(task, &trace.NewUserNSArgs{})
	}
}

// registerCalls are the kinds of register calls, and how often each comes among the others. A call goes to the target,
// which is the ring mostly.
var registerCalls = []struct {
	weight int
	make   func(m *maker, task string, target, ring int)
}{
	{12, func(m *maker, task string, target, _ int) { m.filterCall(task, target) }},
	{10, func(m *maker, task string, target, _ int) { m.restrictionsCall(task, target) }},
	{2, (*maker).enableCall},
	{2, func(m *maker, task string, target, _ int) { m.queryCall(task, target) }},
	{2, (*maker).ringFDsCall},
	{2, func(m *maker, task string, target, _ int) { m.filesCall(task, target) }},
	{6, func(m *maker, task string, target, _ int) { m.refusedCall(task, target) }},
	{2, func(m *maker, task string, _, ring int) { m.oddCall(task, ring) }},
	{1, func(m *maker, task string, _, ring int) { m.syncMessage(task, ring) }},
	{4, (*maker).rsrcCall},
	{2, (*maker).eventfdCall},
	{1, (*maker).clockCall},
	{3, (*maker).napiCall},
	{3, (*maker).pbufCall},
	{1, (*maker).syncCancelCall},
	{1, (*maker).workersCall},
	{1, (*maker).affinityCall},
	{2, func(m *maker, task string, target, _ int) { m.memRegionCall(task, target) }},
	{1, (*maker).zcrxCall},
}

// anyRegister is a register call of any kind. Calls whose handler is not modelled get arguments that are refused.
func (m *maker) anyRegister(task string, target, ring int) {
	sum := 0
	for _, c := range registerCalls {
		sum += c.weight
	}
	n := m.IntN(sum)
	for _, c := range registerCalls {
		if n -= c.weight; n < 0 {
			c.make(m, task, target, ring)
			return
		}
	}
}

func (m *maker) enableCall(task string, target, _ int) {
	arg := trace.Pointer{Num: uint64(m.some(5, 1))}
	m.registerCall(task, target, uapi.IORING_REGISTER_ENABLE_RINGS, arg, m.IntN(20)/19)
}

// filterCall registers a filter, now and then with a mistake.
func (m *maker) filterCall(task string, fd int) {
	f := filter(m.filteredOp(), m.verdictProgram())
	f.Flags = trace.BPFFlagsNum(m.some(15, uapi.IO_URING_BPF_FILTER_DENY_REST) | m.some(m.mistakes/3, uapi.IO_URING_BPF_FILTER_SZ_STRICT))
	if m.chance(m.mistakes) {
		f.PDUSize = trace.Number(pick(m, 0, 8, 12, 24, 25, 255))
	}
	nr := 1
	if m.chance(m.mistakes) {
		m.spoil(&f)
		if m.chance(50) { // whether the size is written back tells which check it was
			f.PDUSize = trace.Number(pick(m, 1, 8, 255))
		}
	}
	if m.chance(5) {
		nr = m.IntN(3)
	}
	arg := pointer(trace.Object{BPFFilter: &f})
	if m.chance(4) {
		arg = trace.Pointer{Num: m.badPointer()}
	}
	m.registerCall(task, fd, uapi.IORING_REGISTER_BPF_FILTER, arg, nr)
}

// filteredOp is an opcode for a filter, mostly one that probeSQEs uses.
func (m *maker) filteredOp() uapi.Op {
	return pick(m, uapi.IORING_OP_NOP, uapi.IORING_OP_NOP, uapi.IORING_OP_SOCKET, uapi.IORING_OP_CONNECT, uapi.IORING_OP_OPENAT,
		m.anyOp())
}

// anyOp is an opcode that some kernel knows, the first and the last more often than others.
func (m *maker) anyOp() uapi.Op {
	if m.chance(10) {
		return pick[uapi.Op](m, 0, uapi.IORING_OP_LAST-1)
	}
	return uapi.Op(m.IntN(uapi.IORING_OP_LAST))
}

// verdictProgram allows, denies, or decides by the low bits of user_data.
func (m *maker) verdictProgram() []uapi.SockFilter {
	switch m.IntN(4) {
	case 0:
		return []uapi.SockFilter{{Code: codeRetK, K: 0}}
	case 1:
		return []uapi.SockFilter{{Code: codeRetK, K: 1}}
	case 2:
		if m.chance(m.mistakes) {
			return m.brokenProgram()
		}
	}
	return []uapi.SockFilter{{Code: codeLoad, K: 0}, {Code: 0x54, K: 1 << m.IntN(4)}, {Code: codeRetA}}
}

// spoil makes one mistake in a registration.
func (m *maker) spoil(f *trace.BPFFilter) {
	switch m.IntN(9) {
	case 0:
		f.CmdType = ptr(trace.Number(m.IntN(3)))
	case 1:
		f.CmdFlags = trace.Number(1 << m.IntN(16))
	case 2:
		f.Resv = trace.Number(m.word())
	case 3:
		f.Opcode = opNum64(uint64(pick(m, 64, 65, 255, 256, m.word())))
	case 4:
		f.Flags = trace.BPFFlagsNum(m.word())
	case 5:
		f.Resv1 = trace.Bytes{byte(m.IntN(2)), byte(m.IntN(2)), byte(m.IntN(2))}
	case 6:
		f.Resv2 = make(trace.Bytes, 40)
		f.Resv2[m.IntN(40)] = 1
	case 7:
		f.FilterLen = ptr(trace.Number(pick(m, uint32(0), 1, 2, 4096, 4097, m.word())))
	case 8:
		f.FilterPtr = &trace.Pointer{Num: m.badPointer()}
	}
}

func opNum64(v uint64) trace.OpNum { return trace.OpNum(v) }

// restrictionsCall registers restrictions on a ring or on the task, now and then with a mistake.
func (m *maker) restrictionsCall(task string, fd int) {
	list := m.restrictions()
	if fd == -1 {
		t := trace.TaskRestrictions{Entries: list}
		nr := 1
		switch m.IntN(12) {
		case 0:
			t.Flags = 1
		case 1:
			t.Resv = make(trace.Bytes, 12)
			t.Resv[m.IntN(12)] = 1
		case 2:
			t.NrRes = ptr(trace.Number(pick(m, 0, 106, 107, 108, m.IntN(1<<16))))
		case 3:
			nr = m.IntN(3)
		}
		m.registerCall(task, fd, uapi.IORING_REGISTER_RESTRICTIONS, pointer(trace.Object{TaskRestrictions: &t}), nr)
		return
	}
	nr, arg := len(list), pointer(trace.Object{Restrictions: &list})
	switch m.IntN(12) {
	case 0:
		nr = pick(m, 0, 106, 107, 108, -1)
	case 1:
		arg = trace.Pointer{Num: m.badPointer()}
	}
	m.registerCall(task, fd, uapi.IORING_REGISTER_RESTRICTIONS, arg, nr)
}

// restrictions is a list that leaves most of what later calls need.
func (m *maker) restrictions() []trace.Restriction {
	list := []trace.Restriction{}
	if m.chance(3) {
		return list // which closes everything
	}
	for range m.IntN(12) {
		var r trace.Restriction
		switch m.IntN(8) {
		case 0, 1, 2:
			r.SQEOp = ptr(opNum(pick(m, uapi.IORING_OP_NOP, uapi.IORING_OP_SOCKET, m.anyOp(), uapi.Op(m.IntN(66)))))
		case 3, 4, 5:
			r.RegisterOp = ptr(registerOp(pick(m, uapi.IORING_REGISTER_ENABLE_RINGS, uapi.IORING_REGISTER_BPF_FILTER,
				uapi.IORING_REGISTER_RESTRICTIONS, uapi.RegisterOp(m.IntN(39)))))
		case 6:
			r.SQEFlagsAllowed = ptr(trace.SQEFlagsNum(m.IntN(256)))
		case 7:
			r.SQEFlagsRequired = ptr(trace.SQEFlagsNum(m.some(15, 1, 4, 16, 64, 128)))
		}
		if m.chance(3) {
			r = trace.Restriction{Raw: ptr(trace.Bytes{byte(m.IntN(6)), byte(m.IntN(8) / 7), byte(m.IntN(70)), byte(m.IntN(2)), 1})}
		}
		list = append(list, r)
	}
	return list
}

// ringFDsCall registers and unregisters ring descriptors.
func (m *maker) ringFDsCall(task string, fd, ring int) {
	list := make([]trace.RingFD, 1+m.IntN(3))
	op := pick(m, uapi.IORING_REGISTER_RING_FDS, uapi.IORING_REGISTER_RING_FDS, uapi.IORING_UNREGISTER_RING_FDS)
	for i := range list {
		list[i].FD = trace.Number(pick(m, ring, ring, ring, 0, 99))
		if op == uapi.IORING_UNREGISTER_RING_FDS {
			list[i].FD = trace.Number(m.IntN(10) / 9)
		}
		if m.chance(60) || op == uapi.IORING_UNREGISTER_RING_FDS {
			list[i].Index = ptr(trace.Number(m.IntN(17)))
		}
		if m.chance(5) {
			list[i].Resv = 1
		}
	}
	nr := len(list)
	if m.chance(10) {
		nr = pick(m, 0, 16, 17)
	}
	m.registerCall(task, fd, op, pointer(trace.Object{RingFDs: &list}), nr)
	if m.chance(30) { // a call by index
		m.add(task, &trace.RegisterArgs{FD: trace.Number(m.IntN(18)), Registered: true,
			Op: registerOp(uapi.IORING_UNREGISTER_FILES)})
	}
}

// filesCall registers files or buffers, or takes them back.
func (m *maker) filesCall(task string, fd int) {
	fds := make([]trace.Number, 1+m.IntN(4))
	for i := range fds {
		fds[i] = trace.Number(int64(pick(m, 0, 1, 2, -1, 3, 99)))
	}
	vec := make([]trace.Iovec, 1+m.IntN(3))
	for i := range vec {
		vec[i] = trace.Iovec{Base: trace.Pointer{Num: trace.ScratchBase}, Len: trace.Number(1 + m.IntN(8192))}
		if m.chance(15) {
			vec[i] = trace.Iovec{Base: trace.Pointer{Num: pick(m, 0, m.badPointer())},
				Len: trace.Number(pick(m, 0, m.long()>>44, ^uint64(0)))}
		}
		if m.chance(45) {
			vec[i].Len = pick[trace.Number](m, 1<<30+1, 1<<40+1, ^trace.Number(0))
		}
	}
	switch m.IntN(4) {
	case 0:
		m.registerCall(task, fd, uapi.IORING_REGISTER_FILES, pointer(trace.Object{FDs: &fds}), pick(m, len(fds), len(fds), 0, 1025))
	case 1:
		m.registerCall(task, fd, uapi.IORING_UNREGISTER_FILES, trace.Pointer{}, m.IntN(10)/9)
	case 2:
		m.registerCall(task, fd, uapi.IORING_REGISTER_BUFFERS, pointer(trace.Object{Iovecs: &vec}), pick(m, len(vec), len(vec), 0, 16385))
	case 3:
		m.registerCall(task, fd, uapi.IORING_UNREGISTER_BUFFERS, trace.Pointer{Num: uint64(m.IntN(10) / 9)}, 0)
	}
}

// refusedCall is a call of any opcode whose arguments are refused before they mean anything, or one of the simple ones.
func (m *maker) refusedCall(task string, fd int) {
	op := uapi.RegisterOp(m.IntN(40))
	arg, nr := trace.Pointer{}, 0
	switch op {
	case uapi.IORING_REGISTER_PROBE:
		p := trace.Probe{Ops: trace.Number(m.IntN(70))}
		if m.chance(20) {
			p.Fill = trace.Bytes{0, 0, 0, 1}
		}
		arg, nr = pointer(trace.Object{Probe: &p}), int(p.Ops)
		if m.chance(10) {
			nr = pick(m, 255, 256, 257)
		}
	case uapi.IORING_REGISTER_RESIZE_RINGS:
		arg, nr = pointer(trace.Object{Resize: m.resizeParams(0, 0)}), 1 // the ring is of another kind
	case uapi.IORING_UNREGISTER_PERSONALITY:
		nr = pick(m, 0, 1, 1, 2)
	case uapi.IORING_REGISTER_RESTRICTIONS, uapi.IORING_REGISTER_BPF_FILTER, uapi.IORING_REGISTER_QUERY:
		nr = 2
	}
	m.registerCall(task, fd, op, arg, nr)
}

// probeSQEs are requests that tell what a ring allows, and do nothing.
func (m *maker) probeSQEs(n int) []trace.SQE {
	var sqes []trace.SQE
	for range n {
		flags := m.some(10, uapi.IOSQE_ASYNC, uapi.IOSQE_FIXED_FILE)
		switch m.IntN(5) {
		case 0, 1:
			sqes = append(sqes, m.sqe(uapi.IORING_OP_NOP, flags&^uapi.IOSQE_ASYNC))
		case 2:
			sqes = append(sqes, m.cancelled(m.visible(pick(m, uapi.IORING_OP_SOCKET, uapi.IORING_OP_CONNECT, uapi.IORING_OP_OPENAT)))...)
		case 3:
			sqes = append(sqes, m.cancelled(m.sqe(pick(m, m.anyOp(), uapi.Op(m.IntN(66))), flags))...)
		case 4:
			sqes = append(sqes, m.bufferSQEs()...)
		}
	}
	sqes = sqes[:min(len(sqes), 8)]
	closeChain(sqes)
	return sqes
}

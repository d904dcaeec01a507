package gen

import (
	"strings"

	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// prep prepares requests of all opcodes behind ones that fail, so that only their prep runs.
func (m *maker) prep() {
	flags := uint32(uapi.IORING_SETUP_SUBMIT_ALL) | m.some(10, uapi.IORING_SETUP_CQE32, uapi.IORING_SETUP_SQE128, uapi.IORING_SETUP_IOPOLL)
	if flags&(uapi.IORING_SETUP_CQE32|uapi.IORING_SETUP_SQE128) == 0 {
		flags |= m.some(10, uapi.IORING_SETUP_CQE_MIXED)
	}
	fd, name := m.ring(trace.InitTask, 64, flags)
	if m.chance(30) {
		m.registerCall(trace.InitTask, fd, uapi.IORING_REGISTER_PERSONALITY, trace.Pointer{}, 0)
	}
	if m.chance(10) {
		m.add(trace.InitTask, &trace.DropPrivilegesArgs{})
	}
	for range 11 {
		var sqes []trace.SQE
		for range 32 {
			sqes = append(sqes, m.cancelled(m.nearlyValid())...)
		}
		m.add(trace.InitTask, &trace.EnterArgs{FD: trace.Number(fd), Ring: name, SQEs: sqes})
	}
}

// nearlyValid is a request of any opcode whose prep works, with a few changes.
func (m *maker) nearlyValid() trace.SQE {
	op := uapi.Op(m.IntN(uapi.IORING_OP_LAST))
	flags := m.some(4, uapi.IOSQE_FIXED_FILE, uapi.IOSQE_ASYNC, uapi.IOSQE_CQE_SKIP_SUCCESS, 0x80)
	if m.chance(15) {
		flags |= uapi.IOSQE_BUFFER_SELECT
	}
	s := m.sqe(op, flags, m.base(op)...)
	if flags&uapi.IOSQE_BUFFER_SELECT != 0 && op == uapi.IORING_OP_READV && m.chance(60) {
		one := m.iovecs(1)
		if m.chance(30) {
			(*one.Iovecs)[0].Len = trace.Number(1 << 63)
		}
		set(&s, object("addr", one))
		set(&s, field("len", 1))
	}
	for range pick(m, 0, 0, 1, 1, 1, 2, 3) {
		m.disturb(&s, op)
	}
	return s
}

// changeable are the places of an SQE that disturb changes.
var changeable = []string{"ioprio", "fd", "off", "addr", "len", "rw_flags", "buf_index", "personality", "file_index",
	"addr3", "__pad2", "__pad1", "__pad3", "addr_len", "cmd_op", "level", "optname"}

// opFlags are the bits that the flags at offset 28, or those in another field, have for some opcodes.
var opFlags = map[uapi.Op][]string{
	uapi.IORING_OP_SEND: {"ioprio"}, uapi.IORING_OP_RECV: {"ioprio"}, uapi.IORING_OP_SENDMSG: {"ioprio"},
	uapi.IORING_OP_RECVMSG: {"ioprio"}, uapi.IORING_OP_SEND_ZC: {"ioprio"}, uapi.IORING_OP_SENDMSG_ZC: {"ioprio"},
	uapi.IORING_OP_ACCEPT: {"ioprio", "accept_flags"}, uapi.IORING_OP_POLL_ADD: {"len"}, uapi.IORING_OP_POLL_REMOVE: {"len", "rw_flags", "off"},
	uapi.IORING_OP_RECV_ZC: {"ioprio"}, uapi.IORING_OP_FUTEX_WAIT: {"fd"}, uapi.IORING_OP_FUTEX_WAKE: {"fd"},
}

// disturb changes one place.
func (m *maker) disturb(s *trace.SQE, op uapi.Op) {
	name := pick(m, changeable...)
	if extra := opFlags[op]; extra != nil && m.chance(50) {
		name = pick(m, extra...)
	} else if m.chance(30) {
		name = "rw_flags"
	}
	f, _ := uapi.SQEFieldByName(name)
	v := uint64(m.word())
	switch {
	case name == "addr" || name == "off" || name == "addr3":
		v = m.badPointer()
	case f.Size == 2 && m.chance(60), name == "rw_flags" && m.chance(60), name == "len" && m.chance(30):
		v = uint64(m.some(30, 1, 2, 4, 8, 16, 32, 64, 128))
	case (name == "optname" || name == "__pad1") && v >= 0x10 && v < 0x8000:
		v = 1 // the high half of an address that a real process may have
	case name == "personality":
		v = uint64(m.IntN(3))
	}
	if f.Size < 8 {
		v &= 1<<(8*f.Size) - 1
	}
	set(s, field(name, v))
}

// badPointer is an address that is mostly not mapped, or at the edge of what is.
func (m *maker) badPointer() uint64 {
	end := uint64(trace.ScratchBase + trace.ScratchSize)
	v := pick(m, 0, 1, 0x1000, end-1, end-8, end-16, end-24, end-56, end, 1<<46, 1<<47-4096, 1<<47-4097, 1<<47, 1<<63, ^uint64(0),
		m.long())
	return nowhere(v)
}

// nowhere is v, unless a real process may have something there.
func nowhere(v uint64) uint64 {
	if v >= 0x10000 && v < trace.ScratchBase || v >= trace.SystemBase && v < 1<<46 || v > 1<<46 && v < 1<<47-8192 {
		return 0x1000
	}
	return v
}

// text is a string, mostly short; sometimes empty or about as long as a path or a name may be.
func (m *maker) text() string {
	return strings.Repeat("a", pick(m, 1, 1, 1, 5, 0, 254, 255, 256, 4094, 4095, 4096))
}

func (m *maker) pathObject(name string) trace.SQEField {
	return object(name, trace.Object{Path: ptr(m.text())})
}

// iovecs is an array of buffers, mostly valid ones.
func (m *maker) iovecs(n int) trace.Object {
	vec := make([]trace.Iovec, n)
	for i := range vec {
		vec[i] = trace.Iovec{Base: trace.Pointer{Num: uint64(trace.ScratchBase)}, Len: trace.Number(m.IntN(100))}
		if m.chance(10) {
			vec[i] = trace.Iovec{Base: trace.Pointer{Num: m.badPointer()}, Len: trace.Number(m.long())}
		}
	}
	return trace.Object{Iovecs: &vec}
}

// timespec is a time, mostly a valid one.
func (m *maker) timespec() trace.Object {
	t := trace.Timespec{Sec: trace.Number(m.IntN(5)), Nsec: trace.Number(m.IntN(2_000_000_000))}
	if m.chance(15) {
		t.Sec = trace.Number(m.long())
	}
	if m.chance(15) {
		t.Nsec = trace.Number(m.long())
	}
	return trace.Object{Timespec: &t}
}

// msghdr is a message, mostly a valid one.
func (m *maker) msghdr() trace.Object {
	n := m.IntN(3)
	h := trace.Msghdr{Iov: pointer(m.iovecs(n)), Iovlen: trace.Number(n)}
	if m.chance(30) {
		h.Name = pick(m, pointer(trace.Object{Bytes: ptr(trace.Bytes(m.sockaddr()))}), trace.Pointer{Num: m.badPointer()})
		h.Namelen = trace.Number(pick(m, 0, 2, 16, 28, 128, 129, 0x7fffffff, 0x80000000, 0xffffffff))
	}
	if m.chance(10) {
		h.Iovlen = trace.Number(pick(m, 2, 1024, 1025, 262145, m.long()))
	}
	if m.chance(15) {
		h.Namelen = trace.Number(m.word())
	}
	if m.chance(15) {
		h.Controllen = trace.Number(m.long())
	}
	return trace.Object{Msghdr: &h}
}

// base are fields with which the opcode's prep works, mostly.
func (m *maker) base(op uapi.Op) []trace.SQEField {
	buffer := []trace.SQEField{field("addr", trace.ScratchBase), field("len", uint64(m.IntN(4096)))}
	n := m.IntN(4)
	switch op {
	case uapi.IORING_OP_READ, uapi.IORING_OP_WRITE, uapi.IORING_OP_READ_FIXED, uapi.IORING_OP_WRITE_FIXED:
		return m.withAttr(buffer)
	case uapi.IORING_OP_READV, uapi.IORING_OP_WRITEV, uapi.IORING_OP_READV_FIXED, uapi.IORING_OP_WRITEV_FIXED:
		return m.withAttr([]trace.SQEField{object("addr", m.iovecs(n)), field("len", uint64(n))})
	case uapi.IORING_OP_SEND, uapi.IORING_OP_RECV, uapi.IORING_OP_SEND_ZC:
		if m.chance(25) {
			prio := uapi.IORING_SEND_VECTORIZED | m.some(30, uapi.IORING_RECVSEND_FIXED_BUF)
			return []trace.SQEField{object("addr", m.iovecs(n)), field("len", uint64(pick(m, n, n, n, 262145))), field("ioprio", uint64(prio))}
		}
		if m.chance(15) {
			return append(buffer, field("ioprio", uint64(uapi.IORING_RECVSEND_FIXED_BUF|m.some(20, 1, 2, 16, 32))))
		}
		if op != uapi.IORING_OP_RECV && m.chance(30) {
			addr := m.sockaddr()
			return append(buffer, object("addr2", trace.Object{Bytes: ptr(trace.Bytes(addr))}), field("addr_len", uint64(m.IntN(150))))
		}
		return buffer
	case uapi.IORING_OP_SENDMSG, uapi.IORING_OP_RECVMSG, uapi.IORING_OP_SENDMSG_ZC:
		return []trace.SQEField{object("addr", m.msghdr()),
			field("ioprio", uint64(m.some(20, uapi.IORING_RECVSEND_FIXED_BUF, uapi.IORING_RECV_MULTISHOT)))}
	case uapi.IORING_OP_CONNECT, uapi.IORING_OP_BIND:
		addr := m.sockaddr()
		return []trace.SQEField{object("addr", trace.Object{Bytes: ptr(trace.Bytes(addr))}),
			field("addr2", uint64(pick(m, m.IntN(len(addr)+1), len(addr), 128, 129, -1)))}
	case uapi.IORING_OP_TIMEOUT, uapi.IORING_OP_LINK_TIMEOUT:
		return m.timeout("addr", field("len", 1))
	case uapi.IORING_OP_TIMEOUT_REMOVE:
		if m.chance(60) {
			return m.timeout("addr2", field("timeout_flags", uint64(m.some(50, uapi.IORING_TIMEOUT_UPDATE, uapi.IORING_LINK_TIMEOUT_UPDATE,
				uapi.IORING_TIMEOUT_ABS, uapi.IORING_TIMEOUT_IMMEDIATE_ARG))))
		}
		return nil
	case uapi.IORING_OP_PROVIDE_BUFFERS:
		return []trace.SQEField{field("fd", uint64(1+m.IntN(4))), field("addr", trace.ScratchBase), field("len", uint64(1+m.IntN(99))),
			field("off", uint64(pick(m, 0, 0, 65534, 65535)))}
	case uapi.IORING_OP_FIXED_FD_INSTALL:
		return []trace.SQEField{field("personality", uint64(m.IntN(2)))}
	case uapi.IORING_OP_POLL_ADD:
		return []trace.SQEField{field("len", uint64(m.IntN(3)))}
	case uapi.IORING_OP_READ_MULTISHOT:
		return m.withAttr(nil)
	case uapi.IORING_OP_REMOVE_BUFFERS:
		return []trace.SQEField{field("fd", uint64(1+m.IntN(4)))}
	case uapi.IORING_OP_ASYNC_CANCEL:
		return []trace.SQEField{field("cancel_flags", uint64(m.some(25, 1, 2, 4, 8, 16, 32))), field("len", uint64(m.IntN(130)))}
	case uapi.IORING_OP_FILES_UPDATE:
		return []trace.SQEField{field("len", 1)}
	}
	return m.pathBase(op)
}

// withAttr adds protection information now and then, and priorities.
func (m *maker) withAttr(fields []trace.SQEField) []trace.SQEField {
	if m.chance(20) {
		fields = append(fields, field("ioprio", uint64(m.IntN(8))<<13|uint64(m.IntN(16))))
	}
	if m.chance(20) {
		pi := make(trace.Bytes, 32)
		if m.chance(20) {
			pi[24] = 1
		}
		if m.chance(20) {
			pi[15] = 0xff
		}
		fields = append(fields, field("attr_type_mask", uint64(pick(m, 1, 1, 1, 2, 3))), object("attr_ptr", trace.Object{Bytes: &pi}))
	}
	return fields
}

// timeout is a time in the field, or nanoseconds if the flags say so.
func (m *maker) timeout(name string, more ...trace.SQEField) []trace.SQEField {
	if m.chance(20) {
		return append(more, field(name, nowhere(m.long())), field("timeout_flags", uapi.IORING_TIMEOUT_IMMEDIATE_ARG|uapi.IORING_TIMEOUT_UPDATE*uint64(m.IntN(2))))
	}
	return append(more, object(name, m.timespec()))
}

// pathBase is base for the opcodes on paths, attributes and what is left.
func (m *maker) pathBase(op uapi.Op) []trace.SQEField {
	switch op {
	case uapi.IORING_OP_OPENAT:
		return []trace.SQEField{m.pathObject("addr"), field("open_flags", uint64(m.word()))}
	case uapi.IORING_OP_OPENAT2:
		how := trace.OpenHow{Flags: openFlags(m.long()), Mode: trace.Number(m.long())}
		size := uapi.SizeofOpenHow
		if m.chance(30) {
			how.Tail = make(trace.Bytes, m.IntN(20))
			size += len(how.Tail) + pick(m, 0, 0, 1, -1)
			if m.chance(30) && len(how.Tail) > 0 {
				how.Tail[m.IntN(len(how.Tail))] = 1
			}
		}
		return []trace.SQEField{m.pathObject("addr"), object("addr2", trace.Object{OpenHow: &how}), field("len", uint64(size))}
	case uapi.IORING_OP_STATX:
		return []trace.SQEField{m.pathObject("addr"), field("statx_flags", uint64(m.some(50, uapi.AT_EMPTY_PATH)))}
	case uapi.IORING_OP_UNLINKAT:
		return []trace.SQEField{m.pathObject("addr"), field("unlink_flags", uint64(m.some(30, 0x200)))}
	case uapi.IORING_OP_MKDIRAT:
		return []trace.SQEField{m.pathObject("addr"), field("len", 0o755)}
	case uapi.IORING_OP_RENAMEAT, uapi.IORING_OP_SYMLINKAT, uapi.IORING_OP_LINKAT:
		return []trace.SQEField{m.pathObject("addr"), m.pathObject("addr2")}
	case uapi.IORING_OP_FSETXATTR, uapi.IORING_OP_SETXATTR, uapi.IORING_OP_FGETXATTR, uapi.IORING_OP_GETXATTR:
		fields := []trace.SQEField{m.pathObject("addr"), field("addr2", trace.ScratchBase), m.pathObject("addr3")}
		if op == uapi.IORING_OP_FSETXATTR || op == uapi.IORING_OP_SETXATTR {
			fields = append(fields, field("len", uint64(pick(m, 0, 1, 100, 65536, 65537))), field("xattr_flags", uint64(m.IntN(5))))
		}
		return fields
	case uapi.IORING_OP_SOCKET:
		return []trace.SQEField{field("fd", uint64(m.IntN(20))), field("off", uint64(m.some(30, uapi.SOCK_CLOEXEC, uapi.SOCK_NONBLOCK)|uint32(m.IntN(8))))}
	case uapi.IORING_OP_EPOLL_CTL:
		return []trace.SQEField{field("addr", trace.ScratchBase), field("len", uint64(m.IntN(5)))}
	case uapi.IORING_OP_FUTEX_WAIT, uapi.IORING_OP_FUTEX_WAKE:
		return []trace.SQEField{field("addr", trace.ScratchBase), field("fd", 2|uint64(m.some(40, 128))), field("addr3", uint64(m.Uint32()))}
	case uapi.IORING_OP_FUTEX_WAITV:
		n := 1 + m.IntN(3)
		waiters := make(trace.Bytes, 24*n)
		for i := range n {
			waiters[24*i+16] = byte(2 | m.some(30, 128))
			if m.chance(10) {
				waiters[24*i+m.IntN(24)] = byte(m.Uint32())
			}
		}
		return []trace.SQEField{object("addr", trace.Object{Bytes: &waiters}), field("len", uint64(n))}
	case uapi.IORING_OP_FIXED_FD_INSTALL:
		return []trace.SQEField{field("flags", uapi.IOSQE_FIXED_FILE)}
	case uapi.IORING_OP_NOP, uapi.IORING_OP_NOP128:
		return []trace.SQEField{field("nop_flags", uint64(m.some(20, 1, 2, 4, 8, 16, 32)))}
	}
	return nil
}

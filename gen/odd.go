package gen

import (
	"encoding/binary"

	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// readOnly is a page that the kernel can read and not write.
const readOnly = trace.UserBase + 1024*trace.PageSize

// oddCall is a register call that goes wrong where calls rarely do.
func (m *maker) oddCall(task string, fd int) {
	switch m.IntN(8) {
	case 0: // the kernel cannot write back
		m.readOnlyCall(task, fd)
	case 1:
		m.syncMessage(task, fd)
	case 2:
		op := pick(m, uapi.IORING_REGISTER_FILES, uapi.IORING_REGISTER_BUFFERS, uapi.IORING_REGISTER_PROBE)
		m.registerCall(task, fd, op, trace.Pointer{Num: m.badPointer()}, 1)
	case 3:
		m.registerCall(task, -1, uapi.IORING_REGISTER_RESTRICTIONS, trace.Pointer{Num: m.badPointer()}, 1)
	case 4: // nothing is registered twice
		fds := []trace.Number{0, ^trace.Number(0)}
		for range 2 {
			m.registerCall(task, fd, uapi.IORING_REGISTER_FILES, pointer(trace.Object{FDs: &fds}), len(fds))
		}
		m.registerCall(task, fd, uapi.IORING_UNREGISTER_FILES, trace.Pointer{}, 0)
	case 5:
		vec := []trace.Iovec{{}, {}}
		for range 2 {
			m.registerCall(task, fd, uapi.IORING_REGISTER_BUFFERS, pointer(trace.Object{Iovecs: &vec}), len(vec))
		}
		m.registerCall(task, fd, uapi.IORING_UNREGISTER_BUFFERS, trace.Pointer{}, 0)
	case 6:
		vec := []trace.Iovec{pick(m, trace.Iovec{Base: trace.Pointer{Num: ^uint64(0) - 4096*uint64(m.IntN(4))}, Len: 1 << 30},
			trace.Iovec{Base: trace.Pointer{Num: 0x1000}, Len: pick[trace.Number](m, 16, 1<<40+1)})}
		m.registerCall(task, fd, uapi.IORING_REGISTER_BUFFERS, pointer(trace.Object{Iovecs: &vec}), 1)
	case 7: // a chain of questions without end
		loop := make(trace.Bytes, 40)
		binary.LittleEndian.PutUint64(loop, readOnly+trace.PageSize)
		m.add(task, &trace.MapArgs{Addr: readOnly + trace.PageSize, Size: trace.PageSize, Data: &loop})
		m.registerCall(task, fd, uapi.IORING_REGISTER_QUERY, trace.Pointer{Num: readOnly + trace.PageSize}, 0)
	}
}

// readOnlyCall gives the kernel memory that it can read, and to which it would have to write.
func (m *maker) readOnlyCall(task string, fd int) {
	page := make(trace.Bytes, trace.PageSize)
	op, nr := uapi.IORING_REGISTER_PROBE, 3
	switch m.IntN(4) {
	case 0: // a filter with a payload size to be mended
		f := uapi.BPF{CmdType: uapi.IO_URING_BPF_CMD_FILTER, Opcode: uint32(uapi.IORING_OP_SOCKET), FilterLen: 1, FilterPtr: readOnly + 512,
			PDUSize: 200}
		copy(page, f.Append(nil))
		copy(page[512:], uapi.EncodeSockFilters([]uapi.SockFilter{{Code: codeRetK, K: 1}}))
		op, nr = uapi.IORING_REGISTER_BPF_FILTER, 1
	case 1:
		op, nr = uapi.IORING_REGISTER_QUERY, 0
	case 2: // any free place for a ring's descriptor
		u := uapi.RsrcUpdate{Offset: ^uint32(0), Data: uint64(fd)}
		copy(page, u.Append(nil))
		op, nr = uapi.IORING_REGISTER_RING_FDS, 1
	}
	m.add(task, &trace.MapArgs{Addr: readOnly, Size: trace.PageSize, Data: &page})
	m.add(task, &trace.ProtectArgs{Addr: readOnly, Size: trace.PageSize, Prot: trace.ProtRead})
	m.registerCall(task, fd, op, trace.Pointer{Num: readOnly}, nr)
}

// syncMessage sends a message to a ring without a ring to send it from.
func (m *maker) syncMessage(task string, ring int) {
	s := m.sqe(uapi.IORING_OP_MSG_RING, m.some(4, uapi.IOSQE_IO_LINK), field("fd", uint64(pick(m, ring, ring, ring, 0, 99))),
		field("off", m.long()<<16|m.data()), field("len", uint64(m.word())), field("addr", uint64(m.IntN(10)/9*2)),
		field("msg_ring_flags", uint64(m.some(10, 1, 2, 4))), field("file_index", uint64(m.some(10, 1, 2))))
	arg := pointer(trace.Object{SQE: &s})
	if m.chance(10) {
		arg = trace.Pointer{Num: m.badPointer()}
	}
	m.registerCall(task, -1, uapi.IORING_REGISTER_SEND_MSG_RING, arg, 1)
}

package sqe

import (
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// Sockaddr is a socket address: "127.0.0.1:80", "[::1]:80", "unix:PATH", or "unix:@NAME" for an abstract one. The
// String of a netip.AddrPort is one. Any other text is an error when the SQE is submitted.
type Sockaddr = trace.Sockaddr

// Msghdr is struct msghdr.
type Msghdr = trace.Msghdr

// Socket makes a socket. Direct and DirectAlloc make it in a slot.
func Socket(domain, typ, protocol int32, flags uint32) SQE {
	s := prep(uapi.IORING_OP_SOCKET, domain, Pointer{}, uint32(protocol), uint64(int64(typ)))
	return s.set("rw_flags", uint64(flags))
}

// sockaddr points to an address and returns its size.
func sockaddr(addr Sockaddr) (p Pointer, size uint64) {
	b, _ := addr.Encode() // submitting it will give the error again
	return Pointer{Object: &trace.Object{Sockaddr: &addr}}, uint64(len(b))
}

// Connect connects a socket.
func Connect(fd int32, addr Sockaddr) SQE {
	p, size := sockaddr(addr)
	return prep(uapi.IORING_OP_CONNECT, fd, p, 0, size)
}

// ConnectTo is like Connect for an address of any kind, in bytes.
func ConnectTo(fd int32, addr Pointer, size uint32) SQE {
	return prep(uapi.IORING_OP_CONNECT, fd, addr, 0, uint64(size))
}

// Bind binds a socket to an address.
func Bind(fd int32, addr Sockaddr) SQE {
	p, size := sockaddr(addr)
	return prep(uapi.IORING_OP_BIND, fd, p, 0, size)
}

// Listen makes a socket accept connections.
func Listen(fd int32, backlog uint32) SQE {
	return prep(uapi.IORING_OP_LISTEN, fd, Pointer{}, backlog, 0)
}

// Accept accepts a connection. The peer's address is stored at addr, whose size is the u32 at addrLen.
func Accept(fd int32, addr, addrLen Pointer, flags uint32) SQE {
	return prep(uapi.IORING_OP_ACCEPT, fd, addr, 0, 0).aim("off", addrLen).set("accept_flags", uint64(flags))
}

// MultishotAccept accepts connections until it is cancelled.
func MultishotAccept(fd int32, addr, addrLen Pointer, flags uint32) SQE {
	return Accept(fd, addr, addrLen, flags).IOPrio(uapi.IORING_ACCEPT_MULTISHOT)
}

// Shutdown shuts down a connection in one or both directions.
func Shutdown(fd int32, how uint32) SQE {
	return prep(uapi.IORING_OP_SHUTDOWN, fd, Pointer{}, how, 0)
}

// Send sends size bytes; flags are MSG_*.
func Send(fd int32, buf Pointer, size, flags uint32) SQE {
	return prep(uapi.IORING_OP_SEND, fd, buf, size, 0).set("msg_flags", uint64(flags))
}

// SendBundle sends several buffers of the group that SelectBuffer chooses.
func SendBundle(fd int32, size, flags uint32) SQE {
	return Send(fd, Pointer{}, size, flags).IOPrio(uapi.IORING_RECVSEND_BUNDLE)
}

// SendVectorized sends several buffers as one. liburing has no helper for it.
func SendVectorized(fd int32, vec []Iovec, flags uint32) SQE {
	return Send(fd, iovecs(vec), uint32(len(vec)), flags).IOPrio(uapi.IORING_SEND_VECTORIZED)
}

// To sets the destination of Send and SendZC.
func (s SQE) To(addr Sockaddr) SQE {
	p, size := sockaddr(addr)
	return s.point("addr2", p).With("addr_len", size)
}

// Sendto is Send with a destination.
func Sendto(fd int32, buf Pointer, size, flags uint32, addr Sockaddr) SQE {
	return Send(fd, buf, size, flags).To(addr)
}

// SendZC is like Send but does not copy. zcFlags are IORING_RECVSEND_* and IORING_SEND_*.
func SendZC(fd int32, buf Pointer, size, flags uint32, zcFlags uint16) SQE {
	s := prep(uapi.IORING_OP_SEND_ZC, fd, buf, size, 0).set("msg_flags", uint64(flags))
	return s.set("ioprio", uint64(zcFlags))
}

// SendZCVectorized is like SendVectorized but does not copy. liburing has no helper for it.
func SendZCVectorized(fd int32, vec []Iovec, flags uint32, zcFlags uint16) SQE {
	return SendZC(fd, iovecs(vec), uint32(len(vec)), flags, zcFlags|uapi.IORING_SEND_VECTORIZED)
}

// SendZCFixed is SendZC from a registered buffer.
func SendZCFixed(fd int32, buf Pointer, size, flags uint32, zcFlags, bufIndex uint16) SQE {
	return SendZC(fd, buf, size, flags, zcFlags).FixedBuf(bufIndex)
}

// message is a request on a struct msghdr.
func message(op uapi.Op, fd int32, msg *Msghdr, flags uint32) SQE {
	var p Pointer
	if msg != nil {
		p.Object = &trace.Object{Msghdr: msg}
	}
	return prep(op, fd, p, 1, 0).set("msg_flags", uint64(flags))
}

// Sendmsg sends a message.
func Sendmsg(fd int32, msg *Msghdr, flags uint32) SQE {
	return message(uapi.IORING_OP_SENDMSG, fd, msg, flags)
}

// SendmsgZC is like Sendmsg but does not copy.
func SendmsgZC(fd int32, msg *Msghdr, flags uint32) SQE {
	return message(uapi.IORING_OP_SENDMSG_ZC, fd, msg, flags)
}

// SendmsgZCFixed is SendmsgZC from parts of a registered buffer.
func SendmsgZCFixed(fd int32, msg *Msghdr, flags uint32, bufIndex uint16) SQE {
	return SendmsgZC(fd, msg, flags).FixedBuf(bufIndex)
}

// Recv receives up to size bytes.
func Recv(fd int32, buf Pointer, size, flags uint32) SQE {
	return prep(uapi.IORING_OP_RECV, fd, buf, size, 0).set("msg_flags", uint64(flags))
}

// RecvMultishot receives until it is cancelled, into buffers of the group that SelectBuffer chooses.
func RecvMultishot(fd int32, buf Pointer, size, flags uint32) SQE {
	return Recv(fd, buf, size, flags).IOPrio(uapi.IORING_RECV_MULTISHOT)
}

// Recvmsg receives a message.
func Recvmsg(fd int32, msg *Msghdr, flags uint32) SQE {
	return message(uapi.IORING_OP_RECVMSG, fd, msg, flags)
}

// RecvmsgMultishot receives messages until it is cancelled, into buffers of a group.
func RecvmsgMultishot(fd int32, msg *Msghdr, flags uint32) SQE {
	return Recvmsg(fd, msg, flags).IOPrio(uapi.IORING_RECV_MULTISHOT)
}

// RecvZC receives through a queue of the ring without copying. liburing has no helper for it.
func RecvZC(fd int32, queue, size uint32) SQE {
	s := prep(uapi.IORING_OP_RECV_ZC, fd, Pointer{}, size, 0).set("zcrx_ifq_idx", uint64(queue))
	return s.IOPrio(uapi.IORING_RECV_MULTISHOT)
}

// EpollCtl changes what an epoll instance waits for. Event is struct epoll_event, 12 bytes.
func EpollCtl(epfd, fd int32, op uint32, event Pointer) SQE {
	return prep(uapi.IORING_OP_EPOLL_CTL, epfd, event, op, uint64(uint32(fd)))
}

// EpollWait waits for up to n events.
func EpollWait(epfd int32, events Pointer, n, flags uint32) SQE {
	return prep(uapi.IORING_OP_EPOLL_WAIT, epfd, events, n, 0).set("rw_flags", uint64(flags))
}

package opdef

import (
	"encoding/binary"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/mm"
	"github.com/uringsim/uringsim/uapi"
)

// Flags of send and receive calls that prep looks at.
const msgWaitall = 0x100

// Linux: io_uring/net.c:io_socket_prep
var socketPrep = prep("io_uring/net.c:io_socket_prep",
	zero("addr", "rw_flags", "buf_index"),
	about("file_index", all, fails(uapi.EINVAL, "file_index and SOCK_CLOEXEC exclude each other", func(p *Prep) bool {
		return p.Req.SQE.FileIndex() != 0 && socketType(p.Req)&uapi.SOCK_CLOEXEC != 0
	})),
	none(bitsOf("off", 0xffffffff&^(uapi.SOCK_TYPE_MASK|uapi.SOCK_CLOEXEC|uapi.SOCK_NONBLOCK)),
		"type (off) must have no flags but SOCK_CLOEXEC and SOCK_NONBLOCK"),
)

func socketType(r *Request) uint32 { return uint32(r.SQE.Off()) }

// connect are the steps of CONNECT and BIND.
func connect() []Step {
	return []Step{
		zero("len", "buf_index", "rw_flags", "splice_fd_in"),
		reads("the addr2 bytes of the socket address at addr",
			check("addr points to a socket address of addr2 bytes, at most 128", func(p *Prep) uapi.Errno {
				p.Req.AddrLen = int32(p.Req.SQE.Off())
				return p.moveAddrToKernel(p.Req.SQE.Addr(), p.Req.AddrLen)
			}, uapi.EINVAL, uapi.EFAULT)),
	}
}

// Linux: io_uring/net.c:io_connect_prep
var connectPrep = prep("io_uring/net.c:io_connect_prep", connect()...)

// Linux: io_uring/net.c:io_bind_prep
var bindPrep = prep("io_uring/net.c:io_bind_prep", append(connect(),
	act(asyncDoc+" for a path of AF_UNIX", func(p *Prep) {
		r := p.Req
		if r.AddrLen > 2 && binary.LittleEndian.Uint16(r.Addr[:]) == uapi.AF_UNIX && r.Addr[2] != 0 {
			r.Flags |= uapi.IOSQE_ASYNC
		}
	}))...)

// Linux: io_uring/net.c:io_listen_prep
var listenPrep = prep("io_uring/net.c:io_listen_prep", zero("addr", "buf_index", "rw_flags", "splice_fd_in", "addr2"))

// Linux: io_uring/net.c:io_shutdown_prep
var shutdownPrep = prep("io_uring/net.c:io_shutdown_prep",
	zero("off", "addr", "rw_flags", "buf_index", "splice_fd_in"), forceAsync())

// Linux: io_uring/net.c:io_accept_prep
var acceptPrep = prep("io_uring/net.c:io_accept_prep",
	zero("len", "buf_index"),
	within("ioprio", uapi.IORING_ACCEPT_MULTISHOT|uapi.IORING_ACCEPT_DONTWAIT|uapi.IORING_ACCEPT_POLL_FIRST),
	fails(uapi.EINVAL, "file_index and SOCK_CLOEXEC exclude each other",
		func(p *Prep) bool { return p.Req.SQE.FileIndex() != 0 && p.Req.SQE.OpFlags()&uapi.SOCK_CLOEXEC != 0 }),
	fails(uapi.EINVAL, "IORING_ACCEPT_MULTISHOT takes no file_index but IORING_FILE_INDEX_ALLOC", func(p *Prep) bool {
		slot := p.Req.SQE.FileIndex()
		return slot != 0 && slot != ^uint32(0) && p.Req.SQE.IOPrio()&uapi.IORING_ACCEPT_MULTISHOT != 0
	}),
	within("accept_flags", uapi.SOCK_CLOEXEC|uapi.SOCK_NONBLOCK),
)

// negativeLen refuses lengths that are negative as an int.
func negativeLen() Step {
	return fails(uapi.EINVAL, "len must not be negative", func(p *Prep) bool { return int32(p.Req.SQE.Len()) < 0 })
}

// ioprioHas tells whether any of the flags is set in ioprio.
func (p *Prep) ioprioHas(flags uint16) bool { return p.Req.SQE.IOPrio()&flags != 0 }

// sendmsg are the steps of SEND and SENDMSG up to what only one of them has. Valid are the flags that it takes.
//
// Linux: io_uring/net.c:io_sendmsg_prep
func sendmsg(more ...Step) []Step {
	const old = uapi.IORING_RECVSEND_POLL_FIRST | uapi.IORING_RECVSEND_BUNDLE | uapi.IORING_SEND_VECTORIZED
	return append([]Step{
		negativeLen(),
		with(kernel.NoSendRecvFixedBuf, within("ioprio", old)),
		without(kernel.NoSendRecvFixedBuf, within("ioprio", old|uapi.IORING_RECVSEND_FIXED_BUF)),
	}, more...)
}

// Linux: io_uring/net.c:io_sendmsg_prep
var sendPrep = prep("io_uring/net.c:io_sendmsg_prep", append(sendmsg(
	fails(uapi.EINVAL, "FIXED_BUF excludes BUFFER_SELECT, BUNDLE and VECTORIZED", func(p *Prep) bool {
		return p.ioprioHas(uapi.IORING_RECVSEND_FIXED_BUF) && (p.has(uapi.IOSQE_BUFFER_SELECT) ||
			p.ioprioHas(uapi.IORING_RECVSEND_BUNDLE|uapi.IORING_SEND_VECTORIZED))
	})), sendSetup()...)...)

// Linux: io_uring/net.c:io_sendmsg_prep
var sendmsgPrep = prep("io_uring/net.c:io_sendmsg_prep", sendmsg(
	fails(uapi.EINVAL, "SENDMSG takes neither FIXED_BUF nor BUNDLE",
		func(p *Prep) bool { return p.ioprioHas(uapi.IORING_RECVSEND_FIXED_BUF | uapi.IORING_RECVSEND_BUNDLE) }),
	zero("addr2", "file_index"),
	msghdrToSend(msghdrErrnos...))...)

// msghdrToSend reads the msghdr of SENDMSG and SENDMSG_ZC.
func msghdrToSend(errnos ...uapi.Errno) Step {
	return reads("48 bytes of the msghdr at addr, then the name and the iovecs that it points to",
		check("addr points to a msghdr to send", (*Prep).sendMsghdr, errnos...))
}

var msghdrErrnos = []uapi.Errno{uapi.EFAULT, uapi.EINVAL, uapi.EMSGSIZE}

// sendSetup are the steps on address and buffer that SEND and SEND_ZC share.
//
// Linux: io_uring/net.c:io_send_setup
func sendSetup() []Step {
	return []Step{
		zero("__pad3"),
		reads("the addr_len bytes of the socket address at addr2, unless addr2 is 0",
			check("addr2 points to a socket address of addr_len bytes", func(p *Prep) uapi.Errno {
				if p.Req.SQE.Off() == 0 {
					return 0
				}
				return p.moveAddrToKernel(p.Req.SQE.Off(), int32(p.Req.SQE.AddrLen()))
			}, uapi.EINVAL, uapi.EFAULT)),
		reads("len iovecs of 16 bytes at addr, with VECTORIZED",
			check("addr and len are a buffer, or with VECTORIZED an array of iovecs", (*Prep).sendBuffer,
				uapi.EFAULT, uapi.EINVAL, uapi.ENOMEM)),
	}
}

// sendBuffer checks what SEND and SEND_ZC are to send.
func (p *Prep) sendBuffer() uapi.Errno {
	addr, size := p.Req.SQE.Addr(), p.Req.SQE.Len()
	vectorized := p.ioprioHas(uapi.IORING_SEND_VECTORIZED)
	switch {
	case p.ioprioHas(uapi.IORING_RECVSEND_FIXED_BUF):
		if !vectorized {
			return 0
		}
		return p.prepRegIovec(addr, uint64(size))
	case p.has(uapi.IOSQE_BUFFER_SELECT):
		return 0
	case vectorized:
		return p.importIovec(addr, uint64(size))
	}
	return importUbuf(addr, uint64(int64(int32(size))))
}

// recv are the steps of RECV and RECVMSG up to what only one of them has.
//
// Linux: io_uring/net.c:io_recvmsg_prep
func recv(more ...Step) []Step {
	const old = uapi.IORING_RECVSEND_POLL_FIRST | uapi.IORING_RECV_MULTISHOT | uapi.IORING_RECVSEND_BUNDLE
	return append([]Step{
		zero("addr2"),
		negativeLen(),
		with(kernel.NoSendRecvFixedBuf, within("ioprio", old)),
		without(kernel.NoSendRecvFixedBuf, within("ioprio", old|uapi.IORING_RECVSEND_FIXED_BUF)),
	}, more...)
}

func multishot(p *Prep) bool { return p.ioprioHas(uapi.IORING_RECV_MULTISHOT) }

var multishotNeeds = fails(uapi.EINVAL, "MULTISHOT needs IOSQE_BUFFER_SELECT and no MSG_WAITALL", func(p *Prep) bool {
	return multishot(p) && (!p.has(uapi.IOSQE_BUFFER_SELECT) || p.Req.SQE.OpFlags()&msgWaitall != 0)
})

// Linux: io_uring/net.c:io_recvmsg_prep
var recvPrep = prep("io_uring/net.c:io_recvmsg_prep", recv(
	fails(uapi.EINVAL, "FIXED_BUF excludes BUFFER_SELECT, MULTISHOT and BUNDLE", func(p *Prep) bool {
		return p.ioprioHas(uapi.IORING_RECVSEND_FIXED_BUF) && (p.has(uapi.IOSQE_BUFFER_SELECT) ||
			p.ioprioHas(uapi.IORING_RECV_MULTISHOT|uapi.IORING_RECVSEND_BUNDLE))
	}),
	multishotNeeds,
	fails(uapi.EINVAL, "optlen must be 0 without MULTISHOT",
		func(p *Prep) bool { return !multishot(p) && p.Req.SQE.FileIndex() != 0 }),
	check("addr and len are a buffer in user memory", func(p *Prep) uapi.Errno {
		if p.has(uapi.IOSQE_BUFFER_SELECT) || p.ioprioHas(uapi.IORING_RECVSEND_FIXED_BUF) {
			return 0
		}
		return importUbuf(p.Req.SQE.Addr(), uint64(p.Req.SQE.Len()))
	}, uapi.EFAULT))...)

// Linux: io_uring/net.c:io_recvmsg_prep
var recvmsgPrep = prep("io_uring/net.c:io_recvmsg_prep", recv(
	fails(uapi.EINVAL, "RECVMSG does not take FIXED_BUF",
		func(p *Prep) bool { return p.ioprioHas(uapi.IORING_RECVSEND_FIXED_BUF) }),
	multishotNeeds,
	zero("optlen"),
	fails(uapi.EINVAL, "RECVMSG does not take BUNDLE", func(p *Prep) bool { return p.ioprioHas(uapi.IORING_RECVSEND_BUNDLE) }),
	reads("48 bytes of the msghdr at addr, then the iovecs that it points to",
		varies(kernel.NegativeSelectedIovec, check("addr points to a msghdr to receive into", (*Prep).recvMsghdr,
			append(msghdrErrnos, uapi.EOVERFLOW)...))))...)

// sendZC are the steps that SEND_ZC and SENDMSG_ZC begin with. From the notification on, a request that fails posts
// the notification's CQE too.
//
// Linux: io_uring/net.c:io_send_zc_prep
func sendZC(more ...Step) []Step {
	return append([]Step{
		with(kernel.NoZCNotifUserData, zero("addr3", "__pad2")),
		without(kernel.NoZCNotifUserData, zero("__pad2")),
		bars(uapi.EINVAL, uapi.IOSQE_CQE_SKIP_SUCCESS, "IOSQE_CQE_SKIP_SUCCESS"),
		act("a notification is allocated", func(p *Prep) {
			p.Req.Notif, p.Req.NotifUserData = true, p.Req.UserData
			if u := p.Req.SQE.Addr3(); u != 0 {
				p.Req.NotifUserData = u
			}
		}),
		within("ioprio", uapi.IORING_RECVSEND_POLL_FIRST|uapi.IORING_RECVSEND_FIXED_BUF|
			uapi.IORING_SEND_ZC_REPORT_USAGE|uapi.IORING_SEND_VECTORIZED),
		act("the notification reports usage with REPORT_USAGE",
			func(p *Prep) { p.Req.NotifReport = p.ioprioHas(uapi.IORING_SEND_ZC_REPORT_USAGE) }),
	}, more...)
}

// Linux: io_uring/net.c:io_send_zc_prep
var sendZCPrep = prep("io_uring/net.c:io_send_zc_prep", append(sendZC(
	with(kernel.NoZCVectorizedFixedBuf, fails(uapi.EINVAL, "VECTORIZED and FIXED_BUF exclude each other",
		func(p *Prep) bool {
			return p.ioprioHas(uapi.IORING_SEND_VECTORIZED) && p.ioprioHas(uapi.IORING_RECVSEND_FIXED_BUF)
		}))), sendSetup()...)...)

// Linux: io_uring/net.c:io_send_zc_prep
var sendmsgZCPrep = prep("io_uring/net.c:io_send_zc_prep", sendZC(
	zero("addr2", "file_index"),
	msghdrToSend(append(msghdrErrnos, uapi.ENOMEM)...))...)

// Linux: io_uring/net.c:io_recvzc_prep
//
// Departs: a ring of the model never has a zero-copy receive queue.
var recvZCPrep = prep("io_uring/net.c:io_recvzc_prep",
	zero("addr2", "addr", "addr3"),
	asks(asksQueues, fails(uapi.EINVAL, "zcrx_ifq_idx must be a zero-copy receive queue of the ring",
		func(*Prep) bool { return true })),
)

// msghdr is struct user_msghdr as far as prep uses it.
type msghdr struct {
	name       uint64
	namelen    int32
	iov        uint64
	iovlen     uint64
	controllen uint64
}

// copyMsghdr reads a msghdr and, to send, the address in it.
//
// Linux: net/socket.c:__copy_msghdr, io_uring/net.c:io_msg_copy_hdr
func (p *Prep) copyMsghdr(send bool) (m msghdr, e uapi.Errno) {
	const used = 48 // msg_flags, behind it, is not read
	if !mm.AccessOK(p.Req.SQE.Addr(), uapi.SizeofMsghdr) {
		return m, uapi.EFAULT
	}
	b, e := p.copyIn(p.Req.SQE.Addr(), used)
	if e != 0 {
		return m, e
	}
	le := binary.LittleEndian
	m = msghdr{le.Uint64(b), int32(le.Uint32(b[8:])), le.Uint64(b[16:]), le.Uint64(b[24:]), le.Uint64(b[40:])}
	if m.name != 0 {
		if m.namelen < 0 {
			return m, uapi.EINVAL
		}
		if send {
			if e := p.moveAddrToKernel(m.name, min(m.namelen, uapi.SizeofSockaddrStorage)); e != 0 {
				return m, e
			}
		}
	}
	if m.iovlen > uioMaxIOV {
		return m, uapi.EMSGSIZE
	}
	if p.has(uapi.IOSQE_BUFFER_SELECT) && m.iovlen > 0 {
		if m.iovlen > 1 {
			return m, uapi.EINVAL
		}
		return m, p.selectedIovec(m.iov)
	}
	return m, 0
}

func (p *Prep) sendMsghdr() uapi.Errno {
	m, e := p.copyMsghdr(true)
	switch {
	case e != 0 || p.has(uapi.IOSQE_BUFFER_SELECT):
		return e
	case p.ioprioHas(uapi.IORING_RECVSEND_FIXED_BUF):
		return p.prepRegIovec(m.iov, m.iovlen)
	}
	return p.importIovec(m.iov, m.iovlen)
}

// recvMsghdr reads a msghdr; a multishot receive also needs room for header, name and control data in 31 bits.
//
// Linux: io_uring/net.c:io_recvmsg_copy_hdr, io_recvmsg_mshot_prep
func (p *Prep) recvMsghdr() uapi.Errno {
	m, e := p.copyMsghdr(false)
	if e != 0 {
		return e
	}
	if !p.has(uapi.IOSQE_BUFFER_SELECT) {
		return p.importIovec(m.iov, m.iovlen)
	}
	const sizeofRecvmsgOut = 16
	if multishot(p) {
		if m.namelen < 0 || int64(m.namelen)+sizeofRecvmsgOut > 1<<31-1 ||
			m.controllen > 1<<31-1-sizeofRecvmsgOut-uint64(m.namelen) {
			return uapi.EOVERFLOW
		}
	}
	return 0
}

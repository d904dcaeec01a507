package uapi

import (
	"encoding/binary"
	"net/netip"
)

// Address families, socket types and protocols that filters compare most.
const (
	AF_UNSPEC  = 0
	AF_UNIX    = 1
	AF_INET    = 2
	AF_INET6   = 10
	AF_NETLINK = 16
	AF_PACKET  = 17
	AF_VSOCK   = 40

	SOCK_STREAM    = 1
	SOCK_DGRAM     = 2
	SOCK_RAW       = 3
	SOCK_SEQPACKET = 5
	SOCK_NONBLOCK  = O_NONBLOCK
	SOCK_CLOEXEC   = O_CLOEXEC
	SOCK_TYPE_MASK = 0xf

	IPPROTO_IP   = 0
	IPPROTO_ICMP = 1
	IPPROTO_TCP  = 6
	IPPROTO_UDP  = 17
)

// AddressFamilies, SocketTypes and Protocols name them.
var (
	AddressFamilies = newFamily("AF_",
		Row{"AF_UNSPEC", AF_UNSPEC}, Row{"AF_UNIX", AF_UNIX}, Row{"AF_INET", AF_INET}, Row{"AF_INET6", AF_INET6},
		Row{"AF_NETLINK", AF_NETLINK}, Row{"AF_PACKET", AF_PACKET}, Row{"AF_VSOCK", AF_VSOCK})
	SocketTypes = newFamily("SOCK_",
		Row{"SOCK_STREAM", SOCK_STREAM}, Row{"SOCK_DGRAM", SOCK_DGRAM}, Row{"SOCK_RAW", SOCK_RAW},
		Row{"SOCK_SEQPACKET", SOCK_SEQPACKET}, Row{"SOCK_NONBLOCK", SOCK_NONBLOCK}, Row{"SOCK_CLOEXEC", SOCK_CLOEXEC})
	Protocols = newFamily("IPPROTO_",
		Row{"IPPROTO_IP", IPPROTO_IP}, Row{"IPPROTO_ICMP", IPPROTO_ICMP}, Row{"IPPROTO_TCP", IPPROTO_TCP},
		Row{"IPPROTO_UDP", IPPROTO_UDP})
)

// Sizes of socket addresses in bytes.
const (
	SizeofSockaddrStorage = 128 // the longest address that the kernel copies
	SizeofSockaddrIn      = 16
	SizeofSockaddrIn6     = 28
	SIN6_LEN_RFC2133      = 24 // the shortest AF_INET6 address that the kernel accepts
	SizeofSockaddrUn      = 110
	SizeofMsghdr          = 56
	SizeofIovec           = 16
)

// SockaddrInet is the bytes of a sockaddr_in (16) or sockaddr_in6 (28) for ap; an IPv4-mapped address stays IPv6.
func SockaddrInet(ap netip.AddrPort) []byte {
	if ap.Addr().Is4() {
		b := le.AppendUint16(nil, AF_INET)
		b = binary.BigEndian.AppendUint16(b, ap.Port())
		b = append(b, ap.Addr().AsSlice()...)
		return append(b, make([]byte, 8)...)
	}
	b := le.AppendUint16(nil, AF_INET6)
	b = binary.BigEndian.AppendUint16(b, ap.Port())
	b = append(b, 0, 0, 0, 0) // flow information
	b = append(b, ap.Addr().AsSlice()...)
	return append(b, 0, 0, 0, 0) // scope
}

// SockaddrUnix is the bytes of a sockaddr_un of just the length that path needs; a leading NUL makes it abstract.
func SockaddrUnix(path string) []byte {
	b := append(le.AppendUint16(nil, AF_UNIX), path...)
	if path != "" && path[0] != 0 {
		b = append(b, 0)
	}
	return b
}

// cmd_op of URING_CMD on sockets and block devices.
const (
	SOCKET_URING_OP_SIOCINQ      = 0
	SOCKET_URING_OP_SIOCOUTQ     = 1
	SOCKET_URING_OP_GETSOCKOPT   = 2
	SOCKET_URING_OP_SETSOCKOPT   = 3
	SOCKET_URING_OP_TX_TIMESTAMP = 4
	SOCKET_URING_OP_GETSOCKNAME  = 5
	BLOCK_URING_CMD_DISCARD      = 0x1200
)

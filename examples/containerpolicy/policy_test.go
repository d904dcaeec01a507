package containerpolicy

import (
	"testing"
	"time"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/sqe"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/uringtest"
)

const (
	allowed = uringtest.Allowed
	denied  = uringtest.Denied

	tcp, udp = uapi.SOCK_STREAM, uapi.SOCK_DGRAM
)

// everywhere is what both policies do.
var everywhere = []uringtest.Vector{
	{Name: "nop", SQE: sqe.Nop(), Want: allowed},
	{Name: "read", SQE: sqe.Read(0, sqe.Room(64), 64, 0), Want: allowed},
	{Name: "write", SQE: sqe.Write(0, sqe.Room(64), 64, 0), Want: allowed},
	{Name: "readv", SQE: sqe.Readv(0, sqe.Rooms(16, 16), 0), Want: allowed},
	{Name: "writev", SQE: sqe.Writev(0, sqe.Rooms(16, 16), 0), Want: allowed},
	{Name: "fsync", SQE: sqe.Fsync(0, 0), Want: allowed},
	{Name: "close", SQE: sqe.Close(0), Want: allowed},
	{Name: "statx", SQE: sqe.Statx(uapi.AT_FDCWD, "/etc", 0, 0x7ff, sqe.Room(256)), Want: allowed},
	{Name: "send", SQE: sqe.Send(0, sqe.Room(64), 64, 0), Want: allowed},
	{Name: "recv", SQE: sqe.Recv(0, sqe.Room(64), 64, 0), Want: allowed},
	{Name: "sendmsg", SQE: sqe.Sendmsg(0, &sqe.Msghdr{}, 0), Want: allowed},
	{Name: "recvmsg", SQE: sqe.Recvmsg(0, &sqe.Msghdr{}, 0), Want: allowed},
	{Name: "accept", SQE: sqe.Accept(0, sqe.Pointer{}, sqe.Pointer{}, uapi.SOCK_CLOEXEC), Want: allowed},
	{Name: "shutdown", SQE: sqe.Shutdown(0, 2), Want: allowed},
	{Name: "poll", SQE: sqe.PollAdd(0, 1), Want: allowed},
	{Name: "poll removed", SQE: sqe.PollRemove(7), Want: allowed},
	{Name: "timeout", SQE: sqe.Timeout(time.Second, 0, 0), Want: allowed},
	{Name: "timeout removed", SQE: sqe.TimeoutRemove(7, 0), Want: allowed},
	{Name: "timeout of a chain", SQE: sqe.LinkTimeout(time.Second, 0), Want: allowed},
	{Name: "cancel", SQE: sqe.Cancel(7, 0), Want: allowed},

	{Name: "open", SQE: sqe.Open("/etc/passwd", uapi.O_RDONLY, 0), Want: allowed},
	{Name: "open2", SQE: sqe.Openat2(3, "x", uapi.OpenHow{Flags: uapi.O_CREAT, Mode: 0o600}), Want: allowed},
	{Name: "handle", SQE: sqe.Open("/", uapi.O_PATH, 0), Want: denied,
		Why: "a directory as O_PATH leads out of the container once it is passed on"},
	{Name: "handle2", SQE: sqe.Openat2(3, "x", uapi.OpenHow{Flags: uapi.O_PATH}), Want: denied},

	{Name: "tcp", SQE: sqe.Socket(uapi.AF_INET, tcp, 0, 0), Want: allowed},
	{Name: "udp over ipv6", SQE: sqe.Socket(uapi.AF_INET6, udp|uapi.SOCK_CLOEXEC|uapi.SOCK_NONBLOCK, 0, 0), Want: allowed,
		Why: "7.0 to 7.2 show filters the flags within the type, and the policy must not trip over them"},
	{Name: "type 0", SQE: sqe.Socket(uapi.AF_INET, 0, 0, 0), Want: denied},
	{Name: "raw", SQE: sqe.Socket(uapi.AF_INET, uapi.SOCK_RAW, uapi.IPPROTO_ICMP, 0), Want: denied},
	{Name: "unix", SQE: sqe.Socket(uapi.AF_UNIX, tcp, 0, 0), Want: denied},
	{Name: "packet", SQE: sqe.Socket(uapi.AF_PACKET, uapi.SOCK_RAW, 0, 0), Want: denied},

	{Name: "rename", SQE: sqe.Rename("a", "b"), Want: denied},
	{Name: "command", SQE: sqe.UringCmd(0, 0), Want: denied},
	{Name: "bind", SQE: sqe.Bind(0, "0.0.0.0:80"), Want: denied},
	{Name: "fixed descriptor", SQE: sqe.FixedFDInstall(0, 0), Want: denied},
}

// connections are what container.policy is about besides.
var connections = []uringtest.Vector{
	{Name: "somewhere", SQE: sqe.Connect(0, "203.0.113.9:443"), Want: allowed},
	{Name: "somewhere over ipv6", SQE: sqe.Connect(0, "[2001:db8::1]:443"), Want: allowed},
	{Name: "metadata", SQE: sqe.Connect(0, "169.254.169.254:80"), Want: denied},
	{Name: "metadata, mapped", SQE: sqe.Connect(0, "[::ffff:169.254.169.254]:80"), Want: denied,
		Why: "the kernel takes it for the IPv4 address"},
	{Name: "metadata over ipv6", SQE: sqe.Connect(0, "[fd00:ec2::254]:80"), Want: denied},
	{Name: "beside it", SQE: sqe.Connect(0, "[fd00:ec2::255]:80"), Want: allowed},
	{Name: "beside it, elsewhere", SQE: sqe.Connect(0, "[fd00:ec2:1::254]:80"), Want: allowed},
	{Name: "beside it, on the net", SQE: sqe.Connect(0, "[fd00:ec2:0:0:1::254]:80"), Want: allowed},
	{Name: "like a mapped one", SQE: sqe.Connect(0, "[::1:ffff:169.254.169.254]:80"), Want: allowed},
	{Name: "with 0 in front", SQE: sqe.Connect(0, "[0:0:1::ffff:169.254.169.254]:80"), Want: allowed},
	{Name: "nearly mapped", SQE: sqe.Connect(0, "[::fffe:169.254.169.254]:80"), Want: allowed},
	{Name: "beside the mapped one", SQE: sqe.Connect(0, "[::ffff:169.254.169.253]:80"), Want: allowed},
	{Name: "link-local", SQE: sqe.Connect(0, "169.254.169.253:80"), Want: allowed},
	{Name: "unix", SQE: sqe.Connect(0, "unix:/run/docker.sock"), Want: denied},
	{Name: "no address", SQE: sqe.ConnectTo(0, sqe.Pointer{}, 0), Want: denied},
}

func TestContainer(t *testing.T) {
	s := uringtest.File(t, "container.policy")
	uringtest.Coverage(t, s, 100)
	uringtest.ForEachKernel(t, kernel.V7_2, func(t *testing.T, k uringtest.Kernel) {
		k.Check(t, s, everywhere)
		k.Check(t, s, connections)
	})
}

func TestNoConnect(t *testing.T) {
	s := uringtest.File(t, "no-connect.policy")
	uringtest.Coverage(t, s, 100)
	uringtest.Check(t, s, everywhere)
	uringtest.Deny(t, s, sqe.Connect(0, "203.0.113.9:443"))
}

// TestNoConnectIsStricter holds one policy to the other, for all requests that there are.
func TestNoConnectIsStricter(t *testing.T) {
	full, less := uringtest.File(t, "container.policy"), uringtest.File(t, "no-connect.policy")
	uringtest.ForEachKernel(t, kernel.V7_2, func(t *testing.T, k uringtest.Kernel) { k.AssertNotLooser(t, full, less) })
}

package sqe_test

import (
	"bufio"
	"encoding/hex"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/uringsim/uringsim/sqe"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// The addresses that testdata/liburing.c uses.
var (
	buf, buf2 = sqe.At(0xb0000000), sqe.At(0xc0000000)
	vec       = []sqe.Iovec{{}, {}}
	msg       = &sqe.Msghdr{}
	places    = map[string]uint64{"one": 0x1111000, "two": 0x2222000}
	waiters   = []sqe.Waiter{{Addr: 0x1000, Flags: 2}, {Addr: 0x2000, Flags: 2}}
)

const (
	v4    = "127.0.0.1:80"
	v6    = "[::1]:80"
	data  = 0x123456789abcdef0
	fresh = 0xfedcba987654321
)

// helpers are the calls of testdata/liburing.c, in its order.
var helpers = []struct {
	helper string
	sqe    sqe.SQE
}{
	{"splice", sqe.Splice(5, 6, 7, 8, 9, 2)},
	{"splice", sqe.Splice(5, 1<<64-1, 7, 1<<64-1, 9, 0)},
	{"tee", sqe.Tee(5, 7, 9, 2)},
	{"readv", sqe.Readv(5, vec, 77)},
	{"readv2", sqe.Readv2(5, vec, 77, 3)},
	{"read_fixed", sqe.ReadFixed(5, buf, 99, 77, 6)},
	{"readv_fixed", sqe.ReadvFixed(5, vec, 77, 3, 6)},
	{"writev", sqe.Writev(5, vec, 77)},
	{"writev2", sqe.Writev2(5, vec, 77, 3)},
	{"write_fixed", sqe.WriteFixed(5, buf, 99, 77, 6)},
	{"writev_fixed", sqe.WritevFixed(5, vec, 77, 3, 6)},
	{"recvmsg", sqe.Recvmsg(5, msg, 0x40)},
	{"recvmsg_multishot", sqe.RecvmsgMultishot(5, msg, 0x40)},
	{"sendmsg", sqe.Sendmsg(5, msg, 0x40)},
	{"poll_add", sqe.PollAdd(5, 0x80000001)},
	{"poll_multishot", sqe.PollMultishot(5, 4)},
	{"poll_remove", sqe.PollRemove(data)},
	{"poll_update", sqe.PollUpdate(data, fresh, 4, 3)},
	{"fsync", sqe.Fsync(5, uapi.IORING_FSYNC_DATASYNC)},
	{"nop", sqe.Nop()},
	{"nop128", sqe.Nop128()},
	{"timeout", sqe.Timeout(time.Second, 3, uapi.IORING_TIMEOUT_ABS)},
	{"timeout_remove", sqe.TimeoutRemove(data, 0)},
	{"timeout_update", sqe.TimeoutUpdate(time.Second, data, uapi.IORING_TIMEOUT_ABS)},
	{"accept", sqe.Accept(5, buf, buf2, uapi.SOCK_CLOEXEC)},
	{"accept_direct", sqe.Accept(5, buf, buf2, uapi.SOCK_NONBLOCK).Direct(8)},
	{"accept_direct", sqe.Accept(5, sqe.Pointer{}, sqe.Pointer{}, 0).DirectAlloc()},
	{"multishot_accept", sqe.MultishotAccept(5, buf, buf2, uapi.SOCK_NONBLOCK)},
	{"multishot_accept_direct", sqe.MultishotAccept(5, buf, buf2, uapi.SOCK_NONBLOCK).DirectAlloc()},
	{"cancel64", sqe.Cancel(data, uapi.IORING_ASYNC_CANCEL_ALL)},
	{"cancel", sqe.Cancel(buf.Num, 0)},
	{"cancel_fd", sqe.CancelFD(5, uapi.IORING_ASYNC_CANCEL_ALL)},
	{"link_timeout", sqe.LinkTimeout(time.Second, uapi.IORING_TIMEOUT_ABS)},
	{"connect", sqe.Connect(5, v4)},
	{"connect", sqe.Connect(5, v6)},
	{"connect", sqe.Connect(5, "unix:/run/svc")},
	{"bind", sqe.Bind(5, v4)},
	{"listen", sqe.Listen(5, 128)},
	{"epoll_wait", sqe.EpollWait(5, buf, 4, 0)},
	{"files_update", sqe.FilesUpdate([]int32{1, 2}, 3)},
	{"files_update", sqe.FilesUpdate([]int32{1, 2}, 1<<64-1)},
	{"fallocate", sqe.Fallocate(5, 1, 77, 1<<32)},
	{"openat", sqe.Openat(5, "one", uapi.O_RDWR|uapi.O_CREAT|uapi.O_CLOEXEC, 0o600)},
	{"openat_direct", sqe.Openat(5, "one", uapi.O_RDWR|uapi.O_CREAT, 0o600).Direct(8)},
	{"openat_direct", sqe.Openat(5, "one", uapi.O_RDWR|uapi.O_CREAT, 0o600).Direct(uapi.IORING_FILE_INDEX_ALLOC)},
	{"open", sqe.Open("one", uapi.O_RDWR|uapi.O_CREAT, 0o600)},
	{"open_direct", sqe.Open("one", uapi.O_RDWR|uapi.O_CREAT, 0o600).Direct(8)},
	{"close", sqe.Close(5)},
	{"close_direct", sqe.CloseDirect(8)},
	{"read", sqe.Read(5, buf, 99, 77)},
	{"read", sqe.Read(5, buf, 99, 1<<64-1)},
	{"read_multishot", sqe.ReadMultishot(5, 0, 77, 6)},
	{"write", sqe.Write(5, buf, 99, 77)},
	{"statx", sqe.Statx(5, "one", uapi.AT_EMPTY_PATH, 0x7ff, buf)},
	{"fadvise", sqe.Fadvise(5, 77, 99, 3)},
	{"madvise", sqe.Madvise(buf, 99, 4)},
	{"fadvise64", sqe.Fadvise64(5, 77, 1<<32, 3)},
	{"madvise64", sqe.Madvise64(buf, 1<<32, 4)},
	{"send", sqe.Send(5, buf, 99, 0x40)},
	{"send_bundle", sqe.SendBundle(5, 99, 0x40)},
	{"send_set_addr", sqe.SQE{}.To(v4)},
	{"sendto", sqe.Sendto(5, buf, 99, 0x40, v4)},
	{"send_zc", sqe.SendZC(5, buf, 99, 0x40, uapi.IORING_SEND_ZC_REPORT_USAGE)},
	{"send_zc_fixed", sqe.SendZCFixed(5, buf, 99, 0x40, uapi.IORING_SEND_ZC_REPORT_USAGE, 6)},
	{"sendmsg_zc", sqe.SendmsgZC(5, msg, 0x40)},
	{"sendmsg_zc_fixed", sqe.SendmsgZCFixed(5, msg, 0x40, 6)},
	{"recv", sqe.Recv(5, buf, 99, 0x40)},
	{"recv_multishot", sqe.RecvMultishot(5, sqe.Pointer{}, 0, 0x40)},
	{"openat2", sqe.Openat2(5, "one", uapi.OpenHow{})},
	{"openat2_direct", sqe.Openat2(5, "one", uapi.OpenHow{}).Direct(8)},
	{"openat2_direct", sqe.Openat2(5, "one", uapi.OpenHow{}).DirectAlloc()},
	{"epoll_ctl", sqe.EpollCtl(5, 6, 1, buf)},
	{"provide_buffers", sqe.ProvideBuffers(buf, 99, 4, 6, 10)},
	{"remove_buffers", sqe.RemoveBuffers(4, 6)},
	{"shutdown", sqe.Shutdown(5, 2)},
	{"unlinkat", sqe.Unlinkat(5, "one", 0x200)},
	{"unlink", sqe.Unlink("one", 0)},
	{"renameat", sqe.Renameat(5, "one", 6, "two", 1)},
	{"rename", sqe.Rename("one", "two")},
	{"sync_file_range", sqe.SyncFileRange(5, 99, 77, 2)},
	{"mkdirat", sqe.Mkdirat(5, "one", 0o700)},
	{"mkdir", sqe.Mkdir("one", 0o700)},
	{"symlinkat", sqe.Symlinkat("one", 5, "two")},
	{"symlink", sqe.Symlink("one", "two")},
	{"linkat", sqe.Linkat(5, "one", 6, "two", uapi.AT_EMPTY_PATH)},
	{"link", sqe.Link("one", "two", 0)},
	{"msg_ring_cqe_flags", sqe.MsgRingCQEFlags(5, 99, data, uapi.IORING_MSG_RING_CQE_SKIP, 3)},
	{"msg_ring", sqe.MsgRing(5, 99, data, uapi.IORING_MSG_RING_CQE_SKIP)},
	{"msg_ring_fd", sqe.MsgRingFD(5, 6, data, uapi.IORING_MSG_RING_CQE_SKIP).Direct(8)},
	{"msg_ring_fd", sqe.MsgRingFD(5, 6, data, uapi.IORING_MSG_RING_CQE_SKIP).DirectAlloc()},
	{"msg_ring_fd_alloc", sqe.MsgRingFD(5, 6, data, uapi.IORING_MSG_RING_CQE_SKIP).DirectAlloc()},
	{"getxattr", sqe.Getxattr("one", buf, "two", 99)},
	{"setxattr", sqe.Setxattr("one", buf, "two", 1, 99)},
	{"fgetxattr", sqe.Fgetxattr(5, "one", buf, 99)},
	{"fsetxattr", sqe.Fsetxattr(5, "one", buf, 1, 99)},
	{"socket", sqe.Socket(uapi.AF_INET, uapi.SOCK_STREAM|uapi.SOCK_CLOEXEC, uapi.IPPROTO_TCP, 0)},
	{"socket_direct", sqe.Socket(uapi.AF_INET, uapi.SOCK_STREAM, uapi.IPPROTO_TCP, 0).Direct(8)},
	{"socket_direct", sqe.Socket(uapi.AF_INET, uapi.SOCK_STREAM, uapi.IPPROTO_TCP, 0).DirectAlloc()},
	{"socket_direct_alloc", sqe.Socket(uapi.AF_INET, uapi.SOCK_STREAM, uapi.IPPROTO_TCP, 0).DirectAlloc()},
	{"uring_cmd", sqe.UringCmd(0x1234, 5)},
	{"uring_cmd128", sqe.UringCmd128(0x1234, 5)},
	{"cmd_sock", sqe.CmdSock(uapi.SOCKET_URING_OP_SETSOCKOPT, 5, 1, 9, buf, 4)},
	{"cmd_getsockname", sqe.CmdGetsockname(5, buf, buf2, 1)},
	{"waitid", sqe.Waitid(1, 5, buf, 4, 0)},
	{"futex_wake", sqe.FutexWake(buf, 1, 0xffffffff, 2, 0)},
	{"futex_wait", sqe.FutexWait(buf, 7, 0xffffffff, 0x82, 0)},
	{"futex_waitv", sqe.FutexWaitv(waiters, 0)},
	{"fixed_fd_install", sqe.FixedFDInstall(5, uapi.IORING_FIXED_FD_NO_CLOEXEC)},
	{"ftruncate", sqe.Ftruncate(5, 1<<32)},
	{"cmd_discard", sqe.CmdDiscard(5, 0x1000, 0x2000)},
	{"pipe", sqe.Pipe(buf, uapi.O_CLOEXEC)},
	{"pipe_direct", sqe.Pipe(buf, uapi.O_NONBLOCK).Direct(8)},
	{"pipe_direct", sqe.Pipe(buf, uapi.O_NONBLOCK).DirectAlloc()},
}

// TestHelpers compares the bytes with those that liburing's helpers wrote.
func TestHelpers(t *testing.T) {
	file, err := os.Open("testdata/liburing.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for _, h := range helpers {
		if !lines.Scan() {
			t.Fatalf("liburing.txt ends before %s", h.helper)
		}
		name, want, _ := strings.Cut(lines.Text(), " ")
		if name != "prep_"+h.helper {
			t.Fatalf("liburing.txt has %s where the table has %s", name, h.helper)
		}
		if got := hex.EncodeToString(encode(t, h.sqe)); got != want {
			t.Errorf("%s\n got %s\nwant %s\nof %s", h.helper, got, want, h.sqe)
		}
	}
	if lines.Scan() {
		t.Errorf("liburing.txt goes on with %s", lines.Text())
	}
}

// encode is the bytes of the SQE, with what it points to at the addresses of testdata/liburing.c.
func encode(t *testing.T, s sqe.SQE) []byte {
	t.Helper()
	var raw uapi.SQE
	written := s.Trace()
	for _, f := range written.Fields {
		field, ok := uapi.SQEFieldByName(f.Name)
		if !ok {
			t.Fatalf("there is no field %q", f.Name)
		}
		v := f.Value.Num
		if f.Value.Object != nil {
			v = place(t, f.Value.Object)
		}
		field.Put(&raw, v)
	}
	if written.Cmd == nil {
		return raw[:]
	}
	return append(raw[:], make([]byte, uapi.SizeofSQE)...)
}

// place is where testdata/liburing.c has an object.
func place(t *testing.T, o *trace.Object) uint64 {
	t.Helper()
	switch {
	case o.Path != nil:
		return places[*o.Path]
	case o.Iovecs != nil:
		return 0x3333000
	case o.Msghdr != nil:
		return 0x4444000
	case o.Timespec != nil && o.Timespec.Sec == 1:
		return 0x5555000
	case o.Sockaddr != nil:
		return 0x6666000
	case o.OpenHow != nil:
		return 0x7777000
	case o.FDs != nil && len(*o.FDs) == 2:
		return 0x8888000
	case o.Bytes != nil && len(*o.Bytes) == 24*len(waiters):
		return 0x9999000
	}
	t.Fatalf("no place for %+v", o)
	return 0
}

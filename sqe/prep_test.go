package sqe_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/sqe"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// room is a buffer that is there.
var room = sqe.Room(64)

// message is a msghdr with two buffers and an address.
func message() *sqe.Msghdr {
	vec, name := sqe.Rooms(16, 32), sqe.Sockaddr(v4)
	return &sqe.Msghdr{Name: sqe.Pointer{Object: &trace.Object{Sockaddr: &name}}, Namelen: 16,
		Iov: sqe.Pointer{Object: &trace.Object{Iovecs: &vec}}, Iovlen: 2}
}

// oneBuffer is a msghdr for a selected buffer.
func oneBuffer() *sqe.Msghdr {
	vec := sqe.Rooms(16)
	return &sqe.Msghdr{Iov: sqe.Pointer{Object: &trace.Object{Iovecs: &vec}}, Iovlen: 1}
}

// good are requests that pass prep; every opcode has one.
var good = []sqe.SQE{
	sqe.Nop(), sqe.Nop().With("nop_flags", uapi.IORING_NOP_TW), sqe.Readv(0, sqe.Rooms(16, 32), 0),
	sqe.Readv2(0, sqe.Rooms(16), 0, 1).SelectBuffer(3), sqe.Readv(0, nil, 0), sqe.Writev(0, sqe.Rooms(16, 32), 0),
	sqe.Writev2(0, sqe.Rooms(16), 0, 1), sqe.Fsync(0, uapi.IORING_FSYNC_DATASYNC), sqe.ReadFixed(0, room, 64, 0, 1),
	sqe.WriteFixed(0, room, 64, 0, 1), sqe.PollAdd(0, 1), sqe.PollMultishot(0, 1), sqe.PollRemove(7),
	sqe.PollUpdate(7, 8, 1, uapi.IORING_POLL_UPDATE_EVENTS|uapi.IORING_POLL_UPDATE_USER_DATA),
	sqe.SyncFileRange(0, 16, 0, 2), sqe.Sendmsg(0, message(), 0), sqe.Recvmsg(0, message(), 0),
	sqe.RecvmsgMultishot(0, oneBuffer(), 0).SelectBuffer(3), sqe.Recvmsg(0, oneBuffer(), 0).SelectBuffer(3),
	sqe.Timeout(time.Minute, 1, 0), sqe.Timeout(time.Minute, 1, uapi.IORING_TIMEOUT_IMMEDIATE_ARG),
	sqe.TimeoutRemove(7, 0), sqe.TimeoutUpdate(time.Minute, 7, 0),
	sqe.Accept(0, room, sqe.Room(4), uapi.SOCK_CLOEXEC), sqe.Accept(0, sqe.Pointer{}, sqe.Pointer{}, 0).Direct(2),
	sqe.Accept(0, room, room, 0).DirectAlloc(), sqe.MultishotAccept(0, sqe.Pointer{}, sqe.Pointer{}, 0),
	sqe.MultishotAccept(0, room, room, 0).DirectAlloc(), sqe.Cancel(7, uapi.IORING_ASYNC_CANCEL_ALL),
	sqe.CancelFD(0, 0), sqe.LinkTimeout(time.Minute, 0), sqe.Connect(0, v4), sqe.Connect(0, v6),
	sqe.Connect(0, "unix:@abstract"), sqe.ConnectTo(0, sqe.Data([]byte{16, 0}), 2), sqe.Fallocate(0, 0, 0, 16),
	sqe.Openat(3, "etc/passwd", uapi.O_RDONLY, 0), sqe.Open("/x", uapi.O_CREAT, 0o600).Direct(1),
	sqe.Open("/x", uapi.O_PATH, 0).DirectAlloc(), sqe.Close(0), sqe.CloseDirect(4),
	sqe.FilesUpdate([]int32{0, -1}, 0), sqe.Statx(uapi.AT_FDCWD, "", uapi.AT_EMPTY_PATH, 0x7ff, sqe.Room(256)),
	sqe.Read(0, room, 64, 0), sqe.Read(0, sqe.Pointer{}, 64, 0).SelectBuffer(3), sqe.Write(0, room, 64, 0),
	sqe.Fadvise(0, 0, 16, 3), sqe.Fadvise64(0, 0, 1<<40, 3), sqe.Madvise(room, 16, 4),
	sqe.Madvise64(room, 1<<40, 4), sqe.Send(0, room, 64, 0), sqe.Send(0, room, 64, 0).FixedBuf(1),
	sqe.SendBundle(0, 0, 0).SelectBuffer(3), sqe.Sendto(0, room, 64, 0, v6), sqe.Recv(0, room, 64, 0),
	sqe.RecvMultishot(0, sqe.Pointer{}, 0, 0).SelectBuffer(3), sqe.Recv(0, room, 64, 0).FixedBuf(1),
	sqe.Openat2(3, "x", uapi.OpenHow{Flags: uapi.O_RDONLY, Resolve: uapi.RESOLVE_BENEATH}),
	sqe.Openat2(3, "x", uapi.OpenHow{}).Direct(1), sqe.EpollCtl(0, 1, 1, sqe.Room(12)),
	sqe.EpollCtl(0, 1, 2, sqe.Pointer{}), sqe.Splice(0, 1<<64-1, 1, 1<<64-1, 16, 0),
	sqe.ProvideBuffers(room, 16, 4, 3, 0), sqe.RemoveBuffers(4, 3), sqe.Tee(0, 1, 16, 0), sqe.Shutdown(0, 2),
	sqe.Renameat(3, "a", 4, "b", 1), sqe.Rename("a", "b"), sqe.Unlinkat(3, "a", 0x200), sqe.Unlink("a", 0),
	sqe.Mkdirat(3, "a", 0o700), sqe.Mkdir("a", 0o700), sqe.Symlinkat("a", 3, "b"), sqe.Symlink("a", "b"),
	sqe.Linkat(3, "", 4, "b", uapi.AT_EMPTY_PATH), sqe.Link("a", "b", 0), sqe.MsgRing(3, 1, 2, 0),
	sqe.MsgRingCQEFlags(3, 1, 2, 0, 1), sqe.MsgRingFD(3, 0, 2, 0).Direct(1),
	sqe.MsgRingFD(3, 0, 2, 0).DirectAlloc(), sqe.Fsetxattr(0, "user.a", room, 0, 64),
	sqe.Setxattr("user.a", room, "/x", 0, 64), sqe.Fgetxattr(0, "user.a", room, 64),
	sqe.Getxattr("user.a", room, "/x", 64), sqe.Socket(uapi.AF_INET, uapi.SOCK_STREAM|uapi.SOCK_CLOEXEC, 0, 0),
	sqe.Socket(uapi.AF_INET, uapi.SOCK_STREAM, 0, 0).Direct(1),
	sqe.Socket(uapi.AF_INET, uapi.SOCK_STREAM, 0, 0).DirectAlloc(), sqe.UringCmd(1, 0).Cmd(make([]byte, 16)),
	sqe.CmdSock(uapi.SOCKET_URING_OP_GETSOCKOPT, 0, 1, 4, room, 4), sqe.CmdGetsockname(0, room, sqe.Room(4), 1),
	sqe.CmdDiscard(0, 0, 4096), sqe.SendZC(0, room, 64, 0, 0),
	sqe.SendZC(0, room, 64, 0, uapi.IORING_SEND_ZC_REPORT_USAGE).To(v4), sqe.SendZCFixed(0, room, 64, 0, 0, 1),
	sqe.SendmsgZC(0, message(), 0), sqe.SendmsgZCFixed(0, message(), 0, 1), sqe.ReadMultishot(0, 0, 0, 3),
	sqe.Waitid(1, 5, sqe.Room(128), 4, 0), sqe.FutexWait(room, 7, 1, 2, 0), sqe.FutexWake(room, 1, 1, 2, 0),
	sqe.FutexWaitv(waiters, 0), sqe.FixedFDInstall(0, uapi.IORING_FIXED_FD_NO_CLOEXEC), sqe.Ftruncate(0, 16),
	sqe.Bind(0, v4), sqe.Bind(0, "unix:/run/x"), sqe.Listen(0, 128), sqe.RecvZC(0, 1, 64),
	sqe.EpollWait(0, room, 4, 0), sqe.ReadvFixed(0, sqe.Rooms(16, 32), 0, 0, 1),
	sqe.WritevFixed(0, sqe.Rooms(16, 32), 0, 0, 1), sqe.Pipe(sqe.Room(8), uapi.O_CLOEXEC),
	sqe.Pipe(sqe.Room(8), 0).Direct(1), sqe.Nop128(), sqe.UringCmd128(1, 0).Cmd(make([]byte, 80)),
	sqe.Nop().Async().UserData(7), sqe.Read(0, room, 64, 0).FixedFile(), sqe.Nop().Drain(), sqe.Nop().SkipSuccess(),
	sqe.Nop().Link(), sqe.Nop().HardLink(),
	sqe.SendVectorized(0, sqe.Rooms(16, 32), 0), sqe.SendZCVectorized(0, sqe.Rooms(16, 32), 0, 0),
	sqe.Recv(0, sqe.Pointer{}, 0, 0).IOPrio(uapi.IORING_RECVSEND_BUNDLE).SelectBuffer(3),
	sqe.SendmsgZC(0, message(), 0).IOPrio(uapi.IORING_SEND_ZC_REPORT_USAGE),
	sqe.Nop().Async().Personality(0), sqe.RecvMultishot(0, sqe.Pointer{}, 0, 0).SelectBuffer(3).FixedFile(),
}

// submit submits a request on the newest release, behind one that it can be linked to, and gives the model's account.
func submit(t *testing.T, s sqe.SQE) *verdict.Refusal {
	t.Helper()
	p := trace.NewPlayer(sim.New(kernel.V7_3), kernel.V7_3.Name)
	sqes := []trace.SQE{s.Trace()}
	if s.Opcode() == uapi.IORING_OP_LINK_TIMEOUT {
		sqes = append([]trace.SQE{sqe.Nop().Link().Trace()}, sqes...)
	}
	var flags trace.SetupNum
	if s.Is128() {
		flags = uapi.IORING_SETUP_SQE128
	}
	var o trace.Outcome
	for _, args := range []trace.Args{&trace.SetupArgs{Entries: 4, Flags: flags}, &trace.EnterArgs{FD: 3, SQEs: sqes}} {
		var err error
		if o, err = p.Play(&trace.Event{Task: trace.InitTask, Args: args}); err != nil || o.Unmodelled != "" ||
			o.Why != nil {
			t.Fatalf("%s: %v, %s, %v", s, err, o.Unmodelled, o.Why)
		}
	}
	return o.Requests[len(o.Requests)-1].Why
}

// TestPrep fails for a request that prep refuses, and for an opcode that none is of.
func TestPrep(t *testing.T) {
	seen := map[uapi.Op]bool{}
	for _, s := range good {
		seen[s.Opcode()] = true
		why := submit(t, s)
		refused := why != nil && (why.Stage == verdict.Init || why.Stage == verdict.Prep)
		switch {
		case s.Opcode() == uapi.IORING_OP_RECV_ZC: // which needs a queue, and so a network device
			if !refused || !strings.HasPrefix(why.Why, "zcrx_ifq_idx must be") {
				t.Errorf("%s: %v, expected that only a queue is missing", s, why)
			}
		case refused:
			t.Errorf("%s: %v", s, why)
		}
	}
	for op := range uapi.Op(uapi.IORING_OP_LAST) {
		if !seen[op] {
			t.Errorf("no request is a %s", op)
		}
	}
}

// TestString fails if String is not what a trace would have.
func TestString(t *testing.T) {
	for _, s := range good {
		if !json.Valid([]byte(s.String())) {
			t.Errorf("no JSON: %s", s)
		}
	}
	const want = `{"opcode":"CONNECT","fd":3,"off":16,"addr":{"sockaddr":"127.0.0.1:80"},"flags":"ASYNC","user_data":7}`
	if got := sqe.Connect(3, v4).Async().UserData(7).String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestValues fails if a method changes the SQE that it is called on.
func TestValues(t *testing.T) {
	base := sqe.Nop().UserData(1)
	one, two := base.Async(), base.Drain()
	for _, row := range []struct {
		why  string
		s    sqe.SQE
		want uint64
	}{
		{"the base has no flags", base, 0}, {"a copy has its own", one, uapi.IOSQE_ASYNC},
		{"so has another copy", two, uapi.IOSQE_IO_DRAIN},
		{"flags add up", one.Drain(), uapi.IOSQE_ASYNC | uapi.IOSQE_IO_DRAIN},
	} {
		if got := row.s.Get("flags"); got != row.want {
			t.Errorf("%s: %#x, want %#x", row.why, got, row.want)
		}
	}
}

// TestMistakes fails if what cannot be submitted is no error when it is.
func TestMistakes(t *testing.T) {
	for _, row := range []struct {
		why, want string
		s         sqe.SQE
	}{
		{"no such field", `an SQE has no field "adr"`, sqe.Nop().With("adr", 1)},
		{"no address", `addr: found sockaddr "localhost:80", expected one such as `, sqe.Connect(3, "localhost:80")},
		{"a path that is too long for sun_path", "at most 107 bytes",
			sqe.Bind(3, sqe.Sockaddr("unix:"+strings.Repeat("x", 200)))},
	} {
		p := trace.NewPlayer(sim.New(kernel.V7_3), kernel.V7_3.Name)
		_, err := p.Play(&trace.Event{Task: trace.InitTask, Args: &trace.SetupArgs{Entries: 4}})
		if err == nil {
			args := &trace.EnterArgs{FD: 3, SQEs: []trace.SQE{row.s.Trace()}}
			_, err = p.Play(&trace.Event{Task: trace.InitTask, Args: args})
		}
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %s", row.why, err, row.want)
		}
	}
}

// TestEveryFunction fails for a function that no request above is made with.
func TestEveryFunction(t *testing.T) {
	rows, err := os.ReadFile("prep_test.go")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	makes := regexp.MustCompile(`(?m)^func ([A-Z]\w*)\(.*\) SQE {`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range makes.FindAllStringSubmatch(string(text), -1) {
			found++
			if m[1] != "Of" && !strings.Contains(string(rows), "sqe."+m[1]+"(") {
				t.Errorf("%s: no request is made with %s", file, m[1])
			}
		}
	}
	if found < uapi.IORING_OP_LAST {
		t.Errorf("found only %d functions", found)
	}
}

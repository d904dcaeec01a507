package uringtest_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/sqe"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/uringtest"
)

// lifecycles are what tasks do, and what becomes of a request at the end of it. noUnix denies Unix sockets only.
var lifecycles = []struct {
	name, why string
	do        func(task *uringtest.Task, noUnix *uringtest.Sandbox) (deny bool)
}{
	{"child", "a child has what its parent has", func(task *uringtest.Task, s *uringtest.Sandbox) bool {
		task.Restrict(s)
		task.Fork("child").Deny(unix)
		return true
	}},
	{"sibling", "a thread has its own", func(task *uringtest.Task, s *uringtest.Sandbox) bool {
		task.Thread("thread").Restrict(s)
		return false
	}},
	{"older ring", "a ring has what its task had when it made it",
		func(task *uringtest.Task, s *uringtest.Sandbox) bool {
			ring := task.Setup(0)
			task.Restrict(s)
			ring.Allow(unix)
			return true
		}},
	{"inherited ring", "a ring denies whoever uses it", func(task *uringtest.Task, s *uringtest.Sandbox) bool {
		child := task.Fork("child")
		child.Restrict(s)
		ring := child.Setup(0)
		ring.By(child.Fork("grandchild")).Deny(unix)
		return false
	}},
	{"exec", "an exec of a task that has not used io_uring keeps them",
		func(task *uringtest.Task, s *uringtest.Sandbox) bool {
			task.Restrict(s)
			task.Exec()
			return true
		}},
	{"used and exec", "an exec of a task that has used io_uring loses them on 7.0",
		func(task *uringtest.Task, s *uringtest.Sandbox) bool {
			task.Restrict(s)
			task.Deny(unix)
			task.Exec()
			return !task.Kernel().Has(kernel.RestrictionsLostOnExec)
		}},
	{"vfork and exec", "a vfork child has them too, and after it execs",
		func(task *uringtest.Task, s *uringtest.Sandbox) bool {
			task.Restrict(s)
			child := task.VFork("child")
			child.Exec()
			child.Deny(unix)
			child.Exit()
			return true
		}},
	{"user namespace", "a task is privileged in a namespace of its own",
		func(task *uringtest.Task, s *uringtest.Sandbox) bool {
			task.NewUserNS()
			task.Restrict(s)
			return true
		}},
}

func TestLifecycles(t *testing.T) {
	for _, row := range lifecycles {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := uringtest.Program(t, uapi.IORING_OP_SOCKET, "ld [socket.family]\njeq #AF_UNIX, deny\nret #1\ndeny: ret #0")
			uringtest.ForEachKernel(t, kernel.V7_0, func(t *testing.T, k uringtest.Kernel) {
				t.Parallel()
				task := k.Boot(t)
				task.NoNewPrivs()
				if row.do(task, s) {
					task.Deny(unix)
				} else {
					task.Allow(unix)
				}
				task.Allow(tcp)
			})
		})
	}
}

// TestLater shows that filters which a task registers later reach its children on some kernels, and that a test can ask
// for the quirk alone.
func TestLater(t *testing.T) {
	first := uringtest.Program(t, uapi.IORING_OP_NOP, "ret #1")
	second := uringtest.Program(t, uapi.IORING_OP_NOP, "ret #0")
	for _, r := range []kernel.Release{kernel.V7_2, kernel.V7_3, kernel.V7_2.Without(kernel.SharedFiltersAppendInPlace)} {
		task := uringtest.On(r).Boot(t)
		task.NoNewPrivs()
		task.Restrict(first)
		child := task.Fork("child")
		task.Restrict(second)
		task.Deny(sqe.Nop())
		if r.Has(kernel.SharedFiltersAppendInPlace) {
			child.Deny(sqe.Nop())
		} else {
			child.Allow(sqe.Nop())
		}
	}
}

// TestSubmit tells how far a call gets.
func TestSubmit(t *testing.T) {
	for _, row := range []struct {
		why   string
		flags uint32
		want  int
	}{
		{"the kernel stops at what it refuses", 0, 2},
		{"with SUBMIT_ALL it goes on", uapi.IORING_SETUP_SUBMIT_ALL, 3},
	} {
		task := uringtest.On(kernel.V7_3).Boot(t)
		task.NoNewPrivs()
		task.Restrict(uringtest.Program(t, uapi.IORING_OP_SOCKET, onlyTCP))
		answers := task.Setup(row.flags).Submit(sqe.Nop(), unix, sqe.Nop())
		if len(answers) != row.want || answers[1].Decision != uringtest.Denied {
			t.Errorf("%s: %+v, want %d answers", row.why, answers, row.want)
		}
	}
}

// TestTryRestrict gives the kernel's reason to refuse a sandbox.
func TestTryRestrict(t *testing.T) {
	s := uringtest.Program(t, uapi.IORING_OP_NOP, "ret #0")
	for _, row := range []struct {
		why  string
		k    kernel.Release
		drop bool
		want uapi.Errno // 0 if it is taken
	}{
		{"before filters", kernel.V6_19, false, uapi.EINVAL},
		{"with privileges", kernel.V7_3, false, 0},
		{"without", kernel.V7_3, true, uapi.EACCES},
	} {
		task := uringtest.On(row.k).Boot(t)
		if row.drop {
			task.DropPrivileges()
		}
		if why := task.TryRestrict(s); (why != nil) != (row.want != 0) || why != nil && why.Errno != row.want {
			t.Errorf("%s: %v, want %v", row.why, why, row.want)
		}
	}
}

// TestCheck runs a table, on all kernels and on one.
func TestCheck(t *testing.T) {
	s := uringtest.Program(t, uapi.IORING_OP_SOCKET, onlyTCP)
	uringtest.Coverage(t, s, 100)
	uringtest.Check(t, s, []uringtest.Vector{
		{Name: "tcp", SQE: tcp, Want: uringtest.Allowed},
		{Name: "udp", SQE: udp, Want: uringtest.Denied, Why: "names are resolved elsewhere"},
		{Name: "unix", SQE: unix, Want: uringtest.Denied},
		{Name: "wrong", SQE: badType, Want: uringtest.Invalid},
		{Name: "timeout of a chain", SQE: sqe.LinkTimeout(1, 0), Want: uringtest.Allowed},
		{Name: "128 bytes", SQE: sqe.Nop128(), Want: uringtest.Allowed},
	})
	uringtest.ForEachKernel(t, kernel.V7_2, func(t *testing.T, k uringtest.Kernel) {
		want := uringtest.Allowed
		if k.Has(kernel.SocketTypeUnmasked) {
			want = uringtest.Denied
		}
		k.Check(t, s, []uringtest.Vector{{Name: "nonblock", SQE: nonblock, Want: want}})
	})
}

// TestRingRestrict holds a ring to its own sandbox, and no other.
func TestRingRestrict(t *testing.T) {
	s := layers(t)
	uringtest.ForEachKernel(t, kernel.V7_0, func(t *testing.T, k uringtest.Kernel) {
		task := k.Boot(t)
		if why := task.Setup(0).TryRestrict(s); why == nil || why.Errno != uapi.EBADFD {
			t.Errorf("restrictions of an enabled ring: %v, want EBADFD", why)
		}
		ring := task.Setup(uapi.IORING_SETUP_R_DISABLED)
		ring.Restrict(s)
		ring.Enable()
		ring.Allow(tcp)
		ring.Deny(unix)
		ring.Deny(sqe.Nop())
		ring.By(task.Fork("child")).Deny(unix)
		task.Allow(unix)
	})
}

// TestTrace replays what a task did: the same becomes of it.
func TestTrace(t *testing.T) {
	task := uringtest.On(kernel.V7_0).Boot(t)
	task.NoNewPrivs()
	task.Restrict(layers(t))
	child := task.Fork("child")
	child.Deny(unix)
	child.Exec()
	child.Allow(unix)

	tr := task.Trace()
	var text bytes.Buffer
	if err := tr.Write(&text); err != nil {
		t.Fatal(err)
	}
	read, err := trace.Read(&text, "written.json")
	if err != nil {
		t.Fatal(err)
	}
	player := trace.NewPlayer(sim.New(kernel.V7_0), kernel.V7_0.Name)
	var refused []bool
	for i := range read.Events {
		o, err := player.Play(&read.Events[i])
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range o.Requests {
			refused = append(refused, r.Why != nil && r.Why.Errno == uapi.EACCES)
		}
	}
	if !slices.Equal(refused, []bool{true, false}) {
		t.Errorf("the requests are refused: %v", refused)
	}
}

package record

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/uringsim/uringsim/internal/sysuring"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// programs are what this test runs under the recorder: the test itself with URINGSIM_TEST_PROGRAM set.
var programs = map[string]func() int{
	"nops":   func() int { return submitNops(100, 8) },
	"none":   func() int { return 7 },
	"signal": func() int { _ = unix.Kill(os.Getpid(), unix.SIGTERM); time.Sleep(time.Minute); return 0 },
	"endless": func() int {
		for {
			if status := submitNops(1000, 8); status != 0 {
				return status
			}
		}
	},
	"many":    func() int { return submitNops(soakSQEs()/soakBatch, soakBatch) },
	"calls32": func() int { return submitNops(20_000, 32) },
	"calls1":  func() int { return submitNops(40_000, 1) },
	"polled":  openPolled,
	"bursts":  polledBursts,
	"leaves":  leaveCQEs,
	"resizes": resizeFull,
	"family":  family,
	"beating": beating,
}

func TestMain(m *testing.M) {
	if file := os.Getenv(recorderVar); file != "" {
		os.Exit(beRecorder(file))
	}
	if run := programs[os.Getenv("URINGSIM_TEST_PROGRAM")]; run != nil {
		os.Exit(run())
	}
	os.Exit(m.Run())
}

// submitNops submits batches of NOPs whose user_data counts up; every batch ends with a request that is refused.
func submitNops(batches, size int) int {
	ring, err := sysuring.NewRing(uint32(size))
	if err != nil {
		return 1
	}
	defer ring.Close()
	var n uint64
	cqes := make([]uapi.CQE, size)
	for range batches {
		for i := range size {
			s := uapi.SQE{}
			n++
			s.SetUserData(n)
			if i == size-1 {
				s.SetOpcode(uapi.IORING_OP_LAST)
			}
			copy(ring.SQE(i), s[:])
		}
		took, err := ring.Enter(uint32(size), uint32(size), uapi.IORING_ENTER_GETEVENTS)
		if err != nil || took != int64(size) {
			return 2
		}
		if got := ring.Reap(cqes); got != size {
			return 3
		}
	}
	return 0
}

// leaveCQEs has more CQEs than the CQ has room for, and takes them two at a time.
func leaveCQEs() int {
	const size, n = 2, 8 // the CQ has twice as many
	ring, err := sysuring.NewRing(size)
	if err != nil {
		return 1
	}
	defer ring.Close()
	for range n / size {
		if took, err := ring.Enter(size, 0, 0); err != nil || took != size {
			return 2
		}
	}
	cqes := make([]uapi.CQE, size)
	for range n / size {
		if _, err := ring.Submit(0, size, uapi.IORING_ENTER_GETEVENTS); err != nil || ring.Reap(cqes) != size {
			return 3
		}
	}
	return 0
}

// TestLeft: a call says how many CQEs the program had left in the ring, and shows those that are new there.
func TestLeft(t *testing.T) {
	skipWithout(t)
	s, tr := recordTest(t, "leaves", filepath.Join(t.TempDir(), "leaves.jsonl"))
	if s.Status != 0 || s.CQEs != 8 {
		t.Errorf("%+v, want 8 CQEs", s)
	}
	var left, came []int
	for i := range tr.Events {
		if a, ok := tr.Events[i].Args.(*trace.EnterArgs); ok {
			left, came = append(left, int(a.CQLeft)), append(came, len(tr.Events[i].Results[0].CQEs))
		}
	}
	// two calls fill the CQ, the next two overflow it, and what did not fit comes once there is room
	if want := []int{0, 2, 4, 4, 4, 2, 2, 2}; !slices.Equal(left, want) {
		t.Errorf("%v were left, want %v", left, want)
	}
	if want := []int{2, 2, 0, 0, 0, 2, 2, 0}; !slices.Equal(came, want) {
		t.Errorf("%v came, want %v", came, want)
	}
}

// resizeFull makes a ring too small for the CQEs that it has.
func resizeFull() int {
	runtime.LockOSThread()
	ring, err := sysuring.NewRingWith(4, uapi.IORING_SETUP_SINGLE_ISSUER|uapi.IORING_SETUP_DEFER_TASKRUN)
	if err != nil {
		return 1
	}
	defer ring.Close()
	if took, err := ring.Enter(4, 4, uapi.IORING_ENTER_GETEVENTS); err != nil || took != 4 {
		return 2
	}
	small := (&uapi.Params{SQEntries: 1}).Append(nil)
	switch ring.Register(uapi.IORING_REGISTER_RESIZE_RINGS, unsafe.Pointer(&small[0]), 1) {
	case unix.EOVERFLOW, unix.EINVAL: // which kernels before 6.13 give to the call
		return 0
	}
	return 3
}

// TestResizeFull: a recording shows that a resize failed for what the program had left in the ring.
func TestResizeFull(t *testing.T) {
	skipWithout(t)
	s, tr := recordTest(t, "resizes", filepath.Join(t.TempDir(), "resizes.jsonl"))
	if s.Status != 0 {
		t.Fatalf("%+v", s)
	}
	for i := range tr.Events {
		if _, ok := tr.Events[i].Args.(*trace.RegisterArgs); !ok {
			continue
		}
		a, ok := tr.Events[i-1].Args.(*trace.EnterArgs)
		if !ok || a.CQLeft != 4 || !a.KeepCQEs || uint32(*a.ToSubmit) != 0 {
			t.Errorf("before the resize comes %+v, want a look at four CQEs that stay", tr.Events[i-1].Args)
		}
		return
	}
	t.Error("there is no resize")
}

// recordTest records one of the programs into file.
func recordTest(t *testing.T, program, file string) (Summary, *trace.Trace) {
	t.Helper()
	return recordWith(t, program, file, Options{})
}

func recordWith(t *testing.T, program, file string, o Options) (Summary, *trace.Trace) {
	t.Helper()
	t.Setenv("URINGSIM_TEST_PROGRAM", program)
	out, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	o.Command, o.Name = []string{os.Args[0]}, program
	s, err := Run(o, out)
	if errors.Is(err, unix.EPERM) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	tr, err := trace.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return s, tr
}

func skipWithout(t *testing.T) {
	t.Helper()
	if err := Available(); err != nil {
		t.Skip(err)
	}
}

// skipUntraced skips a test that starts recorders where nothing can be traced.
func skipUntraced(t *testing.T) {
	t.Helper()
	skipWithout(t)
	recordTest(t, "none", filepath.Join(t.TempDir(), "none.jsonl"))
}

// TestRun records real programs, as text and compressed, and looks whether all of it is there.
func TestRun(t *testing.T) {
	skipWithout(t)
	for _, name := range []string{"nops.jsonl", "nops.jsonl.zst"} {
		s, tr := recordTest(t, "nops", filepath.Join(t.TempDir(), name))
		if s.Status != 0 || s.SQEs != 800 || s.CQEs != 800 || s.Unanswered+s.LostCQEs+s.LostSQEs+s.Unread != 0 {
			t.Errorf("%s: %+v", name, s)
		}
		if got := *tr.Recording; got != s.Recording || !got.Complete {
			t.Errorf("%s: the header has %+v, want %+v", name, got, s.Recording)
		}
		var next uint64
		for _, e := range tr.Events {
			a, ok := e.Args.(*trace.EnterArgs)
			if !ok {
				continue
			}
			for _, c := range e.Results[0].CQEs {
				next++
				if uint64(c.UserData) != next {
					t.Fatalf("CQE %d has user_data %d", next, c.UserData)
				}
			}
			if len(a.SQEs) != 8 || len(e.Results[0].CQEs) != 8 || e.Results[0].Ret != 8 {
				t.Fatalf("an enter has %d SQEs and %+v", len(a.SQEs), e.Results)
			}
		}
	}
}

// TestStatus: the program's end is passed on.
func TestStatus(t *testing.T) {
	skipWithout(t)
	for program, want := range map[string]int{"none": 7, "signal": 128 + int(unix.SIGTERM)} {
		if s, _ := recordTest(t, program, filepath.Join(t.TempDir(), "x.jsonl")); s.Status != want {
			t.Errorf("%s: status %d, want %d", program, s.Status, want)
		}
	}
}

// TestStub: the program starts with the files, arguments and environment that it would have without us.
func TestStub(t *testing.T) {
	skipWithout(t)
	const script = `echo "$0 $*"; ls /proc/self/fd | wc -l; grep -E "^Sig(Blk|Ign|Cgt)" /proc/self/status; ulimit -n; pwd`
	run := func(record bool) string {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		command := []string{"sh", "-c", script, "name", "a b", "c"}
		if record {
			was := os.Stdout
			os.Stdout = w
			out, err := os.Create(filepath.Join(t.TempDir(), "x.jsonl"))
			if err != nil {
				t.Fatal(err)
			}
			_, err = Run(Options{Command: command}, out)
			os.Stdout = was
			if errors.Is(err, unix.EPERM) {
				t.Skip(err)
			}
			if err = errors.Join(err, out.Close(), w.Close()); err != nil {
				t.Fatal(err)
			}
		} else {
			cmd := exec.Command(command[0], command[1:]...)
			cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, w, os.Stderr
			if err := errors.Join(cmd.Run(), w.Close()); err != nil {
				t.Fatal(err)
			}
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	want, got := strings.Fields(run(false)), strings.Fields(run(true))
	if !slices.Equal(want, got) {
		t.Errorf("with us the program sees %q, without us %q", got, want)
	}
}

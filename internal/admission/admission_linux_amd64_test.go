package admission

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/uringsim/uringsim/internal/sysuring"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/uapi"
)

// programs are what this test runs under the model: the test itself with URINGSIM_TEST_PROGRAM set.
var programs = map[string]func() error{
	"ring":    ringFilter,
	"exec":    taskFilter,
	"child":   inherited,
	"threads": threads,
	"waits":   interruptedWait,
	"ignores": ignoredSignal,
	"privs":   noNewPrivs,
	"polled":  polled,
	"signal":  func() error { return unix.Kill(os.Getpid(), unix.SIGTERM) },
	"seven":   func() error { os.Exit(7); return nil },
	"timed":   timed,
	"under":   under,
	"trace":   playTrace,
}

func TestMain(m *testing.M) {
	if run := programs[os.Getenv("URINGSIM_TEST_PROGRAM")]; run != nil {
		if err := run(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		time.Sleep(100 * time.Millisecond) // for signals
		return
	}
	os.Exit(m.Run())
}

// runTest runs one of the programs on a release.
func runTest(t *testing.T, program string, k kernel.Release) Summary {
	t.Helper()
	if err := Available(); err != nil {
		t.Skip(err)
	}
	t.Setenv("URINGSIM_TEST_PROGRAM", program)
	t.Setenv("GODEBUG", "asyncpreemptoff=1") // no signals of the runtime
	s, err := Run(Options{Command: []string{os.Args[0]}, Kernel: sim.New(k), Warn: func(gap string) { t.Log(gap) }})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// oddOnly allows requests whose user_data is odd.
var oddOnly = []uapi.SockFilter{
	{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0},
	{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: 1},
	{Code: unix.BPF_RET | unix.BPF_A},
}

// nops are n NOPs that count from user_data first.
func nops(ring *sysuring.Ring, first uint64, n int, flags uint8) {
	for i := range n {
		var s uapi.SQE
		s.SetUserData(first + uint64(i))
		s.SetFlags(flags)
		copy(ring.SQE(i), s[:])
	}
}

// results takes CQEs, and gives them as "user_data:result".
func results(ring *sysuring.Ring) (list []string) {
	cqes := make([]uapi.CQE, 64)
	for _, c := range cqes[:ring.Reap(cqes)] {
		list = append(list, fmt.Sprintf("%d:%d", c.UserData, c.Res))
	}
	return list
}

// want is an error unless got is what was wanted.
func want[T any](what string, got, want T) error {
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		return fmt.Errorf("%s: got %s, want %s", what, g, w)
	}
	return nil
}

// ringFilter submits under a filter of the ring: with and without SUBMIT_ALL, in chains, and the same SQEs twice.
func ringFilter() error {
	plain, err := sysuring.NewRing(8)
	if err != nil {
		return err
	}
	all, err := sysuring.NewRingWith(8, uapi.IORING_SETUP_SUBMIT_ALL)
	if err != nil {
		return err
	}
	errs := []error{plain.Filter(uapi.IORING_OP_NOP, oddOnly), all.Filter(uapi.IORING_OP_NOP, oddOnly)}
	nops(plain, 1, 4, 0)
	took, err := plain.Enter(4, 4, uapi.IORING_ENTER_GETEVENTS)
	errs = append(errs, err, want("submission stops at the refused one", took, 2),
		want("its CQE", results(plain), []string{"1:0", "2:-13"}))
	for range 2 {
		nops(all, 1, 8, 0)
		before := slices.Clone(all.SQE(1))
		at := all.SQE(1)
		took, err = all.Enter(8, 8, uapi.IORING_ENTER_GETEVENTS)
		errs = append(errs, err, want("SUBMIT_ALL", took, 8), want("an SQE afterwards", at, before),
			want("CQEs", results(all), []string{"1:0", "2:-13", "3:0", "4:-13", "5:0", "6:-13", "7:0", "8:-13"}))
	}
	nops(all, 1, 3, uapi.IOSQE_IO_LINK)
	took, err = all.Enter(3, 3, uapi.IORING_ENTER_GETEVENTS)
	errs = append(errs, err, want("a chain", took, 3), want("CQEs", results(all), []string{"1:-125", "2:-13", "3:-125"}))
	return errors.Join(errs...)
}

// taskFilter registers a filter for itself and executes a program that is to find it.
func taskFilter() error {
	runtime.LockOSThread()
	var none *sysuring.Ring
	if os.Geteuid() != 0 {
		if err := none.Filter(uapi.IORING_OP_NOP, oddOnly); err != unix.EACCES {
			return fmt.Errorf("without no_new_privs: %v", err)
		}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	if err := none.Filter(uapi.IORING_OP_NOP, oddOnly); err != nil {
		return err
	}
	os.Setenv("URINGSIM_TEST_PROGRAM", "child")
	cmd := exec.Command("/proc/self/exe")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil { // of the thread that has the filter
		return fmt.Errorf("a child: %w", err)
	}
	return unix.Exec("/proc/self/exe", os.Args[:1], os.Environ())
}

// inherited finds a filter on each of its rings.
func inherited() error {
	ring, err := sysuring.NewRing(2)
	if err != nil {
		return err
	}
	nops(ring, 2, 1, 0)
	_, err = ring.Enter(1, 1, uapi.IORING_ENTER_GETEVENTS)
	return errors.Join(err, want("an inherited filter", results(ring), []string{"2:-13"}))
}

// threads submit to one ring at the same time, each several batches, in which every second request is refused.
func threads() error {
	const workers, batches, size = 4, 100, 2
	ring, err := sysuring.NewRingWith(workers*size, uapi.IORING_SETUP_SUBMIT_ALL)
	if err != nil {
		return err
	}
	if err := ring.Filter(uapi.IORING_OP_NOP, oddOnly); err != nil {
		return err
	}
	var mu sync.Mutex
	var all []string
	var group sync.WaitGroup
	errs := make(chan error, workers*batches)
	for w := range workers {
		group.Go(func() {
			runtime.LockOSThread()
			for b := range batches {
				mu.Lock()
				nops(ring, uint64(w*batches+b)*size, size, 0)
				ring.Publish(size)
				mu.Unlock()
				took, err := ring.Submit(size, 0, 0)
				mu.Lock()
				all = append(all, results(ring)...)
				mu.Unlock()
				errs <- errors.Join(err, want("entries", took, size))
			}
		})
	}
	group.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			return err
		}
	}
	var expected []string
	for i := range workers * batches * size {
		expected = append(expected, fmt.Sprintf("%d:%d", i, -13*(1-i%2)))
	}
	slices.Sort(all)
	slices.Sort(expected)
	return want("all results", all, expected)
}

// interruptedWait waits for more than comes, until a signal ends that, and submits in the same call.
func interruptedWait() error {
	runtime.LockOSThread()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGUSR1)
	ring, err := sysuring.NewRingWith(8, uapi.IORING_SETUP_SUBMIT_ALL)
	if err != nil {
		return err
	}
	if err := ring.Filter(uapi.IORING_OP_NOP, oddOnly); err != nil {
		return err
	}
	tid := unix.Gettid()
	go func() {
		time.Sleep(50 * time.Millisecond)
		_ = unix.Tgkill(os.Getpid(), tid, unix.SIGUSR1) // it waits for this one
	}()
	nops(ring, 1, 2, 0)
	took, err := ring.Enter(2, 3, uapi.IORING_ENTER_GETEVENTS)
	return errors.Join(err, want("what was submitted counts", took, 2),
		want("CQEs", results(ring), []string{"1:0", "2:-13"}))
}

// ignoredSignal waits for a timeout, and gets a signal that it ignores before that: alone, it would not notice. The
// first time it submits a request that is refused in the same call.
func ignoredSignal() error {
	runtime.LockOSThread()
	signal.Ignore(unix.SIGWINCH)
	ring, err := sysuring.NewRingWith(8, uapi.IORING_SETUP_SUBMIT_ALL)
	if err != nil {
		return err
	}
	if err := ring.Filter(uapi.IORING_OP_NOP, oddOnly); err != nil {
		return err
	}
	tid := unix.Gettid()
	soon := unix.Timespec{Nsec: 1e8}
	var pin runtime.Pinner
	pin.Pin(&soon)
	defer pin.Unpin()
	for n := range uint32(2) {
		go func() {
			time.Sleep(30 * time.Millisecond)
			_ = unix.Tgkill(os.Getpid(), tid, unix.SIGWINCH) // it waits for this one
		}()
		nops(ring, 2, 1, 0)
		var timeout uapi.SQE
		timeout.SetOpcode(uapi.IORING_OP_TIMEOUT)
		timeout.SetFD(-1)
		timeout.SetAddr(uint64(uintptr(unsafe.Pointer(&soon))))
		timeout.SetLen(1)
		timeout.SetUserData(1)
		copy(ring.SQE(1-int(n)), timeout[:])
		if _, err := ring.Enter(2-n, 2-n, uapi.IORING_ENTER_GETEVENTS); err != nil {
			return err
		}
		if err := want("CQEs", results(ring), [][]string{{"2:-13", "1:-62"}, {"1:-62"}}[n]); err != nil {
			return err
		}
	}
	return nil
}

// noNewPrivs looks at a flag that it may have only because it is traced.
func noNewPrivs() error {
	runtime.LockOSThread()
	get := func() int {
		set, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
		if err != nil {
			return -1
		}
		return set
	}
	before := get()
	err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	return errors.Join(err, want("at first", before, 0), want("once it is set", get(), 1))
}

// polled submits to rings with a submission thread as liburing does: under a filter, with requests behind one that is
// refused, and with what the kernel gives for such rings.
func polled() error {
	runtime.LockOSThread()
	var none *sysuring.Ring
	err := errors.Join(unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), none.Filter(uapi.IORING_OP_NOP, oddOnly))
	if err != nil {
		return err
	}
	ring, err := sysuring.NewRingWith(8, uapi.IORING_SETUP_SQPOLL|uapi.IORING_SETUP_SINGLE_ISSUER)
	if err != nil {
		return err
	}
	const wake = uapi.IORING_ENTER_SQ_WAKEUP
	errs := []error{want("NEED_WAKEUP", ring.SQFlags()&uapi.IORING_SQ_NEED_WAKEUP, uint32(uapi.IORING_SQ_NEED_WAKEUP))}
	nops(ring, 1, 5, 0)
	took, err := ring.Enter(5, 5, wake|uapi.IORING_ENTER_GETEVENTS)
	errs = append(errs, err, want("all are taken", took, 5),
		want("CQEs", results(ring), []string{"1:0", "2:-13", "3:0", "4:-13", "5:0"}))
	nops(ring, 1, 3, 0)
	ring.Publish(3)
	took, err = ring.Submit(0, 0, wake)
	errs = append(errs, err, want("what was asked for is given", took, 0), want("CQEs", len(results(ring)), 3))
	took, err = ring.Submit(9, 0, wake)
	errs = append(errs, err, want("the same", took, 9))
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		nops(ring, 1, 1, 0)
		took, err := ring.Enter(1, 1, wake|uapi.IORING_ENTER_GETEVENTS)
		done <- errors.Join(err, want("another thread submits", took, 1), want("CQEs", results(ring), []string{"1:0"}))
	}()
	errs = append(errs, <-done, ring.Close())
	_, err = sysuring.NewRingWith(8, uapi.IORING_SETUP_SQPOLL|uapi.IORING_SETUP_IOPOLL)
	if !errors.Is(err, unix.EOPNOTSUPP) {
		errs = append(errs, fmt.Errorf("a thread that polls for completions: %v", err))
	}
	return errors.Join(errs...)
}

// TestRun runs programs that look at what they get.
func TestRun(t *testing.T) {
	for _, row := range []struct {
		program string
		refused uint64
		status  int
		gaps    int
	}{
		{"ring", 1 + 8 + 1, 0, 0}, {"exec", 2, 0, 0}, {"threads", 400, 0, 0}, {"waits", 1, 0, 0}, {"ignores", 1, 0, 0},
		{"privs", 0, 0, 0},
		{"polled", 2 + 1, 0, 1}, {"signal", 0, 128 + int(unix.SIGTERM), 0}, {"seven", 0, 7, 0},
	} {
		s := runTest(t, row.program, kernel.V7_3)
		if s.Status != row.status || s.Refused != row.refused || len(s.Gaps) != row.gaps {
			t.Errorf("%s: status %d, %d refused, gaps %v; want %+v", row.program, s.Status, s.Refused, s.Gaps, row)
		}
	}
}

// TestNoFilters: a release without filters has none here, whatever the host has.
func TestNoFilters(t *testing.T) {
	s := runTest(t, "ring", kernel.V6_19)
	if s.Status != 1 || s.Calls != 2 || len(s.Refusals) != 1 || s.Refusals[0].Why.Errno != uapi.EINVAL {
		t.Errorf("%+v", s)
	}
}

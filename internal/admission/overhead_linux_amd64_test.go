package admission

import (
	"crypto/sha256"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/uringsim/uringsim/internal/sysuring"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/uapi"
)

// works are programs that do so much of something, to be timed.
var works = map[string]func(n int) error{
	"reads of 4 KiB, 32 a call": reads,
	"NOPs, 32 a call":           func(n int) error { return submitMany(n, 32, uapi.SQE{}) },
	"NOPs, one a call":          func(n int) error { return submitMany(n, 1, uapi.SQE{}) },
	"other system calls":        func(n int) error { return times(1000*n, func() error { unix.Getppid(); return nil }) },
	"no system calls":           func(n int) error { return times(10*n, hash) },
}

func hash() error {
	sha256.Sum256(make([]byte, 4096))
	return nil
}

// reads reads the same page of a file again and again.
func reads(n int) error {
	const size = 4096
	f, err := os.CreateTemp("", "")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	buffer := make([]byte, size)
	var pin runtime.Pinner
	pin.Pin(&buffer[0])
	defer pin.Unpin()
	var sqe uapi.SQE
	sqe.SetOpcode(uapi.IORING_OP_READ)
	sqe.SetFD(int32(f.Fd()))
	sqe.SetAddr(uint64(uintptr(unsafe.Pointer(&buffer[0]))))
	sqe.SetLen(size)
	if _, err := f.Write(buffer); err != nil {
		return err
	}
	return submitMany(n, 32, sqe)
}

func times(n int, f func() error) error {
	for range n {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

func submitMany(calls int, size uint32, sqe uapi.SQE) error {
	ring, err := sysuring.NewRing(size)
	if err != nil {
		return err
	}
	cqes := make([]uapi.CQE, size)
	return times(calls, func() error {
		for i := range int(size) {
			copy(ring.SQE(i), sqe[:])
		}
		if _, err := ring.Enter(size, size, uapi.IORING_ENTER_GETEVENTS); err != nil {
			return err
		}
		ring.Reap(cqes)
		return nil
	})
}

// timed does some work and writes down how long it took, in ns.
func timed() error {
	n, err := strconv.Atoi(os.Getenv("URINGSIM_TEST_COUNT"))
	if err != nil {
		return err
	}
	start := time.Now()
	if err := works[os.Getenv("URINGSIM_TEST_WORK")](n); err != nil {
		return err
	}
	took := strconv.FormatInt(int64(time.Since(start)), 10)
	return os.WriteFile(os.Getenv("URINGSIM_TEST_RESULT"), []byte(took), 0o600)
}

// BenchmarkOverhead compares programs under the model with the same alone, in turns. What counts is the ratio.
func BenchmarkOverhead(b *testing.B) {
	if err := Available(); err != nil {
		b.Skip(err)
	}
	b.Setenv("URINGSIM_TEST_PROGRAM", "timed")
	for work := range works {
		b.Run(work, func(b *testing.B) {
			result := filepath.Join(b.TempDir(), "ns")
			b.Setenv("URINGSIM_TEST_RESULT", result)
			b.Setenv("URINGSIM_TEST_WORK", work)
			b.Setenv("URINGSIM_TEST_COUNT", "2000")
			took := func(run func() error) float64 {
				if err := run(); err != nil {
					b.Fatal(err)
				}
				text, err := os.ReadFile(result)
				if err != nil {
					b.Fatal(err)
				}
				ns, err := strconv.ParseFloat(string(text), 64)
				if err != nil {
					b.Fatal(err)
				}
				return ns
			}
			var ratios []float64
			for b.Loop() {
				alone := took(exec.Command(os.Args[0]).Run)
				under := took(func() error {
					_, err := Run(Options{Command: []string{os.Args[0]}, Kernel: sim.New(kernel.V7_3)})
					return err
				})
				ratios = append(ratios, under/alone)
			}
			slices.Sort(ratios)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(ratios[0], "min-times")
			b.ReportMetric(ratios[len(ratios)/2], "median-times")
			b.ReportMetric(ratios[len(ratios)-1], "max-times")
		})
	}
}

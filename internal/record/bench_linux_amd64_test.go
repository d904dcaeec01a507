package record

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// measured are the programs whose time is taken with a recorder and without one.
var measured = []struct {
	name    string
	command []string // the test itself if there is none
	program string   // of it
}{
	{name: "32 SQEs a call", program: "calls32"},
	{name: "1 SQE a call", program: "calls1"},
	{name: "fio, random reads, 32 a call", command: []string{"fio", "--name=job", "--rw=randread", "--size=64m", "--bs=4k",
		"--iodepth=32", "--iodepth_batch=32", "--iodepth_batch_complete_min=32", "--loops=8", "--ioengine=io_uring",
		"--output=/dev/null"}},
	{name: "fio, random reads, 1 a call", command: []string{"fio", "--name=job", "--rw=randread", "--size=64m", "--bs=4k",
		"--iodepth=1", "--ioengine=io_uring", "--output=/dev/null"}},
	{name: "find, without io_uring", command: []string{"find", "/usr", "-name", "*.none"}},
}

// BenchmarkOverhead runs each program with and without a recorder in turns, and tells how many times longer it takes.
func BenchmarkOverhead(b *testing.B) {
	if err := Available(); err != nil {
		b.Skip(err)
	}
	for _, m := range measured {
		b.Run(m.name, func(b *testing.B) {
			command := m.command
			if command == nil {
				b.Setenv("URINGSIM_TEST_PROGRAM", m.program)
				command = []string{os.Args[0]}
			}
			if _, err := exec.LookPath(command[0]); err != nil {
				b.Skip(err)
			}
			b.Chdir(b.TempDir())
			alone(b, command) // warms up, and lays files out
			var ratios []float64
			for b.Loop() {
				ratios = append(ratios, float64(recorded(b, command))/float64(alone(b, command)))
			}
			slices.Sort(ratios)
			b.ReportMetric(ratios[0], "×min")
			b.ReportMetric(ratios[len(ratios)/2], "×median")
			b.ReportMetric(ratios[len(ratios)-1], "×max")
		})
	}
}

// alone is how long a program takes without a recorder.
func alone(b *testing.B, command []string) time.Duration {
	b.Helper()
	begun := time.Now()
	cmd := exec.Command(command[0], command[1:]...)
	if err := cmd.Run(); err != nil {
		b.Fatal(err)
	}
	return time.Since(begun)
}

// recorded is how long it takes with one.
func recorded(b *testing.B, command []string) time.Duration {
	b.Helper()
	out, err := os.Create(filepath.Join(b.TempDir(), "x.jsonl.zst"))
	if err != nil {
		b.Fatal(err)
	}
	defer out.Close()
	begun := time.Now()
	if s, err := Run(Options{Command: command}, out); err != nil || s.Status != 0 {
		b.Fatalf("%+v, %v", s, err)
	}
	return time.Since(begun)
}

package record

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/uringsim/uringsim/trace"
)

// recorderVar names the file that the test, started again, records its program into.
const recorderVar = "URINGSIM_TEST_RECORDER"

// beRecorder is the process of a recorder. Its exit status is the program's, and 99 for an error of its own.
func beRecorder(file string) int {
	os.Unsetenv(recorderVar)
	out, err := os.Create(file)
	if err != nil {
		return 99
	}
	s, err := Run(Options{Command: []string{os.Args[0]}, Name: "program"}, out)
	if err = errors.Join(err, out.Close()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 99
	}
	return s.Status
}

// startRecorder is the command that records a program of the test into file.
func startRecorder(program, file string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), recorderVar+"="+file, "URINGSIM_TEST_PROGRAM="+program)
	return cmd
}

// amount is a count that the environment may raise.
func amount(name string, normal int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil && n > 0 {
		return n
	}
	return normal
}

// soakBatch is how many SQEs the soak submits in a call.
const soakBatch = 32

// soakSQEs is how many it submits.
func soakSQEs() int { return amount("URINGSIM_SOAK", 20_000*soakBatch) }

// mostRSS bounds the memory of a recorder in KiB, whatever it records.
const mostRSS = 200 << 10

// spareRSS is by how many KiB more than twice it may differ from one half of the time to the other.
const spareRSS = 32 << 10

// TestSoak records a program that submits without end, and watches the recorder's memory. URINGSIM_SOAK=100000000 makes
// it as many SQEs, of which the trace has all.
func TestSoak(t *testing.T) {
	skipUntraced(t)
	file := filepath.Join(t.TempDir(), "soak.jsonl.zst")
	cmd := startRecorder("many", file)
	cmd.Stderr = os.Stderr
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	rss := watchRSS(cmd.Process.Pid, ended)
	if cmd.ProcessState.ExitCode() != 0 {
		t.Fatalf("the recorder ended with %v", cmd.ProcessState)
	}
	early, late := peaks(rss)
	t.Logf("%d SQEs in %v; the recorder had %d KiB at most in the first half of the time, and %d in the second",
		soakSQEs(), time.Since(begun).Round(time.Second), early, late)
	if late > mostRSS || late > 2*early+spareRSS {
		t.Errorf("the recorder's memory grows: %d KiB", rss)
	}
	checkSoaked(t, file)
}

// watchRSS gives the resident memory of a process over time, in KiB, until it has ended.
func watchRSS(pid int, ended <-chan error) []int {
	const often = 20 * time.Millisecond
	var rss []int
	for {
		select {
		case <-ended:
			return rss
		case <-time.After(often):
			if n := residentOf(pid); n > 0 {
				rss = append(rss, n)
			}
		}
	}
}

// residentOf is the resident memory of a process in KiB, 0 if it is gone.
func residentOf(pid int) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		var n int
		if _, err := fmt.Sscanf(line, "VmRSS: %d kB", &n); err == nil {
			return n
		}
	}
	return 0
}

// peaks are the largest values of both halves of a list.
func peaks(list []int) (first, second int) {
	for i, n := range list {
		if i < len(list)/2 {
			first = max(first, n)
		} else {
			second = max(second, n)
		}
	}
	return first, second
}

// checkSoaked reads what was recorded as a stream: all SQEs are there, in their order, and each has its CQE.
func checkSoaked(t *testing.T, file string) {
	t.Helper()
	r, err := trace.OpenFile(file)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	want := uint64(soakSQEs() / soakBatch * soakBatch)
	if rec := r.Header.Recording; !rec.Complete || rec.SQEs != want || rec.CQEs != want ||
		rec.LostSQEs+rec.LostCQEs+rec.Unanswered+rec.Unread != 0 {
		t.Errorf("the header has %+v, want %d SQEs", rec, want)
	}
	var sqes, cqes uint64
	for {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		a, ok := e.Args.(*trace.EnterArgs)
		if !ok {
			continue
		}
		sqes += uint64(len(a.SQEs))
		for _, c := range e.Results[0].CQEs {
			if cqes++; uint64(c.UserData) != cqes {
				t.Fatalf("CQE %d has user_data %d", cqes, c.UserData)
			}
		}
	}
	if sqes != want || cqes != want {
		t.Errorf("%d SQEs and %d CQEs are there, want %d", sqes, cqes, want)
	}
}

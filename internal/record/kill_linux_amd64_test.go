package record

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/uringsim/uringsim/trace"
)

// family starts a process like itself, and both tell on standard output, again and again, that they submit.
func family() int {
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "URINGSIM_TEST_PROGRAM=beating")
	child.Stdout = os.Stdout
	if err := child.Start(); err != nil {
		return 1
	}
	return beating()
}

// beating submits, and tells so, until it is killed or a call fails.
func beating() int {
	for {
		status := submitNops(50, 8)
		if _, err := fmt.Println(os.Getpid(), os.Getppid(), status); err != nil {
			return 1
		}
		if status != 0 {
			return status
		}
	}
}

// kills is how often a process is killed.
func kills() int { return amount("URINGSIM_KILLS", 6) }

// TestKills kills the recorder, the program or its child at random moments: what is left of the three goes on or ends
// as it should, and the trace can be read. URINGSIM_KILLS=200 does so two hundred times.
func TestKills(t *testing.T) {
	skipUntraced(t)
	random := rand.New(rand.NewPCG(1, uint64(kills())))
	killed := map[string]int{}
	for i := range kills() {
		file := filepath.Join(t.TempDir(), []string{"x.jsonl", "x.jsonl.zst"}[random.IntN(2)])
		f := startFamily(t, file)
		moment := time.Duration(random.IntN(400_000)) * time.Microsecond
		switch i % 3 {
		case 0:
			if random.IntN(2) == 0 {
				f.pids(t) // so that some time passes in which something is recorded
			}
			time.Sleep(moment)
			f.killRecorder(t)
			killed["recorders"]++
		case 1:
			program, child := f.pids(t)
			time.Sleep(moment)
			f.killBoth(t, program, child)
			killed["programs"]++
		case 2:
			program, child := f.pids(t)
			time.Sleep(moment)
			f.killBoth(t, child, program)
			killed["children"]++
		}
	}
	t.Logf("killed: %v", killed)
}

// familyRun is a recorder with its program and that one's child.
type familyRun struct {
	file  string
	cmd   *exec.Cmd
	ended chan error
	beats chan beat // closed when nobody is left who could write any
}

// beat is what a process of the family tells.
type beat struct{ pid, parent, status int }

// patience is how long a test waits for what should happen at once.
const patience = 30 * time.Second

func startFamily(t *testing.T, file string) *familyRun {
	t.Helper()
	f := &familyRun{file: file, cmd: startRecorder("family", file), ended: make(chan error, 1), beats: make(chan beat)}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	f.cmd.Stdout = w
	if err := errors.Join(f.cmd.Start(), w.Close()); err != nil {
		t.Fatal(err)
	}
	go func() { f.ended <- f.cmd.Wait() }()
	go func() {
		defer r.Close()
		defer close(f.beats)
		for lines := bufio.NewScanner(r); lines.Scan(); {
			var b beat
			if _, err := fmt.Sscan(lines.Text(), &b.pid, &b.parent, &b.status); err == nil {
				f.beats <- b
			}
		}
	}()
	return f
}

// next is the next beat, which must be one of success; ok is false if there are no more.
func (f *familyRun) next(t *testing.T) (b beat, ok bool) {
	t.Helper()
	select {
	case b, ok = <-f.beats:
	case <-time.After(patience):
		t.Fatalf("%s: the family neither goes on nor ends", f.file)
	}
	if ok && b.status != 0 {
		t.Fatalf("%s: a program's calls failed: %+v", f.file, b)
	}
	return b, ok
}

// pids waits until both processes submit.
func (f *familyRun) pids(t *testing.T) (program, child int) {
	t.Helper()
	seen := map[int]int{} // the parent by process
	for {
		b, ok := f.next(t)
		if !ok {
			t.Fatalf("%s: the family has ended by itself", f.file)
		}
		seen[b.pid] = b.parent
		if _, both := seen[b.parent]; both {
			return b.parent, b.pid
		}
		for child, parent := range seen {
			if parent == b.pid {
				return b.pid, child
			}
		}
	}
}

func kill(t *testing.T, pid int) {
	t.Helper()
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// killRecorder kills the recorder, after which the others have to end.
func (f *familyRun) killRecorder(t *testing.T) {
	t.Helper()
	kill(t, f.cmd.Process.Pid)
	started := false
	for {
		if _, ok := f.next(t); !ok {
			break
		}
		started = true
	}
	<-f.ended
	info, err := os.Stat(f.file)
	if !started && (err != nil || info.Size() == 0) {
		return // it was killed before there was anything to record
	}
	f.checkTrace(t, false)
}

// killBoth kills one of the processes, after which the other has to go on, and then that one.
func (f *familyRun) killBoth(t *testing.T, first, second int) {
	t.Helper()
	kill(t, first)
	for n := 0; n < 20; {
		b, ok := f.next(t)
		if !ok {
			t.Fatalf("%s: all have ended with one", f.file)
		}
		if b.pid == second {
			n++
		}
	}
	kill(t, second)
	for ok := true; ok; {
		_, ok = f.next(t)
	}
	<-f.ended
	if got, want := f.cmd.ProcessState.ExitCode(), 128+int(unix.SIGKILL); got != want {
		t.Errorf("%s: the recorder ended with %d, want %d", f.file, got, want)
	}
	f.checkTrace(t, true)
}

// checkTrace reads the trace.
func (f *familyRun) checkTrace(t *testing.T, complete bool) {
	t.Helper()
	tr, err := trace.ReadFile(f.file)
	if err != nil {
		t.Fatal(err)
	}
	if tr.Recording.Complete != complete {
		t.Errorf("%s: complete is %v, want %v", f.file, tr.Recording.Complete, complete)
	}
	if complete && len(tr.Events) < 100 {
		t.Errorf("%s has %d events", f.file, len(tr.Events))
	}
}

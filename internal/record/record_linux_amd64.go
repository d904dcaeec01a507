package record

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/uringsim/uringsim/internal/sysuring"
	"github.com/uringsim/uringsim/trace"
)

// flushEvery is how often what is recorded goes to the file, and flushAt how many bytes wait at most.
const (
	flushEvery = 200 * time.Millisecond
	flushAt    = 256 << 10
)

// Run runs a program with the standard files of this process, and writes what it does with io_uring to file. It returns
// when the program and all that it started have ended. The error is one of the recording: the program's own end is in
// the Summary.
func Run(o Options, file *os.File) (Summary, error) {
	if err := sysuring.Available(); err != nil {
		return Summary{}, err
	}
	path, err := exec.LookPath(o.Command[0])
	if err != nil {
		return Summary{}, err
	}
	version, _, _ := strings.Cut(sysuring.Release(), "-") // what follows tells more of the machine than of the kernel
	head := trace.Header{Name: o.Name, Recording: &trace.Recording{Release: shortRelease(version), Version: version}}
	out, err := trace.NewLineWriter(file, head)
	if err != nil {
		return Summary{}, err
	}
	w := newWriter(out, o.Progress)
	rec := &recorder{release: head.Recording.Release, emit: w.emit, counts: *head.Recording, rings: map[fileID]*ring{},
		polled: map[*ring]*space{}, tasks: map[int]*task{}}
	t := &tracer{rec: rec, tasks: rec.tasks, early: map[int]bool{}}
	done := make(chan error, 1)
	go func() { done <- t.trace(path, o.Command) }()
	err = <-done
	err = errors.Join(err, w.close())
	rec.counts.Complete = err == nil
	rec.counts.Unanswered = max(rec.counts.SQEs, rec.answered) - rec.answered
	head.Recording = &rec.counts
	s := Summary{Recording: rec.counts, Status: exitStatus(t.status)}
	if err != nil {
		return s, err
	}
	if err := out.Finish(head); !errors.Is(err, trace.ErrNoSeek) {
		return s, err
	}
	return s, nil
}

// shortRelease is a kernel's release as traces name it: 6.18 for 6.18.44-x.
func shortRelease(version string) string {
	var major, minor int
	if _, err := fmt.Sscanf(version, "%d.%d", &major, &minor); err != nil {
		return version
	}
	return fmt.Sprintf("%d.%d", major, minor)
}

// exitStatus is the status of a program as shells tell it.
func exitStatus(ws unix.WaitStatus) int {
	if ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return ws.ExitStatus()
}

// trace starts the program and follows it, on a thread that ends with it.
func (t *tracer) trace(path string, argv []string) error {
	runtime.LockOSThread() // and never unlocked: tracees belong to this thread
	stub, err := os.StartProcess("/proc/self/exe", append([]string{stubName, path}, argv...),
		&os.ProcAttr{Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}})
	if err != nil {
		return err
	}
	t.root = stub.Pid
	defer passSignals(t.root)()
	var ws unix.WaitStatus
	for {
		_, err := unix.Wait4(t.root, &ws, unix.WUNTRACED, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("wait4: %w", err)
		}
		break
	}
	if !ws.Stopped() {
		t.status = ws
		return errors.New("the program could not be prepared")
	}
	t.tasks[t.root] = &task{tid: t.root, proc: &process{space: &space{}, files: map[int32]fileID{}}}
	if err := sysuring.Seize(t.root, options); err != nil {
		_ = unix.Kill(t.root, unix.SIGKILL) // it has not started
		return fmt.Errorf("ptrace is not allowed here: %w", err)
	}
	if err := unix.Kill(t.root, unix.SIGCONT); err != nil {
		return err
	}
	if err := t.run(); err != nil {
		return err
	}
	if !t.started {
		return errors.New("the program did not start")
	}
	return nil
}

// passSignals has this process survive what the terminal sends to it and the program alike, and passes on what is sent
// to it alone. The result ends that.
func passSignals(pid int) func() {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGHUP)
	go func() {
		for s := range signals {
			if s == unix.SIGTERM || s == unix.SIGHUP {
				_ = unix.Kill(pid, s.(unix.Signal)) // it may be gone
			}
		}
	}()
	return func() { signal.Stop(signals); close(signals) }
}

// forked has the rings of a parent stand where they stood, in the child's memory as well.
func (r *recorder) forked(parent, child *space) {
	for _, ring := range r.rings {
		if p, ok := ring.places[parent]; ok {
			ring.places[child] = p
		}
	}
}

// writer encodes events beside the tracer, so that the program waits less.
type writer struct {
	out    *trace.LineWriter
	events chan *trace.Event
	done   chan error
}

func newWriter(out *trace.LineWriter, progress func(events uint64)) *writer {
	w := &writer{out: out, events: make(chan *trace.Event, 1024), done: make(chan error, 1)}
	if progress == nil {
		progress = func(uint64) {}
	}
	go func() { w.done <- w.run(progress) }()
	return w
}

func (w *writer) emit(e *trace.Event) { w.events <- e }

// close waits until all is written.
func (w *writer) close() error {
	close(w.events)
	return <-w.done
}

// run writes events until there are no more. After an error it only takes them, as the program has to go on.
func (w *writer) run(progress func(events uint64)) error {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	var n uint64
	var failed error
	for {
		var err error
		select {
		case e, ok := <-w.events:
			if !ok {
				return failed
			}
			if n++; failed == nil {
				err = w.out.Event(e)
			}
			if err == nil && w.out.Buffered() >= flushAt {
				err = w.out.Flush()
			}
		case <-tick.C:
			progress(n)
			if failed == nil {
				err = w.out.Flush()
			}
		}
		if failed == nil {
			failed = err
		}
	}
}

// Available says why this process cannot record, or nil.
func Available() error { return sysuring.Available() }

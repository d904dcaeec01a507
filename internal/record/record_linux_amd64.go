package record

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/uringsim/uringsim/internal/ptrace"
	"github.com/uringsim/uringsim/internal/sysuring"
	"github.com/uringsim/uringsim/trace"
)

// Events go to the file after flushEvery, or when flushAt bytes wait for that.
const (
	flushEvery = 200 * time.Millisecond
	flushAt    = 256 << 10
)

// Run runs a program with the standard files of this process, and writes what it does with io_uring to file. It returns
// when the program and all that it started have ended. An error is about the recording; how the program ended is in the
// Summary.
func Run(o Options, file *os.File) (Summary, error) {
	if err := sysuring.Available(); err != nil {
		return Summary{}, err
	}
	version, _, _ := strings.Cut(sysuring.Release(), "-") // the rest says more about the machine than about the kernel
	head := trace.Header{Name: o.Name, Recording: &trace.Recording{Release: shortRelease(version), Version: version}}
	out, err := trace.NewLineWriter(file, head)
	if err != nil {
		return Summary{}, err
	}
	w := newWriter(out, o.Progress)
	events := &order{out: w.emit}
	rec := &recorder{release: head.Recording.Release, emit: events.emit, order: events, counts: *head.Recording,
		asleep: o.Asleep, polled: map[*ring]*ptrace.Space{}, tasks: map[*ptrace.Task]*task{}}
	status, err := ptrace.Run(o.Command, ptrace.Uring, rec)
	rec.endSampling()
	events.release()
	err = errors.Join(err, w.close())
	rec.counts.Complete = err == nil
	rec.counts.Unanswered = max(rec.counts.SQEs, rec.answered) - rec.answered
	head.Recording = &rec.counts
	s := Summary{Recording: rec.counts, Status: status}
	if err != nil {
		return s, err
	}
	if err := out.Finish(head); !errors.Is(err, trace.ErrNoSeek) {
		return s, err
	}
	return s, nil
}

// shortRelease returns a kernel's release as traces name it: 6.18 for 6.18.44-x.
func shortRelease(version string) string {
	var major, minor int
	if _, err := fmt.Sscanf(version, "%d.%d", &major, &minor); err != nil {
		return version
	}
	return fmt.Sprintf("%d.%d", major, minor)
}

// writer encodes events in a goroutine of its own, so that the program has to wait less.
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

// close waits until all events are written.
func (w *writer) close() error {
	close(w.events)
	return <-w.done
}

// run writes events until there are no more. After an error it discards them, since the program has to go on.
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

// Available returns why this process cannot record, or nil.
func Available() error { return sysuring.Available() }

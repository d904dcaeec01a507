package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
)

// maxHeld is how many bytes of output wait for files before theirs, over all files.
const maxHeld = 16 << 20

// errStopped ends jobs behind one that failed.
var errStopped = errors.New("stopped")

// job is what is done with one file; its output goes to the printer. It ends early if the context does.
type job func(ctx context.Context, out *printer, file string) (ok bool, err error)

// files are those that a command works on.
type files struct {
	next  func() (string, error) // the name of the next one; io.EOF behind the last one
	count int                    // how many there are; 0 if that is not known
}

// listed are the files of a list.
func listed(list []string) files {
	return files{count: len(list), next: func() (string, error) {
		if len(list) == 0 {
			return "", io.EOF
		}
		file := list[0]
		list = list[1:]
		return file, nil
	}}
}

// eachFile does the job for all files, so many at a time, with the output in the order of the files. A file that is bad
// is told of, unless there are too many. An error, of the first file that has one, ends it all: what comes before is
// printed.
func eachFile(ctx context.Context, out *printer, all files, bad *badTraces, atOnce int, do job) (bool, error) {
	if atOnce == 0 {
		atOnce = runtime.GOMAXPROCS(0)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	o := newOrdered(out.w, all.next, cancel)
	p := startProgress(all.count, out)
	defer p.stop()
	var failed atomic.Bool // one is enough
	var workers sync.WaitGroup
	if all.count > 0 {
		atOnce = min(atOnce, all.count)
	}
	for range atOnce {
		workers.Go(func() {
			for {
				n, file, ok := o.begin()
				if !ok {
					return
				}
				own := newPrinter(bufio.NewWriterSize(&turn{o, n}, 32<<10), out.json, out.quiet)
				own.progress = p
				ok, err := do(ctx, own, file)
				own.flush()
				if !ok {
					failed.Store(true)
				}
				wrong := err
				if isBadTrace(err) {
					err = nil
				}
				o.finish(n, err, func() error {
					out.add(own)
					return bad.tell(out, file, wrong)
				})
				p.files.Add(1)
			}
		})
	}
	workers.Wait()
	return !failed.Load(), o.err
}

// maxBegun is how many jobs have begun and wait for those before them at most.
const maxBegun = 256

// ordered lets jobs write to one place, each when those before it have ended. Until then their output is held.
type ordered struct {
	w      io.Writer
	next   func() (string, error)
	cancel func() // ends the jobs that run

	mu      sync.Mutex
	moved   sync.Cond // the head moved, or what follows is otherwise
	looking bool      // somebody waits for the name of the next file
	done    bool      // no more jobs are to begin
	head    int       // the job that writes
	jobs    []heldJob // from the head on, those that have begun
	held    int       // bytes
	err     error
}

// heldJob is what a job that is not at the head has written, and how it ended.
type heldJob struct {
	text  []byte
	ended bool
	err   error
	count func() error // adds what the job counted
}

func newOrdered(w io.Writer, next func() (string, error), cancel func()) *ordered {
	o := &ordered{w: w, next: next, cancel: cancel}
	o.moved.L = &o.mu
	return o
}

// begin is the next job, once there is room for it; false if there is none.
func (o *ordered) begin() (n int, file string, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for !o.done && (o.looking || len(o.jobs) >= maxBegun) {
		o.moved.Wait()
	}
	if o.done {
		return 0, "", false
	}
	o.looking = true
	o.mu.Unlock()
	file, err := o.next() // which may wait, as a list may come from a pipe
	o.mu.Lock()
	o.looking = false
	defer o.moved.Broadcast()
	switch {
	case o.done:
		return 0, "", false
	case err == io.EOF:
		o.done = true
		return 0, "", false
	case err != nil: // comes behind the files before it
		o.done = true
		o.jobs = append(o.jobs, heldJob{ended: true, err: err})
		o.move()
		return 0, "", false
	}
	o.jobs = append(o.jobs, heldJob{})
	return o.head + len(o.jobs) - 1, file, true
}

// turn is where a job writes.
type turn struct {
	o *ordered
	n int
}

// Write writes at once at the head, and holds the text otherwise, or waits if too much is held.
func (t *turn) Write(p []byte) (int, error) {
	o := t.o
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.err == nil && o.head != t.n && o.held+len(p) > maxHeld {
		o.moved.Wait()
	}
	switch {
	case o.err != nil:
		return 0, errStopped
	case o.head == t.n:
		return o.w.Write(p)
	}
	j := &o.jobs[t.n-o.head]
	j.text = append(j.text, p...)
	o.held += len(p)
	return len(p), nil
}

// finish ends a job.
func (o *ordered) finish(n int, err error, count func() error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return // and nobody waits for it
	}
	if err != nil {
		o.done = true // those before it have begun
	}
	j := &o.jobs[n-o.head]
	j.ended, j.err, j.count = true, err, count
	o.move()
}

// move brings the first job that has not ended to the head.
func (o *ordered) move() {
	for o.err == nil && len(o.jobs) > 0 && o.jobs[0].ended {
		j := o.jobs[0]
		if o.err = j.err; o.err == nil {
			o.err = j.count()
		}
		if o.err != nil {
			o.done = true
			o.cancel()
			break
		}
		o.jobs = o.jobs[1:]
		if o.head++; len(o.jobs) > 0 {
			o.release(&o.jobs[0])
		}
	}
	o.moved.Broadcast()
}

// release writes what was held of a job that came to the head.
func (o *ordered) release(j *heldJob) {
	_, _ = o.w.Write(j.text) // as everywhere, what cannot be printed is lost
	o.held -= len(j.text)
	j.text = nil
}

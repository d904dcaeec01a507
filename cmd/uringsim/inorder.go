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

// eachFile does the job for all files, so many at a time, with the output in the order of the files. An error, of the
// first file that has one, ends it all: what comes before is printed.
func eachFile(ctx context.Context, out *printer, files []string, atOnce int, do job) (bool, error) {
	if atOnce == 0 {
		atOnce = runtime.GOMAXPROCS(0)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	o := newOrdered(out.w, len(files), cancel)
	p := startProgress(len(files), out)
	defer p.stop()
	var failed atomic.Bool // one is enough
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(atOnce, len(files)) {
		workers.Go(func() {
			for !o.done.Load() {
				n := int(next.Add(1)) - 1
				if n >= len(files) {
					return
				}
				own := newPrinter(bufio.NewWriterSize(&turn{o, n}, 32<<10), out.json, out.quiet)
				own.progress = p
				ok, err := do(ctx, own, files[n])
				own.flush()
				if !ok {
					failed.Store(true)
				}
				o.finish(n, err, func() { out.add(own) })
				p.files.Add(1)
			}
		})
	}
	workers.Wait()
	return !failed.Load(), o.err
}

// ordered lets jobs write to one place, each when those before it have ended. Until then their output is held.
type ordered struct {
	w      io.Writer
	cancel func()      // ends the jobs that run
	done   atomic.Bool // no more jobs are to begin

	mu    sync.Mutex
	moved sync.Cond // the head moved
	head  int       // the job that writes
	jobs  []heldJob
	held  int // bytes
	err   error
}

// heldJob is what a job that is not at the head has written, and how it ended.
type heldJob struct {
	text  []byte
	ended bool
	err   error
	count func() // adds what the job counted
}

func newOrdered(w io.Writer, jobs int, cancel func()) *ordered {
	o := &ordered{w: w, cancel: cancel, jobs: make([]heldJob, jobs)}
	o.moved.L = &o.mu
	return o
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
	o.jobs[t.n].text = append(o.jobs[t.n].text, p...)
	o.held += len(p)
	return len(p), nil
}

// finish ends a job. If it is at the head, the next that has not ended gets there.
func (o *ordered) finish(n int, err error, count func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err != nil {
		o.done.Store(true) // those before it have begun
	}
	j := &o.jobs[n]
	j.ended, j.err, j.count = true, err, count
	for o.err == nil && o.head < len(o.jobs) && o.jobs[o.head].ended {
		j := &o.jobs[o.head]
		if o.err = j.err; o.err != nil {
			o.cancel()
			break
		}
		j.count()
		*j = heldJob{}
		if o.head++; o.head < len(o.jobs) {
			o.release(&o.jobs[o.head])
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

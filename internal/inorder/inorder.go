// Package inorder lets jobs that run at the same time write to one place, in their order and with bounded memory.
package inorder

import (
	"errors"
	"io"
	"sync"
)

// maxHeld is how many bytes of output wait for jobs before theirs, over all jobs.
const maxHeld = 16 << 20

// ErrStopped is what jobs get that write behind one that failed.
var ErrStopped = errors.New("stopped")

// MaxBegun is how many jobs have begun and wait for those before them at most.
const MaxBegun = 256

// Queue lets jobs write to one place, each when those before it have ended. Until then their output is held.
type Queue struct {
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

// New is a queue of jobs, one for each name until io.EOF. Cancel ends the jobs that run behind one that failed.
func New(w io.Writer, next func() (string, error), cancel func()) *Queue {
	o := &Queue{w: w, next: next, cancel: cancel}
	o.moved.L = &o.mu
	return o
}

// Begin is the next job, once there is room for it; false if there is none.
func (o *Queue) Begin() (n int, name string, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for !o.done && (o.looking || len(o.jobs) >= MaxBegun) {
		o.moved.Wait()
	}
	if o.done {
		return 0, "", false
	}
	o.looking = true
	o.mu.Unlock()
	name, err := o.next() // which may wait, as a list may come from a pipe
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
	return o.head + len(o.jobs) - 1, name, true
}

// Writer is where a job writes.
func (o *Queue) Writer(n int) io.Writer { return &turn{o, n} }

type turn struct {
	o *Queue
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
		return 0, ErrStopped
	case o.head == t.n:
		return o.w.Write(p)
	}
	j := &o.jobs[t.n-o.head]
	j.text = append(j.text, p...)
	o.held += len(p)
	return len(p), nil
}

// Finish ends a job; count is called when all jobs before it have ended, and may end it all.
func (o *Queue) Finish(n int, err error, count func() error) {
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

// Err is the first error, once all jobs have ended.
func (o *Queue) Err() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

// move brings the first job that has not ended to the head.
func (o *Queue) move() {
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
func (o *Queue) release(j *heldJob) {
	_, _ = o.w.Write(j.text) // as everywhere, what cannot be printed is lost
	o.held -= len(j.text)
	j.text = nil
}

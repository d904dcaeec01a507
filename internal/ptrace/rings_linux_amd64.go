package ptrace

import (
	"iter"
	"maps"
)

// Rings are the rings that a program has set up, by their files. R is a pointer to a struct that embeds a *Ring. The
// zero value has none.
type Rings[R Tracked] struct {
	byFile map[FileID]R
	limit  int // number of rings at which closed ones are forgotten
}

// Tracked is implemented by what embeds a *Ring.
type Tracked interface {
	comparable
	tracked() *Ring
}

func (r *Ring) tracked() *Ring { return r }

// leastRings is the number of rings below which closed ones are kept.
const leastRings = 64

// Of returns the ring with this file, or nil.
func (r *Rings[R]) Of(file FileID) R { return r.byFile[file] }

// All returns all rings.
func (r *Rings[R]) All() iter.Seq[R] { return maps.Values(r.byFile) }

// Add adds a ring that a task has set up. If there are many, rings that no task has open are forgotten, except those in
// use.
func (r *Rings[R]) Add(ring R, by *Task, tasks iter.Seq[*Task], inUse func() map[R]bool) {
	if len(r.byFile) >= max(leastRings, r.limit) {
		r.forgetClosed(tasks, inUse())
		r.limit = 2 * len(r.byFile)
	}
	for other := range r.All() {
		other.tracked().Doubt(by.Process.Space) // the new one may be mapped where an unmapped one was
	}
	if r.byFile == nil {
		r.byFile = map[FileID]R{}
	}
	r.byFile[ring.tracked().File] = ring
}

// forgetClosed forgets the rings that are neither open nor in use.
func (r *Rings[R]) forgetClosed(tasks iter.Seq[*Task], keep map[R]bool) {
	for t := range tasks {
		files, err := t.files()
		if err != nil {
			return // the task is ending; try again later
		}
		for _, file := range files {
			keep[r.byFile[file]] = true
		}
	}
	maps.DeleteFunc(r.byFile, func(_ FileID, ring R) bool { return !keep[ring] })
}

// Forked notes that a child has all rings where its parent has them.
func (r *Rings[R]) Forked(parent, child *Space) {
	for ring := range r.All() {
		ring.tracked().Forked(parent, child)
	}
}

// Left forgets where rings were in an address space, if no task has it any more.
func (r *Rings[R]) Left(s *Space, tasks iter.Seq[*Task]) {
	for t := range tasks {
		if t.Process.Space == s {
			return
		}
	}
	for ring := range r.All() {
		ring.tracked().Forget(s)
	}
}

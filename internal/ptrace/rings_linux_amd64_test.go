package ptrace

import (
	"os"
	"slices"
	"testing"

	"github.com/uringsim/uringsim/uapi"
)

// TestRings: rings that are open or in use are kept, and the others forgotten once there are many.
func TestRings(t *testing.T) {
	type ring struct{ *Ring }
	self := &Task{TID: os.Getpid(), Process: newProcess()}
	tasks := slices.Values([]*Task{self})
	file, err := os.Open(os.DevNull) // stands for a ring
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	id, ok := self.Identify(int32(file.Fd()))
	if !ok {
		t.Fatal("the task does not see its own descriptor")
	}
	var rings Rings[*ring]
	opened, used := &ring{NewRing(id, uapi.Params{})}, &ring{NewRing(FileID{0, 1}, uapi.Params{})}
	inUse := func() map[*ring]bool { return map[*ring]bool{used: true} }
	rings.Add(opened, self, tasks, inUse)
	rings.Add(used, self, tasks, inUse)
	for i := range uint64(3 * leastRings) {
		rings.Add(&ring{NewRing(FileID{0, 2 + i}, uapi.Params{})}, self, tasks, inUse)
	}
	if rings.Of(id) != opened || rings.Of(FileID{0, 1}) != used {
		t.Error("a ring that is open, or in use, is forgotten")
	}
	if n := len(slices.Collect(rings.All())); n > leastRings+1 {
		t.Errorf("%d rings are kept, of which two are not closed", n)
	}
}

// TestRingsLeft: a ring's place in memory is forgotten when no task has that any more, and a child's is the parent's.
func TestRingsLeft(t *testing.T) {
	type ring struct{ *Ring }
	parent, child := &Task{Process: newProcess()}, &Task{Process: newProcess()}
	var rings Rings[*ring]
	r := &ring{NewRing(FileID{0, 1}, uapi.Params{})}
	rings.Add(r, parent, slices.Values([]*Task{parent}), nil)
	r.places[parent.Process.Space] = Place{SQ: 1}
	rings.Forked(parent.Process.Space, child.Process.Space)
	rings.Left(parent.Process.Space, slices.Values([]*Task{parent, child}))
	if !r.KnownIn(parent.Process.Space) || !r.KnownIn(child.Process.Space) {
		t.Error("a task still has the memory")
	}
	rings.Left(parent.Process.Space, slices.Values([]*Task{child}))
	if r.KnownIn(parent.Process.Space) || !r.KnownIn(child.Process.Space) {
		t.Error("the parent's memory is gone, and the child's is not")
	}
}

package sim

import (
	"fmt"

	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// Mapping is a ring as a program uses it that is in a hurry: it writes SQEs where the kernel reads them, and calls for as
// many as it likes. Nothing is looked up by name, and no account is kept of requests that are refused; who wants to know
// why submits the same through Kernel.Do. No memory is allocated for requests that io_uring carries out at once.
type Mapping struct {
	task *task
	ring *Ring
	call trace.Enter
}

// Map is the ring as the task has it mapped, which calls it by the descriptor fd. The entries of an SQ array name their
// own places from then on.
func (k *Kernel) Map(taskName, ring string, fd int32) (*Mapping, error) {
	t, err := k.find(taskName)
	if err != nil {
		return nil, err
	}
	r := k.rings[ring]
	if r == nil {
		return nil, fmt.Errorf("there is no ring %q", ring)
	}
	for i := range r.sqArray {
		r.sqArray[i] = uint32(i)
	}
	return &Mapping{task: t, ring: r, call: trace.Enter{FD: fd}}, nil
}

// Room is how many SQEs can be submitted at once.
func (m *Mapping) Room() int { return int(m.ring.sqEntries) }

// SQE is the memory of the SQE that is submitted as the n-th of the next call, from 0: 64 or 128 bytes.
func (m *Mapping) SQE(n int) []byte {
	size := m.ring.sqeSize()
	at := (m.ring.sqTail + uint32(n)) & (m.ring.sqEntries - 1)
	if m.ring.has(uapi.IORING_SETUP_SQ_REWIND) {
		at = uint32(n)
	}
	return m.ring.sqes[at*size:][:size]
}

// Enter submits the next n SQEs with io_uring_enter(2), and gives what that returns: how many the kernel took, or a
// negated errno. The error is about what the model does not know.
//
// Linux: io_uring/io_uring.c:io_uring_enter
func (m *Mapping) Enter(n, minComplete, flags uint32) (ret int64, err error) {
	m.ring.sqTail += n
	m.call.ToSubmit, m.call.MinComplete, m.call.Flags = n, minComplete, flags
	m.ring.user.writeSQ(m.ring.submissions)
	k := m.ring.k
	before := k.quiet
	k.quiet = true
	ret, _, unmodelled := k.enterRing(m.task, &m.call)
	m.task.runWork() // on the way back to user mode
	k.quiet = before
	if unmodelled != "" {
		return ret, fmt.Errorf("not modelled: %s", unmodelled)
	}
	return ret, nil
}

// Reap takes CQEs off the ring, as many as there are and fit into cqes, and returns how many.
func (m *Mapping) Reap(cqes []uapi.CQE) int {
	m.ring.settle()
	return m.ring.cq.reap(cqes)
}

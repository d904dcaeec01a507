package register

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/uringsim/uringsim/tctx"
	"github.com/uringsim/uringsim/uapi"
)

// knownWorkers is a number of workers that RLIMIT_NPROC allows. Larger ones may be cut down to it.
//
// Departs: RLIMIT_NPROC is 256 at least.
const knownWorkers = 256

// Use is the task's first use of the ring, or a further one, by which it gets an io-wq that keeps to the ring's limits.
//
// Linux: io_uring/tctx.c:__io_uring_add_tctx_node
func (s *State) Use(t *tctx.Task) {
	t.Uses = true
	if t.WQ == nil {
		t.WQ = &tctx.WorkQueue{}
		limit(t.WQ, s.MaxWorkers)
	}
	if s.users == nil {
		s.users = map[*tctx.WorkQueue]bool{}
	}
	s.users[t.WQ] = true
}

// limit sets how many workers there may be, of bounded and of unbounded work; 0 changes nothing.
//
// Linux: io_uring/io-wq.c:io_wq_max_workers
func limit(wq *tctx.WorkQueue, most [2]uint32) {
	for i, n := range most {
		switch {
		case n > knownWorkers:
			wq.Max[i] = 0
		case n != 0:
			wq.Max[i] = n
		}
	}
}

// maxWorkers limits the workers of the task and of all others that use the ring, and writes back how many the task
// could have before. What tasks start with depends on the machine.
//
// Linux: io_uring/register.c:io_register_iowq_max_workers
func (c *call) maxWorkers() Outcome {
	const where = "io_uring/register.c:io_register_iowq_max_workers"
	var raw [8]byte
	if !c.task.Mem.CopyIn(raw[:], c.arg) {
		return refuse(uapi.EFAULT, where, "the two numbers must be readable")
	}
	most := [2]uint32{binary.LittleEndian.Uint32(raw[:]), binary.LittleEndian.Uint32(raw[4:])}
	if max(most[0], most[1]) > math.MaxInt32 {
		return refuse(uapi.EINVAL, where, "the numbers must not be negative")
	}
	for i, n := range most {
		if n != 0 {
			c.ring.MaxWorkers[i] = n
		}
	}
	wq := c.workers()
	before, known := [2]uint32{}, true
	if wq != nil {
		before, known = c.limitsOf(wq)
		limit(wq, most)
	}
	out := binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, before[0]), before[1])
	if !c.task.Mem.CopyOut(c.arg, out) {
		return refuse(uapi.EFAULT, where, "the two numbers must be writable")
	}
	if c.ring.Thread == nil {
		for other := range c.ring.users {
			limit(other, c.ring.MaxWorkers)
		}
	}
	if !known {
		return Outcome{Unmodelled: "the numbers of workers that the machine allows, which IOWQ_MAX_WORKERS writes back"}
	}
	return Outcome{}
}

// limitsOf are the limits of an io-wq that the call writes back; false if the machine decides them and nothing is known
// of it.
func (c *call) limitsOf(wq *tctx.WorkQueue) (most [2]uint32, known bool) {
	most, known = wq.Max, true
	for i := range most {
		switch at := 4 * i; {
		case most[i] != 0:
		case c.gave(0) && len(c.known.Mem) >= at+4:
			most[i] = binary.LittleEndian.Uint32(c.known.Mem[at:])
		default:
			known = false
		}
	}
	return most, known
}

// workers is the io-wq that the ring's requests go to if the task submits them: that of the submission thread, or the
// task's own, nil if the task has not used a ring.
//
// Departs: a submission thread ends with the process that made it, and has no workers then.
func (c *call) workers() *tctx.WorkQueue {
	if c.ring.Thread != nil {
		return c.ring.Thread
	}
	return c.task.WQ
}

// maxCPUs is the most processors that a kernel can be built for. The kernel reads no longer masks than it has use for.
const maxCPUs = 8192

// affinity binds workers to processors, of which the model knows the first. An empty mask is fine too.
//
// Linux: io_uring/register.c:io_register_iowq_aff, io_uring/io-wq.c:io_wq_cpu_affinity
func (c *call) affinity() Outcome {
	const where = "io_uring/register.c:io_register_iowq_aff"
	mask := make([]byte, min(c.nr, maxCPUs/8))
	if !c.task.Mem.CopyIn(mask[:min(len(mask), 8)], c.arg) { // the least that a kernel reads
		return refuse(uapi.EFAULT, where, "the mask must be readable")
	}
	readable := c.task.Mem.CopyIn(mask, c.arg)
	if o := c.unregisterAffinity(); readable && o.Ret != 0 {
		return o
	}
	if readable && mask[0] <= 1 && !slices.ContainsFunc(mask[1:], func(b byte) bool { return b != 0 }) {
		return Outcome{}
	}
	switch {
	case c.gave(0):
		return Outcome{}
	case c.gave(uapi.EINVAL):
		return refuse(uapi.EINVAL, where, "the task must be allowed to run on all processors of the mask")
	}
	return Outcome{Unmodelled: "IOWQ_AFF with more than the first processor"}
}

// Linux: io_uring/register.c:io_unregister_iowq_aff, io_uring/io-wq.c:io_wq_cpu_affinity
func (c *call) unregisterAffinity() Outcome {
	if c.workers() == nil {
		return refuse(uapi.EINVAL, "io_uring/io-wq.c:io_wq_cpu_affinity", "the task must have used a ring")
	}
	return Outcome{}
}

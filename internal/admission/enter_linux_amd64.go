package admission

import (
	"encoding/binary"
	"errors"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/uringsim/uringsim/internal/ptrace"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/uapi"
)

var le = binary.LittleEndian

// flight is a submission that has been decided about, and may be under way.
type flight struct {
	task *task
	end  uint32 // where the SQ's head is when it is done
}

// held is a task that waits until it can be decided about.
type held struct {
	task *task
	call ptrace.Call
}

// Arguments of io_uring_enter(2).
const (
	argToSubmit    = 1
	argMinComplete = 2
	argFlags       = 3
)

// enter decides about io_uring_enter(2).
func (r *runner) enter(t *task, c ptrace.Call) (ptrace.Step, error) {
	if second := t.second; second != nil {
		t.second = nil
		if second.Call == c {
			t.call = second
			return ptrace.Watch, nil
		}
	}
	submits := uint32(c.Args[argToSubmit]) != 0
	if !submits && !r.sleeps {
		return ptrace.Pass, nil
	}
	ring := r.ringOf(t, c.Args[0], uint32(c.Args[argFlags])&uapi.IORING_ENTER_REGISTERED_RING != 0)
	switch {
	case ring == nil || ring.polled():
	case ring.Asleep:
		return r.wake(t, ring, c)
	case submits:
		return r.submitInTurn(t, ring, c)
	}
	return ptrace.Pass, nil
}

// submitInTurn has a task submit once it is known what others have left in the ring.
func (r *runner) submitInTurn(t *task, ring *ring, c ptrace.Call) (ptrace.Step, error) {
	if len(ring.waiting) > 0 || r.busy(t, ring) {
		if len(ring.waiting) == 0 {
			r.held = append(r.held, ring)
		}
		ring.waiting = append(ring.waiting, held{t, c})
		return ptrace.Hold, nil
	}
	return r.submit(t, ring, c)
}

// busy tells whether another task may not have submitted yet what was decided about. What comes after it in the ring is
// not known before.
func (r *runner) busy(t *task, ring *ring) bool {
	f := ring.flight
	if f == nil || f.task == t {
		return false
	}
	words, _, ok := ring.Words(t.Task)
	return !ok || ring.Has(uapi.IORING_SETUP_SQ_REWIND) || int32(words.SQHead-f.end) < 0
}

// Stops is false: other calls are no concern of the model's.
func (r *runner) Stops(*ptrace.Task) bool { return false }

// Passing does nothing.
func (r *runner) Passing(*ptrace.Task) {}

// Polls tells whether tasks wait.
func (r *runner) Polls() bool { return len(r.held) > 0 }

// Idle lets tasks go on that need not wait any more.
func (r *runner) Idle() error {
	for _, ring := range slices.Clone(r.held) {
		for len(ring.waiting) > 0 {
			next := ring.waiting[0]
			alive := r.tasks[next.task.Task] == next.task
			if alive && r.busy(next.task, ring) {
				break
			}
			ring.waiting = ring.waiting[1:]
			if !alive {
				continue
			}
			step, err := r.submit(next.task, ring, next.call)
			if err == nil {
				err = next.task.Release(step)
			}
			if err != nil && !errors.Is(err, unix.ESRCH) { // killed while it waited
				return err
			}
		}
	}
	r.held = slices.DeleteFunc(r.held, func(ring *ring) bool { return len(ring.waiting) == 0 })
	return nil
}

// submit decides about the requests that a call submits.
func (r *runner) submit(t *task, ring *ring, c ptrace.Call) (ptrace.Step, error) {
	words, place, ok := ring.Words(t.Task)
	if !ok {
		r.gap("a task submits to a ring that it has not mapped: its requests are not decided about")
		return ptrace.Pass, nil
	}
	ring.Seen = words.CQTail
	cl := &call{Call: c, ring: ring}
	first, n := ring.takes(words, uint32(c.Args[argToSubmit]))
	switch {
	case n == 0 && ring.Asleep && c.Args[argToSubmit] != 0:
		t.call = cl
		return ptrace.Watch, r.split(t, cl, 0)
	case n == 0:
		return ptrace.Pass, nil
	case ring.Asleep && ring.maker != t.Process:
		r.gap("a process submits to a ring with IORING_SETUP_SQPOLL that another one made: the requests have its memory, " +
			"descriptors and credentials, not those of the other")
	}
	entries, ok := r.entries(t, ring, place, first, n)
	if !ok {
		r.gap("SQEs that cannot be read: they are not decided about")
		return ptrace.Pass, nil
	}
	a := r.gate.Submit(t.model, ring.model, first, entries)
	r.note(ring, entries, &a)
	cl.rest = ring.Asleep && a.Took < n
	alone := len(r.tasks) == 1
	if !alone {
		ring.flight = &flight{t, first + a.Took}
	}
	switch {
	case len(a.Denied) > 0:
		return r.deny(t, cl, place, entries, &a)
	case ring.Asleep:
		t.call = cl
		return ptrace.Watch, r.split(t, cl, n)
	case alone: // others come only once the call has ended
		return ptrace.Pass, nil
	case ring.Has(uapi.IORING_SETUP_SQ_REWIND): // whose head does not tell when it is done
		t.call = cl
		return ptrace.Watch, r.split(t, cl, uint32(c.Args[argToSubmit]))
	}
	t.call = cl
	return ptrace.Watch, nil
}

// takes is which entries a call may take that is told to submit so many.
func (r *ring) takes(words ptrace.Words, toSubmit uint32) (first, n uint32) {
	if r.Has(uapi.IORING_SETUP_SQ_REWIND) {
		return 0, min(toSubmit, r.Params.SQEntries)
	}
	n = min(words.SQTail-words.SQHead, r.Params.SQEntries)
	if !r.Asleep {
		n = min(n, toSubmit)
	}
	return words.SQHead, n
}

// entries reads what a task submits.
func (r *runner) entries(t *task, ring *ring, p ptrace.Place, first, n uint32) ([]sim.Entry, bool) {
	index, ok := ring.Index(t.Task, p, first, n)
	if !ok {
		return nil, false
	}
	sqes, ok := ring.SQEs(t.Task, p, index)
	if !ok {
		return nil, false
	}
	entries := make([]sim.Entry, n)
	realtime := false
	for i := range entries {
		entries[i] = sim.Entry{Index: index[i], SQE: sqes[i]}
		realtime = realtime || sqes[i] != nil && le.Uint16(sqes[i][ioprioAt:])>>classShift == classRT
	}
	if realtime { // for which their prep wants a capability
		t.capabilities()
	}
	return entries, true
}

// Where an SQE has its I/O priority, and what is the class in it.
const (
	ioprioAt   = 2
	classShift = 13
	classRT    = 1
)

// note counts what was decided.
func (r *runner) note(ring *ring, entries []sim.Entry, a *sim.Admission) {
	denied := a.Denied
	for at := uint32(0); at < a.Took; at++ {
		r.Requests++
		if len(denied) == 0 || denied[0].At != at {
			sqe := entries[at].SQE
			if sqe == nil {
				continue
			}
			if op := uapi.Op(sqe[0]); !r.host.ops[op] {
				r.gap("this kernel has no %s, which %s has: it fails", op, r.release.Name)
			}
			if ring.Has(uapi.IORING_SETUP_SQE_MIXED) && ptrace.Wide(sqe[0]) {
				at++ // its second half
			}
			continue
		}
		d := &denied[0]
		denied = denied[1:]
		at += d.Slots - 1
		if d.Notifies {
			r.gap("a refused %s has no notification", d.Opcode)
		}
		if d.Why == nil {
			r.Cancelled++
			continue
		}
		r.Refused++
		r.refuse("", d.Opcode.String(), d.Why)
	}
}

// deny has the call give the results of requests that are denied: their SQEs are NOPs while it lasts.
func (r *runner) deny(t *task, c *call, p ptrace.Place, entries []sim.Entry, a *sim.Admission) (ptrace.Step, error) {
	for i := range a.Denied {
		d := &a.Denied[i]
		e := entries[d.At]
		nop := stand(d, r.host.taskWork)
		at := ptrace.Patch{Addr: c.ring.SQEAddr(p, e.Index), Was: e.SQE[:len(nop)], While: nop[:]}
		if t.Apply(at) != nil {
			r.gap("a ring whose SQEs cannot be changed: submitting to it fails where a request is refused")
			return ptrace.Pass, t.Skip(uapi.EFAULT.Ret())
		}
		c.patches = append(c.patches, at)
	}
	n := uint32(c.Args[argToSubmit])
	switch {
	case c.ring.Asleep:
		n = uint32(len(entries))
	case a.Stopped:
		n = a.Took
	}
	t.call = c
	return ptrace.Watch, r.split(t, c, n)
}

// split has the call submit n entries and not wait. It waits in a second call once SQEs are put back, as they may be used
// for more requests then. Kernels do not wait if fewer were submitted than the program asked for.
func (r *runner) split(t *task, c *call, n uint32) error {
	args := c.Args
	args[argToSubmit] = uint64(n)
	if args[argFlags]&uapi.IORING_ENTER_GETEVENTS != 0 {
		wait := waitOf(c.Call)
		c.wait = &wait
		args[argFlags] &^= uapi.IORING_ENTER_GETEVENTS
		args[argMinComplete] = 0
	}
	if c.change = args != c.Args; !c.change {
		return nil
	}
	return t.SetArgs(args)
}

// didEnter puts the program's memory and arguments back, and has it wait if it wanted to.
func (r *runner) didEnter(t *task, c *call, ret int64) error {
	if c.second { // the wait after a submission, whose errors only count if nothing was submitted
		if c.ring.short(t, c.Call, ret) && t.InterruptedForNothing() {
			t.second = c
			return t.Again(c.Call)
		}
		if c.before > 0 {
			ret = c.before
		}
		return t.SetResult(ret, c.first)
	}
	if c.ring.flight != nil && c.ring.flight.task == t {
		c.ring.flight = nil
	}
	if err := t.Restore(c.patches); err != nil {
		return err
	}
	if len(r.held) > 0 {
		if err := r.Idle(); err != nil {
			return err
		}
	}
	took, all := c.took(ret)
	switch {
	case c.rest && ret >= 0:
		return t.Again(c.Call)
	case c.wait != nil && all:
		return t.waitAgain(c.ring, c.Call, *c.wait, took)
	case c.change || took != ret:
		return t.SetResult(took, c.Args)
	}
	return nil
}

// waitAgain has a call that submitted be followed by a wait, and give what the first one took.
func (t *task) waitAgain(ring *ring, first, wait ptrace.Call, took int64) error {
	t.second = &call{Call: wait, ring: ring, second: true, before: took, first: first.Args}
	return t.Again(wait)
}

// waitOf is the wait of a call that submits.
func waitOf(c ptrace.Call) ptrace.Call {
	c.Args[argToSubmit] = 0
	return c
}

// short tells whether a wait ended before there was what it waited for.
func (r *ring) short(t *task, c ptrace.Call, ret int64) bool {
	if ret < 0 || uint32(c.Args[argFlags])&uapi.IORING_ENTER_GETEVENTS == 0 {
		return ret == -int64(unix.EINTR)
	}
	words, _, ok := r.Words(t.Task)
	return ok && words.CQTail-words.CQHead < min(uint32(c.Args[argMinComplete]), r.Params.CQEntries)
}

// Ignored has a wait go on that a signal ended.
func (r *runner) Ignored(p *ptrace.Task, c ptrace.Call, ret int64) error {
	t := r.tasks[p]
	ring := r.ringOf(t, c.Args[0], uint32(c.Args[argFlags])&uapi.IORING_ENTER_REGISTERED_RING != 0)
	switch submitted := ret > 0 && ret == int64(uint32(c.Args[argToSubmit])); {
	case ring == nil || t.second != nil || !ring.short(t, c, ret):
		return nil
	case submitted:
		return t.waitAgain(ring, c, waitOf(c), ret)
	case ret > 0: // fewer than were to be submitted, which does not wait
		return nil
	}
	return t.Again(c)
}

package record

import (
	"golang.org/x/sys/unix"

	"github.com/uringsim/uringsim/internal/ptrace"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// asleep is how a call is changed when submission threads are made to sleep always.
type asleep struct {
	makes   bool           // a setup of a ring whose thread will sleep
	patches []ptrace.Patch // changes of its parameters
	takes   uint32         // number of entries that a call on such a ring submits
	wait    *ptrace.Call   // the call to make after it, to wait
	second  bool           // that call is under way
}

// sleepOn changes a setup to make a ring whose thread sleeps, and a call on such a ring to submit all entries. If the
// call is also to wait, a second call does that: the first one would only wait if it submitted everything, and would
// hide errors of the wait.
func (r *recorder) sleepOn(t *task, c ptrace.Call) error {
	own := t.call
	switch {
	case c.NR == unix.SYS_IO_URING_SETUP && r.asleep && own.params != nil:
		return r.setupAsleep(t, own)
	case c.NR != unix.SYS_IO_URING_ENTER || own.ring == nil || !own.ring.Asleep:
		return nil
	}
	const toSubmit, minComplete, flags = 1, 2, 3
	args := c.Args
	args[toSubmit] = uint64(own.takes)
	if args[flags]&uapi.IORING_ENTER_GETEVENTS != 0 {
		own.wait = &ptrace.Call{NR: c.NR, Args: c.Args}
		own.wait.Args[toSubmit] = 0
		args[minComplete], args[flags] = 0, args[flags]&^uapi.IORING_ENTER_GETEVENTS
	}
	return t.SetArgs(args)
}

// setupAsleep has the host make a ring without a submission thread if the program asks for one with it.
func (r *recorder) setupAsleep(t *task, own *call) error {
	p := uapi.DecodeParams(own.params)
	if p.Flags&uapi.IORING_SETUP_SQPOLL == 0 {
		return nil
	}
	var other *ptrace.Ring
	if p.Flags&uapi.IORING_SETUP_ATTACH_WQ != 0 {
		if ring := r.ringOf(t, uint64(p.WQFD), false); ring != nil {
			other = ring.Ring
		}
	}
	flags, makes := ptrace.AsleepFlags(&p, other)
	at := ptrace.SetupFlags(own.args[1], p.Flags, flags)
	if t.Apply(at) != nil {
		return nil // the host will report what is wrong with that memory
	}
	own.makes, own.patches = makes, append(own.patches, at)
	return nil
}

// slept undoes in the program what sleepOn changed, and returns what the call gives on a ring with a thread: the number
// of entries that it was told to submit. Done is false if a second call follows.
func (t *task) slept(ret int64) (_ int64, done bool, _ error) {
	own := t.call
	if own == nil {
		return ret, true, nil
	}
	if err := t.Restore(own.patches); err != nil {
		return ret, true, err
	}
	if own.nr != unix.SYS_IO_URING_ENTER || own.ring == nil || !own.ring.Asleep {
		return ret, true, nil
	}
	if own.wait != nil && !own.second && ret >= 0 {
		own.second = true
		return ret, false, t.Again(*own.wait)
	}
	if told := int64(uint32(own.args[1])); told > 0 && (ret >= 0 || own.second) {
		ret = told
	} else if !own.second && ret > 0 {
		ret = 0
	}
	return ret, true, t.SetResult(ret, own.args)
}

// wakes is like sample for a ring whose thread sleeps. The call takes all entries.
func (r *recorder) wakes(t *task, c *call, a *trace.EnterArgs, words ptrace.Words, p ptrace.Place) uint32 {
	c.takes = min(words.SQTail-words.SQHead, c.ring.Params.SQEntries)
	first, n := c.ring.sqTail, min(words.SQTail-c.ring.sqTail, c.ring.Params.SQEntries)
	c.ring.sqTail = words.SQTail
	if n == 0 {
		return 0
	}
	return r.add(t, c.ring, a, p, first, n)
}

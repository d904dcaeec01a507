package record

import (
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/uringsim/uringsim/internal/ptrace"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// call is a system call that a task is in.
type call struct {
	nr      uint64
	args    [6]uint64
	event   *trace.Event
	ring    *ring
	before  *trace.Object // argument of a register call, before the call
	params  []byte        // parameters of a setup
	submits bool
	sends   bool // it sends messages to other rings
	shared  bool // another task is submitting to the ring
	asleep
}

// enterCall records the start of a call.
func (r *recorder) enterCall(t *task, nr uint64, args [6]uint64) {
	c := &call{nr: nr, args: args, event: &trace.Event{Task: t.name}}
	t.call = c
	r.counts.Calls++
	switch nr {
	case unix.SYS_IO_URING_SETUP:
		c.params = readBytes(r.memory(t), args[1], uapi.SizeofParams)
	case unix.SYS_IO_URING_ENTER:
		r.beginEnter(t, c)
	case unix.SYS_IO_URING_REGISTER:
		r.beginRegister(t, c)
	}
}

// The range of the kernel's internal errors for calls that a signal interrupts.
const restartFirst, restartLast = 512, 516

// exitCall records the result of a call.
func (r *recorder) exitCall(t *task, ret int64) {
	c := t.call
	t.call = nil
	if c == nil {
		return
	}
	if ret <= -restartFirst && ret >= -restartLast { // the kernel restarts it, and it stops again, unless a handler makes it fail
		r.counts.Calls--
		if c.submits {
			c.ring.busy--
		}
		r.order.quits(t)
		return
	}
	result := trace.Recorded{On: []string{r.release}, Ret: trace.Ret(ret)}
	switch c.nr {
	case unix.SYS_IO_URING_SETUP:
		r.endSetup(t, c, ret, &result)
	case unix.SYS_IO_URING_ENTER:
		r.endEnter(t, c, &result)
	case unix.SYS_IO_URING_REGISTER:
		r.endRegister(t, c, ret, &result)
	}
	if c.event.Args != nil {
		c.event.Results = []trace.Recorded{result}
		r.order.ended(t, c.event)
	}
}

// abandon records a call during which the task ended.
func (r *recorder) abandon(t *task) {
	c := t.call
	if c == nil {
		return
	}
	t.call = nil
	r.counts.Unfinished++
	if c.submits {
		c.ring.busy--
	}
	if c.event.Args != nil {
		c.event.Why = "the task ended in this call"
		r.order.ended(t, c.event)
	}
}

func (r *recorder) endSetup(t *task, c *call, ret int64, result *trace.Recorded) {
	r.setups++
	a := &trace.SetupArgs{Ring: fmt.Sprintf("ring%d", r.setups), Entries: trace.Number(uint32(c.args[0]))}
	c.event.Args = a
	after := readBytes(r.memory(t), c.args[1], uapi.SizeofParams)
	if c.params == nil || after == nil {
		a.Params = new(number(c.args[1]))
		return
	}
	p := uapi.DecodeParams(c.params)
	a.Flags.Set(uint64(p.Flags))
	a.CQEntries, a.WQFD = trace.Number(p.CQEntries), trace.Number(p.WQFD)
	a.CPU, a.Idle = trace.Number(p.SQThreadCPU), trace.Number(p.SQThreadIdle)
	a.SQAddr, a.CQAddr = trace.Number(p.SQOff.UserAddr), trace.Number(p.CQOff.UserAddr)
	if p.Resv != [3]uint32{} {
		a.Resv = c.params[28:40]
	}
	if p.Flags&uapi.IORING_SETUP_ATTACH_WQ != 0 {
		r.descriptor(t, int32(p.WQFD))
	}
	if ret < 0 {
		result.Wrote = trace.WroteBytes(c.params, after)
		return
	}
	result.Params, result.Wrote = trace.WroteParams(c.params, after)
	ring := &ring{name: a.Ring, Ring: ptrace.NewRing(ptrace.FileID{}, uapi.DecodeParams(after))}
	c.ring = ring
	if ring.Has(uapi.IORING_SETUP_NO_MMAP) {
		a.SQAddr = trace.Number(r.pin(t, p.SQOff.UserAddr, uint64(ring.Params.SQEntries)*uint64(ring.SQESize())))
		a.CQAddr = trace.Number(r.pin(t, p.CQOff.UserAddr, ring.MemSize()))
	}
	if ring.Has(uapi.IORING_SETUP_REGISTERED_FD_ONLY) {
		if ret < int64(len(t.rings)) {
			t.rings[ret] = ring
		}
		return
	}
	r.fillBelow(t, int32(ret))
	ring.File, _ = t.Identify(int32(ret))
	t.proc.files[int32(ret)] = ring.File
	if ring.Has(uapi.IORING_SETUP_SQPOLL) && !c.makes {
		r.counts.Polled++
		r.polled[ring], ring.open = t.Process.Space, map[uint64]int{}
	}
	r.rings.Add(ring, t.Task, maps.Keys(r.tasks), r.inUse)
}

// ringOf returns the ring that a call is about, or nil if its setup was not seen.
func (r *recorder) ringOf(t *task, fd uint64, registered bool) *ring {
	if registered {
		if uint32(fd) < uint32(len(t.rings)) {
			return t.rings[uint32(fd)]
		}
		return nil
	}
	id, ok := r.descriptor(t, int32(fd))
	if !ok {
		return nil
	}
	return r.rings.Of(id)
}

// stranger tells whether a call is about a ring that the trace cannot have, and drops the call then.
func (r *recorder) stranger(t *task, c *call) bool {
	fd := int32(c.args[0])
	if id, open := t.Identify(fd); !open || t.proc.files[fd] == id {
		return false // not a descriptor, or not one of a ring
	}
	r.counts.Strangers++
	c.event.Args = nil
	return true
}

func (r *recorder) beginEnter(t *task, c *call) {
	flags := uint32(c.args[3])
	a := &trace.EnterArgs{FD: fdNum(c.args[0]), MinComplete: trace.Number(uint32(c.args[2])),
		ArgSize: trace.Number(c.args[5])}
	a.Flags.Set(uint64(flags))
	a.Arg = r.enterArg(t, flags, c.args[4], c.args[5])
	c.event.Args = a
	toSubmit := uint32(c.args[1])
	registered := flags&uapi.IORING_ENTER_REGISTERED_RING != 0
	if c.ring = r.ringOf(t, c.args[0], registered); c.ring == nil {
		if !registered && r.stranger(t, c) {
			return
		}
		a.ToSubmit = new(trace.Number(toSubmit))
		return
	}
	a.Ring = c.ring.name
	r.look(t, c.ring)
	if flags&uapi.IORING_ENTER_EXT_ARG_REG != 0 {
		r.waitArg(t, c.ring, c.args[4])
	}
	n := r.submissions(t, c, a, toSubmit)
	if n != toSubmit {
		a.ToSubmit = new(trace.Number(toSubmit))
	}
	if c.ring.busy > 0 {
		r.counts.Concurrent++
	}
	if c.submits = toSubmit > 0 && !c.ring.polled() || c.takes > 0; c.submits {
		c.shared = c.ring.busy > 0
		c.ring.busy++
	}
	if c.sends {
		r.order.sends(t)
	}
}

// submissions adds the entries that the call may take to its event, and returns their number.
func (r *recorder) submissions(t *task, c *call, a *trace.EnterArgs, toSubmit uint32) uint32 {
	ring := c.ring
	words, p, ok := ring.Words(t.Task)
	if !ok {
		return 0
	}
	a.CQLeft = ring.left(words)
	switch {
	case ring.polled():
		return r.sample(t, ring, a, words, p)
	case ring.Asleep:
		return r.wakes(t, c, a, words, p)
	}
	first, n := words.SQHead, min(words.SQTail-words.SQHead, toSubmit, ring.Params.SQEntries)
	if ring.Has(uapi.IORING_SETUP_SQ_REWIND) {
		first, n = 0, min(toSubmit, ring.Params.SQEntries)
	}
	a.DropRest = ring.sqTail != words.SQHead && !ring.Has(uapi.IORING_SETUP_SQ_REWIND)
	if n == 0 {
		a.DropRest = false
		return 0
	}
	r.add(t, ring, a, p, first, n)
	ring.sqTail = words.SQHead + n
	return n
}

// add reads entries of the SQ into the event, and returns how many the event got.
func (r *recorder) add(t *task, ring *ring, a *trace.EnterArgs, p ptrace.Place, first, n uint32) uint32 {
	s, ok := ring.entries(r.memory(t), t, p, first, n)
	if !ok {
		r.counts.LostSQEs += uint64(n)
		return 0
	}
	if ring.open != nil {
		lost := ring.dropStale(t, first, &s)
		r.counts.LostSQEs += uint64(lost)
		n -= uint32(lost)
	}
	a.SQEs = s.sqes
	if s.array != nil {
		list := make([]trace.Number, len(s.array))
		for i, v := range s.array {
			list[i] = trace.Number(v)
		}
		a.Array = &list
	}
	r.counts.SQEs += uint64(len(s.sqes))
	r.counts.Unread += uint64(s.unread)
	for i := range s.raw {
		if i == 0 || !sameFile(&s.raw[i], &s.raw[i-1]) {
			r.usedBy(t, &s.raw[i], ring.polled())
		}
		ring.makes(&s.raw[i])
		if t.call != nil && s.raw[i].Opcode() == uapi.IORING_OP_MSG_RING {
			t.call.sends = true
		}
		if ring.open != nil {
			ring.expect(s.raw[i].UserData())
		}
	}
	return n
}

// sample reads what came into the SQ of a ring with a submission thread since the last look.
func (r *recorder) sample(t *task, ring *ring, a *trace.EnterArgs, words ptrace.Words, p ptrace.Place) uint32 {
	first, n := ring.sqTail, words.SQTail-ring.sqTail
	if n > ring.Params.SQEntries {
		r.counts.LostSQEs += uint64(n - ring.Params.SQEntries)
		first, n = words.SQTail-ring.Params.SQEntries, ring.Params.SQEntries
	}
	if n == 0 {
		return 0
	}
	if taken := words.SQHead - first; int32(taken) > 0 {
		r.counts.Sampled += uint64(min(taken, n))
	}
	ring.sqTail = words.SQTail
	return r.add(t, ring, a, p, first, n)
}

// enterArg returns the fifth argument of io_uring_enter(2).
func (r *recorder) enterArg(t *task, flags uint32, arg, size uint64) trace.Pointer {
	p := number(arg)
	m := r.memory(t)
	switch {
	case arg == 0 || flags&uapi.IORING_ENTER_EXT_ARG_REG != 0:
	case flags&uapi.IORING_ENTER_EXT_ARG == 0 && size == 8:
		p.Object = bytesObject(readBytes(m, arg, 8))
	case flags&uapi.IORING_ENTER_EXT_ARG != 0 && size == 24:
		b := readBytes(m, arg, 24)
		if b == nil {
			break
		}
		g := &trace.GetEvents{Sigmask: number(le.Uint64(b)), SigmaskSize: trace.Number(le.Uint32(b[8:])),
			MinWaitUsec: trace.Number(le.Uint32(b[12:])), TS: number(le.Uint64(b[16:]))}
		if g.Sigmask.Num != 0 && g.SigmaskSize == 8 {
			g.Sigmask.Object = bytesObject(readBytes(m, g.Sigmask.Num, 8))
		}
		if g.TS.Num != 0 {
			g.TS.Object = timespec(m, g.TS.Num)
		}
		p.Object = &trace.Object{GetEvents: g}
	}
	return p
}

// waitArg records what a wait reads from registered memory.
func (r *recorder) waitArg(t *task, ring *ring, offset uint64) {
	m := r.memory(t)
	if ring.waits != 0 && (offset > ring.waitsSize || ring.waitsSize-offset < uapi.SizeofRegWait) {
		return // outside, where nothing is read
	}
	at := ring.waits + offset
	b := readBytes(m, at, uapi.SizeofRegWait)
	if ring.waits == 0 || b == nil || m.moved(at) == at {
		r.counts.Unread++
		return
	}
	r.emit(&trace.Event{Task: t.name, Args: &trace.WriteArgs{Addr: trace.Number(m.moved(at)), Data: b}})
}

func (r *recorder) endEnter(t *task, c *call, result *trace.Recorded) {
	if c.submits {
		c.ring.busy--
	}
	if c.ring == nil {
		return
	}
	words, p, ok := c.ring.Words(t.Task)
	if !ok {
		return
	}
	result.Dropped, result.Over = words.Dropped, words.Overflow
	if !c.shared && c.ring.busy == 0 && !c.ring.Has(uapi.IORING_SETUP_SQPOLL) {
		result.SQHead = &words.SQHead
	}
	if c.ring.busy == 0 {
		result.CQEs = r.takeCQEs(t, c.ring, words, p)
	}
}

// takeCQEs returns the CQEs that have not been recorded yet.
func (r *recorder) takeCQEs(t *task, ring *ring, words ptrace.Words, p ptrace.Place) []trace.CQEOut {
	cqes, lost := ring.Take(t.Task, words, p)
	if ring.open != nil {
		kept := slices.DeleteFunc(cqes, func(c uapi.CQE) bool { return !ring.answers(c) })
		lost, cqes = lost+uint32(len(cqes)-len(kept)), kept
	}
	r.counts.CQEs += uint64(len(cqes))
	for i, c := range cqes {
		if c.Flags&uapi.IORING_CQE_F_MORE == 0 {
			r.answered++
		}
		if fd := ring.made(&cqes[i]); fd >= 0 && fd < trace.MaxFD {
			t.proc.files[fd], _ = t.Identify(fd)
		}
	}
	r.counts.LostCQEs += uint64(lost)
	return trace.CQEResults(cqes)
}

// reap records CQEs that came between calls, unless a call under way may have caused them.
func (r *recorder) reap(t *task, ring *ring, words ptrace.Words, p ptrace.Place) {
	if ring.busy > 0 || words.CQTail == ring.Seen {
		return
	}
	cqes := r.takeCQEs(t, ring, words, p)
	if len(cqes) == 0 {
		return
	}
	r.emit(&trace.Event{Task: t.name, Args: &trace.ReapArgs{Ring: ring.name, Wait: trace.Number(len(cqes))},
		Results: []trace.Recorded{{On: []string{r.release}, CQEs: cqes, Dropped: words.Dropped, Over: words.Overflow}}})
}

// fdNum returns a descriptor as traces write it.
func fdNum(v uint64) trace.Number { return trace.Number(int64(int32(v))) }

func (r *recorder) beginRegister(t *task, c *call) {
	op := uapi.RegisterOp(uint32(c.args[1]) &^ uapi.IORING_REGISTER_USE_REGISTERED_RING)
	a := &trace.RegisterArgs{FD: fdNum(c.args[0]), Arg: number(c.args[2]), Nr: trace.Number(uint32(c.args[3]))}
	a.Registered = uint32(c.args[1])&uapi.IORING_REGISTER_USE_REGISTERED_RING != 0
	a.Op.Set(uint64(op))
	c.event.Args = a
	if int32(c.args[0]) != -1 || a.Registered {
		if c.ring = r.ringOf(t, c.args[0], a.Registered); c.ring == nil && !a.Registered && r.stranger(t, c) {
			return
		}
	}
	if op == uapi.IORING_REGISTER_RESIZE_RINGS && c.ring != nil {
		r.leave(t, c.ring)
	}
	if op == uapi.IORING_REGISTER_FILES || op == uapi.IORING_REGISTER_FILES2 {
		r.limitFiles(t)
	}
	if opaque[op] {
		r.counts.Unread++
	}
	if l := layouts[op]; l != nil && c.args[2] != 0 {
		c.before = l(r.memory(t), c.args[2], uint32(c.args[3]))
		a.Arg.Object = c.before
	}
	if op == uapi.IORING_REGISTER_CLONE_BUFFERS && c.before != nil {
		r.descriptor(t, int32(uapi.DecodeCloneBuffers(*c.before.Bytes).SrcFD))
	}
}

// leave records how many CQEs the program has left in a ring before it is resized, since a resize keeps them.
func (r *recorder) leave(t *task, ring *ring) {
	r.look(t, ring)
	words, _, ok := ring.Words(t.Task)
	if !ok || ring.left(words) == 0 {
		return
	}
	a := &trace.EnterArgs{FD: r.fdOf(t, ring), Ring: ring.name, CQLeft: ring.left(words), KeepCQEs: true,
		ToSubmit: new(trace.Number(0))}
	r.emit(&trace.Event{Task: t.name, Args: a, Why: "the program made no such call: it had left CQEs in the ring",
		Results: []trace.Recorded{{On: []string{r.release}, Dropped: words.Dropped, Over: words.Overflow}}})
}

func (r *recorder) endRegister(t *task, c *call, ret int64, result *trace.Recorded) {
	a, ok := c.event.Args.(*trace.RegisterArgs)
	if !ok || c.before == nil {
		return
	}
	op := uapi.RegisterOp(a.Op)
	now := layouts[op](r.memory(t), c.args[2], uint32(c.args[3]))
	if now == nil {
		return
	}
	if wrote, err := trace.WroteObject(c.before, now); err == nil {
		result.Wrote = wrote
	}
	switch {
	case op == uapi.IORING_REGISTER_RING_FDS && now.RingFDs != nil:
		for i, f := range *now.RingFDs {
			if int64(i) < ret && uint32(*f.Index) < uint32(len(t.rings)) {
				id, _ := t.Identify(int32(f.FD))
				t.rings[uint32(*f.Index)] = r.rings.Of(id)
			}
		}
	case op == uapi.IORING_REGISTER_MEM_REGION && ret == 0 && c.ring != nil && now.MemRegion.Region.Object != nil:
		reg := readBytes(r.memory(t), c.args[2], uapi.SizeofMemRegionReg)
		desc := uapi.DecodeRegionDesc(readBytes(r.memory(t), uapi.DecodeMemRegionReg(reg).RegionPtr, uapi.SizeofRegionDesc))
		if now.MemRegion.Flags != 0 {
			c.ring.waits, c.ring.waitsSize = desc.UserAddr, desc.Size
		}
	case op == uapi.IORING_REGISTER_RESIZE_RINGS && ret == 0 && c.ring != nil:
		c.ring.Resize(uapi.DecodeParams(*now.Bytes))
	}
}

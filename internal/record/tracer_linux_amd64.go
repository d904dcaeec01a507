package record

import (
	"errors"
	"fmt"
	"maps"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/uringsim/uringsim/internal/sysuring"
	"github.com/uringsim/uringsim/trace"
)

func itoa(fd int32) string { return strconv.Itoa(int(fd)) }

// options of the tracer: to be told of all that becomes of the program. It dies with the tracer, since without one its
// io_uring calls would fail with ENOSYS.
const options = unix.PTRACE_O_EXITKILL | unix.PTRACE_O_TRACESECCOMP | unix.PTRACE_O_TRACESYSGOOD |
	unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK | unix.PTRACE_O_TRACECLONE |
	unix.PTRACE_O_TRACEEXEC | unix.PTRACE_O_TRACEEXIT

// tracer follows a program's threads. All of its work is on one thread, which ptrace(2) demands, but looks at rings
// with a submission thread while the program runs.
type tracer struct {
	mu      sync.Mutex // of all below
	sampler bool       // a sampler runs
	rec     *recorder
	root    int
	tasks   map[int]*task
	early   map[int]bool // threads that stopped before their parent told of them
	started bool         // the program runs, and no longer the stub
	spawns  int
	status  unix.WaitStatus // of the root
}

// run follows the program until nothing of it is left.
func (t *tracer) run() error {
	defer t.endSampling()
	for {
		var ws unix.WaitStatus
		tid, err := unix.Wait4(-1, &ws, unix.WALL|unix.WNOTHREAD, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ECHILD):
			return nil
		case err != nil:
			return fmt.Errorf("wait4: %w", err)
		}
		if err := t.told(tid, ws); err != nil && !errors.Is(err, unix.ESRCH) { // killed while it was stopped
			return fmt.Errorf("thread %d: %w", tid, err)
		}
	}
}

// told handles what became of a thread.
func (t *tracer) told(tid int, ws unix.WaitStatus) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if ws.Exited() || ws.Signaled() {
		t.gone(tid, ws)
	} else if ws.Stopped() {
		return t.stopped(tid, ws)
	}
	return nil
}

// samplePause is how long rings with a submission thread are left alone.
const samplePause = 200 * time.Microsecond

// keepSampling looks at rings with a submission thread, beside the tracer, as long as there are any.
func (t *tracer) keepSampling() {
	for {
		time.Sleep(samplePause)
		t.mu.Lock()
		t.sample()
		t.sampler = len(t.rec.polled) > 0
		if !t.sampler {
			t.mu.Unlock()
			return
		}
		t.mu.Unlock()
	}
}

// endSampling has the sampler end, and look at nothing more.
func (t *tracer) endSampling() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.rec.polled)
}

// resume has a stopped thread go on. One that shares a ring with a submission thread stops at each of its system calls,
// since it may wait in one for what is in that ring, and what it submitted is still there then.
func (t *tracer) resume(task *task, sig int) error {
	if !t.polls(task) {
		return unix.PtraceCont(task.tid, sig)
	}
	if !t.sampler {
		t.sampler = true
		go t.keepSampling()
	}
	return unix.PtraceSyscall(task.tid, sig)
}

// polls tells whether a ring with a submission thread is in the task's memory.
func (t *tracer) polls(task *task) bool {
	for _, space := range t.rec.polled {
		if space == task.proc.space {
			return true
		}
	}
	return false
}

// mostMisses is how often a ring is looked for that its program has yet to map.
const mostMisses = 1000

// sample looks at rings with a submission thread while the program runs.
func (t *tracer) sample() {
	for ring, space := range t.rec.polled {
		var task *task
		for _, other := range t.tasks {
			if other.proc.space == space && other.name != "" && !other.ended && (task == nil || other.tid < task.tid) {
				task = other
			}
		}
		switch {
		case task == nil:
			delete(t.rec.polled, ring)
		case t.rec.look(task, ring):
			ring.misses = mostMisses // the next one says that it is not mapped any more
		default:
			if ring.misses++; ring.misses > mostMisses {
				delete(t.rec.polled, ring)
			}
		}
	}
}

func (t *tracer) gone(tid int, ws unix.WaitStatus) {
	task := t.tasks[tid]
	delete(t.tasks, tid)
	if task != nil && task.name != "" {
		t.rec.abandon(task)
		t.rec.forgetSpace(task.proc.space)
	}
	delete(t.early, tid)
	if tid == t.root {
		t.status = ws
	}
}

// syscallStop is how PTRACE_O_TRACESYSGOOD tells the stop at the end of a call.
const syscallStop = unix.SIGTRAP | 0x80

// stopped handles a stop of a thread, and has it go on.
func (t *tracer) stopped(tid int, ws unix.WaitStatus) error {
	task := t.tasks[tid]
	if task == nil {
		t.early[tid] = true
		return nil
	}
	sig, event := ws.StopSignal(), int(ws>>16)
	switch event {
	case unix.PTRACE_EVENT_SECCOMP:
		var regs unix.PtraceRegs
		if err := unix.PtraceGetRegs(tid, &regs); err != nil {
			return err
		}
		if !t.started {
			return unix.PtraceCont(tid, 0)
		}
		t.rec.enterCall(task, regs.Orig_rax, [6]uint64{regs.Rdi, regs.Rsi, regs.Rdx, regs.R10, regs.R8, regs.R9})
		return unix.PtraceSyscall(tid, 0)
	case unix.PTRACE_EVENT_CLONE, unix.PTRACE_EVENT_FORK, unix.PTRACE_EVENT_VFORK:
		return t.spawn(task, event)
	case unix.PTRACE_EVENT_EXEC:
		return t.exec(tid)
	case unix.PTRACE_EVENT_EXIT:
		if task.name != "" {
			t.rec.ended(task)
		}
		return t.resume(task, 0)
	case unix.PTRACE_EVENT_STOP:
		switch sig {
		case unix.SIGSTOP, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU:
			return sysuring.Listen(tid)
		}
		return t.resume(task, 0)
	}
	if sig == syscallStop {
		if task.call == nil {
			t.rec.lookPolled(task)
			return t.resume(task, 0)
		}
		var regs unix.PtraceRegs
		if err := unix.PtraceGetRegs(tid, &regs); err != nil {
			return err
		}
		t.rec.exitCall(task, int64(regs.Rax))
		return t.resume(task, 0)
	}
	return t.resume(task, int(sig))
}

// spawn adds a thread or process that the parent has just made.
func (t *tracer) spawn(parent *task, event int) error {
	msg, err := unix.PtraceGetEventMsg(parent.tid)
	if err != nil {
		return err
	}
	child := &task{tid: int(msg), proc: parent.proc}
	kind := trace.Thread
	switch {
	case event == unix.PTRACE_EVENT_VFORK:
		kind = trace.VFork
		child.proc = &process{parent.proc.space, maps.Clone(parent.proc.files), parent.proc.nofile}
	case event == unix.PTRACE_EVENT_FORK || child.processOf() == child.tid:
		kind = trace.Fork
		child.proc = &process{parent.proc.space.clone(), maps.Clone(parent.proc.files), parent.proc.nofile}
		t.rec.forked(parent.proc.space, child.proc.space)
	}
	t.tasks[child.tid] = child
	if t.started {
		t.spawns++
		child.name = "t" + strconv.Itoa(t.spawns)
		t.rec.spawned(parent, child, kind)
	}
	if t.early[child.tid] {
		delete(t.early, child.tid)
		if err := unix.PtraceCont(child.tid, 0); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
	}
	return t.resume(parent, 0)
}

// exec handles a new program: the thread that executed it has the id of the process now, and the others are gone.
func (t *tracer) exec(pid int) error {
	msg, err := unix.PtraceGetEventMsg(pid)
	if err != nil {
		return err
	}
	task := t.tasks[int(msg)]
	if task == nil {
		task = t.tasks[pid]
	}
	if task == nil {
		return errors.New("an unknown task executed a program")
	}
	delete(t.tasks, int(msg))
	if !t.started {
		t.started = true
		task.name = trace.InitTask
		t.tasks[pid] = task
		t.rec.begin(task)
		return unix.PtraceCont(pid, 0)
	}
	for tid, other := range t.tasks {
		if other != task && other.proc == task.proc {
			t.rec.abandon(other)
			delete(t.tasks, tid)
		}
	}
	task.tid = pid
	t.tasks[pid] = task
	t.rec.executed(task)
	return unix.PtraceCont(pid, 0)
}

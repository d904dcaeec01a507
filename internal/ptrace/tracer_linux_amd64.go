package ptrace

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/uringsim/uringsim/internal/sysuring"
)

// Handler is told what the tasks of a program do. Its methods are all called on one thread, the only one that may use
// ptrace(2) on the tasks. An error ends the program, except ESRCH, which means that the task was killed while it was
// stopped.
type Handler interface {
	// Start is called when the program starts, before its first instruction.
	Start(t *Task) error
	// Enter is called when the task is about to make a call. The Step says what happens with it.
	Enter(t *Task, c Call) (Step, error)
	// Exit is called when a call for which Enter returned Watch has the result ret.
	Exit(t *Task, ret int64) error
	// Ignored is called when a signal that the task ignores interrupted an io_uring_enter(2) with the result ret. If that
	// ended the call, it did so only because the task is traced, and the handler should repeat it (Task.Again).
	Ignored(t *Task, c Call, ret int64) error
	// Spawn is called when the parent has made the child, before the child runs.
	Spawn(parent, child *Task, kind Kind) error
	// Stops tells whether the task should stop at every system call, for Passing.
	Stops(t *Task) bool
	// Passing is called at the start of a call, and at the end of one for which Enter did not return Watch.
	Passing(t *Task)
	// Exec is called when the task executes another program. Killed are the other threads that its process had before.
	Exec(t *Task, before *Process, killed []*Task) error
	// End is called when the task is about to end, while its memory is still there.
	End(t *Task)
	// Gone is called when the task has ended, with or without an End.
	Gone(t *Task)
	// Polls tells whether to call Idle while the program runs.
	Polls() bool
	// Idle is called several thousand times a second while nothing else happens.
	Idle() error
}

// Call is a system call that is about to be made.
type Call struct {
	NR   uint64
	Args [6]uint64
}

// Step says what happens with a call that is about to be made.
type Step int

// The steps.
const (
	Pass  Step = iota // make the call with its current arguments
	Watch             // make the call, and call Exit at its end
	Hold              // leave the task stopped until Release
)

// Kind is how a task was made.
type Kind int

// The kinds.
const (
	Fork Kind = iota
	VFork
	Thread
)

// options are those of the tracer: it is told of everything that happens to the program. The program dies with the
// tracer, since without one its io_uring calls would fail with ENOSYS.
const options = unix.PTRACE_O_EXITKILL | unix.PTRACE_O_TRACESECCOMP | unix.PTRACE_O_TRACESYSGOOD |
	unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK | unix.PTRACE_O_TRACECLONE |
	unix.PTRACE_O_TRACEEXEC | unix.PTRACE_O_TRACEEXIT

// tracer follows the threads of a program. It does all its work on one thread, as ptrace(2) demands.
type tracer struct {
	handler Handler
	root    int
	tasks   map[int]*Task
	early   map[int]bool    // threads that stopped before their parent's event for them came
	started bool            // the program runs, and not the stub any more
	status  unix.WaitStatus // exit status of the root
}

// follow runs the program until nothing of it is left.
func (t *tracer) follow() error {
	for {
		var ws unix.WaitStatus
		tid, err := unix.Wait4(-1, &ws, t.waitFlags(), nil)
		switch {
		case err == nil && tid == 0:
			if err := ignoreKilled(t.handler.Idle()); err != nil {
				return err
			}
			time.Sleep(pause)
			continue
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ECHILD):
			return nil
		case err != nil:
			return fmt.Errorf("wait4: %w", err)
		}
		if ws.Exited() || ws.Signaled() {
			t.gone(tid, ws)
			continue
		}
		if !ws.Stopped() {
			continue
		}
		if err := ignoreKilled(t.stopped(tid, ws)); err != nil {
			return fmt.Errorf("thread %d: %w", tid, err)
		}
	}
}

// ignoreKilled drops the error of a task that was killed while it was stopped.
func ignoreKilled(err error) error {
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	return err
}

// pause is the time between two calls of Idle.
const pause = 200 * time.Microsecond

// waitFlags returns the flags for wait4(2), which must not block if there is something to poll.
func (t *tracer) waitFlags() int {
	if t.handler.Polls() {
		return unix.WALL | unix.WNOTHREAD | unix.WNOHANG
	}
	return unix.WALL | unix.WNOTHREAD
}

func (t *tracer) gone(tid int, ws unix.WaitStatus) {
	task := t.tasks[tid]
	delete(t.tasks, tid)
	if task != nil && t.started {
		t.handler.Gone(task)
	}
	delete(t.early, tid)
	if tid == t.root {
		t.status = ws
	}
}

// syscallStop is the signal of a stop at a system call with PTRACE_O_TRACESYSGOOD.
const syscallStop = unix.SIGTRAP | 0x80

// stopped handles a stop of a thread, and continues the thread.
func (t *tracer) stopped(tid int, ws unix.WaitStatus) error {
	task := t.tasks[tid]
	if task == nil {
		t.early[tid] = true
		return nil
	}
	sig, event := ws.StopSignal(), int(ws>>16)
	switch event {
	case unix.PTRACE_EVENT_SECCOMP:
		return t.enter(task)
	case unix.PTRACE_EVENT_CLONE, unix.PTRACE_EVENT_FORK, unix.PTRACE_EVENT_VFORK:
		return t.spawn(task, event)
	case unix.PTRACE_EVENT_EXEC:
		return t.exec(tid)
	case unix.PTRACE_EVENT_EXIT:
		if t.started {
			t.handler.End(task)
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
		if !task.watched {
			t.handler.Passing(task)
			return t.resume(task, 0)
		}
		task.watched = false
		var regs unix.PtraceRegs
		if err := unix.PtraceGetRegs(tid, &regs); err != nil {
			return err
		}
		if err := t.handler.Exit(task, int64(regs.Rax)); err != nil {
			return err
		}
		return t.resume(task, 0)
	}
	if err := t.ignore(task, sig); err != nil {
		return err
	}
	return t.resume(task, int(sig))
}

// resume continues a stopped task.
func (t *tracer) resume(task *Task, sig int) error {
	if t.started && t.handler.Stops(task) {
		return unix.PtraceSyscall(task.TID, sig)
	}
	return unix.PtraceCont(task.TID, sig)
}

// enter handles the start of a call.
func (t *tracer) enter(task *Task) error {
	if !t.started {
		return unix.PtraceCont(task.TID, 0)
	}
	var regs unix.PtraceRegs
	if err := unix.PtraceGetRegs(task.TID, &regs); err != nil {
		return err
	}
	step, err := t.handler.Enter(task, callOf(&regs))
	if err != nil {
		return err
	}
	return task.Release(step)
}

// callOf returns the call that a task is in.
func callOf(r *unix.PtraceRegs) Call {
	return Call{r.Orig_rax, [6]uint64{r.Rdi, r.Rsi, r.Rdx, r.R10, r.R8, r.R9}}
}

// spawn adds a thread or process that the parent has just made.
func (t *tracer) spawn(parent *Task, event int) error {
	msg, err := unix.PtraceGetEventMsg(parent.TID)
	if err != nil {
		return err
	}
	child := &Task{TID: int(msg), Process: parent.Process}
	kind := Thread
	switch {
	case event == unix.PTRACE_EVENT_VFORK:
		kind = VFork
		child.Process = &Process{Space: parent.Process.Space}
	case event == unix.PTRACE_EVENT_FORK || child.PID() == child.TID:
		kind = Fork
		child.Process = newProcess()
	}
	t.tasks[child.TID] = child
	if t.started {
		if err := t.handler.Spawn(parent, child, kind); err != nil {
			return err
		}
	}
	if t.early[child.TID] {
		delete(t.early, child.TID)
		if err := ignoreKilled(unix.PtraceCont(child.TID, 0)); err != nil {
			return err
		}
	}
	return t.resume(parent, 0)
}

// exec handles a new program. The thread that executed it now has the id of the process, and the others are gone.
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
	var killed []*Task
	for tid, other := range t.tasks {
		if other != task && other.Process == task.Process {
			killed = append(killed, other)
			delete(t.tasks, tid)
		}
	}
	task.TID = pid
	t.tasks[pid] = task
	before := task.Process
	task.Process = newProcess()
	if !t.started {
		t.started = true
		err = t.handler.Start(task)
	} else {
		err = t.handler.Exec(task, before, killed)
	}
	if err != nil {
		return err
	}
	return unix.PtraceCont(pid, 0)
}

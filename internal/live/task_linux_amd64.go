package live

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/uringsim/uringsim/internal/sysuring"
	"github.com/uringsim/uringsim/trace"
)

// task is a task of the trace: one thread of the kernel.
type task struct {
	name     string
	slot     int
	tid, pid int
	starts   uint32 // how often the agent's image was started here
	space    *space
	waitsFor *task // its vfork child, as long as that has not called exec or exited
	dead     string
}

// space is what the supervisor knows of an address space: the rings that are mapped there.
type space struct{ rings map[*ring]place }

func newSpace() *space { return &space{rings: map[*ring]place{}} }

// newTask takes a slot for a task that is about to start. Callers check that one is free.
func (k *Kernel) newTask(name string) *task {
	last := len(k.free) - 1
	t := &task{name: name, slot: k.free[last]}
	k.free = k.free[:last]
	k.arena.Reset(t.slot)
	k.tasks[name] = t
	return t
}

// release gives a task's slot back.
func (k *Kernel) release(t *task, why string) {
	if t.dead == "" {
		t.dead = why
		k.free = append(k.free, t.slot)
	}
}

// ready finds a task that can make calls.
func (k *Kernel) ready(name string) (*task, error) {
	switch t := k.tasks[name]; {
	case t == nil:
		return nil, fmt.Errorf("there is no task %q", name)
	case t.dead != "":
		return nil, fmt.Errorf("task %q %s", name, t.dead)
	case t.waitsFor != nil:
		return nil, fmt.Errorf("task %q waits until its vfork child %q calls exec or exits", name, t.waitsFor.name)
	default:
		return t, nil
	}
}

// run has the task carry out a batch and collects the results.
func (k *Kernel) run(t *task, cmds []sysuring.Cmd) error {
	k.arena.Start(t.slot, cmds)
	err := k.await(t, func() bool { return k.arena.Done(t.slot) })
	k.arena.Results(t.slot, cmds)
	return err
}

// await waits until cond holds, which t brings about. A task that dies or hangs is an error, and is dead afterwards.
func (k *Kernel) await(t *task, cond func() bool) error {
	const look = 50 * time.Millisecond // how soon a dead task is noticed
	for end := time.Now().Add(k.opts.Timeout); ; {
		if k.arena.Wait(cond, look) {
			return nil
		}
		switch {
		case gone(t):
			if k.arena.Wait(cond, 0) {
				return nil
			}
			k.killed(t, "has died")
			return fmt.Errorf("task %q has died", t.name)
		case time.Now().After(end):
			err := fmt.Errorf("task %q has not answered for %v and was killed", t.name, k.opts.Timeout)
			return errors.Join(err, k.kill(t))
		}
	}
}

// gone says whether the kernel has ended the thread, which then no longer has files or memory.
func gone(t *task) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/stat", t.pid, t.tid))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return true
	}
	_, state, ok := bytes.Cut(stat[bytes.LastIndexByte(stat, ')')+1:], []byte{' '})
	return ok && (state[0] == 'Z' || state[0] == 'X')
}

// kill ends the task's whole process.
func (k *Kernel) kill(t *task) error {
	var err error
	if t.pid > 0 { // else it never told its id, and ends with the process group
		err = unix.Kill(t.pid, unix.SIGKILL)
	}
	k.killed(t, "was killed, since it hung")
	return err
}

// killed notes that the task's process is no more.
func (k *Kernel) killed(t *task, why string) {
	for _, o := range k.tasks {
		if o.pid == t.pid && o.dead == "" {
			k.release(o, why)
		}
	}
	for _, o := range k.tasks {
		if o.waitsFor != nil && o.waitsFor.pid == t.pid && o.dead == "" {
			_ = k.settle(o) // o is dead or well afterwards; this error is t's
		}
	}
}

// settle waits for the end of a vfork that t's child has released t from.
func (k *Kernel) settle(t *task) error {
	t.waitsFor = nil
	return k.await(t, func() bool { return k.arena.Done(t.slot) })
}

// settleParent does so for the parent of a task that has just called exec or exited.
func (k *Kernel) settleParent(child *task) error {
	for _, t := range k.tasks {
		if t.waitsFor == child {
			return k.settle(t)
		}
	}
	return nil
}

// cloneFlags of the kinds of Spawn.
var cloneFlags = map[trace.SpawnKind]uint64{
	trace.Fork:  uint64(unix.SIGCHLD),
	trace.VFork: unix.CLONE_VM | unix.CLONE_VFORK | uint64(unix.SIGCHLD),
	trace.Thread: unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_THREAD |
		unix.CLONE_SYSVSEM,
}

func (k *Kernel) spawn(t *task, c trace.Spawn) trace.Result {
	flags, ok := cloneFlags[c.Kind]
	if !ok {
		return failed("unknown kind of spawn %q", c.Kind)
	}
	if o := k.tasks[c.Child]; o != nil && o.dead == "" {
		return failed("task %q exists already", c.Child)
	}
	if len(k.free) == 0 {
		return failed("%d tasks exist, and no more can be", sysuring.Slots)
	}
	child := k.newTask(c.Child)
	cmds := []sysuring.Cmd{{NR: unix.SYS_CLONE | sysuring.Child, Args: [6]uint64{flags, 5: sysuring.SlotAddr(child.slot)}}}
	k.arena.Start(t.slot, cmds)
	// A vfork child comes up before its parent goes on.
	up := func() bool { return k.arena.Done(child.slot) }
	err := k.await(t, func() bool { return k.arena.Done(t.slot) || c.Kind == trace.VFork && up() })
	if k.arena.Results(t.slot, cmds); err != nil || cmds[0].Ret < 0 && cmds[0].Ret != sysuring.NotRun {
		k.release(child, "was not made")
		return result(cmds[0].Ret, err)
	}
	if cmds[0].Ret > 0 { // so that await can notice its death
		child.tid, child.pid = int(cmds[0].Ret), int(cmds[0].Ret)
		if c.Kind == trace.Thread {
			child.pid = t.pid
		}
	}
	if err := k.await(child, up); err != nil {
		return result(0, err)
	}
	k.adopt(t, child, c.Kind)
	return trace.Result{}
}

// adopt notes what a new child is and shares.
func (k *Kernel) adopt(t, child *task, kind trace.SpawnKind) {
	child.tid, child.pid, child.starts = k.arena.IDs(child.slot)
	switch kind {
	case trace.Fork:
		child.space = &space{rings: maps.Clone(t.space.rings)}
	case trace.VFork:
		child.space, t.waitsFor = t.space, child
	case trace.Thread:
		child.space = t.space
		return
	}
	k.pids = append(k.pids, child.pid)
}

func (k *Kernel) exec(t *task) trace.Result {
	k.arena.SetExecSlot(t.slot)
	cmds := []sysuring.Cmd{call(unix.SYS_EXECVEAT, sysuring.ImageFD, sysuring.EmptyString, sysuring.Argv,
		sysuring.Envp, unix.AT_EMPTY_PATH)}
	if err := k.run(t, cmds); err != nil {
		return result(0, err)
	}
	tid, pid, starts := k.arena.IDs(t.slot)
	if starts == t.starts {
		return result(cmds[0].Ret, nil)
	}
	t.tid, t.pid, t.starts, t.space = tid, pid, starts, newSpace()
	for _, o := range k.tasks { // exec ends the other threads
		if o != t && o.pid == pid && o.dead == "" {
			k.release(o, fmt.Sprintf("ended when thread %q of its process called exec", t.name))
		}
	}
	return result(0, k.settleParent(t))
}

// exit ends one thread. It returns when the kernel has let go of the thread's files.
func (k *Kernel) exit(t *task) trace.Result {
	k.arena.Start(t.slot, []sysuring.Cmd{call(unix.SYS_EXIT, 0)})
	for end := time.Now().Add(k.opts.Timeout); !gone(t); time.Sleep(time.Millisecond / 4) {
		if time.Now().After(end) {
			return result(0, errors.Join(fmt.Errorf("task %q did not exit", t.name), k.kill(t)))
		}
	}
	k.release(t, "has exited")
	return result(0, k.settleParent(t))
}

// failed is a Result for what the system cannot do.
func failed(format string, args ...any) trace.Result {
	return trace.Result{Err: fmt.Errorf(format, args...)}
}

// result is a return value, unless the system itself failed.
func result(ret int64, err error) trace.Result {
	if err != nil {
		return trace.Result{Err: err}
	}
	return trace.Result{Ret: ret}
}

// Package sim models io_uring/io_uring.c: rings, setup, submission, links, drains and completion. Its Kernel carries
// out the calls of tasks as the kernel of one release would, and says why it refuses what it refuses.
package sim

import (
	"encoding/binary"
	"fmt"

	"github.com/uringsim/uringsim/bpffilter"
	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/mm"
	"github.com/uringsim/uringsim/opdef"
	"github.com/uringsim/uringsim/register"
	"github.com/uringsim/uringsim/tctx"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// Kernel is a simulated kernel with its tasks and rings. It implements trace.System. It is not safe for concurrent use.
type Kernel struct {
	release kernel.Release
	tasks   map[string]*task
	order   []*task // tasks, oldest first
	rings   map[string]*Ring
	ops     *opdef.Ops
	engine  cbpfvm.Engine
	label   string
	issuer  Issuer
	filters FilterObserver
	now     int64             // CLOCK_MONOTONIC in ns
	quiet   bool              // nobody asks for accounts of requests, or why filters denied them
	trying  bool              // a policy is on trial
	limits  bool              // a task has asked for filters or restrictions
	screen  *bpffilter.Screen // of SQEs that nobody asks about
	seen    map[string]uint32 // IORING_SETUP flags of rings that were seen to be made, by name
}

// task is a tctx.Task with the work that waits for its return to user mode.
type task struct {
	*tctx.Task
	work workQueue
	raw  []rawWork // task work of its own, which is not in the queue of requests
}

// Option is a choice about a kernel that is made.
type Option func(*Kernel)

// WithEngine makes a kernel run its filters on an engine. Without it, that is cbpfvm.Reference.
func WithEngine(e cbpfvm.Engine) Option { return func(k *Kernel) { k.engine = e } }

// New is a kernel of the release with the one task "init".
func New(r kernel.Release, options ...Option) *Kernel {
	k := &Kernel{release: r, ops: opdef.On(r), tasks: map[string]*task{}, rings: map[string]*Ring{}}
	for _, choose := range options {
		choose(k)
	}
	k.screen = bpffilter.NewScreen(k.engine, k.ops)
	k.add(tctx.NewInit(trace.InitTask))
	return k
}

// add makes a task known by its name.
func (k *Kernel) add(t *tctx.Task) {
	own := &task{Task: t}
	k.tasks[t.Name] = own
	k.order = append(k.order, own)
}

// Release is the release that is modelled.
func (k *Kernel) Release() kernel.Release { return k.release }

// SetLabel names what happens next ("event 3"); explanations of filters repeat it.
func (k *Kernel) SetLabel(label string) { k.label = label }

// SetQuiet tells whether the caller can do without Result.Requests, and with Result.Tally, which costs less than half
// the time then. Results are only good until the next call, as their lists share memory.
func (k *Kernel) SetQuiet(quiet bool) { k.quiet = quiet }

// Close forgets everything.
func (k *Kernel) Close() error {
	k.tasks, k.order, k.rings = nil, nil, nil
	return nil
}

// Task is a task by name.
func (k *Kernel) Task(name string) (*tctx.Task, bool) {
	t, ok := k.tasks[name]
	if !ok {
		return nil, false
	}
	return t.Task, true
}

// Ring is a ring by the name that Setup gave it.
func (k *Kernel) Ring(name string) (*Ring, bool) {
	r, ok := k.rings[name]
	return r, ok
}

// Read copies memory of a task.
func (k *Kernel) Read(name string, addr uint64, n int) ([]byte, error) {
	t, err := k.find(name)
	if err != nil {
		return nil, err
	}
	b := make([]byte, n)
	if !t.Mem.CopyIn(b, addr) {
		return nil, fmt.Errorf("task %s cannot read %d bytes at %#x", name, n, addr)
	}
	return b, nil
}

// find is the task that makes a call.
func (k *Kernel) find(name string) (*task, error) {
	t := k.tasks[name]
	switch {
	case t == nil:
		return nil, fmt.Errorf("there is no task %q", name)
	case !t.Alive():
		return nil, fmt.Errorf("task %q has ended, or waits for a vfork child", name)
	}
	return t, nil
}

// Do carries out a call.
func (k *Kernel) Do(name string, c trace.Call) trace.Result {
	t, err := k.find(name)
	if err != nil {
		return trace.Result{Err: err}
	}
	switch c := c.(type) {
	case trace.Setup:
		return k.setup(t, c)
	case trace.Register:
		k.limits = k.limits || limiting(c.Op)
		o := register.Call(k.release, t.Task, &register.Args{FD: c.FD, Op: c.Op, Arg: c.Arg, Nr: c.Nr,
			Origin: k.since(), Known: (*register.Answer)(c.Known)})
		if k.filters != nil && o.Filters != nil {
			k.filters.Registered(o.Filters.Newest())
		}
		t.runWork() // on the way back to user mode
		return trace.Result{Ret: o.Ret, Why: o.Why, Trial: o.Trial, Resized: o.Resized, Unmodelled: o.Unmodelled}
	case trace.Enter:
		return k.enter(t, &c)
	case trace.Reap:
		return k.reap(t, c)
	case trace.Spawn:
		return k.spawn(t, c)
	case trace.Exec:
		k.cancelAll(t)
		t.Exec(k.release)
		t.work, t.raw = workQueue{}, nil
		return trace.Result{}
	case trace.Exit:
		t.Exit()
		return trace.Result{}
	case trace.RlimitNofile:
		e, why := t.setNofile(c.Limit)
		return syscall(e, "kernel/sys.c:do_prlimit", why)
	case trace.NewUserNS:
		return k.newUserNS(t)
	case trace.DropPrivileges:
		return syscall(t.DropPrivileges(), "kernel/sys.c:__sys_setresgid", "65534 must be mapped in the user namespace")
	case trace.NoNewPrivs:
		t.NoNewPrivs = true
		return trace.Result{}
	}
	return t.fileCall(c)
}

// limiting tells whether a register call asks for what denies requests with EACCES.
func limiting(op uint32) bool {
	switch uapi.RegisterOp(op &^ uapi.IORING_REGISTER_USE_REGISTERED_RING) {
	case uapi.IORING_REGISTER_BPF_FILTER, uapi.IORING_REGISTER_RESTRICTIONS:
		return true
	}
	return false
}

// setNofile reads struct rlimit and sets RLIMIT_NOFILE.
func (t *task) setNofile(addr uint64) (e uapi.Errno, why string) {
	var b [16]byte
	if !t.Mem.CopyIn(b[:], addr) {
		return uapi.EFAULT, "struct rlimit must be readable"
	}
	le := binary.LittleEndian
	return t.SetNofile(tctx.Rlimit{Cur: le.Uint64(b[:]), Max: le.Uint64(b[8:])})
}

// since is the label as a suffix of "registered by ...".
func (k *Kernel) since() string {
	if k.label == "" {
		return ""
	}
	return " in " + k.label
}

func syscall(e uapi.Errno, where, why string) trace.Result {
	if e == 0 {
		return trace.Result{}
	}
	return trace.Result{Ret: e.Ret(), Why: verdict.Refuse(verdict.Syscall, e, where, why)}
}

// spawn makes a child task.
func (k *Kernel) spawn(t *task, c trace.Spawn) trace.Result {
	if c.Child == "" || k.tasks[c.Child] != nil {
		return trace.Result{Err: fmt.Errorf("a child needs a new name, not %q", c.Child)}
	}
	makers := map[trace.SpawnKind]func(kernel.Release, string) *tctx.Task{
		trace.Fork: t.Fork, trace.VFork: t.VFork, trace.Thread: t.Thread,
	}
	spawn, ok := makers[c.Kind]
	if !ok {
		return trace.Result{Err: fmt.Errorf("unknown kind of child %q", c.Kind)}
	}
	k.add(spawn(k.release, c.Child))
	return trace.Result{}
}

var prots = map[trace.Prot]mm.Prot{trace.ProtNone: mm.None, trace.ProtRead: mm.Read, trace.ProtReadWrite: mm.ReadWrite}

// fileCall carries out the calls on memory and file descriptors, which only prepare the ground.
func (t *task) fileCall(c trace.Call) trace.Result {
	install := func(kind tctx.FileKind, flags uint32) trace.Result {
		fd, e := t.Files.Install(&tctx.File{Kind: kind}, flags&uapi.O_CLOEXEC != 0)
		if e != 0 {
			return syscall(e, "fs/file.c:alloc_fd", "there must be a free descriptor")
		}
		return trace.Result{Ret: int64(fd)}
	}
	switch c := c.(type) {
	case trace.Map:
		mmap := t.Mem.Map
		if c.Shared {
			mmap = t.Mem.MapShared
		}
		return syscall(mmap(c.Addr, c.Size, prots[c.Prot]), "mm/mmap.c:do_mmap", "whole pages of user memory")
	case trace.Protect:
		return syscall(t.Mem.Protect(c.Addr, c.Size, prots[c.Prot]), "mm/mprotect.c:do_mprotect_pkey", "mapped whole pages")
	case trace.Unmap:
		return syscall(t.Mem.Unmap(c.Addr, c.Size), "mm/vma.c:do_vmi_munmap", "whole pages of user memory")
	case trace.Write:
		if !t.Mem.CopyOut(c.Addr, c.Data) {
			return trace.Result{Err: fmt.Errorf("task %s cannot write %d bytes at %#x", t.Name, len(c.Data), c.Addr)}
		}
		return trace.Result{}
	case trace.Close:
		return syscall(t.Files.Close(c.FD), "fs/open.c:close", "fd must be open")
	case trace.Cloexec:
		return syscall(t.Files.SetCloexec(c.FD, c.On), "fs/fcntl.c:do_fcntl", "fd must be open")
	case trace.Dup:
		f := t.Files.Get(c.FD)
		if f == nil {
			return syscall(uapi.EBADF, "fs/file.c:dup", "fd must be open")
		}
		fd, e := t.Files.Install(f, false)
		if e != 0 {
			return syscall(e, "fs/file.c:alloc_fd", "there must be a free descriptor")
		}
		return trace.Result{Ret: int64(fd)}
	case trace.DupTo:
		f := t.Files.Get(c.FD)
		if f == nil {
			return trace.Result{Err: fmt.Errorf("task %s has no descriptor %d to move", t.Name, c.FD)}
		}
		t.Files.Put(c.To, f, false)
		return trace.Result{Ret: int64(c.To)}
	case trace.Open:
		if _, e := t.Mem.CString(c.Path, 4096); e != 0 {
			return syscall(e, "fs/namei.c:getname_flags", "there must be a path")
		}
		return install(tctx.OtherFile, c.Flags)
	case trace.Socket:
		return install(tctx.SocketFile, uint32(c.Type))
	case trace.Eventfd:
		if c.Flags&^(uapi.EFD_SEMAPHORE|uapi.O_NONBLOCK|uapi.O_CLOEXEC) != 0 {
			return syscall(uapi.EINVAL, "fs/eventfd.c:do_eventfd", "flags must be known")
		}
		return install(tctx.EventFile, c.Flags)
	case trace.Pipe:
		return t.pair(tctx.PipeFile, c.Flags, c.FDs)
	case trace.Socketpair:
		return t.pair(tctx.SocketFile, uint32(c.Type), c.FDs)
	}
	return trace.Result{Err: fmt.Errorf("unknown call %T", c)}
}

// pair makes two descriptors and stores them.
func (t *task) pair(kind tctx.FileKind, flags uint32, addr uint64) trace.Result {
	var raw []byte
	for range 2 {
		fd, e := t.Files.Install(&tctx.File{Kind: kind}, flags&uapi.O_CLOEXEC != 0)
		if e != 0 {
			return syscall(e, "fs/file.c:alloc_fd", "there must be a free descriptor")
		}
		raw = binary.LittleEndian.AppendUint32(raw, uint32(fd))
	}
	if !t.Mem.CopyOut(addr, raw) {
		return syscall(uapi.EFAULT, "fs/pipe.c:do_pipe2", "there must be room for two descriptors")
	}
	return trace.Result{}
}

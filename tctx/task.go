// Package tctx models io_uring/tctx.c and what kernel/fork.c and fs/exec.c do with it: tasks, their credentials, their
// restrictions and filters, and their registered rings.
package tctx

import (
	"slices"

	"github.com/uringsim/uringsim/bpffilter"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/mm"
	"github.com/uringsim/uringsim/uapi"
)

// Cred is as much of a task's credentials as io_uring asks for.
type Cred struct {
	CapInit bool // all capabilities in the initial user namespace
	CapNS   bool // CAP_SYS_ADMIN in the task's own user namespace
	NewNS   bool // the task is in a user namespace of its own, without mapped ids
	Nobody  bool // its ids are 65534, not 0
}

// WorkQueue is the pool of a task's workers (struct io_wq).
type WorkQueue struct {
	Max [2]uint32 // the most workers of bounded and of unbounded work, 0 if it depends on the machine
}

// Task is a thread (struct task_struct).
type Task struct {
	Name       string
	Cred       Cred
	NoNewPrivs bool

	// Restrict is the task's restrictions and filters, nil if none were ever registered (current->io_uring_restrict).
	Restrict *bpffilter.Restriction
	// Trial is a policy that is asked and not obeyed, nil if there is none.
	Trial *bpffilter.Restriction
	// Uses tells that the task has set up or entered a ring (current->io_uring is set).
	Uses bool
	// WQ is the task's io-wq, nil as long as it uses no ring.
	WQ *WorkQueue
	// Workers tells that io-wq has worked for the task: its threads belong to the process for a while.
	Workers bool
	// Rings are the registered ring fds.
	Rings [uapi.IO_RINGFD_REG_MAX]*File

	Mem   *mm.Space
	Files *FDTable

	process *process
	parent  *Task // of a vfork child until it execs or exits: that one waits
	waiting bool  // in vfork
	dead    bool
}

// process is a thread group. Its first thread stays in it, even when it has exited, until the last one has.
type process struct {
	threads []*Task
	leader  *Task
	nofile  Rlimit
}

func newProcess(t *Task, nofile Rlimit) *process {
	return &process{threads: []*Task{t}, leader: t, nofile: nofile}
}

// NewInit is the first task: root, with nothing mapped and descriptors 0 to 2 open.
func NewInit(name string) *Task {
	t := &Task{Name: name, Cred: Cred{CapInit: true, CapNS: true}, Mem: &mm.Space{}, Files: newFDTable()}
	t.process = newProcess(t, initNofile)
	return t
}

// Alive tells whether the task can make calls; a task that waits in vfork cannot.
func (t *Task) Alive() bool { return !t.dead && !t.waiting }

// Waits tells whether the task is in vfork, where it does nothing else, task work neither.
func (t *Task) Waits() bool { return t.waiting }

// Ended tells whether the task is no more.
func (t *Task) Ended() bool { return t.dead }

// MayFilter tells whether the task may restrict itself: no_new_privs, or CAP_SYS_ADMIN in its user namespace.
//
// Linux: io_uring/register.c:io_register_bpf_filter_task
func (t *Task) MayFilter() bool { return t.NoNewPrivs || t.Cred.CapNS }

// child is a copy of the task with its own restrictions.
//
// Linux: io_uring/tctx.c:__io_uring_fork
func (t *Task) child(k kernel.Release, name string) *Task {
	c := &Task{Name: name, Cred: t.Cred, NoNewPrivs: t.NoNewPrivs, Mem: t.Mem, Files: t.Files}
	c.Restrict, c.Trial = handDown(k, t.Restrict), handDown(k, t.Trial)
	return c
}

// handDown is the restriction of a child; nil if its parent has none.
func handDown(k kernel.Release, r *bpffilter.Restriction) *bpffilter.Restriction {
	if r == nil {
		return nil
	}
	child := &bpffilter.Restriction{}
	bpffilter.Clone(k, child, r)
	return child
}

// Fork makes a child process.
func (t *Task) Fork(k kernel.Release, name string) *Task {
	c := t.child(k, name)
	c.Mem, c.Files = t.Mem.Clone(), t.Files.clone()
	c.process = newProcess(c, t.process.nofile)
	return c
}

// VFork makes a child process in the same memory; the parent waits until the child execs or exits.
func (t *Task) VFork(k kernel.Release, name string) *Task {
	c := t.child(k, name)
	c.Files = t.Files.clone()
	c.process = newProcess(c, t.process.nofile)
	c.parent, t.waiting = t, true
	return c
}

// Thread makes another thread of the same process.
func (t *Task) Thread(k kernel.Release, name string) *Task {
	c := t.child(k, name)
	c.process = t.process
	c.process.threads = append(c.process.threads, c)
	return c
}

// IOThread makes a thread of the process that only the kernel uses, as the submission threads of rings are.
//
// Linux: kernel/fork.c:create_io_thread
func (t *Task) IOThread(name string) *Task {
	c := &Task{Name: name, Cred: t.Cred, Mem: t.Mem, Files: t.Files, process: t.process}
	t.process.threads = append(t.process.threads, c)
	return c
}

// OnlyThreadBut tells whether no other threads belong to the process than these, and no workers.
func (t *Task) OnlyThreadBut(others []*Task) bool {
	return !slices.ContainsFunc(t.process.threads, func(o *Task) bool {
		return o.Workers || o != t && !slices.Contains(others, o)
	})
}

// SameProcess tells whether the tasks are threads of one process.
func (t *Task) SameProcess(other *Task) bool { return t.process == other.process }

// Exec gives the task fresh memory and closes descriptors. The other threads of the process die.
//
// Linux: fs/exec.c:begin_new_exec, io_uring/cancel.c:__io_uring_cancel
func (t *Task) Exec(k kernel.Release) {
	for _, other := range t.process.threads {
		other.dead = other != t
	}
	t.process.threads, t.process.leader = []*Task{t}, t
	t.release()
	if t.Uses && k.Has(kernel.RestrictionsLostOnExec) {
		t.Restrict, t.Trial = nil, nil
	}
	t.Uses, t.WQ, t.Workers, t.Rings = false, nil, false, [uapi.IO_RINGFD_REG_MAX]*File{}
	t.Mem, t.Files = &mm.Space{}, t.Files.closeOnExec()
	if t.Cred.NewNS {
		t.Cred.CapNS = false // its id is not mapped, so that exec leaves it no capability
	}
}

// Exit ends the task.
func (t *Task) Exit() {
	t.dead, t.Restrict, t.Trial = true, nil, nil
	t.Rings = [uapi.IO_RINGFD_REG_MAX]*File{}
	t.release()
	for i, other := range t.process.threads {
		if other == t {
			t.process.threads = append(t.process.threads[:i:i], t.process.threads[i+1:]...)
			break
		}
	}
}

// release wakes the parent that waits in vfork.
func (t *Task) release() {
	if t.parent != nil {
		t.parent.waiting, t.parent = false, nil
	}
}

// DropPrivileges sets all ids to 65534, after which no capability is left.
func (t *Task) DropPrivileges() uapi.Errno {
	if t.Cred.NewNS {
		return uapi.EINVAL // 65534 is not mapped there
	}
	t.Cred = Cred{Nobody: true}
	return 0
}

// NewUserNS moves the task into a user namespace of its own, where it has all capabilities.
//
// Linux: kernel/fork.c:check_unshare_flags, kernel/user_namespace.c:create_user_ns
//
// Departs: a worker that has been idle for some seconds ends, and is no thread of the process any more.
func (t *Task) NewUserNS() (e uapi.Errno, why string) {
	for _, other := range t.process.threads {
		if other != t || other.Workers {
			return uapi.EINVAL, "the task must be the only thread of its process, workers included"
		}
	}
	if t.process.leader.dead {
		return uapi.EINVAL, "the first thread of the process has exited, and still counts"
	}
	if t.Cred.NewNS {
		return uapi.EPERM, "the task's ids must be mapped in its user namespace"
	}
	t.Cred = Cred{CapNS: true, NewNS: true, Nobody: t.Cred.Nobody}
	return 0, ""
}

// AddRing puts a ring into a free place of the task's registered rings, from start up to end.
//
// Linux: io_uring/tctx.c:io_ring_add_registered_file
func (t *Task) AddRing(f *File, start, end uint32) (index int32, e uapi.Errno) {
	for i := start; i < end; i++ {
		if t.Rings[i] == nil {
			t.Rings[i] = f
			return int32(i), 0
		}
	}
	return -1, uapi.EBUSY
}

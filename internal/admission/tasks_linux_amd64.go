package admission

import (
	"maps"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/uringsim/uringsim/internal/ptrace"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/mm"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/tctx"
	"github.com/uringsim/uringsim/uapi"
)

// runner has the calls of a program's tasks go through the gate.
type runner struct {
	*ledger
	host    *host
	release kernel.Release
	gate    *sim.Gate
	first   *tctx.Task // the model's task that the program starts as
	tasks   map[*ptrace.Task]*task
	rings   ptrace.Rings[*ring]
	setups  int
	spawns  int
	held    []*ring // rings at which tasks wait
	sleeps  bool    // there is a ring that stands for one with a submission thread, or was
}

var _ ptrace.Handler = (*runner)(nil)

// task is a thread of the program.
type task struct {
	*ptrace.Task
	model  *tctx.Task
	rings  [uapi.IO_RINGFD_REG_MAX]*ring // its registered rings
	call   *call                         // that it is in, if its end is of interest
	second *call                         // the wait for completions, that is to follow a submission
}

// call is a system call that a task is in.
type call struct {
	ptrace.Call
	ring    *ring
	params  *uapi.Params // of a setup
	change  bool         // the arguments are not the program's
	patches []ptrace.Patch
	asleep  bool         // a setup of such a ring
	rest    bool         // there are entries behind one that names no SQE, which a thread takes as well
	wait    *ptrace.Call // what is to follow once all is submitted
	second  bool         // this is what follows
	before  int64        // in a second call: what the first gave,
	first   [6]uint64    // and its arguments
}

// ring is a ring of the program.
type ring struct {
	*ptrace.Ring
	model   *sim.Ring
	maker   *ptrace.Process // that made it
	flight  *flight         // the submission under way, nil if there is none
	waiting []held
}

// attach gives a task of the program its task in the model.
func (r *runner) attach(p *ptrace.Task, model *tctx.Task) {
	model.Mem = mm.NewOutside(p)
	r.tasks[p] = &task{Task: p, model: model}
}

// Start has the program be the model's first task.
func (r *runner) Start(p *ptrace.Task) error {
	r.attach(p, r.first)
	return nil
}

// Spawn has the model make the same child.
func (r *runner) Spawn(parent, child *ptrace.Task, kind ptrace.Kind) error {
	r.spawns++
	name := "t" + strconv.Itoa(r.spawns)
	from := r.tasks[parent].model
	if kind == ptrace.Thread {
		r.attach(child, from.Thread(r.release, name))
		return nil
	}
	r.attach(child, from.Fork(r.release, name)) // a vfork that has its parent wait is the host's
	if kind == ptrace.Fork {
		r.rings.Forked(parent.Process.Space, child.Process.Space)
	}
	return nil
}

// Exec has the model's task execute a program.
func (r *runner) Exec(p *ptrace.Task, before *ptrace.Process, killed []*ptrace.Task) error {
	for _, other := range killed {
		r.Gone(other)
	}
	t := r.tasks[p]
	t.model.Exec(r.release)
	r.attach(p, t.model)
	r.rings.Left(before.Space, maps.Keys(r.tasks))
	return nil
}

// End is not of interest: the task may still submit what it was killed in.
func (r *runner) End(*ptrace.Task) {}

// Gone ends the model's task.
func (r *runner) Gone(p *ptrace.Task) {
	t := r.tasks[p]
	delete(r.tasks, p)
	t.model.Exit()
	for ring := range r.rings.All() {
		if ring.flight != nil && ring.flight.task == t {
			ring.flight = nil
		}
	}
	r.rings.Left(p.Process.Space, maps.Keys(r.tasks))
}

// inUse are the rings that tasks use without a descriptor of their own.
func (r *runner) inUse() map[*ring]bool {
	use := map[*ring]bool{}
	for _, t := range r.tasks {
		for _, ring := range t.rings {
			use[ring] = true
		}
		for _, c := range []*call{t.call, t.second} {
			if c != nil {
				use[c.ring] = true
			}
		}
	}
	for _, ring := range r.held {
		use[ring] = true
	}
	return use
}

// Enter decides about a call.
func (r *runner) Enter(p *ptrace.Task, c ptrace.Call) (ptrace.Step, error) {
	t := r.tasks[p]
	t.call = nil
	switch c.NR {
	case unix.SYS_IO_URING_SETUP:
		return r.setup(t, c)
	case unix.SYS_IO_URING_REGISTER:
		return r.register(t, c)
	case unix.SYS_IO_URING_ENTER:
		return r.enter(t, c)
	case unix.SYS_PRCTL:
		return r.prctl(t, c)
	}
	return ptrace.Pass, nil
}

// Exit takes note of what a call gave.
func (r *runner) Exit(p *ptrace.Task, ret int64) error {
	t := r.tasks[p]
	c := t.call
	t.call = nil
	if c == nil {
		return nil
	}
	switch c.NR {
	case unix.SYS_IO_URING_SETUP:
		return r.didSetup(t, c, ret)
	case unix.SYS_IO_URING_REGISTER:
		return r.didRegister(t, c, ret)
	}
	return r.didEnter(t, c, ret)
}

// prctl has no_new_privs be the model's: the program may have it on the host only because it is traced.
func (r *runner) prctl(t *task, c ptrace.Call) (ptrace.Step, error) {
	rest := c.Args[2] | c.Args[3] | c.Args[4]
	switch {
	case int32(c.Args[0]) == unix.PR_SET_NO_NEW_PRIVS && c.Args[1] == 1 && rest == 0:
		t.model.NoNewPrivs = true
	case int32(c.Args[0]) == unix.PR_GET_NO_NEW_PRIVS && c.Args[1] == 0 && rest == 0:
		var set int64
		if t.model.NoNewPrivs {
			set = 1
		}
		return ptrace.Pass, t.Skip(set)
	}
	return ptrace.Pass, nil
}

package uringtest

import (
	"slices"
	"strings"
	"testing"

	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/sqe"
	"github.com/uringsim/uringsim/trace"
)

// machine is a kernel with its tasks, and what was done so far.
type machine struct {
	tb        testing.TB
	kernel    Kernel
	model     *sim.Kernel
	player    *trace.Player
	sandboxes []*Sandbox // that were registered
	story     []string   // what the tasks did, for messages
	events    []trace.Event
	rings     int // how many were set up
}

// Task is a task: a thread of a process. Its methods are what a program does. A call that the kernel refuses fails the
// test at once, except where the method says otherwise, and so does whatever the model does not know.
type Task struct {
	*machine
	name string
}

// Boot starts a kernel and gives its first task, which may do everything.
func (k Kernel) Boot(t testing.TB) *Task {
	t.Helper()
	model := sim.New(k.Release)
	m := &machine{tb: t, kernel: k, model: model, player: trace.NewPlayer(model, k.Name)}
	return &Task{m, trace.InitTask}
}

// Kernel is the one that the task runs on.
func (t *Task) Kernel() Kernel { return t.kernel }

// Model is the simulated kernel itself, for what these methods do not do, such as setting a sim.Issuer.
func (t *Task) Model() *sim.Kernel { return t.model }

// Trace is what all tasks of the kernel did so far, for a real kernel to do the same: written to a file, "uringsim replay
// --kernel live" or "--kernel ./vmlinuz" replays it there.
func (t *Task) Trace() *trace.Trace {
	return &trace.Trace{Header: trace.Header{Name: t.tb.Name()}, Events: slices.Clone(t.events)}
}

// tell adds to the story.
func (t *Task) tell(what string) { t.story = append(t.story, t.name+": "+what) }

// try carries out a call, which the kernel may refuse, and tells of it.
func (t *Task) try(args trace.Args, what string) trace.Outcome {
	t.tb.Helper()
	t.tell(what)
	return t.play(args, what)
}

func (t *Task) play(args trace.Args, what string) trace.Outcome {
	t.tb.Helper()
	e := trace.Event{Task: t.name, Args: args}
	t.events = append(t.events, e)
	o, err := t.player.Play(&e)
	switch {
	case err != nil:
		t.tb.Fatalf("on %s: %s: %v\n%s", t.kernel.Name, what, err, t.soFar())
	case o.Unmodelled != "":
		t.tb.Fatalf("on %s: %s: the model does not know: %s\n%s", t.kernel.Name, what, o.Unmodelled, t.soFar())
	}
	return o
}

// must is try for a call that is to succeed.
func (t *Task) must(args trace.Args, what string) trace.Outcome {
	t.tb.Helper()
	o := t.try(args, what)
	if o.Got.Ret < 0 {
		t.tb.Fatalf("on %s: %s: %v\n%s", t.kernel.Name, what, reason(&o), t.soFar())
	}
	return o
}

// reason is why a call was refused.
func reason(o *trace.Outcome) string {
	if o.Why != nil {
		return o.Why.Error()
	}
	return o.Got.Ret.String()
}

// soFar is what the tasks did, a line each.
func (m *machine) soFar() string {
	return "    so far:\n      " + strings.Join(m.story, "\n      ")
}

// Do carries out any call of a trace, and gives what it gave, also if it was refused.
func (t *Task) Do(args trace.Args) trace.Outcome {
	t.tb.Helper()
	e := trace.Event{Args: args}
	return t.try(args, e.Call())
}

// NoNewPrivs gives up gaining privileges by execve, without which only a privileged task may register a sandbox.
func (t *Task) NoNewPrivs() {
	t.tb.Helper()
	t.must(&trace.NoNewPrivsArgs{}, "prctl(PR_SET_NO_NEW_PRIVS)")
}

// DropPrivileges becomes user and group 65534.
func (t *Task) DropPrivileges() {
	t.tb.Helper()
	t.must(&trace.DropPrivilegesArgs{}, "setresuid(65534)")
}

// NewUserNS makes a user namespace, in which the task has all capabilities.
func (t *Task) NewUserNS() {
	t.tb.Helper()
	t.must(&trace.NewUserNSArgs{}, "unshare(CLONE_NEWUSER)")
}

// Fork makes a child process.
func (t *Task) Fork(name string) *Task {
	t.tb.Helper()
	t.must(&trace.ForkArgs{Child: name}, "fork "+name)
	return &Task{t.machine, name}
}

// VFork makes a child process in the memory of this task, which waits until it executes something or exits.
func (t *Task) VFork(name string) *Task {
	t.tb.Helper()
	t.must(&trace.VForkArgs{Child: name}, "vfork "+name)
	return &Task{t.machine, name}
}

// Thread makes a thread of the same process.
func (t *Task) Thread(name string) *Task {
	t.tb.Helper()
	t.must(&trace.ThreadArgs{Child: name}, "thread "+name)
	return &Task{t.machine, name}
}

// Exec executes a program. Rings are close-on-exec.
func (t *Task) Exec() {
	t.tb.Helper()
	t.must(&trace.ExecArgs{}, "exec")
}

// Exit ends the task.
func (t *Task) Exit() {
	t.tb.Helper()
	t.must(&trace.ExitArgs{}, "exit")
}

// Allow is Ring.Allow for a ring that the task sets up for it.
func (t *Task) Allow(request sqe.SQE) {
	t.tb.Helper()
	t.hold(request, t.decide(request), Allowed)
}

// Deny is Ring.Deny for a ring that the task sets up for it.
func (t *Task) Deny(request sqe.SQE) {
	t.tb.Helper()
	t.hold(request, t.decide(request), Denied)
}

// hold compares the answer with what is wanted.
func (t *Task) hold(request sqe.SQE, got Answer, want Decision) {
	t.tb.Helper()
	if got.Decision != want {
		t.tb.Errorf("on %s, task %s: %s%s", t.kernel.Name, t.name, explain(t.sandboxes, request.Trace(), got, want),
			t.soFar())
	}
}

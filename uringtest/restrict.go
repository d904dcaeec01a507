package uringtest

import (
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/verdict"
)

// Restrict registers the sandbox for the task: for rings that it makes from then on, and for its children's.
func (t *Task) Restrict(s *Sandbox) {
	t.tb.Helper()
	t.mustRestrict(s, s.plan.Events(t.name))
}

// TryRestrict is Restrict for a kernel that may refuse it. What was registered before the refusal stays.
func (t *Task) TryRestrict(s *Sandbox) *verdict.Refusal {
	t.tb.Helper()
	_, why := t.restrict(s, s.plan.Events(t.name))
	return why
}

// Restrict registers the sandbox for this ring alone, whoever uses it. Restrictions need a ring that was set up with
// IORING_SETUP_R_DISABLED and is not enabled yet.
func (r *Ring) Restrict(s *Sandbox) {
	r.task.tb.Helper()
	r.task.mustRestrict(s, s.ringEvents(r))
}

// TryRestrict is Restrict for a kernel that may refuse it. What was registered before the refusal stays.
func (r *Ring) TryRestrict(s *Sandbox) *verdict.Refusal {
	r.task.tb.Helper()
	_, why := r.task.restrict(s, s.ringEvents(r))
	return why
}

// mustRestrict is restrict for what is to be taken.
func (t *Task) mustRestrict(s *Sandbox, events []trace.Event) {
	t.tb.Helper()
	if what, why := t.restrict(s, events); why != nil {
		t.tb.Fatalf("on %s: task %s cannot register %s: %v\n%s", t.kernel.Name, t.name, what, why, t.soFar())
	}
}

// restrict registers the parts of the sandbox one after the other, and says which one was refused.
func (t *Task) restrict(s *Sandbox, events []trace.Event) (what string, why *verdict.Refusal) {
	t.tb.Helper()
	t.sandboxes = append(t.sandboxes, s)
	parts := s.parts()
	for i := range events {
		if o := t.play(events[i].Args, "register "+parts[i]); o.Got.Ret < 0 {
			t.tell("register " + parts[i] + ", refused")
			return parts[i], o.Why
		}
	}
	t.tell("register " + s.name())
	return "", nil
}

// ringEvents are the calls that register the sandbox for a ring. A ring takes the entries of its restrictions without
// the struct that counts them for a task.
func (s *Sandbox) ringEvents(r *Ring) []trace.Event {
	events := s.plan.Events(r.task.name)
	for i := range events {
		args := events[i].Args.(*trace.RegisterArgs)
		args.FD = trace.Number(r.fd)
		if list := args.Arg.Object.TaskRestrictions; list != nil {
			args.Arg.Object = &trace.Object{Restrictions: &list.Entries}
			args.Nr = trace.Number(len(list.Entries))
		}
	}
	return events
}

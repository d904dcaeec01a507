package containerpolicy

import (
	"fmt"
	"testing"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/sqe"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/uringtest"
)

// model is a Kernel that asks the model, in the place of the one that makes system calls.
type model struct {
	*testing.T
	runtime  *uringtest.Task
	children int
}

func newModel(t *testing.T, k uringtest.Kernel) *model {
	runtime := k.Boot(t)
	runtime.NoNewPrivs()
	return &model{T: t, runtime: runtime}
}

// child is a process of the runtime's that has done nothing yet.
func (m *model) child() *uringtest.Task {
	m.children++
	return m.runtime.Fork(fmt.Sprintf("try%d", m.children))
}

func (m *model) Try(p *plan.Plan) error {
	if why := m.child().TryRestrict(uringtest.Plan(m, p)); why != nil {
		return fmt.Errorf("%w: %w", ErrRefused, why)
	}
	return nil
}

func (m *model) ExecKeeps() bool {
	denyNop := uringtest.Program(m, uapi.IORING_OP_NOP, "ret #0")
	child := m.child()
	if child.TryRestrict(denyNop) != nil {
		return false
	}
	child.Setup(0).Submit(sqe.Nop())
	child.Exec()
	return child.Setup(0).Submit(sqe.Nop())[0].Decision == uringtest.Denied
}

func TestChoose(t *testing.T) {
	want := map[string]Level{
		kernel.V6_19.Name: None, // has no filters
		kernel.V7_0.Name:  None, // has filters that an exec loses
		kernel.V7_1.Name:  NoConnect,
		kernel.V7_2.Name:  Full,
		kernel.V7_3.Name:  Full,
	}
	uringtest.ForEachKernel(t, kernel.V6_19, func(t *testing.T, k uringtest.Kernel) {
		level, p, err := Choose(newModel(t, k))
		if err != nil || level != want[k.Name] || (p == nil) != (level == None) {
			t.Errorf("level %d, plan %v, %v; want level %d", level, p != nil, err, want[k.Name])
		}
	})
}

// TestChooseFixed looks at what the fix for CVE-2026-80713, carried back, makes of 7.0.
func TestChooseFixed(t *testing.T) {
	k := uringtest.On(kernel.V7_0.Without(kernel.RestrictionsLostOnExec))
	if level, _, err := Choose(newModel(t, k)); err != nil || level != NoConnect {
		t.Errorf("level %d, %v; want %d", level, err, NoConnect)
	}
}

// TestContainerLife starts containers as the runtime does, and lets them try to get out.
func TestContainerLife(t *testing.T) {
	unix := sqe.Socket(uapi.AF_UNIX, uapi.SOCK_STREAM, 0, 0)
	uringtest.ForEachKernel(t, kernel.V7_1, func(t *testing.T, k uringtest.Kernel) {
		m := newModel(t, k)
		_, p, err := Choose(m)
		if err != nil || p == nil {
			t.Fatalf("%v, %v", p, err)
		}
		s := uringtest.Plan(t, p)
		old := m.runtime.Setup(0) // the runtime itself uses io_uring
		shell := m.runtime.Fork("shell")
		shell.Restrict(s)
		shell.Exec()
		shell.Deny(unix)
		shell.Allow(sqe.Nop())

		shell.Thread("thread").Deny(unix)
		shell.Fork("worker").Deny(unix)
		program := shell.VFork("program")
		program.Exec()
		program.Deny(unix)
		program.Restrict(uringtest.Program(t, uapi.IORING_OP_SOCKET, "ret #1")) // more filters allow no more
		program.Deny(unix)

		old.By(m.runtime).Allow(unix) // the runtime is as free as before
		m.runtime.Fork("next").Allow(unix)
	})
}

// TestInheritedRing shows what a runtime must not do: a ring that was made before is free, whoever uses it.
func TestInheritedRing(t *testing.T) {
	unix := sqe.Socket(uapi.AF_UNIX, uapi.SOCK_STREAM, 0, 0)
	s := uringtest.File(t, "no-connect.policy")
	for _, k := range uringtest.Kernels() {
		runtime := k.Boot(t)
		runtime.NoNewPrivs()
		ring := runtime.Setup(0)
		container := runtime.Fork("container")
		container.Restrict(s)
		container.Deny(unix)
		ring.By(container).Allow(unix)
		container.Exec() // closes it
		if k.Has(kernel.RestrictionsLostOnExec) {
			container.Allow(unix) // how this was found
		} else {
			container.Deny(unix)
		}
	}
}

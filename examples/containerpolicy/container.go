// Package containerpolicy is the part of a container runtime that decides how much io_uring a container gets. Its tests
// are what the example is about: they hold the policies to what they are for, on every kernel, without any of them.
package containerpolicy

import (
	_ "embed"
	"errors"
	"fmt"

	"github.com/uringsim/uringsim/load"
	"github.com/uringsim/uringsim/plan"
)

//go:embed container.policy
var container []byte

//go:embed no-connect.policy
var noConnect []byte

// Level is how much io_uring a container gets.
type Level int

// The levels. What is not full is for kernels that cannot enforce more.
const (
	None      Level = iota // io_uring_setup(2) fails with ENOSYS, by seccomp
	NoConnect              // all but CONNECT
	Full
)

// Kernel is what the runtime asks of the kernel. It does so in a child process each time, since what a task has
// registered it cannot give back.
type Kernel interface {
	// Try registers a plan.
	Try(*plan.Plan) error
	// ExecKeeps tells whether a task that denies itself NOP, submits one and executes a program is still denied it.
	ExecKeeps() bool
}

// Choose finds the most that the kernel can enforce, and the plan for it, which is nil for None. An error is a mistake
// in a policy.
func Choose(k Kernel) (Level, *plan.Plan, error) {
	if !k.ExecKeeps() {
		return None, nil, nil
	}
	for _, c := range []struct {
		level Level
		name  string
		text  []byte
	}{{Full, "container.policy", container}, {NoConnect, "no-connect.policy", noConnect}} {
		p, err := load.Text(c.name, c.text, load.Options{})
		if err != nil {
			return None, nil, err
		}
		switch err := k.Try(p); {
		case err == nil:
			return c.level, p, nil
		case !errors.Is(err, ErrRefused):
			return None, nil, fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return None, nil, nil
}

// ErrRefused is why Try failed if the kernel does not know what the plan asks of it.
var ErrRefused = errors.New("the kernel cannot enforce it")

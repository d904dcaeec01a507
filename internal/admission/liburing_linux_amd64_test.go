package admission

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/sim"
)

// otherwise are programs of liburing that end in another way under run, and why. docs/run.md lists them.
var otherwise = map[string]string{
	"cbpf_filter":   "skipped by itself on kernels without filters; passes",
	"task-restrict": "skipped by itself on kernels without restrictions of tasks; passes",
	"socket": "now and then: one thread closes descriptor 0, which may be the ring of another, and relies on that one " +
		"being inside of its call by then",
	"sqpoll-sleep": "wants the submission thread to be awake for a tenth of a second",
	"wq-aff": "often skipped by itself: it takes the ids behind its own for those of the kernel's threads, and others may " +
		"have them",
}

// attempts is how often a program may end in another way before that counts: some do so by themselves.
const attempts = 3

// TestLiburing runs the test programs of liburing alone and under run, and wants both to end in the same way.
// URINGSIM_LIBURING is the folder with its sources, where they were compiled.
func TestLiburing(t *testing.T) {
	dir := os.Getenv("URINGSIM_LIBURING")
	if dir == "" {
		t.Skip("URINGSIM_LIBURING is not set")
	}
	if err := Available(); err != nil {
		t.Skip(err)
	}
	programs, err := filepath.Glob(filepath.Join(dir, "test", "*.t"))
	if err != nil || len(programs) == 0 {
		t.Fatalf("%s has no compiled tests (%v)", dir, err)
	}
	for _, program := range programs {
		name := strings.TrimSuffix(filepath.Base(program), ".t")
		t.Run(name, func(t *testing.T) {
			var alone, under []string
			for range attempts {
				alone = append(alone, ends(t, exec.CommandContext, program))
				under = append(under, ends(t, runUnder, program))
				if slices.ContainsFunc(under, func(end string) bool { return slices.Contains(alone, end) }) {
					return
				}
			}
			if why := otherwise[name]; why != "" {
				t.Logf("alone %s, under run %s: %s", alone, under, why)
				return
			}
			t.Errorf("alone %s, under run %s", alone, under)
		})
	}
}

// runUnder is a command under the newest release: this test, which runs it.
func runUnder(ctx context.Context, program string, _ ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0], program)
	cmd.Env = append(os.Environ(), "URINGSIM_TEST_PROGRAM=under")
	return cmd
}

// under runs its argument under the newest release, and ends as that did.
func under() error {
	s, err := Run(Options{Command: os.Args[1:], Kernel: sim.New(kernel.V7_3)})
	if err == nil {
		os.Exit(s.Status)
	}
	return err
}

// ends is how a program ends; nothing that it started is left.
func ends(t *testing.T, command func(context.Context, string, ...string) *exec.Cmd, program string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := command(ctx, program)
	cmd.Dir = t.TempDir()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.Stdout, cmd.Stderr = io.Discard, io.Discard
	err := cmd.Run()
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // most have nobody left
	}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return "not within three minutes"
	case errors.As(err, &exit):
		return exit.ProcessState.String()
	case err != nil:
		t.Fatal(err)
	}
	return "exit status 0"
}

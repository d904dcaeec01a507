package ptrace

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/uringsim/uringsim/internal/sysuring"
)

// Run runs a command, which is looked up in PATH, with the standard files of this process. It returns when the command
// and all that it started have ended. The status is that of the program as a shell has it: 128 plus the signal if a
// signal ended it. An error is one of the tracer.
func Run(command []string, stops Stops, h Handler) (status int, err error) {
	path, err := exec.LookPath(command[0])
	if err != nil {
		return 0, err
	}
	t := &tracer{handler: h, tasks: map[int]*Task{}, early: map[int]bool{}}
	done := make(chan error, 1)
	go func() { done <- t.run(path, command, stops) }()
	err = <-done
	return exitStatus(t.status), err
}

// Available returns why programs cannot be traced here, or nil.
func Available(stops Stops) error {
	t := &tracer{handler: idle{}, tasks: map[int]*Task{}, early: map[int]bool{}}
	done := make(chan error, 1)
	go func() { done <- t.run(nothing, []string{nothing}, stops) }()
	return <-done
}

// idle is the handler of a program that never starts.
type idle struct{ Handler }

// Polls is false.
func (idle) Polls() bool { return false }

// exitStatus returns the status of a program as a shell has it.
func exitStatus(ws unix.WaitStatus) int {
	if ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return ws.ExitStatus()
}

// run starts the program and follows it, on a thread that ends with it.
func (t *tracer) run(path string, argv []string, stops Stops) error {
	runtime.LockOSThread() // for ever: the tracees belong to this thread
	stub, err := os.StartProcess("/proc/self/exe", append([]string{stubName, string(stops), path}, argv...),
		&os.ProcAttr{Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}})
	if err != nil {
		return err
	}
	t.root = stub.Pid
	defer passSignals(t.root)()
	var ws unix.WaitStatus
	for {
		_, err := unix.Wait4(t.root, &ws, unix.WUNTRACED, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("wait4: %w", err)
		}
		break
	}
	if !ws.Stopped() {
		t.status = ws
		return errors.New("the program could not be prepared")
	}
	t.tasks[t.root] = &Task{TID: t.root, Process: newProcess()}
	if err := sysuring.Seize(t.root, options); err != nil {
		_ = stub.Kill() // it has not started
		_, _ = stub.Wait()
		return fmt.Errorf("ptrace is not allowed here: %w", err)
	}
	if err := unix.Kill(t.root, unix.SIGCONT); err != nil {
		return err
	}
	if err := t.follow(); err != nil {
		return err
	}
	if !t.started && path != nothing && t.status.ExitStatus() != exitNoExec { // of which the stub has told
		return errors.New("the program did not start")
	}
	return nil
}

// passSignals makes this process survive signals that the terminal sends to it and to the program, and passes signals
// on that are sent to it alone. The function that it returns ends that.
func passSignals(pid int) func() {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGHUP)
	go func() {
		for s := range signals {
			if s == unix.SIGTERM || s == unix.SIGHUP {
				_ = unix.Kill(pid, s.(unix.Signal)) // it may be gone
			}
		}
	}()
	return func() { signal.Stop(signals); close(signals) }
}

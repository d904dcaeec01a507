package record

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/uringsim/uringsim/internal/sysuring"
)

// stubName is the name under which a recorder starts itself again, to become the program.
const stubName = "uringsim-record-stub"

// Exit statuses of a program that cannot be executed, as shells have them.
const (
	exitNoExec = 126
	exitStub   = 125
)

// init makes a process that was started as a stub one: it must be the main thread that becomes the program, and
// nothing else is to happen before. The arguments are the program's path, and then its own from the name on.
func init() {
	if len(os.Args) < 3 || os.Args[0] != stubName {
		return
	}
	runtime.LockOSThread()
	os.Exit(becomeProgram(os.Args[1], os.Args[2:]))
}

// becomeProgram stops until a tracer continues it, and executes the program. It only returns if it cannot.
func becomeProgram(path string, argv []string) int {
	fail := func(status int, err error) int {
		fmt.Fprintf(os.Stderr, "uringsim record: %v\n", err)
		return status
	}
	if err := sysuring.StopAtUring(); err != nil {
		return fail(exitStub, err)
	}
	if err := unix.Kill(os.Getpid(), unix.SIGSTOP); err != nil {
		return fail(exitStub, err)
	}
	return fail(exitNoExec, fmt.Errorf("%s: %w", path, unix.Exec(path, argv, os.Environ())))
}

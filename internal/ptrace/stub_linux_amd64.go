package ptrace

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/uringsim/uringsim/internal/sysuring"
)

// stubName is the name under which a tracer starts itself again, to become the program.
const stubName = "uringsim-stub"

// Exit statuses of a program that cannot be executed, as shells have them.
const (
	exitNoExec = 126
	exitStub   = 125
)

// init makes a process that was started as a stub one: it must be the main thread that becomes the program, and
// nothing else is to happen before. The arguments are the Stops, the program's path, and then its own from the name on.
func init() {
	if len(os.Args) < 4 || os.Args[0] != stubName {
		return
	}
	runtime.LockOSThread()
	os.Exit(becomeProgram(os.Args[1], os.Args[2], os.Args[3:]))
}

// nothing is the path of no program: a stub only tries whether it can be traced.
const nothing = ""

// becomeProgram stops until a tracer continues it, and executes the program. It only returns if it cannot.
func becomeProgram(stops, path string, argv []string) int {
	fail := func(status int, err error) int {
		fmt.Fprintf(os.Stderr, "uringsim: %v\n", err)
		return status
	}
	if err := selectCalls[Stops(stops)](); err != nil {
		return fail(exitStub, err)
	}
	if err := unix.Kill(os.Getpid(), unix.SIGSTOP); err != nil {
		return fail(exitStub, err)
	}
	if path == nothing {
		return 0
	}
	return fail(exitNoExec, fmt.Errorf("%s: %w", path, unix.Exec(path, argv, os.Environ())))
}

// Stops are the calls at which a program stops.
type Stops string

// The sets of calls.
const (
	Uring         Stops = "uring"            // the three of io_uring; the program has no_new_privs
	UringAndPrivs Stops = "uring,nonewprivs" // and prctl(2) about no_new_privs, which the program has only if it must
)

var selectCalls = map[Stops]func() error{
	Uring: sysuring.StopAtUring, UringAndPrivs: sysuring.StopAtUringAndPrivs,
}

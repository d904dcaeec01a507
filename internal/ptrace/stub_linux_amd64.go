package ptrace

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/uringsim/uringsim/internal/sysuring"
)

// stubName is the name under which the tracer starts its own executable again, to become the program.
const stubName = "uringsim-stub"

// The exit statuses of a program that cannot be executed, as shells have them.
const (
	exitNoExec = 126
	exitStub   = 125
)

// init turns a process that was started as a stub into one. It runs this early because the main thread has to become
// the program before anything else happens. The arguments are the Stops, the program's path, and the program's own
// arguments from its name on.
func init() {
	if len(os.Args) < 4 || os.Args[0] != stubName {
		return
	}
	runtime.LockOSThread()
	os.Exit(becomeProgram(os.Args[1], os.Args[2], os.Args[3:]))
}

// nothing is the path of no program: the stub only finds out whether it can be traced.
const nothing = ""

// becomeProgram stops until a tracer continues it, and then executes the program. It only returns if it cannot.
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
	Uring         Stops = "uring"            // those of io_uring; the program gets no_new_privs
	UringAndPrivs Stops = "uring,nonewprivs" // also prctl(2) about no_new_privs, which the program only gets if it must
)

var selectCalls = map[Stops]func() error{
	Uring: sysuring.StopAtUring, UringAndPrivs: sysuring.StopAtUringAndPrivs,
}

package record

import (
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/uringsim/uringsim/internal/ptrace"
)

// process is what the threads of a process share.
type process struct {
	space  *space
	files  map[int32]ptrace.FileID // files that are open in the trace, by descriptor
	nofile unix.Rlimit             // RLIMIT_NOFILE in the trace; zero if it was never set
}

// task is a thread of the program.
type task struct {
	*ptrace.Task
	name  string // its name in the trace
	proc  *process
	call  *call     // the call that it is in, or nil
	ended bool      // whether the trace has its end
	rings [16]*ring // its registered rings
}

// openFlags returns the flags with which the descriptor was opened, with FD_CLOEXEC as O_CLOEXEC.
func (t *task) openFlags(fd int32) uint64 {
	flags, err := strconv.ParseUint(t.ProcLine(fmt.Sprintf("fdinfo/%d", fd), "flags"), 8, 64)
	if err != nil {
		return 0
	}
	return flags
}

// socket returns the kind of a socket.
func (t *task) socket(fd int32, pid int) (domain, kind, protocol int) {
	domain, kind = unix.AF_UNIX, unix.SOCK_STREAM // if it cannot be found out
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return domain, kind, 0
	}
	defer unix.Close(pidfd)
	own, err := unix.PidfdGetfd(pidfd, int(fd), 0)
	if err != nil {
		return domain, kind, 0
	}
	defer unix.Close(own)
	for _, o := range []struct {
		name int
		into *int
	}{{unix.SO_DOMAIN, &domain}, {unix.SO_TYPE, &kind}, {unix.SO_PROTOCOL, &protocol}} {
		if v, err := unix.GetsockoptInt(own, unix.SOL_SOCKET, o.name); err == nil {
			*o.into = v
		}
	}
	return domain, kind, protocol
}

package tctx

import "github.com/uringsim/uringsim/uapi"

// Rlimit is a limit of a process (struct rlimit).
type Rlimit struct{ Cur, Max uint64 }

// initNofile is RLIMIT_NOFILE of the first process (INR_OPEN_CUR, INR_OPEN_MAX), and maxNofile the most that it can be
// (the sysctl fs.nr_open).
var (
	initNofile = Rlimit{1024, 4096}
	maxNofile  = uint64(1 << 20)
)

// Nofile is RLIMIT_NOFILE.
func (t *Task) Nofile() Rlimit { return t.process.nofile }

// SetNofile sets RLIMIT_NOFILE of the task's process.
//
// Linux: kernel/sys.c:do_prlimit
func (t *Task) SetNofile(r Rlimit) (e uapi.Errno, why string) {
	switch {
	case r.Cur > r.Max:
		return uapi.EINVAL, "the limit must not be above its maximum"
	case r.Max > maxNofile:
		return uapi.EPERM, "the maximum must be within fs.nr_open"
	case r.Max > t.process.nofile.Max && !t.Cred.CapInit:
		return uapi.EPERM, "only CAP_SYS_RESOURCE raises the maximum"
	}
	t.process.nofile = r
	return 0, ""
}

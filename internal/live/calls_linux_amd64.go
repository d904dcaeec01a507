package live

import (
	"golang.org/x/sys/unix"

	"github.com/uringsim/uringsim/internal/sysuring"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// overflowID is the user and group of DropPrivileges.
const overflowID = 65534

// Do makes the task perform the call.
func (k *Kernel) Do(name string, c trace.Call) trace.Result {
	t, err := k.ready(name)
	if err != nil {
		return trace.Result{Err: err}
	}
	switch c := c.(type) {
	case trace.Map, trace.Protect, trace.Unmap:
		return k.memory(t, c)
	case trace.Write:
		return result(0, k.write(t, c.Addr, c.Data))
	case trace.Setup:
		return k.setup(t, c)
	case trace.Register:
		return k.register(t, c)
	case trace.Enter:
		return k.enter(t, c)
	case trace.Reap:
		return k.reap(t, c)
	case trace.Spawn:
		return k.spawn(t, c)
	case trace.Exec:
		return k.exec(t)
	case trace.Exit:
		return k.exit(t)
	}
	cmds := plain(c)
	if cmds == nil {
		return failed("live kernels do not know the call %T", c)
	}
	return k.simple(t, cmds)
}

// simple runs a batch and gives its first error, or the last result.
func (k *Kernel) simple(t *task, cmds []sysuring.Cmd) trace.Result {
	for i := range cmds {
		cmds[i].NR |= sysuring.Stop
	}
	if err := k.run(t, cmds); err != nil {
		return result(0, err)
	}
	var ret int64
	for _, c := range cmds {
		if ret = c.Ret; ret < 0 {
			break
		}
	}
	return result(ret, nil)
}

// plain gives the calls that are just system calls.
func plain(c trace.Call) []sysuring.Cmd {
	one := func(nr sysuring.Number, args ...uint64) []sysuring.Cmd { return []sysuring.Cmd{call(nr, args...)} }
	switch c := c.(type) {
	case trace.Close:
		return one(unix.SYS_CLOSE, s32(c.FD))
	case trace.Dup:
		return one(unix.SYS_DUP, s32(c.FD))
	case trace.DupTo:
		return one(unix.SYS_DUP2, s32(c.FD), s32(c.To))
	case trace.Cloexec:
		if c.On {
			return one(unix.SYS_FCNTL, s32(c.FD), unix.F_SETFD, unix.FD_CLOEXEC)
		}
		return one(unix.SYS_FCNTL, s32(c.FD), unix.F_SETFD, 0)
	case trace.Open:
		return one(unix.SYS_OPEN, c.Path, uint64(c.Flags), uint64(c.Mode))
	case trace.Socket:
		return one(unix.SYS_SOCKET, s32(c.Domain), s32(c.Type), s32(c.Protocol))
	case trace.Eventfd:
		return one(unix.SYS_EVENTFD2, uint64(c.Count), uint64(c.Flags))
	case trace.Pipe:
		return one(unix.SYS_PIPE2, c.FDs, uint64(c.Flags))
	case trace.Socketpair:
		return one(unix.SYS_SOCKETPAIR, s32(c.Domain), s32(c.Type), s32(c.Protocol), c.FDs)
	case trace.RlimitNofile:
		return one(unix.SYS_SETRLIMIT, unix.RLIMIT_NOFILE, c.Limit)
	case trace.NoNewPrivs:
		return one(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1)
	case trace.DropPrivileges:
		return append(one(unix.SYS_SETRESGID, overflowID, overflowID, overflowID),
			call(unix.SYS_SETRESUID, overflowID, overflowID, overflowID))
	case trace.NewUserNS:
		return one(unix.SYS_UNSHARE, unix.CLONE_NEWUSER)
	}
	return nil
}

// s32 passes an int in a register.
func s32(v int32) uint64 { return uint64(int64(v)) }

var prots = map[trace.Prot]uint64{
	trace.ProtNone:      unix.PROT_NONE,
	trace.ProtRead:      unix.PROT_READ,
	trace.ProtReadWrite: unix.PROT_READ | unix.PROT_WRITE,
}

func (k *Kernel) memory(t *task, c trace.Call) trace.Result {
	var cmd sysuring.Cmd
	var prot trace.Prot = trace.ProtNone
	switch c := c.(type) {
	case trace.Map:
		flags := uint64(unix.MAP_PRIVATE | unix.MAP_ANONYMOUS | unix.MAP_FIXED)
		if c.Shared {
			flags ^= unix.MAP_PRIVATE | unix.MAP_SHARED
		}
		cmd, prot = call(unix.SYS_MMAP, c.Addr, c.Size, prots[c.Prot], flags, ^uint64(0)), c.Prot
	case trace.Protect:
		cmd, prot = call(unix.SYS_MPROTECT, c.Addr, c.Size, prots[c.Prot]), c.Prot
	case trace.Unmap:
		cmd = call(unix.SYS_MUNMAP, c.Addr, c.Size)
	}
	if _, ok := prots[prot]; !ok {
		return failed("unknown protection %q", prot)
	}
	if err := outside(cmd.Args[0], cmd.Args[1]); err != nil {
		return result(0, err)
	}
	r := k.simple(t, []sysuring.Cmd{cmd})
	if r.Ret > 0 { // mmap gives the address, which the caller knows
		r.Ret = 0
	}
	return r
}

func (k *Kernel) register(t *task, c trace.Register) trace.Result {
	if c.Op&^uapi.IORING_REGISTER_USE_REGISTERED_RING == uint32(uapi.IORING_REGISTER_RESIZE_RINGS) {
		return k.resize(t, c)
	}
	return k.simple(t, []sysuring.Cmd{registerCmd(c)})
}

func registerCmd(c trace.Register) sysuring.Cmd {
	return call(unix.SYS_IO_URING_REGISTER, s32(c.FD), uint64(c.Op), c.Arg, uint64(c.Nr))
}

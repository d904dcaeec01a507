package live

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/uringsim/uringsim/internal/sysuring"
	"github.com/uringsim/uringsim/trace"
)

// Kernel is the running kernel as a trace.System. Its methods may not be called concurrently.
type Kernel struct {
	opts  Options
	arena *sysuring.Arena
	root  *os.Process

	tasks map[string]*task
	rings map[string]*ring
	free  []int // slots that no task has
	pids  []int // processes other than root that were ever started
}

var _ trace.System = (*Kernel)(nil)

// Release is the running kernel's release, as uname -r prints it.
func Release() string { return sysuring.Release() }

// HasFilters says whether the kernel has IORING_REGISTER_BPF_FILTER. It fails where io_uring cannot be used at all.
func HasFilters() (bool, error) { return sysuring.HasFilters() }

// Open starts the task "init". All tasks end with Close, or soon after this process.
func Open(opts Options) (*Kernel, error) {
	if err := sysuring.Available(); err != nil {
		return nil, err
	}
	arena, err := sysuring.NewArena()
	if err != nil {
		return nil, err
	}
	k := &Kernel{opts: opts.withDefaults(), arena: arena, tasks: map[string]*task{}, rings: map[string]*ring{}}
	for slot := sysuring.Slots - 1; slot >= 0; slot-- {
		k.free = append(k.free, slot)
	}
	if err := k.startRoot(); err != nil {
		return nil, errors.Join(fmt.Errorf("start of task init: %w", err), k.Close())
	}
	return k, nil
}

// startRoot starts the agent with nothing open but what System promises and what the agent needs.
func (k *Kernel) startRoot() error {
	image, err := sysuring.OpenImage()
	if err != nil {
		return err
	}
	defer image.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()

	t := k.newTask("init")
	t.space = newSpace()
	k.arena.SetExecSlot(t.slot)
	files := make([]*os.File, sysuring.ImageFD+1) // the others are closed
	files[0], files[1], files[2] = null, null, null
	files[sysuring.ArenaFD], files[sysuring.ImageFD] = k.arena.File(), image
	k.root, err = os.StartProcess(fmt.Sprintf("/proc/self/fd/%d", sysuring.ImageFD), []string{"uringsim"},
		&os.ProcAttr{Dir: "/", Env: []string{}, Files: files, Sys: &syscall.SysProcAttr{Setpgid: true}})
	if err != nil {
		return err
	}
	t.pid, t.tid = k.root.Pid, k.root.Pid
	if err := k.await(t, func() bool { return k.arena.Done(t.slot) }); err != nil {
		return err
	}
	return k.ignoreSignals(t)
}

// ignoreSignals has children reaped by the kernel, and writes to a closed pipe fail instead of kill.
func (k *Kernel) ignoreSignals(t *task) error {
	const sizeofSigaction = 32
	d := k.arena.Data()[:sizeofSigaction]
	clear(d)
	d[0] = 1 // SIG_IGN
	cmds := []sysuring.Cmd{
		call(unix.SYS_RT_SIGACTION, uint64(unix.SIGCHLD), sysuring.DataAddr(0), 0, 8),
		call(unix.SYS_RT_SIGACTION, uint64(unix.SIGPIPE), sysuring.DataAddr(0), 0, 8),
	}
	if err := k.run(t, cmds); err != nil {
		return err
	}
	return firstError(cmds, "sigaction")
}

// Close kills all tasks.
func (k *Kernel) Close() error {
	if k.root != nil {
		// The root stays a zombie until it is waited for, so its id is still the group's.
		if err := unix.Kill(-k.root.Pid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("kill of the tasks: %w", err)
		}
		for _, pid := range k.pids {
			reap(pid)
		}
		if _, err := k.root.Wait(); err != nil {
			return err
		}
		for _, pid := range k.pids { // those that the root's end made ours
			reap(pid)
		}
		k.root = nil
	}
	return k.arena.Close()
}

// reap takes the exit status of a killed process that may have become a child of this one; PID 1 gets all orphans.
func reap(pid int) {
	for {
		_, err := unix.Wait4(pid, nil, 0, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// Read copies n bytes of the task's memory.
func (k *Kernel) Read(name string, addr uint64, n int) ([]byte, error) {
	t, err := k.ready(name)
	if err != nil {
		return nil, err
	}
	if n < 0 {
		return nil, fmt.Errorf("read of %d bytes", n)
	}
	out := make([]byte, 0, min(n, sysuring.DataSize))
	for len(out) < n {
		part := min(n-len(out), sysuring.DataSize)
		cmds := []sysuring.Cmd{copyOut(0, addr+uint64(len(out)), part)}
		if err := k.run(t, cmds); err != nil {
			return nil, err
		}
		if err := whole(cmds[0], part, "read", name, addr); err != nil {
			return nil, err
		}
		out = append(out, k.arena.Data()[:part]...)
	}
	return out, nil
}

// write stores bytes in the task's memory.
func (k *Kernel) write(t *task, addr uint64, data []byte) error {
	if err := outside(addr, uint64(len(data))); err != nil {
		return err
	}
	for len(data) > 0 {
		part := copy(k.arena.Data(), data)
		cmds := []sysuring.Cmd{copyIn(addr, 0, part)}
		if err := k.run(t, cmds); err != nil {
			return err
		}
		if err := whole(cmds[0], part, "write", t.name, addr); err != nil {
			return err
		}
		addr, data = addr+uint64(part), data[part:]
	}
	return nil
}

// copyIn and copyOut have the kernel copy between the arena, as a file, and the task's memory: a bad address is then
// an error and no signal.
func copyIn(addr uint64, off, n int) sysuring.Cmd {
	return call(unix.SYS_PREAD64, sysuring.ArenaFD, addr, uint64(n), sysuring.DataFile(off))
}

func copyOut(off int, addr uint64, n int) sysuring.Cmd {
	return call(unix.SYS_PWRITE64, sysuring.ArenaFD, addr, uint64(n), sysuring.DataFile(off))
}

// whole checks the result of copyIn and copyOut.
func whole(c sysuring.Cmd, n int, verb, task string, addr uint64) error {
	if c.Ret == int64(n) {
		return nil
	}
	if c.Ret < 0 {
		return fmt.Errorf("%s of %d bytes at %#x in task %q: %w", verb, n, addr, task, syscall.Errno(-c.Ret))
	}
	return fmt.Errorf("%s of %d bytes at %#x in task %q: only %d are there", verb, n, addr, task, c.Ret)
}

// outside fails for addresses that belong to the system: the arena, the rings, the agent's code.
func outside(addr, size uint64) error {
	end := addr + size
	switch {
	case end < addr || addr < trace.SystemEnd && end > trace.SystemBase,
		addr < sysuring.ImageBase+sysuring.ImageSize && end > sysuring.ImageBase:
		return fmt.Errorf("memory from %#x, %#x bytes, is not the trace's to change", addr, size)
	}
	return nil
}

// call is a system call as a command.
func call(nr sysuring.Number, args ...uint64) sysuring.Cmd {
	c := sysuring.Cmd{NR: nr}
	copy(c.Args[:], args)
	return c
}

// firstError is the first failed command as an error.
func firstError(cmds []sysuring.Cmd, what string) error {
	for _, c := range cmds {
		if c.Ret == sysuring.NotRun {
			return fmt.Errorf("%s: not carried out", what)
		}
		if c.Ret < 0 {
			return fmt.Errorf("%s: %w", what, syscall.Errno(-c.Ret))
		}
	}
	return nil
}

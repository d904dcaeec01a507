package ptrace

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// A traced task is interrupted even by signals that it ignores, which it would otherwise not notice. Most calls are then
// restarted by the kernel, but io_uring_enter(2) fails with EINTR, or waits for fewer completions than it was to.

// ignoredByDefault are the signals that do nothing by default.
const ignoredByDefault = 1<<(unix.SIGCHLD-1) | 1<<(unix.SIGCONT-1) | 1<<(unix.SIGURG-1) | 1<<(unix.SIGWINCH-1)

// Set reads a set, such as SigBlk or CapEff, from the task's status. It is empty if the task is ending.
func (t *Task) Set(name string) uint64 {
	set, err := strconv.ParseUint(t.Status(name), 16, 64)
	if err != nil {
		return 0
	}
	return set
}

// ignored returns the signals that the task ignores.
func (t *Task) ignored() uint64 {
	return t.Set("SigIgn") | ignoredByDefault&^t.Set("SigCgt")
}

// InterruptedForNothing tells whether signals are pending for the task and it ignores all of them.
func (t *Task) InterruptedForNothing() bool {
	pending := (t.Set("SigPnd") | t.Set("ShdPnd")) &^ t.Set("SigBlk")
	return pending != 0 && pending&^t.ignored() == 0
}

// ignore tells the handler about a signal that the task ignores and that interrupted an io_uring_enter(2).
func (t *tracer) ignore(task *Task, sig unix.Signal) error {
	var regs unix.PtraceRegs
	if err := unix.PtraceGetRegs(task.TID, &regs); err != nil {
		return err
	}
	if !t.started || regs.Orig_rax != unix.SYS_IO_URING_ENTER || task.ignored()>>(sig-1)&1 == 0 {
		return nil
	}
	return t.handler.Ignored(task, callOf(&regs), int64(regs.Rax))
}

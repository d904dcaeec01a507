package sysuring

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Offsets in struct seccomp_data: the number, the architecture, and the low half of the first argument.
const (
	seccompNR   = 0
	seccompArch = 4
	seccompArg0 = 16
)

// StopAtUring makes the calling thread, and what it executes and starts, stop at the three system calls of io_uring for
// a tracer with PTRACE_O_TRACESECCOMP. Without such a tracer the calls fail with ENOSYS. It sets no_new_privs, which
// cannot be undone.
func StopAtUring() error {
	if err := setNoNewPrivs(); err != nil {
		return err
	}
	return install(atUring)
}

// StopAtUringAndPrivs is like StopAtUring but also stops where prctl(2) sets or gets no_new_privs. It only sets
// no_new_privs if the thread may not have a filter otherwise.
func StopAtUringAndPrivs() error {
	program := append(slices.Clone(atUring[:len(atUring)-1]), atPrivs...)
	if err := install(program); !errors.Is(err, unix.EACCES) {
		return err
	}
	if err := setNoNewPrivs(); err != nil {
		return err
	}
	return install(program)
}

func setNoNewPrivs() error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("prctl(PR_SET_NO_NEW_PRIVS): %w", err)
	}
	return nil
}

// atUring stops at the three system calls of io_uring. The last instruction is for all other calls.
var atUring = []unix.SockFilter{
	{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: seccompArch},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.AUDIT_ARCH_X86_64, Jt: 1},
	{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: seccompNR},
	{Code: unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, K: unix.SYS_IO_URING_SETUP, Jf: 2},
	{Code: unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K, K: unix.SYS_IO_URING_REGISTER, Jt: 1},
	{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_TRACE},
	{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
}

// atPrivs stops at prctl(2) about no_new_privs. It starts with the number of the call loaded.
var atPrivs = []unix.SockFilter{
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_PRCTL, Jf: 3},
	{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: seccompArg0},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.PR_SET_NO_NEW_PRIVS, Jt: 2},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.PR_GET_NO_NEW_PRIVS, Jt: 1},
	{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_TRACE},
}

func install(program []unix.SockFilter) error {
	prog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&prog)), 0, 0)
	runtime.KeepAlive(program)
	if err != nil {
		return fmt.Errorf("prctl(PR_SET_SECCOMP): %w", err)
	}
	return nil
}

// Seize is ptrace(PTRACE_SEIZE) with options.
func Seize(pid int, options uintptr) error {
	return ptrace(unix.PTRACE_SEIZE, pid, 0, options)
}

// Listen is ptrace(PTRACE_LISTEN): the thread stays in its group stop and reports when that ends.
func Listen(tid int) error { return ptrace(unix.PTRACE_LISTEN, tid, 0, 0) }

func ptrace(request uintptr, pid int, addr, data uintptr) error {
	_, _, e := unix.RawSyscall6(unix.SYS_PTRACE, request, uintptr(pid), addr, data, 0, 0)
	if e != 0 {
		return e
	}
	return nil
}

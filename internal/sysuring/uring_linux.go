package sysuring

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/uringsim/uringsim/uapi"
)

// Release returns the running kernel's release, as uname -r prints it.
func Release() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(u.Release[:])
}

// Available returns why this process cannot use io_uring, or nil.
func Available() error {
	_, _, e := unix.Syscall(unix.SYS_IO_URING_SETUP, 1, 0, 0) // EFAULT: no params
	switch e {
	case unix.EFAULT:
		return nil
	case unix.ENOSYS:
		return fmt.Errorf("this kernel (%s) has no io_uring, or a sandbox hides it", Release())
	case unix.EPERM:
		return fmt.Errorf("io_uring is forbidden here: see sysctl kernel.io_uring_disabled, or a seccomp filter")
	}
	return fmt.Errorf("io_uring_setup without params gave %w, expected EFAULT", e)
}

// HasFilters tells whether the kernel has IORING_REGISTER_BPF_FILTER (7.0 and later).
func HasFilters() (bool, error) {
	if err := Available(); err != nil {
		return false, err
	}
	const noRing = ^uintptr(0)
	_, _, e := unix.Syscall6(unix.SYS_IO_URING_REGISTER, noRing, uintptr(uapi.IORING_REGISTER_BPF_FILTER), 0, 1, 0, 0)
	switch e {
	case unix.EFAULT, unix.EACCES:
		return true, nil
	case unix.EINVAL:
		return false, nil
	}
	return false, fmt.Errorf("io_uring_register of a filter without an argument gave %w, expected EFAULT, EACCES or EINVAL", e)
}

package ptrace

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/uringsim/uringsim/internal/sysuring"
	"github.com/uringsim/uringsim/uapi"
)

// A submission thread takes requests without a call. A program that follows the protocol may not know when: once the
// thread sleeps, which IORING_SQ_NEED_WAKEUP says, it takes none before the program calls io_uring_enter(2). So a ring
// without a thread, on which that bit stands for ever, is to a program one whose thread always sleeps, and what it
// submits comes with a call. Kernels leave the bit alone on such rings.

// AsleepFlags are the setup flags of a ring without a thread that stands for one with these, which have
// IORING_SETUP_SQPOLL. A thread goes on behind a request that fails, and submits for all tasks.
func AsleepFlags(flags uint32) uint32 {
	const ofThread = uapi.IORING_SETUP_SQPOLL | uapi.IORING_SETUP_SQ_AFF | uapi.IORING_SETUP_SINGLE_ISSUER
	return flags&^ofThread | uapi.IORING_SETUP_SUBMIT_ALL
}

// SayAsleep has the memory of a ring that the task has just made say that its thread sleeps. The program cannot have
// mapped it yet, so that this maps it for a moment.
func (r *Ring) SayAsleep(t *Task, fd int32) error {
	if r.Has(uapi.IORING_SETUP_NO_MMAP) {
		at := r.Params.CQOff.UserAddr + uint64(r.Params.SQOff.Flags)
		return t.Write(at, binary.LittleEndian.AppendUint32(nil, uapi.IORING_SQ_NEED_WAKEUP))
	}
	pid, err := unix.PidfdOpen(t.TID, pidfdThread)
	if err != nil {
		return fmt.Errorf("pidfd_open: %w", err)
	}
	defer unix.Close(pid)
	ring, err := unix.PidfdGetfd(pid, int(fd), 0)
	if err != nil {
		return fmt.Errorf("pidfd_getfd: %w", err)
	}
	defer unix.Close(ring)
	words, err := unix.Mmap(ring, uapi.IORING_OFF_SQ_RING, PageSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("mmap of a ring: %w", err)
	}
	sysuring.Word32(words, int(r.Params.SQOff.Flags)).Or(uapi.IORING_SQ_NEED_WAKEUP)
	return unix.Munmap(words)
}

// pidfdThread is PIDFD_THREAD of pidfd_open(2): the thread, whose descriptors may be its own.
const pidfdThread = unix.O_EXCL

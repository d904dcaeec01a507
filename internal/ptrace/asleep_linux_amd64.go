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

// AsleepFlags are the setup flags of a ring without a thread that stands for one with these parameters, which have
// IORING_SETUP_SQPOLL. A thread goes on behind a request that fails, and submits for all tasks. Other is the ring whose
// thread is to be shared, nil if there is none that is known. Asleep is false if it must be a ring with a thread: one
// that polls for completions, which only a thread does without a call, and one that the host is to refuse.
func AsleepFlags(p *uapi.Params, other *Ring) (flags uint32, asleep bool) {
	const (
		ofThread = uapi.IORING_SETUP_SQPOLL | uapi.IORING_SETUP_SQ_AFF | uapi.IORING_SETUP_SINGLE_ISSUER
		excluded = uapi.IORING_SETUP_COOP_TASKRUN | uapi.IORING_SETUP_TASKRUN_FLAG | uapi.IORING_SETUP_DEFER_TASKRUN |
			uapi.IORING_SETUP_SQ_REWIND
	)
	switch {
	case p.Flags&excluded != 0:
		return p.Flags, false
	case p.Flags&uapi.IORING_SETUP_IOPOLL != 0:
		if other != nil && other.Asleep { // which has no thread to share
			return p.Flags &^ uapi.IORING_SETUP_ATTACH_WQ, false
		}
		return p.Flags, false
	case other != nil && !other.Has(uapi.IORING_SETUP_SQPOLL):
		return p.Flags, false
	case other == nil && p.Flags&uapi.IORING_SETUP_SQ_AFF != 0 && !sysuring.PollsOn(p.SQThreadCPU):
		return p.Flags, false
	}
	return p.Flags&^ofThread | uapi.IORING_SETUP_SUBMIT_ALL, true
}

// SetupFlags is a patch of the flags in the parameters of a setup, which stand at addr.
func SetupFlags(addr uint64, was, while uint32) Patch {
	const offset = 8 // in struct io_uring_params
	return Patch{addr + offset, binary.LittleEndian.AppendUint32(nil, was), binary.LittleEndian.AppendUint32(nil, while)}
}

// SayAsleep has a ring that the task has just made be Asleep, and its memory say so. The program cannot have mapped
// that yet, so that this maps it for a moment.
func (r *Ring) SayAsleep(t *Task, fd int32) error {
	r.Asleep = true
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

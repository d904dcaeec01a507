package ptrace

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/uringsim/uringsim/internal/sysuring"
	"github.com/uringsim/uringsim/uapi"
)

// A submission thread takes requests without a call. But while it sleeps, which IORING_SQ_NEED_WAKEUP says, it takes none
// until the program calls io_uring_enter(2), and programs cannot know when it sleeps. So a ring without a thread on which
// that bit is always set looks to a program like one whose thread always sleeps, and everything it submits comes with a
// call. Kernels do not touch the bit on such rings.

// AsleepFlags returns the setup flags of a ring without a thread that takes the place of one with these parameters,
// which have IORING_SETUP_SQPOLL. Like a thread, it goes on after a request that fails, and accepts submissions of all
// tasks. Other is the ring whose thread is to be shared, or nil if that is not known. Asleep is false if the ring needs
// a real thread, because it polls for completions, or if the host is to refuse it.
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
		if other != nil && other.Asleep { // it has no thread to share
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

// SetupFlags returns a patch of the flags in the parameters of a setup, which are at addr.
func SetupFlags(addr uint64, was, while uint32) Patch {
	const offset = 8 // in struct io_uring_params
	return Patch{addr + offset, binary.LittleEndian.AppendUint32(nil, was), binary.LittleEndian.AppendUint32(nil, while)}
}

// SayAsleep marks a ring that the task has just made as Asleep, also in the ring's memory. The program cannot have
// mapped that yet, so it is mapped here for a moment.
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

// pidfdThread is PIDFD_THREAD of pidfd_open(2), which selects the thread, as its descriptors may be its own.
const pidfdThread = unix.O_EXCL

package register

import (
	"encoding/binary"

	"github.com/uringsim/uringsim/tctx"
	"github.com/uringsim/uringsim/uapi"
)

// eventfd registers the eventfd that hears of completions. Those for workers only (EVENTFD_ASYNC) take the same place.
//
// Linux: io_uring/eventfd.c:io_eventfd_register
func (c *call) eventfd() Outcome {
	const where = "io_uring/eventfd.c:io_eventfd_register"
	if c.ring.HasEventfd {
		return refuse(uapi.EBUSY, where, "an eventfd must not be registered yet")
	}
	var raw [4]byte
	if !c.task.Mem.CopyIn(raw[:], c.arg) {
		return refuse(uapi.EFAULT, where, "the descriptor must be readable")
	}
	f := c.task.Files.Get(int32(binary.LittleEndian.Uint32(raw[:])))
	switch {
	case f == nil:
		return refuse(uapi.EBADF, "fs/eventfd.c:eventfd_ctx_fdget", "the descriptor must be open")
	case f.Kind != tctx.EventFile:
		return refuse(uapi.EINVAL, "fs/eventfd.c:eventfd_ctx_fileget", "the descriptor must be of an eventfd")
	}
	c.ring.HasEventfd = true
	return Outcome{}
}

// Linux: io_uring/eventfd.c:io_eventfd_unregister
func (c *call) unregisterEventfd() Outcome {
	if !c.ring.HasEventfd {
		return refuse(uapi.ENXIO, "io_uring/eventfd.c:io_eventfd_unregister", "an eventfd must be registered")
	}
	c.ring.HasEventfd = false
	return Outcome{}
}

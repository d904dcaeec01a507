package tctx

import (
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// RingFile finds the ring that a system call names: by descriptor, or by index among the registered rings.
//
// Linux: io_uring/io_uring.c:io_uring_ctx_get_file
func (t *Task) RingFile(stage verdict.Stage, fd int32, registered bool) (*File, *verdict.Refusal) {
	const where = "io_uring/io_uring.c:io_uring_ctx_get_file"
	var f *File
	if registered {
		if !t.Uses || uint32(fd) >= uapi.IO_RINGFD_REG_MAX {
			return nil, verdict.Refuse(stage, uapi.EINVAL, where, "fd must be an index of registered rings, by a task that uses io_uring")
		}
		f = t.Rings[fd]
	} else {
		f = t.Files.Get(fd)
	}
	switch {
	case f == nil:
		return nil, verdict.Refuse(stage, uapi.EBADF, where, "fd must be open")
	case f.Kind != RingFile:
		return nil, verdict.Refuse(stage, uapi.EOPNOTSUPP, where, "fd must be a ring")
	}
	return f, nil
}

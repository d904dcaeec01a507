package register

import (
	"encoding/binary"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/mm"
	"github.com/uringsim/uringsim/tctx"
	"github.com/uringsim/uringsim/uapi"
)

// Limits of registered files and buffers.
const (
	maxFixedFiles = 1024  // RLIMIT_NOFILE; the kernel's own limit is larger
	maxRegBuffers = 16384 // IORING_MAX_REG_BUFFERS

	maxPinnedPages = (1<<31 - 1) / 8
)

// files registers an array of descriptors; -1 leaves a slot empty.
//
// Linux: io_uring/rsrc.c:io_sqe_files_register
func (c *call) files() Outcome {
	const where = "io_uring/rsrc.c:io_sqe_files_register"
	switch {
	case c.ring.HasFiles:
		return refuse(uapi.EBUSY, where, "files must not be registered yet")
	case c.nr == 0:
		return refuse(uapi.EINVAL, where, "nr must not be 0")
	case c.nr > maxFixedFiles:
		return refuse(uapi.EMFILE, where, "nr must be within RLIMIT_NOFILE")
	}
	files := make([]*tctx.File, c.nr)
	for i := range files {
		var raw [4]byte
		if !c.task.Mem.CopyIn(raw[:], c.arg+4*uint64(i)) {
			return refuse(uapi.EFAULT, where, "the descriptors must be readable")
		}
		fd := int32(binary.LittleEndian.Uint32(raw[:]))
		if fd == -1 {
			continue
		}
		files[i] = c.task.Files.Get(fd)
		if files[i] == nil || files[i].Kind == tctx.RingFile {
			return refuse(uapi.EBADF, where, "a descriptor must be open and not a ring")
		}
	}
	c.ring.Files, c.ring.HasFiles = files, true
	return Outcome{}
}

// Linux: io_uring/rsrc.c:io_sqe_files_unregister
func (c *call) unregisterFiles() Outcome {
	if !c.ring.HasFiles {
		return refuse(uapi.ENXIO, "io_uring/rsrc.c:io_sqe_files_unregister", "files must be registered")
	}
	c.ring.Files, c.ring.HasFiles = nil, false
	return Outcome{}
}

// buffers registers an array of iovecs; NULL with length 0 leaves a slot empty.
//
// Linux: io_uring/rsrc.c:io_sqe_buffers_register
func (c *call) buffers() Outcome {
	const where = "io_uring/rsrc.c:io_sqe_buffers_register"
	if c.ring.HasBuffers {
		return refuse(uapi.EBUSY, where, "buffers must not be registered yet")
	}
	if c.nr == 0 || c.nr > maxRegBuffers {
		return refuse(uapi.EINVAL, where, "nr must be 1 to 16384")
	}
	buffers := make([]Buffer, c.nr)
	for i := range buffers {
		var raw [uapi.SizeofIovec]byte
		if !c.task.Mem.CopyIn(raw[:], c.arg+uint64(i)*uapi.SizeofIovec) {
			return refuse(uapi.EFAULT, where, "the iovecs must be readable")
		}
		b := Buffer{binary.LittleEndian.Uint64(raw[:]), binary.LittleEndian.Uint64(raw[8:])}
		if int64(b.Len) < 0 {
			return refuse(uapi.EINVAL, where, "iov_len must not be negative")
		}
		if e, why := c.pin(b); e != 0 {
			return refuse(e, "io_uring/rsrc.c:io_sqe_buffer_register", why)
		}
		buffers[i] = b
	}
	c.ring.Buffers, c.ring.HasBuffers = buffers, true
	return Outcome{}
}

// pin checks that a buffer can be pinned.
//
// Linux: io_uring/rsrc.c:io_validate_user_buf_range, io_uring/memmap.c:io_pin_pages
func (c *call) pin(b Buffer) (uapi.Errno, string) {
	end := b.Addr + (b.Len+mm.PageSize-1)&^uint64(mm.PageSize-1)
	first := b.Addr &^ uint64(mm.PageSize-1)
	switch {
	case b.Addr == 0 && b.Len == 0:
		return 0, ""
	case b.Addr == 0 || b.Len == 0:
		return uapi.EFAULT, "a buffer must have an address and a length"
	case c.kernel.Has(kernel.BufferLimit1G) && b.Len > 1<<30:
		return uapi.EFAULT, "a buffer must have at most 1 GiB"
	case b.Len > 1<<40:
		return uapi.EINVAL, "a buffer must have at most 1 TiB"
	case end < b.Addr || b.Len/mm.PageSize > maxPinnedPages:
		return uapi.EOVERFLOW, "a buffer must not wrap around, nor have more pages than an array can list"
	case !c.task.Mem.Pinnable(first, b.Addr+b.Len-first):
		return uapi.EFAULT, "a buffer must be writable memory"
	}
	return 0, ""
}

// Linux: io_uring/rsrc.c:io_sqe_buffers_unregister
func (c *call) unregisterBuffers() Outcome {
	if !c.ring.HasBuffers {
		return refuse(uapi.ENXIO, "io_uring/rsrc.c:io_sqe_buffers_unregister", "buffers must be registered")
	}
	c.ring.Buffers, c.ring.HasBuffers = nil, false
	return Outcome{}
}

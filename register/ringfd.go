package register

import (
	"github.com/uringsim/uringsim/tctx"
	"github.com/uringsim/uringsim/uapi"
)

// ringFDs registers rings with the calling task and stores their indices. It returns how many it did, if any.
//
// Linux: io_uring/tctx.c:io_ringfd_register
func (c *call) ringFDs() Outcome {
	const where = "io_uring/tctx.c:io_ringfd_register"
	if c.nr == 0 || c.nr > uapi.IO_RINGFD_REG_MAX {
		return refuse(uapi.EINVAL, where, "nr must be 1 to 16")
	}
	c.ring.Use(c.task)
	return c.eachRingFD(where, func(u *uapi.RsrcUpdate, addr uint64) (uapi.Errno, string) {
		if u.Resv != 0 {
			return uapi.EINVAL, "resv must be 0"
		}
		start, end := uint32(0), uint32(uapi.IO_RINGFD_REG_MAX)
		if u.Offset != ^uint32(0) {
			if u.Offset >= end {
				return uapi.EINVAL, "offset must be 0 to 15, or -1"
			}
			start, end = u.Offset, u.Offset+1
		}
		f := c.task.Files.Get(int32(u.Data))
		switch {
		case f == nil:
			return uapi.EBADF, "data must be an open descriptor"
		case f.Kind != tctx.RingFile:
			return uapi.EOPNOTSUPP, "data must be the descriptor of a ring"
		}
		index, e := c.task.AddRing(f, start, end)
		if e != 0 {
			return e, "there must be a free index"
		}
		u.Offset = uint32(index)
		if !c.task.Mem.CopyOut(addr, u.Append(nil)) {
			c.task.Rings[index] = nil
			return uapi.EFAULT, "struct io_uring_rsrc_update must be writable"
		}
		return 0, ""
	})
}

// unregisterRingFDs frees indices; an index that is free already is no error.
//
// Linux: io_uring/tctx.c:io_ringfd_unregister
func (c *call) unregisterRingFDs() Outcome {
	const where = "io_uring/tctx.c:io_ringfd_unregister"
	if c.nr == 0 || c.nr > uapi.IO_RINGFD_REG_MAX {
		return refuse(uapi.EINVAL, where, "nr must be 1 to 16")
	}
	if !c.task.Uses {
		return Outcome{}
	}
	return c.eachRingFD(where, func(u *uapi.RsrcUpdate, _ uint64) (uapi.Errno, string) {
		if u.Resv != 0 || u.Data != 0 || u.Offset >= uapi.IO_RINGFD_REG_MAX {
			return uapi.EINVAL, "resv and data must be 0, offset at most 15"
		}
		c.task.Rings[u.Offset] = nil
		return 0, ""
	})
}

// eachRingFD reads the array of updates and returns the number of those that worked, or the first one's error.
func (c *call) eachRingFD(where string, do func(*uapi.RsrcUpdate, uint64) (uapi.Errno, string)) Outcome {
	for i := range c.nr {
		addr := c.arg + uint64(i)*uapi.SizeofRsrcUpdate
		raw := make([]byte, uapi.SizeofRsrcUpdate)
		e, why := uapi.EFAULT, "struct io_uring_rsrc_update must be readable"
		if c.task.Mem.CopyIn(raw, addr) {
			u := uapi.DecodeRsrcUpdate(raw)
			e, why = do(&u, addr)
		}
		if e != 0 {
			if i == 0 {
				return refuse(e, where, why)
			}
			return Outcome{Ret: int64(i)}
		}
	}
	return Outcome{Ret: int64(c.nr)}
}

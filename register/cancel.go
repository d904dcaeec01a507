package register

import (
	"github.com/uringsim/uringsim/tctx"
	"github.com/uringsim/uringsim/uapi"
)

// syncCancel cancels requests of the ring. It waits for none.
//
// Linux: io_uring/cancel.c:io_sync_cancel, __io_sync_cancel
func (c *call) syncCancel() Outcome {
	const where = "io_uring/cancel.c:io_sync_cancel"
	raw := make([]byte, uapi.SizeofSyncCancelReg)
	if !c.task.Mem.CopyIn(raw, c.arg) {
		return refuse(uapi.EFAULT, where, "struct io_uring_sync_cancel_reg must be readable")
	}
	reg := uapi.DecodeSyncCancelReg(raw)
	if reg.Flags&^uapi.IORING_ASYNC_CANCEL_FLAGS != 0 || reg.Pad != [7]uint8{} || reg.Pad2 != [3]uint64{} {
		return refuse(uapi.EINVAL, where, "flags must be known, pad and pad2 must be 0")
	}
	var file *tctx.File
	if reg.Flags&uapi.IORING_ASYNC_CANCEL_FD != 0 {
		if reg.Flags&uapi.IORING_ASYNC_CANCEL_FD_FIXED == 0 {
			if file = c.task.Files.Get(reg.FD); file == nil {
				return refuse(uapi.EBADF, where, "fd must be open")
			}
		} else if n := c.ring.Files.Lookup(uint32(reg.FD)); n != nil {
			file = n.File
		} else {
			return refuse(uapi.EBADF, "io_uring/cancel.c:__io_sync_cancel", "fd must be a slot that is not empty")
		}
	}
	n, known := c.holder.Cancel(reg.Flags, reg.Addr, uapi.Op(reg.Opcode), file)
	switch {
	case !known:
		return Outcome{Unmodelled: "SYNC_CANCEL of requests that other parts of the kernel carry out"}
	case n == 0 && reg.Flags&(uapi.IORING_ASYNC_CANCEL_ALL|uapi.IORING_ASYNC_CANCEL_ANY) == 0:
		return refuse(uapi.ENOENT, "io_uring/cancel.c:__io_async_cancel", "there must be a request to cancel")
	case reg.Flags&(uapi.IORING_ASYNC_CANCEL_ALL|uapi.IORING_ASYNC_CANCEL_ANY) == 0:
		return Outcome{}
	}
	return Outcome{Ret: int64(n)}
}

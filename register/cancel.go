package register

import (
	"github.com/uringsim/uringsim/uapi"
)

// syncCancel cancels requests of the ring. Where none is in flight, it finds none, and does not wait.
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
	if reg.Flags&uapi.IORING_ASYNC_CANCEL_FD != 0 {
		if reg.Flags&uapi.IORING_ASYNC_CANCEL_FD_FIXED == 0 {
			if c.task.Files.Get(reg.FD) == nil {
				return refuse(uapi.EBADF, where, "fd must be open")
			}
		} else if uint32(reg.FD) >= uint32(len(c.ring.Files)) || c.ring.Files[uint32(reg.FD)] == nil {
			return refuse(uapi.EBADF, "io_uring/cancel.c:__io_sync_cancel", "fd must be a slot that is not empty")
		}
	}
	switch {
	case c.holder.InFlight():
		return Outcome{Unmodelled: "SYNC_CANCEL on a ring with requests in flight"}
	case reg.Flags&(uapi.IORING_ASYNC_CANCEL_ALL|uapi.IORING_ASYNC_CANCEL_ANY) != 0:
		return Outcome{}
	}
	return refuse(uapi.ENOENT, "io_uring/cancel.c:__io_async_cancel", "there must be a request to cancel")
}

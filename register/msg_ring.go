package register

import (
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/tctx"
	"github.com/uringsim/uringsim/uapi"
)

// Commands of MSG_RING, in sqe.addr.
const (
	MsgData   = 0
	MsgSendFD = 1
)

// Message is what a MSG_RING SQE says.
func Message(sqe *uapi.SQE) uapi.CQE {
	cqe := uapi.CQE{UserData: sqe.Off(), Res: int32(sqe.Len())}
	if sqe.OpFlags()&uapi.IORING_MSG_RING_FLAGS_PASS != 0 {
		cqe.Flags = sqe.FileIndex()
	}
	return cqe
}

// MaySendData checks the message of a MSG_RING SQE to the ring behind the file. The target's restrictions and filters
// have no say in it.
//
// Linux: io_uring/msg_ring.c:__io_msg_ring_data
func MaySendData(k kernel.Release, f *tctx.File, sqe *uapi.SQE) (e uapi.Errno, why string) {
	flags, cqe := sqe.OpFlags(), Message(sqe)
	pass := flags&uapi.IORING_MSG_RING_FLAGS_PASS != 0
	ring := StateOf(f)
	switch {
	case uint32(sqe.Addr3()) != 0 || flags&^uapi.IORING_MSG_RING_FLAGS_PASS != 0:
		return uapi.EINVAL, "addr3 must be 0, and no flag but FLAGS_PASS set"
	case !pass && sqe.FileIndex() != 0:
		return uapi.EINVAL, "file_index must be 0 without FLAGS_PASS"
	case ring.Flags&uapi.IORING_SETUP_R_DISABLED != 0:
		return uapi.EBADFD, "the target must be enabled"
	case cqe.Flags&uapi.IORING_CQE_F_32 != 0 && ring.Flags&(uapi.IORING_SETUP_CQE32|uapi.IORING_SETUP_CQE_MIXED) == 0 &&
		!k.Has(kernel.MsgRingPassesCQE32):
		return uapi.EINVAL, "IORING_CQE_F_32 needs a target with CQE32 or CQE_MIXED"
	}
	return 0, ""
}

// sendMsgRing is a MSG_RING request without a ring of its own.
//
// Linux: io_uring/register.c:io_uring_register_send_msg_ring, io_uring/msg_ring.c:io_uring_sync_msg_ring
func (c *call) sendMsgRing() Outcome {
	const where = "io_uring/register.c:io_uring_register_send_msg_ring"
	const whereSync = "io_uring/msg_ring.c:io_uring_sync_msg_ring"
	if c.arg == 0 || c.nr != 1 {
		return refuse(uapi.EINVAL, where, "arg must not be NULL, nr must be 1")
	}
	var sqe uapi.SQE
	if !c.task.Mem.CopyIn(sqe[:], c.arg) {
		return refuse(uapi.EFAULT, where, "the SQE must be readable")
	}
	switch {
	case sqe.Flags() != 0 || sqe.Opcode() != uapi.IORING_OP_MSG_RING:
		return refuse(uapi.EINVAL, where, "the SQE must be a MSG_RING without flags")
	case sqe.BufIndex() != 0 || sqe.Personality() != 0 ||
		sqe.OpFlags()&^(uapi.IORING_MSG_RING_CQE_SKIP|uapi.IORING_MSG_RING_FLAGS_PASS) != 0:
		return refuse(uapi.EINVAL, "io_uring/msg_ring.c:__io_msg_ring_prep", "buf_index and personality must be 0, flags known")
	case uint32(sqe.Addr()) != MsgData:
		return refuse(uapi.EINVAL, whereSync, "addr must be IORING_MSG_DATA")
	}
	f := c.task.Files.Get(sqe.FD())
	switch {
	case f == nil:
		return refuse(uapi.EBADF, whereSync, "fd must be open")
	case f.Kind != tctx.RingFile:
		return refuse(uapi.EBADFD, whereSync, "fd must be a ring")
	}
	if e, why := MaySendData(c.kernel, f, &sqe); e != 0 {
		return refuse(e, "io_uring/msg_ring.c:__io_msg_ring_data", why)
	}
	f.Ring.(holder).PostMessage(Message(&sqe))
	return Outcome{}
}

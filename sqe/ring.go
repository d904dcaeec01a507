package sqe

import (
	"encoding/binary"
	"time"

	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// Nop does nothing.
func Nop() SQE { return prep(uapi.IORING_OP_NOP, -1, Pointer{}, 0, 0) }

// Nop128 does nothing in 128 bytes.
func Nop128() SQE {
	s := prep(uapi.IORING_OP_NOP128, -1, Pointer{}, 0, 0)
	s.wide = true
	return s
}

// PollAdd waits for events POLL*.
func PollAdd(fd int32, events uint32) SQE {
	return prep(uapi.IORING_OP_POLL_ADD, fd, Pointer{}, 0, 0).set("poll32_events", uint64(events))
}

// PollMultishot waits for events again and again.
func PollMultishot(fd int32, events uint32) SQE {
	return PollAdd(fd, events).With("len", uapi.IORING_POLL_ADD_MULTI)
}

// PollRemove ends a PollAdd.
func PollRemove(userData uint64) SQE {
	return prep(uapi.IORING_OP_POLL_REMOVE, -1, At(userData), 0, 0)
}

// PollUpdate changes a PollAdd; flags are IORING_POLL_*.
func PollUpdate(userData, newUserData uint64, events, flags uint32) SQE {
	s := prep(uapi.IORING_OP_POLL_REMOVE, -1, At(userData), flags, newUserData)
	return s.set("poll32_events", uint64(events))
}

// span points to a time, or is one, with IORING_TIMEOUT_IMMEDIATE_ARG.
func span(d time.Duration, flags uint32) Pointer {
	if flags&uapi.IORING_TIMEOUT_IMMEDIATE_ARG != 0 {
		return At(uint64(d))
	}
	t := trace.Timespec{Sec: trace.Num32(d / time.Second), Nsec: trace.Num32(d % time.Second)}
	return Pointer{Object: &trace.Object{Timespec: &t}}
}

// Timeout ends after a time, or after count CQEs.
func Timeout(d time.Duration, count, flags uint32) SQE {
	return prep(uapi.IORING_OP_TIMEOUT, -1, span(d, flags), 1, uint64(count)).set("timeout_flags", uint64(flags))
}

// LinkTimeout cancels the request before it in the chain after a time.
func LinkTimeout(d time.Duration, flags uint32) SQE {
	return prep(uapi.IORING_OP_LINK_TIMEOUT, -1, span(d, flags), 1, 0).set("timeout_flags", uint64(flags))
}

// TimeoutRemove ends a Timeout.
func TimeoutRemove(userData uint64, flags uint32) SQE {
	return prep(uapi.IORING_OP_TIMEOUT_REMOVE, -1, At(userData), 0, 0).set("timeout_flags", uint64(flags))
}

// TimeoutUpdate gives a Timeout another time.
func TimeoutUpdate(d time.Duration, userData uint64, flags uint32) SQE {
	s := prep(uapi.IORING_OP_TIMEOUT_REMOVE, -1, At(userData), 0, 0).aim("off", span(d, flags))
	return s.With("timeout_flags", uint64(flags|uapi.IORING_TIMEOUT_UPDATE))
}

// Cancel cancels requests with this user_data; flags are IORING_ASYNC_CANCEL_*.
func Cancel(userData uint64, flags uint32) SQE {
	return prep(uapi.IORING_OP_ASYNC_CANCEL, -1, At(userData), 0, 0).set("cancel_flags", uint64(flags))
}

// CancelFD cancels requests on a descriptor.
func CancelFD(fd int32, flags uint32) SQE {
	s := prep(uapi.IORING_OP_ASYNC_CANCEL, fd, Pointer{}, 0, 0)
	return s.With("cancel_flags", uint64(flags|uapi.IORING_ASYNC_CANCEL_FD))
}

// ProvideBuffers gives n buffers of size bytes each, from bid on, to a group.
func ProvideBuffers(buf Pointer, size uint32, n int32, group uint16, bid uint64) SQE {
	return prep(uapi.IORING_OP_PROVIDE_BUFFERS, n, buf, size, bid).set("buf_group", uint64(group))
}

// RemoveBuffers takes n buffers from a group.
func RemoveBuffers(n int32, group uint16) SQE {
	return prep(uapi.IORING_OP_REMOVE_BUFFERS, n, Pointer{}, 0, 0).set("buf_group", uint64(group))
}

// MsgRing posts a CQE to another ring, with res as its result and data as its user_data.
func MsgRing(fd int32, res uint32, data uint64, flags uint32) SQE {
	return prep(uapi.IORING_OP_MSG_RING, fd, Pointer{}, res, data).set("msg_ring_flags", uint64(flags))
}

// MsgRingCQEFlags is MsgRing with flags for the CQE.
func MsgRingCQEFlags(fd int32, res uint32, data uint64, flags, cqeFlags uint32) SQE {
	s := MsgRing(fd, res, data, flags|uapi.IORING_MSG_RING_FLAGS_PASS)
	return s.set("file_index", uint64(cqeFlags))
}

// MsgRingFD sends a slot of this ring to another. Direct and DirectAlloc choose the slot there.
func MsgRingFD(fd int32, slot uint64, data uint64, flags uint32) SQE {
	const sendFD = 1 // IORING_MSG_SEND_FD
	s := prep(uapi.IORING_OP_MSG_RING, fd, At(sendFD), 0, data).set("addr3", slot)
	return s.set("msg_ring_flags", uint64(flags))
}

// UringCmd passes a command to the file's driver. Cmd sets its bytes.
func UringCmd(cmdOp uint32, fd int32) SQE {
	return Of(uapi.IORING_OP_URING_CMD).set("fd", uint64(int64(fd))).set("cmd_op", uint64(cmdOp))
}

// UringCmd128 is UringCmd with room for 80 bytes.
func UringCmd128(cmdOp uint32, fd int32) SQE {
	s := UringCmd(cmdOp, fd).With("opcode", uint64(uapi.IORING_OP_URING_CMD128))
	s.wide = true
	return s
}

// CmdSock is a command of sockets, SOCKET_URING_OP_*, on an option.
func CmdSock(cmdOp uint32, fd int32, level, option uint32, value Pointer, size uint32) SQE {
	s := UringCmd(cmdOp, fd).set("level", uint64(level)).set("optname", uint64(option))
	return s.set("optlen", uint64(size)).aim("optval", value)
}

// CmdGetsockname asks for the address of a socket, or with peer 1 of the other end.
func CmdGetsockname(fd int32, addr, addrLen Pointer, peer uint32) SQE {
	s := UringCmd(uapi.SOCKET_URING_OP_GETSOCKNAME, fd).aim("addr", addr).aim("addr3", addrLen)
	return s.set("optlen", uint64(peer))
}

// CmdDiscard discards size bytes of a block device at the offset off.
func CmdDiscard(fd int32, off, size uint64) SQE {
	return UringCmd(uapi.BLOCK_URING_CMD_DISCARD, fd).set("addr", off).set("addr3", size)
}

// Waitid waits for a child; info has room for siginfo_t of 128 bytes.
func Waitid(idType uint32, id int32, info Pointer, options, flags uint32) SQE {
	s := prep(uapi.IORING_OP_WAITID, id, Pointer{}, idType, 0).aim("off", info)
	return s.set("file_index", uint64(options)).set("waitid_flags", uint64(flags))
}

// futex is a request on the u32 at addr; futexFlags are FUTEX2_*.
func futex(op uapi.Op, addr Pointer, val, mask uint64, futexFlags, flags uint32) SQE {
	s := prep(op, int32(futexFlags), addr, 0, val)
	return s.set("addr3", mask).set("futex_flags", uint64(flags))
}

// FutexWait waits on the u32 at addr while it is val; futexFlags are FUTEX2_*.
func FutexWait(addr Pointer, val, mask uint64, futexFlags, flags uint32) SQE {
	return futex(uapi.IORING_OP_FUTEX_WAIT, addr, val, mask, futexFlags, flags)
}

// FutexWake wakes up to n that wait on the u32 at addr.
func FutexWake(addr Pointer, n, mask uint64, futexFlags, flags uint32) SQE {
	return futex(uapi.IORING_OP_FUTEX_WAKE, addr, n, mask, futexFlags, flags)
}

// Waiter is struct futex_waitv: the u32 at Addr, waited on while it is Val.
type Waiter struct {
	Val, Addr uint64
	Flags     uint32 // FUTEX2_*
}

// FutexWaitv waits on any of several.
func FutexWaitv(waiters []Waiter, flags uint32) SQE {
	var p Pointer
	if len(waiters) > 0 {
		var b []byte
		for _, w := range waiters {
			b = binary.LittleEndian.AppendUint64(b, w.Val)
			b = binary.LittleEndian.AppendUint64(b, w.Addr)
			b = binary.LittleEndian.AppendUint64(b, uint64(w.Flags))
		}
		p = Data(b)
	}
	s := prep(uapi.IORING_OP_FUTEX_WAITV, 0, p, uint32(len(waiters)), 0)
	return s.set("futex_flags", uint64(flags))
}

package sqe

import (
	"encoding/binary"
	"time"

	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// Nop does nothing.
func Nop() SQE { return prep(uapi.IORING_OP_NOP, -1, Pointer{}, 0, 0) }

// Nop128 does nothing, as an SQE of 128 bytes.
func Nop128() SQE {
	s := prep(uapi.IORING_OP_NOP128, -1, Pointer{}, 0, 0)
	s.wide = true
	return s
}

// PollAdd waits for POLL* events.
func PollAdd(fd int32, events uint32) SQE {
	return prep(uapi.IORING_OP_POLL_ADD, fd, Pointer{}, 0, 0).set("poll32_events", uint64(events))
}

// PollMultishot waits for events until it is cancelled.
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

// span points to a time or, with IORING_TIMEOUT_IMMEDIATE_ARG, is the time itself.
func span(d time.Duration, flags uint32) Pointer {
	if flags&uapi.IORING_TIMEOUT_IMMEDIATE_ARG != 0 {
		return At(uint64(d))
	}
	t := trace.Timespec{Sec: trace.Number(d / time.Second), Nsec: trace.Number(d % time.Second)}
	return Pointer{Object: &trace.Object{Timespec: &t}}
}

// Timeout completes after a time, or after count CQEs.
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

// TimeoutUpdate changes the time of a Timeout.
func TimeoutUpdate(d time.Duration, userData uint64, flags uint32) SQE {
	s := prep(uapi.IORING_OP_TIMEOUT_REMOVE, -1, At(userData), 0, 0).aim("off", span(d, flags))
	return s.With("timeout_flags", uint64(flags|uapi.IORING_TIMEOUT_UPDATE))
}

// Cancel cancels requests with this user_data. Flags are IORING_ASYNC_CANCEL_*.
func Cancel(userData uint64, flags uint32) SQE {
	return prep(uapi.IORING_OP_ASYNC_CANCEL, -1, At(userData), 0, 0).set("cancel_flags", uint64(flags))
}

// CancelFD cancels requests on a descriptor.
func CancelFD(fd int32, flags uint32) SQE {
	s := prep(uapi.IORING_OP_ASYNC_CANCEL, fd, Pointer{}, 0, 0)
	return s.With("cancel_flags", uint64(flags|uapi.IORING_ASYNC_CANCEL_FD))
}

// ProvideBuffers adds n buffers of size bytes each to a group. The first has the id bid.
func ProvideBuffers(buf Pointer, size uint32, n int32, group uint16, bid uint64) SQE {
	return prep(uapi.IORING_OP_PROVIDE_BUFFERS, n, buf, size, bid).set("buf_group", uint64(group))
}

// RemoveBuffers removes n buffers from a group.
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

// MsgRingFD sends the file in a slot of this ring to another ring. Direct and DirectAlloc choose the slot there.
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

// CmdSock is a SOCKET_URING_OP_* command on an option of a socket.
func CmdSock(cmdOp uint32, fd int32, level, option uint32, value Pointer, size uint32) SQE {
	s := UringCmd(cmdOp, fd).set("level", uint64(level)).set("optname", uint64(option))
	return s.set("optlen", uint64(size)).aim("optval", value)
}

// CmdGetsockname asks for the address of a socket or, if peer is 1, of its peer.
func CmdGetsockname(fd int32, addr, addrLen Pointer, peer uint32) SQE {
	s := UringCmd(uapi.SOCKET_URING_OP_GETSOCKNAME, fd).aim("addr", addr).aim("addr3", addrLen)
	return s.set("optlen", uint64(peer))
}

// CmdDiscard discards size bytes of a block device at offset off.
func CmdDiscard(fd int32, off, size uint64) SQE {
	return UringCmd(uapi.BLOCK_URING_CMD_DISCARD, fd).set("addr", off).set("addr3", size)
}

// Waitid waits for a child. Info has room for the 128 bytes of siginfo_t.
func Waitid(idType uint32, id int32, info Pointer, options, flags uint32) SQE {
	s := prep(uapi.IORING_OP_WAITID, id, Pointer{}, idType, 0).aim("off", info)
	return s.set("file_index", uint64(options)).set("waitid_flags", uint64(flags))
}

// futex is a request on the u32 at addr. futexFlags are FUTEX2_*.
func futex(op uapi.Op, addr Pointer, val, mask uint64, futexFlags, flags uint32) SQE {
	s := prep(op, int32(futexFlags), addr, 0, val)
	return s.set("addr3", mask).set("futex_flags", uint64(flags))
}

// FutexWait waits while the u32 at addr is val. futexFlags are FUTEX2_*.
func FutexWait(addr Pointer, val, mask uint64, futexFlags, flags uint32) SQE {
	return futex(uapi.IORING_OP_FUTEX_WAIT, addr, val, mask, futexFlags, flags)
}

// FutexWake wakes up to n waiters on the u32 at addr.
func FutexWake(addr Pointer, n, mask uint64, futexFlags, flags uint32) SQE {
	return futex(uapi.IORING_OP_FUTEX_WAKE, addr, n, mask, futexFlags, flags)
}

// Waiter is struct futex_waitv: it waits while the u32 at Addr is Val.
type Waiter struct {
	Val, Addr uint64
	Flags     uint32 // FUTEX2_*
}

// FutexWaitv waits on any of several futexes.
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

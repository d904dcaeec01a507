package opdef

import (
	"testing"

	"github.com/uringsim/uringsim/uapi"
)

func TestNops(t *testing.T) {
	checkPrepRows(t, []prepRow{
		{op: nop, sqe: "nop_flags=0x1f", want: "0", why: "all bits but CQE32"},
		{op: nop, sqe: "nop_flags=0x20", want: "EINVAL", why: "CQE32 needs a ring for it"},
		{op: nop, sqe: "nop_flags=0x20", env: cqe32, want: "0"}, {op: nop, sqe: "nop_flags=0x20", env: cqeMixed, want: "0"},
		{op: nop, sqe: "nop_flags=0x3f", env: cqe32, want: "0"},
		{op: nop, sqe: "nop_flags=0x40", want: "EINVAL", why: "the first unknown bit"},
		{op: nop, sqe: "nop_flags=0x80000000", want: "EINVAL", why: "the last"},
		{op: nop128, sqe: "nop_flags=0x1f fd=-1 off=9 addr=BAD", want: "0", why: "as NOP"},
		{op: nop128, sqe: "nop_flags=0x40", want: "EINVAL"},
	})
}

func TestSyncAndPoll(t *testing.T) {
	const fsync, pollAdd, pollRemove = uapi.IORING_OP_FSYNC, uapi.IORING_OP_POLL_ADD, uapi.IORING_OP_POLL_REMOVE
	checkPrepRows(t, []prepRow{
		{op: fsync, sqe: "fsync_flags=1", want: "0"}, {op: fsync, sqe: "fsync_flags=2", want: "EINVAL"},
		{op: fsync, sqe: "fsync_flags=3", want: "EINVAL"},
		{op: fsync, sqe: "off=0x7fffffffffffffff", want: "0"},
		{op: fsync, sqe: "off=0x8000000000000000", want: "EINVAL", why: "signed"},
		{op: uapi.IORING_OP_SYNC_FILE_RANGE, sqe: "sync_range_flags=-1 off=-1 len=-1", want: "0",
			why: "checked when it runs"},
		{op: pollAdd, sqe: "len=1", want: "0"}, {op: pollAdd, sqe: "len=2", want: "EINVAL"},
		{op: pollAdd, sqe: "len=8", want: "EINVAL", why: "LEVEL"},
		{op: pollAdd, sqe: "len=1 flags=SKIP", want: "EINVAL"}, {op: pollAdd, sqe: "flags=SKIP poll32_events=-1", want: "0"},
		{op: pollRemove, sqe: "len=2", want: "0"}, {op: pollRemove, sqe: "len=3", want: "0", why: "MULTI with an update"},
		{op: pollRemove, sqe: "len=7", want: "0"}, {op: pollRemove, sqe: "len=8", want: "EINVAL"},
		{op: pollRemove, sqe: "len=1", want: "EINVAL"},
		{op: pollRemove, sqe: "len=4 off=9", want: "0"}, {op: pollRemove, sqe: "len=2 off=9", want: "EINVAL"},
		{op: pollRemove, sqe: "len=2 poll32_events=1", want: "0"},
		{op: pollRemove, sqe: "len=4 poll32_events=1", want: "EINVAL"},
		{op: pollRemove, sqe: "len=6 off=9 poll32_events=1", want: "0"},
	})
}

func TestCancelsAndBuffers(t *testing.T) {
	checkPrepRows(t, []prepRow{
		{op: cancel, sqe: "cancel_flags=0x1b", want: "0"}, {op: cancel, sqe: "cancel_flags=0x40", want: "EINVAL"},
		{op: cancel, sqe: "cancel_flags=6", want: "EINVAL", why: "FD and ANY"},
		{op: cancel, sqe: "cancel_flags=0x24", want: "EINVAL", why: "OP and ANY"},
		{op: cancel, sqe: "cancel_flags=0x20 len=64", want: "0"},
		{op: cancel, sqe: "cancel_flags=0x20 len=65", want: "0 <7.1 EINVAL", why: "cancel-op-unchecked"},
		{op: cancel, sqe: "len=65", want: "0", why: "no opcode without OP"},
		{op: cancel, sqe: "cancel_flags=0x20 len=-1", want: "0 <7.1 EINVAL"},
		{op: cancel, sqe: "cancel_flags=0x23", want: "0"},
		{op: provide, sqe: "fd=0 len=8", want: "E2BIG"}, {op: provide, sqe: "fd=65536 len=1", want: "0"},
		{op: provide, sqe: "fd=65537 len=1", want: "E2BIG"}, {op: provide, sqe: "fd=-1 len=1", want: "E2BIG"},
		{op: provide, sqe: "fd=0 len=0", want: "E2BIG", why: "the number before the length"},
		{op: provide, sqe: "fd=1 len=0 addr=-1", want: "EINVAL"},
		{op: provide, sqe: "fd=2 len=8 addr=0xfffffffffffffff0", want: "EOVERFLOW"},
		{op: provide, sqe: "fd=1 len=8 addr=0xffffffffffffff00", want: "EFAULT"},
		{op: provide, sqe: "fd=1 len=8 addr=KERN off=-1", want: "EFAULT", why: "the memory before the id"},
		{op: provide, sqe: "fd=1 len=8 addr=BAD", want: "0"},
		{op: provide, sqe: "fd=1 len=8 off=65535", want: "0"}, {op: provide, sqe: "fd=1 len=8 off=65536", want: "E2BIG"},
		{op: provide, sqe: "fd=2 len=8 off=65535", want: "EINVAL"},
		{op: provide, sqe: "fd=1 len=8 off=0x100000000", want: "E2BIG", why: "64 bits count"},
		{op: provide, sqe: "fd=65536 len=0xffffffff", want: "EFAULT", why: "256 TiB"},
		{op: removeBuf, sqe: "fd=65536", want: "0"}, {op: removeBuf, sqe: "fd=65537", want: "EINVAL"},
		{op: removeBuf, sqe: "fd=0", want: "EINVAL"}, {op: removeBuf, sqe: "fd=-1", want: "EINVAL"},
		{op: uapi.IORING_OP_SPLICE, sqe: "splice_flags=0x8000000f", want: "0"},
		{op: uapi.IORING_OP_SPLICE, sqe: "splice_flags=0x10", want: "EINVAL"},
		{op: uapi.IORING_OP_SPLICE, sqe: "splice_off_in=-1 off=-1 len=-1", want: "0"},
		{op: uapi.IORING_OP_TEE, sqe: "splice_flags=0x8000000f", want: "0"},
		{op: uapi.IORING_OP_TEE, sqe: "splice_flags=0x40000000", want: "EINVAL"},
		{op: uapi.IORING_OP_EPOLL_CTL, sqe: "addr=BAD len=2", want: "0", why: "DEL needs no event"},
		{op: uapi.IORING_OP_EPOLL_CTL, sqe: "addr=BAD len=1", want: "EFAULT"},
		{op: uapi.IORING_OP_EPOLL_CTL, sqe: "addr=BAD len=99", want: "EFAULT", why: "also for what is no operation"},
		{op: uapi.IORING_OP_EPOLL_CTL, sqe: "addr=END+-12 len=1", want: "0", why: "12 bytes"},
		{op: uapi.IORING_OP_EPOLL_CTL, sqe: "addr=END+-11 len=1", want: "EFAULT"},
		{op: uapi.IORING_OP_EPOLL_WAIT, sqe: "len=-1 addr=KERN", want: "0"},
	})
}

func TestFutexes(t *testing.T) {
	checkPrepRows(t, []prepRow{
		{op: futexWait, sqe: "fd=0x8e addr=KERN", want: "0", why: "NUMA, MPOL, PRIVATE; the address is for later"},
		{op: futexWait, sqe: "fd=0x12", want: "EINVAL"}, {op: futexWait, sqe: "fd=-1", want: "EINVAL"},
		{op: futexWait, sqe: "fd=0", want: "EINVAL", why: "8 bits"}, {op: futexWait, sqe: "fd=1", want: "EINVAL"},
		{op: futexWait, sqe: "fd=3", want: "EINVAL", why: "64 bits"},
		{op: futexWait, sqe: "fd=2 addr2=0xffffffff addr3=0xffffffff", want: "0"},
		{op: futexWait, sqe: "fd=2 addr2=0x100000000", want: "EINVAL"},
		{op: futexWait, sqe: "fd=2 addr3=0x100000000", want: "EINVAL"},
		{op: futexWaitv, sqe: "addr=WAITV len=0", want: "EINVAL"},
		{op: futexWaitv, sqe: "addr=BAD len=129", want: "EINVAL"},
		{op: futexWaitv, sqe: "addr=BAD len=128", want: "EFAULT"},
		{op: futexWaitv, sqe: "addr=END+-16 len=1", want: "EFAULT"},
		{op: futexWaitv, sqe: "addr=WAITV64 len=1", want: "EINVAL"},
		{op: futexWaitv, sqe: "addr=WAITVRES len=1", want: "EINVAL"},
		{op: futexWaitv, sqe: "addr=WAITVFLAG len=1", want: "EINVAL"},
		{op: futexWaitv, sqe: "addr=WAITVBIG len=1", want: "EINVAL"},
		{op: futexWaitv, sqe: "addr=WAITVBAD2 len=1", want: "0"},
		{op: futexWaitv, sqe: "addr=WAITVBAD2 len=2", want: "EINVAL", why: "the second"},
		{op: uapi.IORING_OP_WAITID, sqe: "fd=-1 len=99 file_index=-1 addr2=KERN", want: "0", why: "looked at when it runs"},
		{op: uapi.IORING_OP_FALLOCATE, sqe: "off=-1 addr=-1 len=-1", want: "0"},
	})
}

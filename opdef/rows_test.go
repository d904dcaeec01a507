package opdef

import (
	"testing"

	"github.com/uringsim/uringsim/uapi"
)

// Short names of the opcodes that the tables use.
const (
	nop, nop128            = uapi.IORING_OP_NOP, uapi.IORING_OP_NOP128
	readv, writev          = uapi.IORING_OP_READV, uapi.IORING_OP_WRITEV
	read, write            = uapi.IORING_OP_READ, uapi.IORING_OP_WRITE
	readFixed              = uapi.IORING_OP_READ_FIXED
	readvFixed             = uapi.IORING_OP_READV_FIXED
	writevFixed            = uapi.IORING_OP_WRITEV_FIXED
	mshot                  = uapi.IORING_OP_READ_MULTISHOT
	sendmsgOp, recvmsgOp   = uapi.IORING_OP_SENDMSG, uapi.IORING_OP_RECVMSG
	sendOp, recvOp         = uapi.IORING_OP_SEND, uapi.IORING_OP_RECV
	sendZCOp, sendmsgZCOp  = uapi.IORING_OP_SEND_ZC, uapi.IORING_OP_SENDMSG_ZC
	connectOp, bindOp      = uapi.IORING_OP_CONNECT, uapi.IORING_OP_BIND
	acceptOp, socketOp     = uapi.IORING_OP_ACCEPT, uapi.IORING_OP_SOCKET
	openat, openat2        = uapi.IORING_OP_OPENAT, uapi.IORING_OP_OPENAT2
	timeoutOp, linkTimeout = uapi.IORING_OP_TIMEOUT, uapi.IORING_OP_LINK_TIMEOUT
	timeoutRemove          = uapi.IORING_OP_TIMEOUT_REMOVE
	fsetxattr, setxattrOp  = uapi.IORING_OP_FSETXATTR, uapi.IORING_OP_SETXATTR
	fgetxattr, getxattrOp  = uapi.IORING_OP_FGETXATTR, uapi.IORING_OP_GETXATTR
	provide                = uapi.IORING_OP_PROVIDE_BUFFERS
	removeBuf              = uapi.IORING_OP_REMOVE_BUFFERS
	futexWait, futexWaitv  = uapi.IORING_OP_FUTEX_WAIT, uapi.IORING_OP_FUTEX_WAITV
	cancel                 = uapi.IORING_OP_ASYNC_CANCEL
	cmdOp, cmd128          = uapi.IORING_OP_URING_CMD, uapi.IORING_OP_URING_CMD128
)

var cqe32, cqeMixed = env{ring: uapi.IORING_SETUP_CQE32}, env{ring: uapi.IORING_SETUP_CQE_MIXED}

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

func TestReadsAndWrites(t *testing.T) {
	rt := env{rt: true}
	checkPrepRows(t, []prepRow{
		{op: read, sqe: "ioprio=0x4000", want: "0", why: "best effort"},
		{op: read, sqe: "ioprio=0x4007", want: "0", why: "any level"},
		{op: read, sqe: "ioprio=0x6000", want: "0", why: "idle"},
		{op: read, sqe: "ioprio=0x2000", want: "EPERM", why: "real time"},
		{op: read, sqe: "ioprio=0x2000", env: rt, want: "0", why: "with CAP_SYS_NICE"},
		{op: read, sqe: "ioprio=0x8000", want: "EINVAL", why: "class 4"},
		{op: read, sqe: "ioprio=0xe000", want: "EINVAL", why: "class 7"},
		{op: read, sqe: "ioprio=1", want: "EINVAL", why: "no class, but a level"},
		{op: read, sqe: "ioprio=4", want: "EINVAL"},
		{op: read, sqe: "ioprio=7", want: "EINVAL"},
		{op: read, sqe: "ioprio=8", want: "0", why: "hints without a class"}, {op: read, sqe: "ioprio=0x1ff8", want: "0"},
		{op: readFixed, sqe: "ioprio=1", want: "EINVAL", why: "all reads and writes"},
		{op: read, sqe: "ioprio=0x2000 attr_type_mask=2", want: "EPERM", why: "the priority comes before the attributes"},
		{op: read, sqe: "attr_type_mask=2", want: "EINVAL", why: "only protection information"},
		{op: read, sqe: "attr_type_mask=0x100000001", want: "EINVAL", why: "64 bits count"},
		{op: read, sqe: "attr_type_mask=1 attr_ptr=PI", want: "0"},
		{op: read, sqe: "attr_type_mask=1 attr_ptr=BAD", want: "EFAULT"},
		{op: read, sqe: "attr_type_mask=1 attr_ptr=PIRSVD", want: "EINVAL"},
		{op: read, sqe: "attr_type_mask=1 attr_ptr=PIKERN", want: "EFAULT"},
		{op: read, sqe: "attr_ptr=BAD", want: "0", why: "not looked at without a type"},
		{op: read, sqe: "addr=KERN attr_type_mask=2", want: "EINVAL", why: "attributes before the buffer"},

		{op: read, sqe: "addr=BAD len=16", want: "0", why: "only the numbers are looked at"},
		{op: read, sqe: "addr=KERN len=1", want: "EFAULT"},
		{op: read, sqe: "addr=KERN", want: "EFAULT", why: "no bytes there either"},
		{op: read, sqe: "addr=0x7ffffffff000 len=0", want: "0", why: "the end of user memory"},
		{op: read, sqe: "addr=0x7ffffffff000 len=1", want: "EFAULT"},
		{op: read, sqe: "addr=0x7fff80000000 len=0xffffffff", want: "0", why: "the length is clipped to MAX_RW_COUNT"},
		{op: read, sqe: "addr=0x7fff80000001 len=0xffffffff", want: "EFAULT", why: "one byte more"},
		{op: read, sqe: "addr=KERN len=1 flags=SELECT", want: "0", why: "the buffer is chosen later"},
		{op: write, sqe: "addr=KERN len=1", want: "EFAULT"},
		{op: readFixed, sqe: "addr=KERN len=1", want: "0", why: "looked up when it runs"},
		{op: mshot, sqe: "flags=SELECT", want: "0"},
		{op: mshot, sqe: "ioprio=0x2000", want: "EINVAL", why: "BUFFER_SELECT comes first"},
		{op: mshot, sqe: "flags=SELECT len=1 attr_type_mask=1", want: "EFAULT", why: "attributes before the length"},
	})
}

func TestIovecs(t *testing.T) {
	checkPrepRows(t, []prepRow{
		{op: readv, sqe: "addr=KERN", want: "0", why: "no iovecs, any pointer"},
		{op: readv, sqe: "addr=IOV len=1", want: "0"},
		{op: readv, sqe: "addr=BAD len=1", want: "EFAULT"},
		{op: readv, sqe: "addr=END+-8 len=1", want: "EFAULT", why: "half of it"},
		{op: readv, sqe: "addr=BAD len=1024", want: "EFAULT", why: "the longest"},
		{op: readv, sqe: "addr=BAD len=1025", want: "EINVAL"},
		{op: readv, sqe: "addr=BAD len=0x80000000", want: "EINVAL"},
		{op: readv, sqe: "addr=IOVNEG len=1", want: "EINVAL"}, {op: readv, sqe: "addr=IOVKERN len=1", want: "EFAULT"},
		{op: readv, sqe: "addr=IOVBIG len=1", want: "0", why: "one is clipped to MAX_RW_COUNT"},
		{op: readv, sqe: "addr=IOV2 len=2", want: "0"}, {op: readv, sqe: "addr=IOV2KERN len=2", want: "EFAULT"},
		{op: readv, sqe: "addr=IOV2BIG len=2", want: "EFAULT", why: "of several, none is clipped before it is checked"},
		{op: readv, sqe: "addr=IOV2NEG len=2", want: "EINVAL", why: "lengths of all before the addresses"},
		{op: readv, sqe: "flags=SELECT", want: "EINVAL", why: "a selected buffer wants one iovec"},
		{op: readv, sqe: "flags=SELECT len=2 addr=IOV2", want: "EINVAL"},
		{op: readv, sqe: "flags=SELECT len=1 addr=IOVKERN", want: "0"},
		{op: readv, sqe: "flags=SELECT len=1 addr=BAD", want: "EFAULT"},
		{op: readv, sqe: "flags=SELECT len=1 addr=IOVNEG", want: "0 <7.3 EINVAL", why: "negative-selected-iovec"},
		{op: writev, sqe: "addr=IOVNEG len=1", want: "EINVAL"},
		{op: readvFixed, sqe: "addr=IOVKERN len=1", want: "0", why: "the buffers are looked up when it runs"},
		{op: readvFixed, sqe: "addr=IOVNEG len=1", want: "EINVAL"}, {op: readvFixed, sqe: "addr=BAD len=1", want: "EFAULT"},
		{op: readvFixed, sqe: "addr=BAD len=1025", want: "EINVAL"},
		{op: readvFixed, sqe: "addr=BAD len=262144", want: "EINVAL", why: "4 MiB of iovecs find room"},
		{op: readvFixed, sqe: "addr=BAD len=262145", want: "ENOMEM", why: "more do not"},
		{op: readvFixed, sqe: "addr=BAD len=0x80000000", want: "ENOMEM", why: "room is taken before the length is checked"},
		{op: writevFixed, sqe: "len=0xffffffff", want: "ENOMEM"},
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

func TestSends(t *testing.T) {
	checkPrepRows(t, []prepRow{
		{op: sendOp, sqe: "len=0x7fffffff", want: "0"}, {op: sendOp, sqe: "len=0x80000000", want: "EINVAL"},
		{op: sendOp, sqe: "ioprio=0x31 len=0", want: "0",
			why: "POLL_FIRST, BUNDLE, VECTORIZED; BUNDLE without a selected buffer passes"},
		{op: sendOp, sqe: "ioprio=2", want: "EINVAL"}, {op: sendOp, sqe: "ioprio=8", want: "EINVAL"},
		{op: sendOp, sqe: "ioprio=0x40", want: "EINVAL"},
		{op: sendOp, sqe: "ioprio=4 addr=KERN len=9", want: "EINVAL <7.2 0",
			why: "FIXED_BUF: the buffer is looked up when it runs"},
		{op: sendOp, sqe: "ioprio=4 flags=SELECT", want: "EINVAL"}, {op: sendOp, sqe: "ioprio=0x14", want: "EINVAL"},
		{op: sendOp, sqe: "ioprio=0x24", want: "EINVAL"},
		{op: sendOp, sqe: "__pad3=1", want: "EINVAL"},
		{op: sendOp, sqe: "addr_len=200", want: "0", why: "no address, any length"},
		{op: sendOp, sqe: "addr2=SA addr_len=16", want: "0"}, {op: sendOp, sqe: "addr2=SA addr_len=MAX", want: "0"},
		{op: sendOp, sqe: "addr2=SA addr_len=129", want: "EINVAL"},
		{op: sendOp, sqe: "addr2=BAD addr_len=16", want: "EFAULT"},
		{op: sendOp, sqe: "addr2=BAD", want: "0", why: "no bytes"},
		{op: sendOp, sqe: "addr2=BAD addr_len=16 __pad3=1", want: "EINVAL", why: "__pad3 first"},
		{op: sendOp, sqe: "addr=BAD len=8", want: "0"}, {op: sendOp, sqe: "addr=KERN len=8", want: "EFAULT"},
		{op: sendOp, sqe: "addr=KERN len=8 flags=SELECT", want: "0"},
		{op: sendOp, sqe: "ioprio=0x20 addr=IOV len=1", want: "0"},
		{op: sendOp, sqe: "ioprio=0x20 addr=BAD len=1", want: "EFAULT"},
		{op: sendOp, sqe: "ioprio=0x20 addr=IOV len=1025", want: "EINVAL"},
		{op: sendOp, sqe: "ioprio=0x20 addr=BAD len=1 flags=SELECT", want: "0",
			why: "a selected buffer is none of the iovecs"},
		{op: sendOp, sqe: "msg_flags=-1", want: "0"},
	})
}

func TestSendmsgs(t *testing.T) {
	checkPrepRows(t, []prepRow{
		{op: sendmsgOp, sqe: "addr=MSG len=0x80000000", want: "EINVAL"},
		{op: sendmsgOp, sqe: "addr=MSG ioprio=0x21", want: "0"},
		{op: sendmsgOp, sqe: "addr=MSG ioprio=0x10", want: "EINVAL", why: "BUNDLE"},
		{op: sendmsgOp, sqe: "addr=MSG ioprio=4", want: "EINVAL", why: "FIXED_BUF"},
		{op: sendmsgOp, sqe: "addr=MSG ioprio=2", want: "EINVAL"},
		{op: sendmsgOp, sqe: "addr=BAD addr2=1", want: "EINVAL", why: "before the msghdr"},
		{op: sendmsgOp, sqe: "addr=BAD", want: "EFAULT"},
		{op: sendmsgOp, sqe: "addr=END+-48", want: "0", why: "msg_flags is not read"},
		{op: sendmsgOp, sqe: "addr=END+-40", want: "EFAULT", why: "but msg_controllen is"},
		{op: recvmsgOp, sqe: "addr=END+-48", want: "0"},
		{op: sendmsgOp, sqe: "addr=0x7fffffffefd0", want: "EFAULT", why: "all of it must be user memory"},
		{op: sendmsgOp, sqe: "addr=MSGIOV", want: "0"}, {op: sendmsgOp, sqe: "addr=MSGIOVBAD", want: "EFAULT"},
		{op: sendmsgOp, sqe: "addr=MSGIOVNEG", want: "EINVAL"},
		{op: sendmsgOp, sqe: "addr=MSGNAME", want: "0"}, {op: sendmsgOp, sqe: "addr=MSGNAMEBAD", want: "EFAULT"},
		{op: sendmsgOp, sqe: "addr=MSGNAME0", want: "0"},
		{op: sendmsgOp, sqe: "addr=MSGNEG", want: "EINVAL"},
		{op: sendmsgOp, sqe: "addr=MSGNEGNULL", want: "0", why: "without a name its length is 0"},
		{op: sendmsgOp, sqe: "addr=MSGLONG", want: "0", why: "clipped to 128"},
		{op: sendmsgOp, sqe: "addr=MSG1024", want: "EFAULT"},
		{op: sendmsgOp, sqe: "addr=MSG1025", want: "EMSGSIZE"},
		{op: sendmsgOp, sqe: "addr=MSGBADBOTH", want: "EFAULT", why: "the name before iovlen"},
	})
}

func TestReceives(t *testing.T) {
	checkPrepRows(t, []prepRow{
		{op: recvOp, sqe: "addr2=1 len=0x80000000", want: "EINVAL"}, {op: recvOp, sqe: "len=0x80000000", want: "EINVAL"},
		{op: recvOp, sqe: "ioprio=0x11", want: "0", why: "BUNDLE without a selected buffer passes"},
		{op: recvOp, sqe: "ioprio=8", want: "EINVAL"},
		{op: recvOp, sqe: "ioprio=0x20", want: "EINVAL"},
		{op: recvOp, sqe: "ioprio=4 addr=KERN len=8", want: "EINVAL <7.2 0", why: "FIXED_BUF"},
		{op: recvOp, sqe: "ioprio=6 flags=SELECT", want: "EINVAL"}, {op: recvOp, sqe: "ioprio=0x14", want: "EINVAL"},
		{op: recvOp, sqe: "ioprio=4 flags=SELECT", want: "EINVAL"},
		{op: recvOp, sqe: "ioprio=2", want: "EINVAL", why: "MULTISHOT needs a selected buffer"},
		{op: recvOp, sqe: "ioprio=2 flags=SELECT", want: "0"},
		{op: recvOp, sqe: "ioprio=2 flags=SELECT msg_flags=0x100", want: "EINVAL", why: "MSG_WAITALL"},
		{op: recvOp, sqe: "ioprio=2 flags=SELECT optlen=9", want: "0", why: "the limit of a multishot"},
		{op: recvOp, sqe: "flags=SELECT optlen=9", want: "EINVAL"},
		{op: recvOp, sqe: "ioprio=0x12 flags=SELECT", want: "0"}, {op: recvOp, sqe: "addr=KERN len=1", want: "EFAULT"},
		{op: recvOp, sqe: "addr=BAD len=1", want: "0"}, {op: recvOp, sqe: "addr=KERN len=1 flags=SELECT", want: "0"},
		{op: recvOp, sqe: "msg_flags=0x100", want: "0"},
	})
}

func TestRecvmsgs(t *testing.T) {
	checkPrepRows(t, []prepRow{
		{op: recvmsgOp, sqe: "addr=BAD", want: "EFAULT"}, {op: recvmsgOp, sqe: "addr=BAD addr2=1", want: "EINVAL"},
		{op: recvmsgOp, sqe: "addr=BAD ioprio=0x10", want: "EINVAL", why: "BUNDLE"},
		{op: recvmsgOp, sqe: "addr=BAD ioprio=4", want: "EINVAL", why: "FIXED_BUF"},
		{op: recvmsgOp, sqe: "addr=MSG ioprio=1", want: "0"},
		{op: recvmsgOp, sqe: "addr=MSGNAMEBAD", want: "0", why: "the name is written when it runs"},
		{op: recvmsgOp, sqe: "addr=MSGNEG", want: "EINVAL"},
		{op: recvmsgOp, sqe: "addr=MSG1025", want: "EMSGSIZE"}, {op: recvmsgOp, sqe: "addr=MSG1024", want: "EFAULT"},
		{op: recvmsgOp, sqe: "addr=MSGIOV2", want: "0"},
		{op: recvmsgOp, sqe: "addr=MSGIOV2 flags=SELECT", want: "EINVAL"},
		{op: recvmsgOp, sqe: "addr=MSGIOV flags=SELECT", want: "0"},
		{op: recvmsgOp, sqe: "addr=MSGIOVBAD flags=SELECT", want: "EFAULT"},
		{op: recvmsgOp, sqe: "addr=MSG1025 flags=SELECT", want: "EMSGSIZE"},
		{op: recvmsgOp, sqe: "addr=MSGIOVNEG flags=SELECT", want: "0 <7.3 EINVAL", why: "negative-selected-iovec"},
		{op: recvmsgOp, sqe: "addr=MSGIOVNEG", want: "EINVAL"},
		{op: recvmsgOp, sqe: "addr=MSG ioprio=2", want: "EINVAL"},
		{op: recvmsgOp, sqe: "addr=MSG ioprio=2 flags=SELECT", want: "0"},
		{op: recvmsgOp, sqe: "addr=MSG ioprio=2 flags=SELECT optlen=1", want: "EINVAL"},
		{op: recvmsgOp, sqe: "addr=MSGNEGNULL ioprio=2 flags=SELECT", want: "EOVERFLOW",
			why: "here the length is what the program wrote"},
		{op: recvmsgOp, sqe: "addr=MSGNEGNULL flags=SELECT", want: "0"},
		{op: recvmsgOp, sqe: "addr=MSGNAMEBIG ioprio=2 flags=SELECT", want: "EOVERFLOW"},
		{op: recvmsgOp, sqe: "addr=MSGCTRL ioprio=2 flags=SELECT", want: "0", why: "header and control data make 2^31-1"},
		{op: recvmsgOp, sqe: "addr=MSGCTRLBIG ioprio=2 flags=SELECT", want: "EOVERFLOW", why: "one more"},
		{op: recvmsgOp, sqe: "addr=MSGCTRLNAME ioprio=2 flags=SELECT", want: "EOVERFLOW", why: "the name counts too"},
		{op: uapi.IORING_OP_RECV_ZC, sqe: "ioprio=2", want: "EINVAL", why: "no zero-copy queue"},
	})
}

func TestZeroCopySends(t *testing.T) {
	checkPrepRows(t, []prepRow{
		{op: sendZCOp, sqe: "ioprio=0x29", want: "0", why: "POLL_FIRST, REPORT_USAGE, VECTORIZED"},
		{op: sendZCOp, sqe: "ioprio=0xd addr=KERN len=9", want: "0", why: "FIXED_BUF"},
		{op: sendZCOp, sqe: "ioprio=0x24", want: "EINVAL <7.1 0", why: "VECTORIZED and FIXED_BUF"},
		{op: sendZCOp, sqe: "ioprio=0x24 addr=IOVKERN len=1", want: "EINVAL <7.1 0"},
		{op: sendZCOp, sqe: "ioprio=0x24 addr=BAD len=1", want: "EINVAL <7.1 EFAULT"},
		{op: sendZCOp, sqe: "ioprio=2", want: "EINVAL"}, {op: sendZCOp, sqe: "ioprio=0x10", want: "EINVAL"},
		{op: sendZCOp, sqe: "ioprio=0x40", want: "EINVAL"},
		{op: sendZCOp, sqe: "flags=SKIP", want: "EINVAL"},
		{op: sendZCOp, sqe: "len=0x80000000", want: "0", why: "its sign is not looked at"},
		{op: sendZCOp, sqe: "__pad3=1", want: "EINVAL"}, {op: sendZCOp, sqe: "addr2=SA addr_len=129", want: "EINVAL"},
		{op: sendZCOp, sqe: "addr2=BAD addr_len=1", want: "EFAULT"}, {op: sendZCOp, sqe: "addr=KERN len=1", want: "EFAULT"},
		{op: sendZCOp, sqe: "ioprio=0x20 addr=BAD len=1", want: "EFAULT"},
		{op: sendmsgZCOp, sqe: "addr=BAD", want: "EFAULT"}, {op: sendmsgZCOp, sqe: "addr=BAD addr2=1", want: "EINVAL"},
		{op: sendmsgZCOp, sqe: "addr=BAD ioprio=2", want: "EINVAL"},
		{op: sendmsgZCOp, sqe: "addr=MSG1025", want: "EMSGSIZE"}, {op: sendmsgZCOp, sqe: "addr=MSGIOVBAD", want: "EFAULT"},
		{op: sendmsgZCOp, sqe: "addr=MSG flags=SKIP", want: "EINVAL"},
		{op: sendmsgZCOp, sqe: "addr=MSGIOVNEG ioprio=4", want: "EINVAL"},
		{op: sendmsgZCOp, sqe: "addr=MSG len=0x80000000", want: "0"},
	})
}

func TestSockets(t *testing.T) {
	checkPrepRows(t, []prepRow{
		{op: socketOp, sqe: "fd=-1 off=0xf len=-1", want: "0",
			why: "families, types and protocols are looked at when it runs"},
		{op: socketOp, sqe: "off=0x80801", want: "0"},
		{op: socketOp, sqe: "off=0x10", want: "EINVAL", why: "the first bit that is no type"},
		{op: socketOp, sqe: "off=0x400", want: "EINVAL"}, {op: socketOp, sqe: "off=0x100000", want: "EINVAL"},
		{op: socketOp, sqe: "off=0x80000001", want: "EINVAL"},
		{op: socketOp, sqe: "off=0x100000001", want: "0", why: "the type is the low half"},
		{op: socketOp, sqe: "off=0x80001 file_index=1", want: "EINVAL"},
		{op: socketOp, sqe: "off=0x801 file_index=1", want: "0"},
		{op: socketOp, sqe: "file_index=ALLOC off=CLOEXEC", want: "EINVAL"},
		{op: acceptOp, sqe: "ioprio=7 addr=KERN addr2=KERN", want: "0", why: "pointers are for later"},
		{op: acceptOp, sqe: "ioprio=8", want: "EINVAL"},
		{op: acceptOp, sqe: "accept_flags=0x80800", want: "0"}, {op: acceptOp, sqe: "accept_flags=0x400", want: "EINVAL"},
		{op: acceptOp, sqe: "file_index=1 accept_flags=CLOEXEC", want: "EINVAL"},
		{op: acceptOp, sqe: "file_index=1 accept_flags=0x800", want: "0"},
		{op: acceptOp, sqe: "file_index=1 ioprio=1", want: "EINVAL"},
		{op: acceptOp, sqe: "file_index=ALLOC ioprio=1", want: "0", why: "a slot for each connection"},
		{op: acceptOp, sqe: "file_index=2 ioprio=6", want: "0"},
		{op: connectOp, sqe: "addr=SA addr2=16", want: "0"},
		{op: connectOp, sqe: "addr=KERN addr2=0", want: "0", why: "no bytes are read"},
		{op: connectOp, sqe: "addr=SA addr2=MAX", want: "0"}, {op: connectOp, sqe: "addr=SA addr2=129", want: "EINVAL"},
		{op: connectOp, sqe: "addr=BAD addr2=129", want: "EINVAL", why: "the length comes first"},
		{op: connectOp, sqe: "addr=BAD addr2=1", want: "EFAULT"},
		{op: connectOp, sqe: "addr=SA addr2=0xffffffff", want: "EINVAL", why: "negative"},
		{op: connectOp, sqe: "addr=SA addr2=0x100000010", want: "0", why: "the length is the low half"},
		{op: connectOp, sqe: "addr=END+-4 addr2=16", want: "EFAULT"}, {op: connectOp, sqe: "addr=END+-4 addr2=4", want: "0"},
		{op: bindOp, sqe: "addr=SA addr2=129", want: "EINVAL"}, {op: bindOp, sqe: "addr=BAD addr2=2", want: "EFAULT"},
		{op: bindOp, sqe: "addr=SA addr2=16", want: "0"},
		{op: uapi.IORING_OP_LISTEN, sqe: "len=-1", want: "0", why: "the backlog"},
		{op: uapi.IORING_OP_SHUTDOWN, sqe: "len=99", want: "0", why: "how is looked at when it runs"},
	})
}

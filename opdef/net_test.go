package opdef

import (
	"testing"

	"github.com/uringsim/uringsim/uapi"
)

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

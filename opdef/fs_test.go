package opdef

import (
	"testing"

	"github.com/uringsim/uringsim/uapi"
)

func TestOpens(t *testing.T) {
	checkPrepRows(t, []prepRow{
		{op: openat, sqe: "addr=PATH open_flags=-1", want: "0", why: "unknown flags are dropped"},
		{op: openat, sqe: "addr=BAD", want: "EFAULT"},
		{op: openat, sqe: "addr=EMPTY", want: "ENOENT"},
		{op: openat, sqe: "addr=EMPTY open_flags=0x4000000", want: "ENOENT", why: "O_EMPTYPATH is looked at when it runs"},
		{op: openat, sqe: "addr=LONG", want: "ENAMETOOLONG"},
		{op: openat, sqe: "addr=P4095", want: "0", why: "the longest path"},
		{op: openat, sqe: "addr=LONG+1", want: "EFAULT", why: "4095 bytes and then nothing"},
		{op: openat, sqe: "addr=KERN", want: "EFAULT"},
		{op: openat, sqe: "addr=BAD buf_index=1", want: "EINVAL"}, {op: openat, sqe: "addr=BAD flags=FIXED", want: "EBADF"},
		{op: openat, sqe: "addr=PATH flags=FIXED buf_index=1", want: "EINVAL", why: "buf_index before FIXED_FILE"},
		{op: openat, sqe: "addr=PATH file_index=1 open_flags=CLOEXEC", want: "EINVAL"},
		{op: openat, sqe: "addr=BAD file_index=1 open_flags=CLOEXEC", want: "EFAULT", why: "the path first"},
		{op: openat, sqe: "addr=PATH file_index=1", want: "0"},
		{op: openat, sqe: "addr=PATH file_index=ALLOC open_flags=CLOEXEC", want: "EINVAL"},
		{op: openat, sqe: "addr=PATH file_index=1 open_flags=0x280000", want: "EINVAL", why: "O_CLOEXEC survives O_PATH"},

		{op: openat2, sqe: "addr=PATH off=HOW len=23", want: "EINVAL"},
		{op: openat2, sqe: "addr=PATH off=HOW len=24", want: "0"},
		{op: openat2, sqe: "addr=PATH off=BAD len=23", want: "EINVAL", why: "the length before the memory"},
		{op: openat2, sqe: "addr=PATH off=BAD len=24", want: "EFAULT"},
		{op: openat2, sqe: "addr=PATH off=HOW32 len=32", want: "0", why: "zeros beyond"},
		{op: openat2, sqe: "addr=PATH off=HOWBIG len=32", want: "E2BIG"},
		{op: openat2, sqe: "addr=PATH off=HOWBIG len=24", want: "0", why: "what is beyond len does not count"},
		{op: openat2, sqe: "addr=PATH off=HOWBIG len=25", want: "E2BIG", why: "a byte"},
		{op: openat2, sqe: "addr=PATH off=END+-24 len=32", want: "EFAULT", why: "the rest is not there"},
		{op: openat2, sqe: "addr=PATH off=HOWBIG len=8192", want: "E2BIG", why: "before the end of the page"},
		{op: openat2, sqe: "addr=PATH off=HOW len=8192", want: "EFAULT", why: "no limit on len: the scan runs off the page"},
		{op: openat2, sqe: "addr=PATH off=BAD len=24 buf_index=1", want: "EFAULT", why: "open_how before buf_index"},
		{op: openat2, sqe: "addr=PATH off=HOWBIG len=32 flags=FIXED", want: "E2BIG"},
		{op: openat2, sqe: "addr=PATH off=HOW len=24 flags=FIXED", want: "EBADF"},
		{op: openat2, sqe: "addr=PATH off=HOW len=24 open_flags=-1", want: "0", why: "not its flags"},
		{op: openat2, sqe: "addr=EMPTY off=HOW len=24", want: "ENOENT"},
		{op: openat2, sqe: "addr=PATH off=HOWCLOEXEC len=24 file_index=1", want: "EINVAL"},
		{op: openat2, sqe: "addr=BAD off=HOWCLOEXEC len=24 file_index=1", want: "EFAULT"},
	})
}

func TestFileOps(t *testing.T) {
	const closeOp, install, pipe = uapi.IORING_OP_CLOSE, uapi.IORING_OP_FIXED_FD_INSTALL, uapi.IORING_OP_PIPE
	checkPrepRows(t, []prepRow{
		{op: closeOp, sqe: "fd=3", want: "0"}, {op: closeOp, sqe: "file_index=1", want: "0"},
		{op: closeOp, sqe: "file_index=1 fd=3", want: "EINVAL"},
		{op: closeOp, sqe: "flags=FIXED", want: "EBADF"},
		{op: closeOp, sqe: "flags=FIXED off=1", want: "EINVAL", why: "the zero fields first"},
		{op: closeOp, sqe: "flags=FIXED fd=3 file_index=1", want: "EBADF", why: "FIXED_FILE before the pair"},
		{op: install, sqe: "", want: "EBADF"}, {op: install, sqe: "off=1", want: "EINVAL"},
		{op: install, sqe: "flags=FIXED install_fd_flags=1", want: "0"},
		{op: install, sqe: "flags=FIXED install_fd_flags=2", want: "EINVAL"},
		{op: install, sqe: "flags=FIXED", env: env{creds: true}, want: "EPERM", why: "with a personality"},
		{op: install, sqe: "flags=FIXED install_fd_flags=2", env: env{creds: true}, want: "EINVAL"},
		{op: install, sqe: "", env: env{creds: true}, want: "EBADF"},
		{op: pipe, sqe: "pipe_flags=0x84880", want: "0", why: "CLOEXEC, DIRECT, NONBLOCK, NOTIFICATION_PIPE"},
		{op: pipe, sqe: "pipe_flags=0x100000", want: "EINVAL"},
		{op: pipe, sqe: "pipe_flags=0x40", want: "EINVAL"},
		{op: pipe, sqe: "addr=KERN buf_index=1 len=1", want: "0", why: "looked at when it runs, or not at all"},
		{op: pipe, sqe: "pipe_flags=CLOEXEC file_index=1", want: "0", why: "refused when it runs"},
		{op: uapi.IORING_OP_FILES_UPDATE, sqe: "len=1 flags=FIXED", want: "EINVAL"},
		{op: uapi.IORING_OP_FILES_UPDATE, sqe: "len=1 addr=KERN off=-1 fd=-1 buf_index=1", want: "0"},
		{op: uapi.IORING_OP_MSG_RING, sqe: "msg_ring_flags=3 addr=9", want: "0",
			why: "the command is looked at when it runs"},
		{op: uapi.IORING_OP_MSG_RING, sqe: "msg_ring_flags=4", want: "EINVAL"},
		{op: cmdOp, sqe: "__pad1=1", want: "EINVAL"}, {op: cmdOp, sqe: "cmd_op=-1 uring_cmd_flags=1", want: "0"},
		{op: cmdOp, sqe: "uring_cmd_flags=4", want: "EINVAL"},
		{op: cmdOp, sqe: "uring_cmd_flags=3", want: "EINVAL"},
		{op: cmdOp, sqe: "uring_cmd_flags=3 flags=SELECT", want: "EINVAL"},
		{op: cmdOp, sqe: "uring_cmd_flags=2", want: "EINVAL", why: "MULTISHOT needs a selected buffer"},
		{op: cmdOp, sqe: "uring_cmd_flags=2 flags=SELECT", want: "0"},
		{op: cmdOp, sqe: "flags=SELECT", want: "EINVAL", why: "and the other way round"},
		{op: cmd128, sqe: "__pad1=0x80000000", want: "EINVAL"},
		{op: cmd128, sqe: "uring_cmd_flags=2 flags=SELECT", want: "0"},
	})
}

func TestPaths(t *testing.T) {
	const statx, unlink, mkdir = uapi.IORING_OP_STATX, uapi.IORING_OP_UNLINKAT, uapi.IORING_OP_MKDIRAT
	const rename, link, symlink = uapi.IORING_OP_RENAMEAT, uapi.IORING_OP_LINKAT, uapi.IORING_OP_SYMLINKAT
	checkPrepRows(t, []prepRow{
		{op: statx, sqe: "addr=EMPTY", want: "ENOENT"},
		{op: statx, sqe: "addr=EMPTY statx_flags=0x1000", want: "0", why: "AT_EMPTY_PATH"},
		{op: statx, sqe: "addr=0 statx_flags=0x1000", want: "EFAULT", why: "NULL is no empty path"},
		{op: statx, sqe: "addr=PATH statx_flags=-1 len=-1 off=KERN", want: "0"},
		{op: statx, sqe: "addr=LONG", want: "ENAMETOOLONG"}, {op: statx, sqe: "addr=BAD flags=FIXED", want: "EBADF"},
		{op: statx, sqe: "flags=FIXED buf_index=1", want: "EINVAL"},
		{op: unlink, sqe: "addr=PATH unlink_flags=0x200", want: "0"},
		{op: unlink, sqe: "addr=PATH unlink_flags=0x1200", want: "EINVAL"},
		{op: unlink, sqe: "addr=BAD unlink_flags=1", want: "EINVAL", why: "flags first"},
		{op: unlink, sqe: "addr=PATH flags=FIXED unlink_flags=1", want: "EBADF", why: "FIXED_FILE before the flags"},
		{op: unlink, sqe: "addr=PATH flags=FIXED addr3=1", want: "EBADF <7.2 EINVAL", why: "unlink-ignores-pad"},
		{op: unlink, sqe: "addr=EMPTY", want: "ENOENT"}, {op: mkdir, sqe: "addr=EMPTY len=-1", want: "ENOENT"},
		{op: mkdir, sqe: "addr=PATH flags=FIXED", want: "EBADF"},
		{op: rename, sqe: "addr=BAD addr2=EMPTY", want: "EFAULT", why: "the old path first"},
		{op: rename, sqe: "addr=EMPTY addr2=BAD", want: "ENOENT"}, {op: rename, sqe: "addr=PATH addr2=BAD", want: "EFAULT"},
		{op: rename, sqe: "addr=PATH addr2=EMPTY", want: "ENOENT"},
		{op: rename, sqe: "addr=PATH addr2=LONG rename_flags=-1", want: "ENAMETOOLONG"},
		{op: rename, sqe: "addr=BAD flags=FIXED", want: "EBADF"},
		{op: rename, sqe: "addr=PATH addr2=PATH rename_flags=-1 len=-1", want: "0"},
		{op: symlink, sqe: "addr=EMPTY addr2=PATH", want: "ENOENT"},
		{op: symlink, sqe: "addr=PATH addr2=BAD", want: "EFAULT"},
		{op: symlink, sqe: "flags=FIXED", want: "EBADF"}, {op: link, sqe: "addr=EMPTY addr2=PATH", want: "ENOENT"},
		{op: link, sqe: "addr=EMPTY addr2=PATH hardlink_flags=0x1000", want: "0"},
		{op: link, sqe: "addr=EMPTY addr2=EMPTY hardlink_flags=0x1000", want: "ENOENT",
			why: "only the old path may be empty"},
		{op: link, sqe: "addr=PATH addr2=BAD hardlink_flags=-1", want: "EFAULT"},
		{op: link, sqe: "flags=FIXED", want: "EBADF"},
	})
}

func TestXattrs(t *testing.T) {
	checkPrepRows(t, []prepRow{
		{op: fsetxattr, sqe: "addr=NAME addr2=BUF len=8 xattr_flags=3", want: "0"},
		{op: fsetxattr, sqe: "addr=BAD xattr_flags=4", want: "EINVAL", why: "flags before the name"},
		{op: fsetxattr, sqe: "addr=EMPTY", want: "ERANGE"}, {op: fsetxattr, sqe: "addr=N255", want: "0"},
		{op: fsetxattr, sqe: "addr=N256", want: "ERANGE"},
		{op: fsetxattr, sqe: "addr=BAD len=0x10001", want: "EFAULT", why: "the name before the size"},
		{op: fsetxattr, sqe: "addr=NAME addr2=BAD len=0x10001", want: "E2BIG", why: "the size before the value"},
		{op: fsetxattr, sqe: "addr=NAME addr2=BAD len=0x10000", want: "EFAULT"},
		{op: fsetxattr, sqe: "addr=NAME addr2=BAD", want: "0", why: "no value"},
		{op: setxattrOp, sqe: "addr=BAD flags=FIXED xattr_flags=4", want: "EBADF", why: "FIXED_FILE before all"},
		{op: fsetxattr, sqe: "addr=NAME flags=FIXED", want: "0", why: "a fixed file to work on"},
		{op: setxattrOp, sqe: "addr=NAME addr3=BAD len=1 addr2=BAD", want: "EFAULT"},
		{op: setxattrOp, sqe: "addr=NAME addr3=EMPTY", want: "ENOENT"},
		{op: setxattrOp, sqe: "addr=EMPTY addr3=EMPTY", want: "ERANGE", why: "the path comes last"},
		{op: setxattrOp, sqe: "addr=NAME addr2=BAD len=8 addr3=EMPTY", want: "EFAULT"},
		{op: setxattrOp, sqe: "addr=NAME addr3=LONG", want: "ENAMETOOLONG"},
		{op: fgetxattr, sqe: "addr=BAD xattr_flags=1", want: "EINVAL"}, {op: fgetxattr, sqe: "addr=N256", want: "ERANGE"},
		{op: fgetxattr, sqe: "addr=NAME addr2=KERN len=-1", want: "0", why: "written when it runs"},
		{op: getxattrOp, sqe: "addr=NAME flags=FIXED", want: "EBADF"},
		{op: getxattrOp, sqe: "addr=EMPTY addr3=BAD", want: "ERANGE"},
		{op: getxattrOp, sqe: "addr=NAME addr3=BAD", want: "EFAULT"},
	})
}

package opdef

import (
	"encoding/binary"

	"github.com/uringsim/uringsim/mm"
	"github.com/uringsim/uringsim/uapi"
)

// Linux: io_uring/splice.c:__io_splice_prep
var splicePrep = prep("io_uring/splice.c:__io_splice_prep", within("splice_flags", 0xf|1<<31), forceAsync())

// Linux: io_uring/splice.c:io_tee_prep
var teePrep = prep("io_uring/splice.c:io_tee_prep",
	zero("splice_off_in", "off"), within("splice_flags", 0xf|1<<31), forceAsync())

// maxBuffersPerGroup is the most buffers that a group can hold (MAX_BIDS_PER_BGID).
const maxBuffersPerGroup = 65536

// count is sqe.fd as the number of buffers: sign-extended, so that negative ones are huge.
func count(p *Prep) uint64 { return uint64(int64(p.Req.SQE.FD())) }

// Linux: io_uring/kbuf.c:io_provide_buffers_prep
var provideBuffersPrep = prep("io_uring/kbuf.c:io_provide_buffers_prep",
	zero("rw_flags", "splice_fd_in"),
	fails(uapi.E2BIG, "fd must be 1 to 65536 buffers", func(p *Prep) bool { return count(p)-1 >= maxBuffersPerGroup }),
	fails(uapi.EINVAL, "len must not be 0", func(p *Prep) bool { return p.Req.SQE.Len() == 0 }),
	fails(uapi.EOVERFLOW, "addr and the size of the buffers must not overflow", func(p *Prep) bool {
		end := p.Req.SQE.Addr() + count(p)*uint64(p.Req.SQE.Len())
		return end < p.Req.SQE.Addr()
	}),
	fails(uapi.EFAULT, "the buffers must be user memory",
		func(p *Prep) bool { return !mm.AccessOK(p.Req.SQE.Addr(), count(p)*uint64(p.Req.SQE.Len())) }),
	fails(uapi.E2BIG, "off must be at most 65535", func(p *Prep) bool { return p.Req.SQE.Off() > 65535 }),
	fails(uapi.EINVAL, "the last buffer id must be at most 65535",
		func(p *Prep) bool { return p.Req.SQE.Off()+count(p) > maxBuffersPerGroup }),
)

// Linux: io_uring/kbuf.c:io_remove_buffers_prep
var removeBuffersPrep = prep("io_uring/kbuf.c:io_remove_buffers_prep",
	zero("rw_flags", "addr", "len", "off", "splice_fd_in"),
	fails(uapi.EINVAL, "fd must be 1 to 65536 buffers", func(p *Prep) bool { return count(p)-1 >= maxBuffersPerGroup }),
)

// Linux: io_uring/rsrc.c:io_files_update_prep
var filesUpdatePrep = prep("io_uring/rsrc.c:io_files_update_prep",
	bars(uapi.EINVAL, uapi.IOSQE_FIXED_FILE, "IOSQE_FIXED_FILE"),
	zero("rw_flags", "splice_fd_in"),
	fails(uapi.EINVAL, "len must not be 0", func(p *Prep) bool { return p.Req.SQE.Len() == 0 }),
)

// Linux: io_uring/msg_ring.c:__io_msg_ring_prep
var msgRingPrep = prep("io_uring/msg_ring.c:__io_msg_ring_prep",
	zero("buf_index", "personality"),
	within("msg_ring_flags", uapi.IORING_MSG_RING_CQE_SKIP|uapi.IORING_MSG_RING_FLAGS_PASS),
)

// Linux: io_uring/uring_cmd.c:io_uring_cmd_prep
var uringCmdPrep = prep("io_uring/uring_cmd.c:io_uring_cmd_prep",
	zero("__pad1"),
	within("uring_cmd_flags", uapi.IORING_URING_CMD_FIXED|uapi.IORING_URING_CMD_MULTISHOT),
	exclusive("uring_cmd_flags", uapi.IORING_URING_CMD_FIXED|uapi.IORING_URING_CMD_MULTISHOT),
	fails(uapi.EINVAL, "IORING_URING_CMD_MULTISHOT and IOSQE_BUFFER_SELECT go together", func(p *Prep) bool {
		return (p.Req.SQE.OpFlags()&uapi.IORING_URING_CMD_MULTISHOT != 0) != p.has(uapi.IOSQE_BUFFER_SELECT)
	}),
)

// Linux: io_uring/waitid.c:io_waitid_prep
var waitidPrep = prep("io_uring/waitid.c:io_waitid_prep", zero("addr", "buf_index", "addr3", "waitid_flags"))

// epollCtlDel is EPOLL_CTL_DEL, the one operation without an event.
const epollCtlDel = 2

// Linux: io_uring/epoll.c:io_epoll_ctl_prep
var epollCtlPrep = prep("io_uring/epoll.c:io_epoll_ctl_prep",
	zero("buf_index", "splice_fd_in"),
	reads("the 12 bytes of the epoll_event at addr", check("addr points to an epoll_event unless len is EPOLL_CTL_DEL",
		func(p *Prep) uapi.Errno {
			if p.Req.SQE.Len() == epollCtlDel {
				return 0
			}
			_, e := p.copyIn(p.Req.SQE.Addr(), 12)
			return e
		}, uapi.EFAULT)),
)

// Linux: io_uring/epoll.c:io_epoll_wait_prep
var epollWaitPrep = prep("io_uring/epoll.c:io_epoll_wait_prep", zero("off", "rw_flags", "buf_index", "splice_fd_in"))

// The flags of futex2 calls: a size in bits 0 and 1, and three more.
const (
	futexValidMask = 0x8f
	futexSizeMask  = 3
	futexSizeU32   = 2
	futexWaitvMax  = 128
)

// Linux: io_uring/futex.c:io_futex_prep
var futexPrep = prep("io_uring/futex.c:io_futex_prep",
	zero("len", "futex_flags", "buf_index", "file_index"),
	within("fd", futexValidMask),
	fails(uapi.EINVAL, "fd must ask for futexes of 32 bits",
		func(p *Prep) bool { return p.Req.SQE.FD()&futexSizeMask != futexSizeU32 }),
	fails(uapi.EINVAL, "addr2 and addr3 must fit in 32 bits",
		func(p *Prep) bool { return p.Req.SQE.Off()>>32 != 0 || p.Req.SQE.Addr3()>>32 != 0 }),
)

// Linux: io_uring/futex.c:io_futexv_prep
var futexWaitvPrep = prep("io_uring/futex.c:io_futexv_prep",
	zero("fd", "buf_index", "file_index", "addr2", "futex_flags", "addr3"),
	fails(uapi.EINVAL, "len must be 1 to 128", func(p *Prep) bool { return p.Req.SQE.Len()-1 >= futexWaitvMax }),
	reads("len times a futex_waitv of 24 bytes at addr",
		check("addr points to len futexes to wait for", (*Prep).parseWaitv, uapi.EFAULT, uapi.EINVAL)),
)

// parseWaitv reads struct futex_waitv: val, uaddr u64, flags, __reserved u32.
//
// Linux: kernel/futex/syscalls.c:futex_parse_waitv
func (p *Prep) parseWaitv() uapi.Errno {
	const size = 24
	for i := range uint64(p.Req.SQE.Len()) {
		b, e := p.copyIn(p.Req.SQE.Addr()+i*size, size)
		if e != 0 {
			return e
		}
		le := binary.LittleEndian
		flags := le.Uint32(b[16:])
		if flags&^futexValidMask != 0 || le.Uint32(b[20:]) != 0 || flags&futexSizeMask != futexSizeU32 ||
			le.Uint64(b)>>32 != 0 {
			return uapi.EINVAL
		}
	}
	return 0
}

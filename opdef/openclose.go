package opdef

import (
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/uapi"
)

// open are the steps that OPENAT and OPENAT2 share, once Request.How is set.
//
// Linux: io_uring/openclose.c:__io_openat_prep
func open(first Step) []Step {
	return []Step{
		first,
		zero("buf_index"),
		noFixedFile(),
		act("O_LARGEFILE is set unless O_PATH is", func(p *Prep) {
			if p.Req.How.Flags&uapi.O_PATH == 0 {
				p.Req.How.Flags |= uapi.O_LARGEFILE
			}
		}),
		path("addr"),
		fails(uapi.EINVAL, "file_index and O_CLOEXEC exclude each other",
			func(p *Prep) bool { return p.Req.SQE.FileIndex() != 0 && p.Req.How.Flags&uapi.O_CLOEXEC != 0 }),
		act(asyncDoc+" with O_TRUNC, O_CREAT or O_TMPFILE", func(p *Prep) {
			if p.Req.How.Flags&(uapi.O_TRUNC|uapi.O_CREAT|uapi.O_TMPFILE_) != 0 {
				p.Req.Flags |= uapi.IOSQE_ASYNC
			}
		}),
	}
}

// Linux: io_uring/openclose.c:io_openat_prep
var openatPrep = prep("io_uring/openclose.c:__io_openat_prep",
	open(varies(kernel.OpenFlagsWithoutEmptyPath,
		act("open_flags and mode (len) become an open_how, without flags that are unknown, and without a mode unless "+
			"O_CREAT or O_TMPFILE is set", func(p *Prep) {
			p.Req.How = buildOpenHow(p.Kernel, uint64(p.Req.SQE.OpFlags()), uint64(p.Req.SQE.Len()))
		})))...)

// Linux: io_uring/openclose.c:io_openat2_prep
var openat2Prep = prep("io_uring/openclose.c:io_openat2_prep",
	open(reads("the len bytes of the open_how at addr2", check("addr2 points to an open_how of len bytes",
		(*Prep).copyOpenHow, uapi.EINVAL, uapi.E2BIG, uapi.EFAULT)))...)

// Masks of the open flags that the kernel knows (VALID_OPEN_FLAGS) and that O_PATH leaves (O_PATH_FLAGS).
const (
	validOpenFlags = 0x7fffc3
	oPathFlags     = 0x2b0000
)

// buildOpenHow drops unknown flags, and the mode if nothing is created.
//
// Linux: fs/open.c:build_open_how
func buildOpenHow(k kernel.Release, flags, mode uint64) uapi.OpenHow {
	valid, pathOnly := OpenFlags(k)
	how := uapi.OpenHow{Flags: flags & valid, Mode: mode & 0o7777}
	if how.Flags&uapi.O_PATH != 0 {
		how.Flags &= pathOnly
	}
	if how.Flags&(uapi.O_CREAT|uapi.O_TMPFILE_) == 0 {
		how.Mode = 0
	}
	return how
}

// copyOpenHow reads an open_how whose size the program states: what this kernel does not know must be zero.
//
// Linux: include/linux/uaccess.h:copy_struct_from_user
func (p *Prep) copyOpenHow() uapi.Errno {
	addr, size := p.Req.SQE.Off(), uint64(p.Req.SQE.Len())
	if size < uapi.SizeofOpenHow {
		return uapi.EINVAL
	}
	for rest := size - uapi.SizeofOpenHow; rest > 0; {
		chunk, e := p.copyIn(addr+size-rest, int(min(rest, 4096-(addr+size-rest)%4096)))
		if e != 0 {
			return e
		}
		for _, b := range chunk {
			if b != 0 {
				return uapi.E2BIG
			}
		}
		rest -= uint64(len(chunk))
	}
	b, e := p.copyIn(addr, uapi.SizeofOpenHow)
	if e == 0 {
		p.Req.How = uapi.DecodeOpenHow(b)
	}
	return e
}

// Linux: io_uring/openclose.c:io_close_prep
var closePrep = prep("io_uring/openclose.c:io_close_prep",
	zero("off", "addr", "len", "rw_flags", "buf_index"),
	noFixedFile(),
	fails(uapi.EINVAL, "fd must be 0 with file_index",
		func(p *Prep) bool { return p.Req.SQE.FileIndex() != 0 && p.Req.SQE.FD() != 0 }),
)

// Linux: io_uring/openclose.c:io_install_fixed_fd_prep
var fixedFDInstallPrep = prep("io_uring/openclose.c:io_install_fixed_fd_prep",
	zero("off", "addr", "len", "buf_index", "splice_fd_in", "addr3"),
	needs(uapi.EBADF, uapi.IOSQE_FIXED_FILE, "IOSQE_FIXED_FILE"),
	within("install_fd_flags", uapi.IORING_FIXED_FD_NO_CLOEXEC),
	asks(asksCreds, fails(uapi.EPERM, "personality must be 0", func(p *Prep) bool { return p.Creds })),
)

// oNotificationPipe is O_NOTIFICATION_PIPE (O_EXCL's bit).
const oNotificationPipe = uapi.O_EXCL

// Linux: io_uring/openclose.c:io_pipe_prep
var pipePrep = prep("io_uring/openclose.c:io_pipe_prep",
	zero("fd", "off", "addr3"),
	within("pipe_flags", uapi.O_CLOEXEC|uapi.O_NONBLOCK|uapi.O_DIRECT|oNotificationPipe),
)

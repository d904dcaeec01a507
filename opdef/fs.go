package opdef

import (
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/uapi"
)

// Linux: io_uring/statx.c:io_statx_prep
var statxPrep = prep("io_uring/statx.c:io_statx_prep",
	zero("buf_index", "splice_fd_in"), noFixedFile(), pathOrEmpty("addr"), forceAsync())

// Linux: io_uring/fs.c:io_renameat_prep
var renameatPrep = prep("io_uring/fs.c:io_renameat_prep",
	zero("buf_index", "splice_fd_in"), noFixedFile(), path("addr"), path("addr2"), forceAsync())

// atRemoveDir is AT_REMOVEDIR.
const atRemoveDir = 0x200

// Linux: io_uring/fs.c:io_unlinkat_prep
var unlinkatPrep = prep("io_uring/fs.c:io_unlinkat_prep",
	zero("off", "len", "buf_index", "splice_fd_in"),
	without(kernel.UnlinkIgnoresPad, zero("addr3", "__pad2")),
	noFixedFile(),
	within("unlink_flags", atRemoveDir),
	path("addr"),
	forceAsync(),
)

// Linux: io_uring/fs.c:io_mkdirat_prep
var mkdiratPrep = prep("io_uring/fs.c:io_mkdirat_prep",
	zero("off", "rw_flags", "buf_index", "splice_fd_in"), noFixedFile(), path("addr"), forceAsync())

// Linux: io_uring/fs.c:io_symlinkat_prep
var symlinkatPrep = prep("io_uring/fs.c:io_symlinkat_prep",
	zero("len", "rw_flags", "buf_index", "splice_fd_in"), noFixedFile(), path("addr"), path("addr2"), forceAsync())

// Linux: io_uring/fs.c:io_linkat_prep
var linkatPrep = prep("io_uring/fs.c:io_linkat_prep",
	zero("buf_index", "splice_fd_in"), noFixedFile(), pathOrEmpty("addr"), path("addr2"), forceAsync())

// Linux: io_uring/advise.c:io_madvise_prep
var madvisePrep = prep("io_uring/advise.c:io_madvise_prep", zero("buf_index", "splice_fd_in"), forceAsync())

// Linux: io_uring/advise.c:io_fadvise_prep
var fadvisePrep = prep("io_uring/advise.c:io_fadvise_prep",
	zero("buf_index", "splice_fd_in"),
	act(asyncDoc+" unless the advice is NORMAL, RANDOM or SEQUENTIAL", func(p *Prep) {
		if p.Req.SQE.OpFlags() > 2 {
			p.Req.Flags |= uapi.IOSQE_ASYNC
		}
	}),
)

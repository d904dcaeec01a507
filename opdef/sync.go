package opdef

import "github.com/uringsim/uringsim/uapi"

// Linux: io_uring/sync.c:io_fsync_prep
var fsyncPrep = prep("io_uring/sync.c:io_fsync_prep",
	zero("addr", "buf_index", "splice_fd_in"),
	within("fsync_flags", uapi.IORING_FSYNC_DATASYNC),
	fails(uapi.EINVAL, "off must not be negative", func(p *Prep) bool { return int64(p.Req.SQE.Off()) < 0 }),
	forceAsync(),
)

// Linux: io_uring/sync.c:io_sfr_prep
var syncFileRangePrep = prep("io_uring/sync.c:io_sfr_prep", zero("addr", "buf_index", "splice_fd_in"), forceAsync())

// Linux: io_uring/sync.c:io_fallocate_prep
var fallocatePrep = prep("io_uring/sync.c:io_fallocate_prep", zero("buf_index", "rw_flags", "splice_fd_in"), forceAsync())

// Linux: io_uring/truncate.c:io_ftruncate_prep
var ftruncatePrep = prep("io_uring/truncate.c:io_ftruncate_prep",
	zero("rw_flags", "addr", "len", "buf_index", "splice_fd_in", "addr3"), forceAsync())

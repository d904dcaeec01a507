package opdef

import (
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/uapi"
)

// Linux: io_uring/cancel.c:io_async_cancel_prep
var asyncCancelPrep = prep("io_uring/cancel.c:io_async_cancel_prep",
	zero("off", "splice_fd_in"),
	within("cancel_flags", 0x3f),
	exclusive("cancel_flags", uapi.IORING_ASYNC_CANCEL_FD|uapi.IORING_ASYNC_CANCEL_ANY),
	exclusive("cancel_flags", uapi.IORING_ASYNC_CANCEL_OP|uapi.IORING_ASYNC_CANCEL_ANY),
	without(kernel.CancelOpUnchecked, fails(uapi.EINVAL, "len must be an opcode with IORING_ASYNC_CANCEL_OP",
		func(p *Prep) bool {
			return p.Req.SQE.OpFlags()&uapi.IORING_ASYNC_CANCEL_OP != 0 && p.Req.SQE.Len() >= uapi.IORING_OP_LAST
		})),
)

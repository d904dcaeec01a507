package opdef

import "github.com/uringsim/uringsim/uapi"

// Linux: io_uring/poll.c:io_poll_add_prep
var pollAddPrep = prep("io_uring/poll.c:io_poll_add_prep",
	zero("buf_index", "off", "addr"),
	within("len", uapi.IORING_POLL_ADD_MULTI),
	fails(uapi.EINVAL, "IORING_POLL_ADD_MULTI and IOSQE_CQE_SKIP_SUCCESS exclude each other",
		func(p *Prep) bool { return p.Req.SQE.Len() != 0 && p.has(uapi.IOSQE_CQE_SKIP_SUCCESS) }),
)

// Linux: io_uring/poll.c:io_poll_remove_prep
var pollRemovePrep = prep("io_uring/poll.c:io_poll_remove_prep",
	zero("buf_index", "splice_fd_in"),
	within("len", uapi.IORING_POLL_UPDATE_EVENTS|uapi.IORING_POLL_UPDATE_USER_DATA|uapi.IORING_POLL_ADD_MULTI),
	fails(uapi.EINVAL, "IORING_POLL_ADD_MULTI means nothing without an update",
		func(p *Prep) bool { return p.Req.SQE.Len() == uapi.IORING_POLL_ADD_MULTI }),
	fails(uapi.EINVAL, "off must be 0 unless user_data is updated", func(p *Prep) bool {
		return p.Req.SQE.Len()&uapi.IORING_POLL_UPDATE_USER_DATA == 0 && p.Req.SQE.Off() != 0
	}),
	fails(uapi.EINVAL, "poll32_events must be 0 unless events are updated", func(p *Prep) bool {
		return p.Req.SQE.Len()&uapi.IORING_POLL_UPDATE_EVENTS == 0 && p.Req.SQE.OpFlags() != 0
	}),
)

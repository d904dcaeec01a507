package opdef

import "github.com/uringsim/uringsim/kernel"
import "github.com/uringsim/uringsim/uapi"

// Linux: io_uring/nop.c:io_nop_prep
var nopPrep = prep("io_uring/nop.c:io_nop_prep",
	within("nop_flags", 0x3f),
	without(kernel.NopFixedFileHidden, about("nop_flags", uapi.IORING_NOP_FIXED_FILE, act("IORING_NOP_FIXED_FILE sets IOSQE_FIXED_FILE", func(p *Prep) {
		if p.Req.SQE.OpFlags()&uapi.IORING_NOP_FIXED_FILE != 0 {
			p.Req.Flags |= uapi.IOSQE_FIXED_FILE
		}
	}))),
	asks(asksRing, about("nop_flags", uapi.IORING_NOP_CQE32, fails(uapi.EINVAL, "IORING_NOP_CQE32 needs a ring with CQE32 or CQE_MIXED", func(p *Prep) bool {
		return p.Req.SQE.OpFlags()&uapi.IORING_NOP_CQE32 != 0 &&
			p.RingFlags&(uapi.IORING_SETUP_CQE32|uapi.IORING_SETUP_CQE_MIXED) == 0
	}))),
)

package register

import "github.com/uringsim/uringsim/uapi"

// Setup flags that a resize may have, and those that it takes from the ring.
const (
	resizeFlags    = uapi.IORING_SETUP_CQSIZE | uapi.IORING_SETUP_CLAMP
	inheritedFlags = uapi.IORING_SETUP_NO_SQARRAY | uapi.IORING_SETUP_SQE128 | uapi.IORING_SETUP_CQE32 |
		uapi.IORING_SETUP_NO_MMAP | uapi.IORING_SETUP_CQE_MIXED | uapi.IORING_SETUP_SQE_MIXED
)

// resizeRings gives the ring another number of SQEs and CQEs. What is reserved in the parameters is not looked at.
//
// Linux: io_uring/register.c:io_register_resize_rings
func (c *call) resizeRings() Outcome {
	const where = "io_uring/register.c:io_register_resize_rings"
	if c.ring.Flags&uapi.IORING_SETUP_DEFER_TASKRUN == 0 {
		return refuse(uapi.EINVAL, where, "the ring must have DEFER_TASKRUN")
	}
	raw := make([]byte, uapi.SizeofParams)
	if !c.task.Mem.CopyIn(raw, c.arg) {
		return refuse(uapi.EFAULT, where, "struct io_uring_params must be readable")
	}
	p := uapi.DecodeParams(raw)
	if p.Flags&^uint32(resizeFlags) != 0 {
		return refuse(uapi.EINVAL, where, "flags must be CQSIZE and CLAMP at most")
	}
	p.Flags |= c.ring.Flags & inheritedFlags
	return c.holder.Resize(c.task, &p, c.arg)
}

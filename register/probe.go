package register

import "github.com/uringsim/uringsim/uapi"

// probe reports which request opcodes the kernel has. Restrictions and filters do not show in it.
//
// Linux: io_uring/register.c:io_probe
func (c *call) probe() Outcome {
	const where = "io_uring/register.c:io_probe"
	n := min(c.nr, uapi.IORING_OP_LAST)
	raw := make([]byte, uapi.SizeofProbe+n*uapi.SizeofProbeOp)
	if !c.task.Mem.CopyIn(raw, c.arg) {
		return refuse(uapi.EFAULT, where, "struct io_uring_probe must be readable")
	}
	for _, b := range raw {
		if b != 0 {
			return refuse(uapi.EINVAL, where, "struct io_uring_probe must be zero")
		}
	}
	p := uapi.Probe{LastOp: uapi.IORING_OP_LAST - 1, OpsLen: uint8(n)}
	for op := range n {
		p.Ops = append(p.Ops, uapi.ProbeOp{Op: uint8(op), Flags: uapi.IO_URING_OP_SUPPORTED})
	}
	if !c.task.Mem.CopyOut(c.arg, p.Append(nil)) {
		return refuse(uapi.EFAULT, where, "struct io_uring_probe must be writable")
	}
	return Outcome{}
}

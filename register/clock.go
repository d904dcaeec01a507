package register

import "github.com/uringsim/uringsim/uapi"

// clock sets the clock that waits for completions go by.
//
// Linux: io_uring/register.c:io_register_clock
func (c *call) clock() Outcome {
	const where = "io_uring/register.c:io_register_clock"
	raw := make([]byte, uapi.SizeofClockRegister)
	if !c.task.Mem.CopyIn(raw, c.arg) {
		return refuse(uapi.EFAULT, where, "struct io_uring_clock_register must be readable")
	}
	reg := uapi.DecodeClockRegister(raw)
	switch {
	case reg.Resv != [3]uint32{}:
		return refuse(uapi.EINVAL, where, "resv must be 0")
	case reg.ClockID != uapi.CLOCK_MONOTONIC && reg.ClockID != uapi.CLOCK_BOOTTIME:
		return refuse(uapi.EINVAL, where, "clockid must be CLOCK_MONOTONIC or CLOCK_BOOTTIME")
	}
	c.ring.Clock = reg.ClockID
	return Outcome{}
}

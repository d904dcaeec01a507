package opdef

import (
	"encoding/binary"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/uapi"
)

// clockMask are the flags that choose a clock.
const clockMask = uapi.IORING_TIMEOUT_BOOTTIME | uapi.IORING_TIMEOUT_REALTIME

// timeout are the steps of TIMEOUT and LINK_TIMEOUT.
//
// Linux: io_uring/timeout.c:__io_timeout_prep
func timeout(isLink bool) []Step {
	const flags = uapi.IORING_TIMEOUT_ABS | clockMask | uapi.IORING_TIMEOUT_ETIME_SUCCESS | uapi.IORING_TIMEOUT_MULTISHOT
	steps := []Step{
		without(kernel.TimeoutIgnoresPad, zero("addr3", "__pad2")),
		zero("buf_index", "splice_fd_in"),
		fails(uapi.EINVAL, "len must be 1", func(p *Prep) bool { return p.Req.SQE.Len() != 1 }),
	}
	if isLink {
		steps = append(steps, fails(uapi.EINVAL, "the low half of off must be 0",
			func(p *Prep) bool { return uint32(p.Req.SQE.Off()) != 0 }))
	}
	steps = append(steps,
		with(kernel.NoTimeoutImmediateArg, within("timeout_flags", flags)),
		without(kernel.NoTimeoutImmediateArg, within("timeout_flags", flags|uapi.IORING_TIMEOUT_IMMEDIATE_ARG)),
		exclusive("timeout_flags", clockMask),
		exclusive("timeout_flags", uapi.IORING_TIMEOUT_MULTISHOT|uapi.IORING_TIMEOUT_ABS),
		reads("the 16 bytes of the timespec at addr, without IORING_TIMEOUT_IMMEDIATE_ARG",
			check("addr is a time that is not negative",
				func(p *Prep) uapi.Errno { return p.userTime(p.Req.SQE.Addr()) }, uapi.EFAULT, uapi.EINVAL)))
	if isLink {
		steps = append(steps,
			asks(asksChain, fails(uapi.EINVAL, "there must be a request before it in the chain",
				func(p *Prep) bool { return !p.InChain })),
			asks(asksChain, fails(uapi.EINVAL, "the request before it must not be a LINK_TIMEOUT",
				func(p *Prep) bool { return p.LastOp == uapi.IORING_OP_LINK_TIMEOUT })),
			act("the request before it has a timeout now", func(p *Prep) { p.ArmsTimeout = true }))
	}
	return steps
}

// Linux: io_uring/timeout.c:io_timeout_prep
var timeoutPrep = prep("io_uring/timeout.c:__io_timeout_prep", timeout(false)...)

// Linux: io_uring/timeout.c:io_link_timeout_prep
var linkTimeoutPrep = prep("io_uring/timeout.c:__io_timeout_prep", timeout(true)...)

// userTime reads a time, which is not negative: with IMMEDIATE_ARG v is nanoseconds, otherwise it points to a timespec.
//
// Linux: io_uring/timeout.c:io_parse_user_time
func (p *Prep) userTime(v uint64) uapi.Errno {
	if p.Req.SQE.OpFlags()&uapi.IORING_TIMEOUT_IMMEDIATE_ARG != 0 {
		if int64(v) < 0 {
			return uapi.EINVAL
		}
		p.Req.Time = int64(v)
		return 0
	}
	b, e := p.copyIn(v, 16)
	if e != 0 {
		return e
	}
	sec, nsec := int64(binary.LittleEndian.Uint64(b)), int64(binary.LittleEndian.Uint64(b[8:]))
	if sec < 0 || nsec < 0 {
		return uapi.EINVAL
	}
	p.Req.Time = uapi.Nanoseconds(sec, nsec)
	return 0
}

const timeoutUpdateMask = uapi.IORING_TIMEOUT_UPDATE | uapi.IORING_LINK_TIMEOUT_UPDATE

func timeoutUpdates(p *Prep) bool { return p.Req.SQE.OpFlags()&timeoutUpdateMask != 0 }

// Linux: io_uring/timeout.c:io_timeout_remove_prep
var timeoutRemovePrep = prep("io_uring/timeout.c:io_timeout_remove_prep",
	bars(uapi.EINVAL, uapi.IOSQE_FIXED_FILE, "IOSQE_FIXED_FILE"),
	without(kernel.TimeoutIgnoresPad, zero("addr3", "__pad2")),
	zero("buf_index", "len", "splice_fd_in"),
	fails(uapi.EINVAL, "timeout_flags must be 0 unless it updates",
		func(p *Prep) bool { return !timeoutUpdates(p) && p.Req.SQE.OpFlags() != 0 }),
	fails(uapi.EINVAL, "an update names at most one clock",
		func(p *Prep) bool { return p.Req.SQE.OpFlags()&clockMask == clockMask }),
	with(kernel.NoTimeoutImmediateArg, within("timeout_flags", timeoutUpdateMask|uapi.IORING_TIMEOUT_ABS)),
	without(kernel.NoTimeoutImmediateArg,
		within("timeout_flags", timeoutUpdateMask|uapi.IORING_TIMEOUT_ABS|uapi.IORING_TIMEOUT_IMMEDIATE_ARG)),
	reads("the 16 bytes of the timespec at addr2, in an update without IORING_TIMEOUT_IMMEDIATE_ARG",
		check("addr2 is the new time, not negative", func(p *Prep) uapi.Errno {
			if !timeoutUpdates(p) {
				return 0
			}
			return p.userTime(p.Req.SQE.Off())
		}, uapi.EFAULT, uapi.EINVAL)),
)

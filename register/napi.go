package register

import (
	"slices"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/uapi"
)

// Busy is how a ring polls network devices while it waits (IORING_REGISTER_NAPI).
type Busy struct {
	Tracks bool     // else the mode is IO_URING_NAPI_TRACKING_INACTIVE
	Mode   uint32   // IO_URING_NAPI_TRACKING_*, if it tracks
	Poll   uint32   // microseconds
	Prefer bool     // prefer_busy_poll
	IDs    []uint32 // of the devices' queues, for static tracking
}

func (b *Busy) mode() uint32 {
	if !b.Tracks {
		return uapi.IO_URING_NAPI_TRACKING_INACTIVE
	}
	return b.Mode
}

// settings are the settings as the kernel writes them back.
func (b *Busy) settings() uapi.NAPI {
	n := uapi.NAPI{BusyPollTo: b.Poll}
	if b.Prefer {
		n.PreferBusyPoll = 1
	}
	return n
}

// maxBusyPoll bounds busy_poll_to, in microseconds.
const maxBusyPoll = 10000

// napi changes how the ring polls. The old settings are written back before the new ones are looked at.
//
// Departs: the sysctl net.core.busy_poll is 0, and the kernel is one with CONFIG_NET_RX_BUSY_POLL.
//
// Linux: io_uring/napi.c:io_register_napi
func (c *call) napi() Outcome {
	const where = "io_uring/napi.c:io_register_napi"
	if c.ring.Flags&uapi.IORING_SETUP_IOPOLL != 0 {
		return refuse(uapi.EINVAL, where, "the ring must not be one with IOPOLL")
	}
	raw := make([]byte, uapi.SizeofNAPI)
	if !c.task.Mem.CopyIn(raw, c.arg) {
		return refuse(uapi.EFAULT, where, "struct io_uring_napi must be readable")
	}
	n := uapi.DecodeNAPI(raw)
	if n.Pad != [2]uint8{} || n.Resv != 0 {
		return refuse(uapi.EINVAL, where, "pad and resv must be 0")
	}
	old := c.ring.Busy.settings()
	old.OpParam = c.ring.Busy.mode()
	if !c.task.Mem.CopyOut(c.arg, old.Append(nil)) {
		return refuse(uapi.EFAULT, where, "struct io_uring_napi must be writable")
	}
	static := old.OpParam == uapi.IO_URING_NAPI_TRACKING_STATIC
	switch {
	case n.Opcode == uapi.IO_URING_NAPI_REGISTER_OP:
		return c.napiMode(&n)
	case n.Opcode > uapi.IO_URING_NAPI_STATIC_DEL_ID:
		return refuse(uapi.EINVAL, where, "opcode must exist")
	case !static:
		return refuse(uapi.EINVAL, where, "ids need static tracking")
	}
	return c.napiID(n.Opcode == uapi.IO_URING_NAPI_STATIC_ADD_ID, n.OpParam)
}

// Linux: io_uring/napi.c:io_napi_register_napi
func (c *call) napiMode(n *uapi.NAPI) Outcome {
	if n.OpParam != uapi.IO_URING_NAPI_TRACKING_DYNAMIC && n.OpParam != uapi.IO_URING_NAPI_TRACKING_STATIC {
		return refuse(uapi.EINVAL, "io_uring/napi.c:io_napi_register_napi", "op_param must be dynamic or static tracking")
	}
	poll := n.BusyPollTo
	if !c.kernel.Has(kernel.NAPITimeUncapped) {
		poll = min(poll, maxBusyPoll)
	}
	c.ring.Busy = Busy{Tracks: true, Mode: n.OpParam, Poll: poll, Prefer: n.PreferBusyPoll != 0}
	return Outcome{}
}

// Ids up to the number of processors that a kernel is built for stand for something else. How many these are depends on
// its configuration, and is between 1 and 8192.
const (
	badNAPI  = 1
	goodNAPI = 8193
)

// napiID adds an id to those that are polled, or removes it.
//
// Linux: io_uring/napi.c:__io_napi_add_id, __io_napi_del_id
func (c *call) napiID(add bool, id uint32) Outcome {
	i := slices.Index(c.ring.Busy.IDs, id)
	switch {
	case id <= badNAPI:
		return refuse(uapi.EINVAL, "io_uring/napi.c:__io_napi_add_id", "op_param must be the id of a queue")
	case id < goodNAPI:
		return Outcome{Unmodelled: "NAPI with an id that some kernels take for the number of a processor"}
	case add && i >= 0:
		return refuse(uapi.EEXIST, "io_uring/napi.c:__io_napi_add_id", "the id must not be there yet")
	case add:
		c.ring.Busy.IDs = append(c.ring.Busy.IDs, id)
	case i < 0:
		return refuse(uapi.ENOENT, "io_uring/napi.c:__io_napi_del_id", "the id must be there")
	default:
		c.ring.Busy.IDs = slices.Delete(c.ring.Busy.IDs, i, i+1)
	}
	return Outcome{}
}

// unregisterNAPI stops polling, and writes the old settings back if there is an address for them.
//
// Linux: io_uring/napi.c:io_unregister_napi
func (c *call) unregisterNAPI() Outcome {
	old := c.ring.Busy.settings()
	if c.arg != 0 && !c.task.Mem.CopyOut(c.arg, old.Append(nil)) {
		return refuse(uapi.EFAULT, "io_uring/napi.c:io_unregister_napi", "struct io_uring_napi must be writable")
	}
	c.ring.Busy = Busy{}
	return Outcome{}
}

package sim

import (
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/register"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// selects notes that a request may take buffers of a group, in a number that io_uring does not decide alone.
//
// Linux: io_uring/kbuf.c:io_buffer_select, io_buffers_select
func (r *Ring) selects(q *request) {
	if g := r.Groups[q.SQE.BufIndex()]; g != nil && q.Flags&uapi.IOSQE_BUFFER_SELECT != 0 {
		g.Selected = true
	}
}

// issueBuffers adds buffers to a group, or removes some. Rings of buffers are the program's alone to fill.
//
// Linux: io_uring/kbuf.c:io_manage_buffers_legacy
func issueBuffers(r *Ring, q *request) bool {
	provide := q.Opcode == uapi.IORING_OP_PROVIDE_BUFFERS
	n, id := uint32(q.SQE.FD()), q.SQE.BufIndex()
	g := r.Groups[id]
	if g == nil && provide {
		g = &register.BufferGroup{}
		r.AddGroup(id, g)
	}
	const where = "io_uring/kbuf.c:__io_manage_buffers_legacy"
	switch {
	case g == nil:
		q.why = verdict.Refuse(verdict.Issue, uapi.ENOENT, where, "the group must exist")
	case g.Ring:
		q.why = verdict.Refuse(verdict.Issue, uapi.EINVAL, where, "the group must not be a ring of buffers")
	case provide && g.Count == r.groupLimit() && !g.Selected:
		q.why = verdict.Refuse(verdict.Issue, uapi.EOVERFLOW, "io_uring/kbuf.c:io_add_buffers", "the group must not be full")
	case provide && g.Count == r.groupLimit(), !provide && g.Selected && g.Count > 0:
		return r.ask(q)
	case provide:
		g.Count = min(g.Count+n, r.groupLimit())
		return r.finish(q, 0)
	default:
		n = min(n, g.Count)
		g.Count -= n
		return r.finish(q, int32(n))
	}
	return r.finish(q, int32(q.why.Errno.Ret()))
}

// groupLimit is the most buffers that a group has.
//
// Linux: io_uring/kbuf.c:io_add_buffers
func (r *Ring) groupLimit() uint32 {
	if r.k.release.Has(kernel.BufferGroup65535) {
		return 1<<16 - 1
	}
	return 1 << 16
}

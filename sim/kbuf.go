package sim

import (
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/register"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// selects notes that a request may take buffers of a group.
//
// Linux: io_uring/kbuf.c:io_buffer_select, io_buffers_select
func (r *Ring) selects(q *request) {
	if q.Flags&uapi.IOSQE_BUFFER_SELECT == 0 || q.group != nil {
		return
	}
	if g := r.Groups[q.SQE.BufIndex()]; g != nil {
		q.group = g
		g.Pending++
	}
}

// took looks at the result of a request for the buffers that it took: one if its flags say so, and none if there were
// none, or it has not come so far. Those that take several, or part of one, do not tell how many.
//
// Linux: io_uring/kbuf.c:__io_put_kbufs
func (q *request) took() {
	g := q.group
	if g == nil {
		return
	}
	q.group = nil
	g.Pending--
	one := q.flags&uapi.IORING_CQE_F_BUFFER != 0 && !g.Incremental && !q.takesSeveral()
	switch {
	case one && g.Ring:
		g.Head++
	case one && g.Count > 0:
		g.Count--
	case q.why != nil || q.res == int32(uapi.ENOBUFS.Ret()) && q.flags&uapi.IORING_CQE_F_BUFFER == 0:
	default:
		g.Lost = true
	}
}

// takesSeveral tells whether the request may take more than one buffer.
func (q *request) takesSeveral() bool {
	switch q.Opcode {
	case uapi.IORING_OP_SEND, uapi.IORING_OP_RECV, uapi.IORING_OP_RECVMSG:
		return q.SQE.IOPrio()&(uapi.IORING_RECV_MULTISHOT|uapi.IORING_RECVSEND_BUNDLE) != 0
	case uapi.IORING_OP_READ, uapi.IORING_OP_READV:
		return false
	}
	return true
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
		q.because(verdict.Refuse(verdict.Issue, uapi.ENOENT, where, "the group must exist"))
	case g.Ring:
		q.because(verdict.Refuse(verdict.Issue, uapi.EINVAL, where, "the group must not be a ring of buffers"))
	case provide && g.Count == r.groupLimit() && g.Known():
		q.because(verdict.Refuse(verdict.Issue, uapi.EOVERFLOW, "io_uring/kbuf.c:io_add_buffers", "the group must not be full"))
	case provide && g.Count == r.groupLimit(), !provide && !g.Known() && g.Count > 0:
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

package sim

import (
	"strings"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/opdef"
	"github.com/uringsim/uringsim/register"
	"github.com/uringsim/uringsim/tctx"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// issuer carries out an opcode whose result io_uring decides alone. It is false if the result is not known yet.
type issuer func(*Ring, *request) bool

// issuers are the opcodes with an issuer; the results of the others come from a recording, or stay unknown.
var issuers = [uapi.IORING_OP_LAST]issuer{
	uapi.IORING_OP_NOP:              issueNop,
	uapi.IORING_OP_NOP128:           issueNop,
	uapi.IORING_OP_TIMEOUT:          issueTimeout,
	uapi.IORING_OP_TIMEOUT_REMOVE:   issueTimeoutRemove,
	uapi.IORING_OP_POLL_REMOVE:      issuePollRemove,
	uapi.IORING_OP_CLOSE:            issueClose,
	uapi.IORING_OP_ASYNC_CANCEL:     issueCancel,
	uapi.IORING_OP_MSG_RING:         issueMsgRing,
	uapi.IORING_OP_PROVIDE_BUFFERS:  issueBuffers,
	uapi.IORING_OP_REMOVE_BUFFERS:   issueBuffers,
	uapi.IORING_OP_SEND:             issueOnSocket,
	uapi.IORING_OP_RECV:             issueOnSocket,
	uapi.IORING_OP_SENDMSG:          issueOnSocket,
	uapi.IORING_OP_RECVMSG:          issueOnSocket,
	uapi.IORING_OP_CONNECT:          issueOnSocket,
	uapi.IORING_OP_ACCEPT:           issueOnSocket,
	uapi.IORING_OP_BIND:             issueOnSocket,
	uapi.IORING_OP_LISTEN:           issueOnSocket,
	uapi.IORING_OP_SHUTDOWN:         issueOnSocket,
	uapi.IORING_OP_FILES_UPDATE:     issueFilesUpdate,
	uapi.IORING_OP_FIXED_FD_INSTALL: issueFixedFDInstall,
	uapi.IORING_OP_SPLICE:           issueSplice,
	uapi.IORING_OP_TEE:              issueSplice,
	uapi.IORING_OP_PIPE:             issuePipe,
	uapi.IORING_OP_READ_FIXED:       issueFixedBuffer,
	uapi.IORING_OP_WRITE_FIXED:      issueFixedBuffer,
	uapi.IORING_OP_READV_FIXED:      issueFixedBuffer,
	uapi.IORING_OP_WRITEV_FIXED:     issueFixedBuffer,
}

// queue runs a request, or hands it to a worker if it cannot go on here.
//
// Linux: io_uring/io_uring.c:io_queue_sqe, io_queue_async
func (r *Ring) queue(q *request) {
	switch done := r.issue(q); {
	case q.again:
		q.again = false
		r.toWorker(q)
	case !done:
		r.unresolved = append(r.unresolved, q)
	}
}

// toWorker hands a request to io-wq. What becomes of it comes back as task work.
//
// Linux: io_uring/io_uring.c:io_queue_iowq, io_wq_submit_work
func (r *Ring) toWorker(q *request) {
	q.task.Workers = true
	r.workers.add(r, func() {
		q.deferred, q.inWorker = true, true
		r.queue(q)
	})
}

// issue assigns the file and carries the request out; false if the result has yet to come.
//
// Linux: io_uring/io_uring.c:io_issue_sqe
func (r *Ring) issue(q *request) bool {
	r.cq.unordered = q.deferred || q.inWorker // of tags that it posts
	done := r.carryOut(q)
	r.cq.unordered = false
	return done
}

func (r *Ring) carryOut(q *request) bool {
	if opdef.Defs[q.Opcode].NeedsFile && q.file == nil && !r.assign(q, q.Flags&uapi.IOSQE_FIXED_FILE != 0) {
		q.because(verdict.Refuse(verdict.Issue, uapi.EBADF, "io_uring/io_uring.c:io_assign_file", "fd must be open, or a slot that is not empty"))
		r.fail(q, int32(uapi.EBADF.Ret()))
		return true
	}
	q.issued = true
	r.selects(q)
	issue := issuers[q.Opcode]
	if issue == nil {
		issue = (*Ring).ask
	}
	arms := q.armTimeout
	if arms {
		q.armTimeout, q.hasTimeout = false, true
	}
	if q.sendsFixed() {
		r.useBuffer(q)
	}
	done := issue(r, q)
	if arms {
		r.armLinked(q)
	}
	return done
}

// finish gives the request its result; a negative one breaks its chain.
func (r *Ring) finish(q *request, res int32) bool {
	if res < 0 {
		q.setFail()
	}
	q.res = res
	r.complete(q)
	return true
}

// issueNop is a NOP, which does as its flags say.
//
// Linux: io_uring/nop.c:io_nop
func issueNop(r *Ring, q *request) bool {
	flags := q.SQE.OpFlags()
	var ret int32
	if flags&uapi.IORING_NOP_INJECT_RESULT != 0 {
		ret = int32(q.SQE.Len())
	}
	shown := ret
	fixed := flags&uapi.IORING_NOP_FIXED_FILE != 0
	if !r.k.release.Has(kernel.NopFixedFileHidden) {
		fixed = q.Flags&uapi.IOSQE_FIXED_FILE != 0
	}
	missing := ""
	if flags&uapi.IORING_NOP_FILE != 0 && !r.assign(q, fixed) {
		ret, missing = int32(uapi.EBADF.Ret()), "fd must be open, or a slot that is not empty"
	} else if flags&uapi.IORING_NOP_FIXED_BUFFER != 0 && !r.useBuffer(q) {
		ret, missing = int32(uapi.EFAULT.Ret()), "buf_index must be a registered buffer"
	}
	if ret < 0 {
		q.setFail()
	}
	if missing != "" {
		e, _ := uapi.ErrnoOf(int64(ret))
		q.because(verdict.Refuse(verdict.Issue, e, "io_uring/nop.c:io_nop", missing))
	}
	if q.res = ret; r.k.release.Has(kernel.NopErrorsHidden) {
		q.res = shown
	}
	if flags&uapi.IORING_NOP_CQE32 != 0 {
		q.big, q.setsBig = [2]uint64{q.SQE.Off(), q.SQE.Addr()}, true
		if r.has(uapi.IORING_SETUP_CQE_MIXED) {
			q.flags = uapi.IORING_CQE_F_32
		}
	}
	if flags&uapi.IORING_NOP_TW != 0 {
		q.inWorker = false
		r.taskWork(q, func() { r.complete(q) })
	} else {
		r.complete(q)
	}
	return true
}

// issueClose closes a descriptor or empties a slot. Rings cannot be closed this way.
//
// Linux: io_uring/openclose.c:io_close
func issueClose(r *Ring, q *request) bool {
	fd, slot := q.SQE.FD(), q.SQE.FileIndex()
	e, why := uapi.Errno(0), ""
	if slot != 0 {
		e, why = r.RemoveFile(slot - 1)
	} else if f := q.task.Files.Get(fd); f == nil || f.Kind == tctx.RingFile {
		e, why = uapi.EBADF, "fd must be open and not a ring"
	} else {
		q.task.Files.Close(fd)
	}
	if e != 0 {
		q.because(verdict.Refuse(verdict.Issue, e, "io_uring/openclose.c:io_close", why))
	}
	return r.finish(q, int32(e.Ret()))
}

// issueMsgRing posts a CQE on another ring, or the same, or passes a file to a slot of another.
//
// Linux: io_uring/msg_ring.c:io_msg_ring
func issueMsgRing(r *Ring, q *request) bool {
	f := q.file
	var e uapi.Errno
	var why string
	var res int32
	switch cmd := uint32(q.SQE.Addr()); {
	case f.Kind != tctx.RingFile:
		e, why = uapi.EBADFD, "fd must be a ring"
	case cmd == register.MsgData:
		if e, why = r.sendData(q); q.again {
			return false
		}
	case cmd == register.MsgSendFD:
		target := f.Ring.(*Ring)
		if e, why = r.maySendFD(q, target); e == 0 && target.isRemote() {
			return r.sendFDLater(q, target)
		}
		if e == 0 {
			res, e, why = r.sendFD(q, target, r.Files.Lookup(uint32(q.SQE.Addr3())).File)
		}
	default:
		e, why = uapi.EINVAL, "addr must be a command that exists"
	}
	if e != 0 {
		q.because(verdict.Refuse(verdict.Issue, e, "io_uring/msg_ring.c:io_msg_ring", why))
		res = int32(e.Ret())
	}
	return r.finish(q, res)
}

// sendData posts a message on another ring, or the same, unless a worker has to.
//
// Linux: io_uring/msg_ring.c:__io_msg_ring_data
func (r *Ring) sendData(q *request) (uapi.Errno, string) {
	target := q.file.Ring.(*Ring)
	if e, why := register.MaySendData(r.k.release, q.file, &q.SQE); e != 0 {
		return e, why
	}
	if q.again = r.locks(target) && !q.inWorker; !q.again {
		target.cq.unordered = q.deferred || q.inWorker
		target.PostMessage(register.Message(&q.SQE))
		target.cq.unordered = false
	}
	return 0, ""
}

// locks tells whether a message to the target takes the lock that submission has: a worker has to send it then.
//
// Linux: io_uring/msg_ring.c:io_lock_external_ctx
func (r *Ring) locks(target *Ring) bool { return target == r && r.has(uapi.IORING_SETUP_IOPOLL) }

// isRemote tells whether only the ring's own task may post to it.
//
// Linux: io_uring/msg_ring.c:io_msg_need_remote
func (r *Ring) isRemote() bool {
	return r.has(uapi.IORING_SETUP_DEFER_TASKRUN) && !r.has(uapi.IORING_SETUP_IOPOLL)
}

// PostMessage posts the CQE of a MSG_RING request of another ring. With DEFER_TASKRUN it waits until the ring is entered
// for events.
//
// Linux: io_uring/msg_ring.c:io_msg_remote_post, io_uring/io_uring.c:io_post_aux_cqe
func (r *Ring) PostMessage(c uapi.CQE) {
	unordered := r.cq.unordered
	post := func() {
		r.cq.post(trace.CQE{CQE: c, Unordered: unordered})
		r.flushTimeouts()
	}
	if r.isRemote() {
		r.local.add(r, post)
	} else {
		post()
	}
}

// issueOnSocket refuses files that are no sockets; what a socket does is left to the recording.
//
// Linux: io_uring/net.c:io_send, io_recv, io_connect, ...
func issueOnSocket(r *Ring, q *request) bool {
	multishot := q.Opcode == uapi.IORING_OP_ACCEPT && q.SQE.IOPrio()&uapi.IORING_ACCEPT_MULTISHOT != 0
	if q.file.Kind == tctx.SocketFile || multishot && q.inWorker { // a worker first asks whether the file can be polled
		return r.ask(q)
	}
	e := uapi.ENOTSOCK
	if q.Opcode == uapi.IORING_OP_RECV && q.SQE.IOPrio()&uapi.IORING_RECVSEND_POLL_FIRST != 0 &&
		r.k.release.Has(kernel.RecvPollFirstBeforeSocketCheck) {
		e, q.deferred = uapi.EAGAIN, true // a worker looks at it, and finds nothing to wait for
	}
	q.because(verdict.Refuse(verdict.Issue, e, "io_uring/net.c:io_"+strings.ToLower(q.Opcode.String()), "fd must be a socket"))
	return r.finish(q, int32(e.Ret()))
}

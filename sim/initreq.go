package sim

import (
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/opdef"
	"github.com/uringsim/uringsim/tctx"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// Flags of an SQE: those that exist, and those that need no further thought.
const (
	sqeValidFlags  = 0x7f
	sqeCommonFlags = uapi.IOSQE_FIXED_FILE | uapi.IOSQE_IO_LINK | uapi.IOSQE_IO_HARDLINK | uapi.IOSQE_ASYNC
)

const whereInit = "io_uring/io_uring.c:io_init_req"

func refuseInit(e uapi.Errno, why string) *verdict.Refusal {
	return verdict.Refuse(verdict.Init, e, whereInit, why)
}

// initReq makes a request of an SQE, up to and with the opcode's prep. A 128-byte SQE takes a second entry off left.
//
// Linux: io_uring/io_uring.c:io_init_req
func (r *Ring) initReq(q *request, index uint32, left *uint32) *verdict.Refusal {
	q.Opcode, q.UserData = q.SQE.Opcode(), q.SQE.UserData()
	flags := q.SQE.Flags()
	q.Flags = flags
	if q.Opcode >= uapi.IORING_OP_LAST {
		q.Opcode = uapi.IORING_OP_NOP
		return refuseInit(uapi.EINVAL, "opcode must exist")
	}
	def := &opdef.Defs[q.Opcode]
	if def.Is128 && !r.has(uapi.IORING_SETUP_SQE128) {
		if !r.has(uapi.IORING_SETUP_SQE_MIXED) || index >= r.sqEntries-1 || *left < 2 && !r.borrowsEntry() {
			return refuseInit(uapi.EINVAL, "an SQE of 128 bytes needs SQE128, or SQE_MIXED and two entries in a row")
		}
		if *left >= 2 {
			*left--
		}
		r.cachedSQHead++
	}
	if flags&^sqeCommonFlags != 0 {
		if refusal := r.uncommonFlags(def, flags); refusal != nil {
			return refusal
		}
	}
	if r.Restrict.OpRegistered {
		if refusal := r.Restrict.CheckSQE(q.Opcode, flags); refusal != nil {
			return refusal
		}
	}
	r.drainFlags(q)
	switch {
	case !def.IOPrio && q.SQE.IOPrio() != 0:
		return refuseInit(uapi.EINVAL, "ioprio must be 0 for this opcode")
	case !def.IOPoll && r.has(uapi.IORING_SETUP_IOPOLL):
		return refuseInit(uapi.EINVAL, "the opcode must support IOPOLL on this ring")
	}
	if id := q.SQE.Personality(); id != 0 {
		if _, ok := r.Personalities[id]; !ok {
			return refuseInit(uapi.EINVAL, "personality must be registered")
		}
		q.creds = true
	}
	return r.prep(q, def)
}

// uncommonFlags checks the flags that most requests do not have.
func (r *Ring) uncommonFlags(def *opdef.Def, flags uint8) *verdict.Refusal {
	if flags&^sqeValidFlags != 0 {
		return refuseInit(uapi.EINVAL, "flags must be known")
	}
	if flags&uapi.IOSQE_BUFFER_SELECT != 0 && !def.BufferSelect {
		return refuseInit(uapi.EOPNOTSUPP, "the opcode must support IOSQE_BUFFER_SELECT")
	}
	if flags&uapi.IOSQE_CQE_SKIP_SUCCESS != 0 {
		r.drain.disabled = true
	}
	if flags&uapi.IOSQE_IO_DRAIN != 0 {
		if r.drain.disabled {
			return refuseInit(uapi.EOPNOTSUPP, "no IOSQE_IO_DRAIN on a ring that has seen IOSQE_CQE_SKIP_SUCCESS")
		}
		r.startDrain()
	}
	return nil
}

// prep runs the opcode's prep function.
func (r *Ring) prep(q *request, def *opdef.Def) *verdict.Refusal {
	p := &r.prepping
	p.Mem, p.Req, p.RingFlags = q.task.Mem, &q.Request, r.Flags
	p.MayRT, p.Creds, p.InChain, p.ArmsTimeout = r.credOf(q).CapInit, q.creds, r.chain.head != nil, false
	if p.InChain {
		p.LastOp = r.chain.last.Opcode
	}
	refusal := r.k.ops.Prep(p)
	if p.ArmsTimeout {
		r.chain.last.armTimeout = true
	}
	return refusal
}

// borrowsEntry tells whether a submission thread may take one entry more than its limit.
func (r *Ring) borrowsEntry() bool {
	return r.has(uapi.IORING_SETUP_SQPOLL) && r.sqPending() > 0 && !r.k.release.Has(kernel.SQPollCapSplits128)
}

// credOf are the credentials that a request has, unless it has a personality.
func (r *Ring) credOf(q *request) tctx.Cred {
	if r.has(uapi.IORING_SETUP_SQPOLL) {
		return r.cred
	}
	return q.task.Cred
}

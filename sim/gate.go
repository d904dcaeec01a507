package sim

import (
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/register"
	"github.com/uringsim/uringsim/tctx"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// Gate decides what goes through in place of another kernel, which then carries it out: setups, register calls and
// requests of programs that really run. It keeps what these decisions need of tasks and rings, and no more; files,
// buffers and completions are the other kernel's. The tasks are the caller's, with memory that mm.NewOutside reads.
type Gate struct{ k *Kernel }

// Gate is a gate that decides as the kernel does.
func (k *Kernel) Gate() *Gate { return &Gate{k} }

// Setup is why io_uring_setup(2) is refused with these parameters, nil if it is not.
//
// Linux: io_uring/io_uring.c:io_uring_setup
func (g *Gate) Setup(entries uint32, p uapi.Params) *verdict.Refusal {
	return g.k.checkParams(entries, &p)
}

// Adopt is a ring that the task has made on the other kernel, which gave these parameters back. One with
// IORING_SETUP_SQPOLL has the task's credentials; what its thread takes is what tasks Submit.
//
// Linux: io_uring/io_uring.c:io_uring_create
func (g *Gate) Adopt(t *tctx.Task, name string, p uapi.Params) *Ring {
	r := &Ring{k: g.k, cqEntries: p.CQEntries}
	r.Name, r.Flags, r.cred = name, p.Flags, t.Cred
	r.prepping.Kernel = g.k.release
	r.Inherit(g.k.release, t)
	if r.has(uapi.IORING_SETUP_SINGLE_ISSUER) && !r.has(uapi.IORING_SETUP_R_DISABLED) {
		r.Submitter = t
	}
	t.Uses = true
	r.Resized(p)
	return r
}

// Resized gives an adopted ring the sizes that a resize on the other kernel gave back.
func (r *Ring) Resized(p uapi.Params) {
	r.sqEntries, r.cqEntries = p.SQEntries, p.CQEntries
	p.Flags = r.Flags
	r.submissions = newSubmissions(&p)
}

// Register decides about io_uring_register(2) on an adopted ring, nil for fd -1, as register.Admit does.
func (g *Gate) Register(t *tctx.Task, r *Ring, op uint32, arg uint64, nr uint32) (_ register.Outcome, decided bool) {
	var s *register.State
	if r != nil {
		s = &r.State
	}
	return register.Admit(g.k.release, t, s, op, arg, nr, g.k.since())
}

// Entry is an entry of an SQ: the SQE's place, and the SQE. The place may be none, and there is no SQE then.
type Entry struct {
	Index uint32
	SQE   []byte // 64 bytes, or 128 on rings with SQE128
}

// Admission is what is decided about the entries that a call submits.
type Admission struct {
	Took    uint32 // how many the call takes, if the other kernel takes those that were let through
	Stopped bool   // a refused request was the last
	Denied  []Denied
}

// Denied is a request that must not be carried out.
type Denied struct {
	At       uint32 // which of the entries
	Slots    uint32 // 2 for an SQE of 128 bytes on a ring with both sizes, otherwise 1
	Opcode   uapi.Op
	UserData uint64
	Res      int32            // of its CQE
	Later    bool             // the CQE comes from task work, after those of requests that complete at once
	Posts    bool             // it has a CQE
	Notifies bool             // a second CQE follows, of a notification
	Why      *verdict.Refusal // nil if it is cancelled with its chain
}

// Submit decides about the entries from the SQ's counter first on that the task submits to an adopted ring. What was let
// through in earlier calls is taken for done: a drain does not wait for it.
//
// Linux: io_uring/io_uring.c:io_submit_sqes
func (g *Gate) Submit(t *tctx.Task, r *Ring, first uint32, entries []Entry) Admission {
	t.Uses = true
	r.load(first, entries)
	b := batch{ring: r, task: &task{Task: t}, first: first}
	left := uint32(len(entries))
	for left > 0 {
		at := r.cachedSQHead - first
		index, ok := r.nextSQE()
		if !ok {
			break
		}
		good := b.submitOne(at, index, &left)
		left--
		if !good && !r.has(uapi.IORING_SETUP_SUBMIT_ALL|uapi.IORING_SETUP_SQPOLL) { // a thread submits again
			b.Stopped = true
			break
		}
	}
	b.endChain()
	r.free = append(r.free, b.requests...)
	r.drain.active = r.drain.active && !b.drainEnds
	b.Took = uint32(len(entries)) - left
	return b.Admission
}

// load puts entries where the ring takes them from.
func (r *Ring) load(first uint32, entries []Entry) {
	r.cachedSQHead, r.sqTail = first, first+uint32(len(entries))
	for i, e := range entries {
		if r.sqArray != nil {
			r.sqArray[(first+uint32(i))&(r.sqEntries-1)] = e.Index
		}
		if e.SQE != nil {
			copy(r.sqes[e.Index*r.sqeSize():], e.SQE)
		}
	}
}

// batch are the requests of a call.
type batch struct {
	Admission
	ring      *Ring
	task      *task
	first     uint32
	requests  []*request
	drainEnds bool     // once what was let through is done
	members   []Denied // of the chain that is being assembled, as if all of it was denied
}

// submitOne decides about a request, and about its chain if it is the last one of that. It is false if submission is to
// stop.
//
// Linux: io_uring/io_uring.c:io_submit_sqe, io_submit_fail_init
func (b *batch) submitOne(at, index uint32, left *uint32) bool {
	r := b.ring
	q := r.newRequest(b.task, r.sqes[index*r.sqeSize():])
	b.requests = append(b.requests, q)
	refusal := r.admit(q, index, left)
	if r.chain.head == nil {
		r.chain.head = q
	} else {
		r.chain.last.next = q
	}
	r.chain.last = q
	if refusal != nil {
		if head := r.chain.head; head != q && !head.failed {
			head.setFail()
		}
		q.setFail()
	}
	b.members = append(b.members, Denied{At: at, Slots: r.cachedSQHead - b.first - at, Opcode: q.SQE.Opcode(),
		UserData: q.UserData, Res: int32(uapi.ECANCELED.Ret()), Notifies: q.Notif, Why: refusal})
	if q.linked() {
		return true
	}
	b.endChain()
	return refusal == nil
}

// endChain denies the chain if one of its requests was refused.
//
// Linux: io_uring/timeout.c:io_disarm_next, io_fail_links
func (b *batch) endChain() {
	r, head := b.ring, b.ring.chain.head
	switch {
	case head == nil:
	case !head.failed:
		b.through(head)
	default:
		q := head
		for i := range b.members {
			d := &b.members[i]
			d.Later = q != head
			switch {
			case head.armTimeout && q == head.next: // it is cancelled by itself
				d.Posts = q.Flags&uapi.IOSQE_CQE_SKIP_SUCCESS == 0
			case d.Why != nil:
				d.Res = int32(d.Why.Errno.Ret())
				fallthrough
			default:
				d.Posts = q == head || !head.skipLinks
			}
			q = q.next
		}
		b.Denied = append(b.Denied, b.members...)
	}
	b.members, r.chain = b.members[:0], chain{}
}

// through lets a request, or a chain, go through a drain. One that does not drain ends the drain if there is no other
// request; one that drains alone ends it when it is done, which is after the call has submitted all.
//
// Linux: io_uring/io_uring.c:io_drain_req, io_drain_req_completed
func (b *batch) through(head *request) {
	switch {
	case head.Flags&uapi.IOSQE_IO_DRAIN != 0:
		b.drainEnds = head.next == nil && !b.ring.k.release.Has(kernel.DrainEndsAtSubmit)
	case len(b.requests) == len(b.members):
		b.ring.drain.active = false
	}
}

package sim

import (
	"github.com/uringsim/uringsim/bpffilter"
	"github.com/uringsim/uringsim/uapi"
)

// Most requests have nothing about them that any step between SQE and filters has to look at (opdef.Ops.Plain). Where
// nobody asks for an account, such an SQE needs no request: what this file does for it is what submitOne would do.

// takesPlain tells whether plain SQEs may go the short way as things are, which other SQEs change.
func (r *Ring) takesPlain() bool {
	return r.k.quiet && !r.k.trying && r.chain.head == nil && !r.drain.active && !r.drain.next &&
		!r.Restrict.OpRegistered && !r.has(uapi.IORING_SETUP_IOPOLL)
}

// submitPlain lets plain SQEs go the short way, until one comes that has to go the long way, but no more than most, and
// returns how many there were. Those that filters cannot tell apart go together.
func (r *Ring) submitPlain(t *task, most uint32) (n uint32) {
	filters := r.Restrict.Filters()
	var like *bpffilter.Likeness
	for n < most {
		first := r.cachedSQHead + n
		sqe := r.sqeAt(first)
		if sqe == nil || !r.completes(sqe.Opcode()) {
			break
		}
		if like = r.k.screen.Allows(filters, sqe, like); like == nil {
			break
		}
		run := r.alike(like, first, most-n)
		if sqe.Opcode() == uapi.IORING_OP_NOP {
			r.completeNops(first, run)
		} else {
			r.issuePlain(t, first, run)
		}
		n += run
	}
	r.cachedSQHead += n
	r.tally.Requests += int(n)
	r.drain.alive += int(n)
	return n
}

// alike is how many SQEs from the first on, which is, are like one that was allowed.
func (r *Ring) alike(like *bpffilter.Likeness, first, most uint32) uint32 {
	n := uint32(1)
	for ; n < most; n++ {
		if sqe := r.sqeAt(first + n); sqe == nil || !like.Covers(sqe) {
			break
		}
	}
	return n
}

// sqeAt is an SQE by its place in the order of submission; nil if the SQ array names none.
func (r *Ring) sqeAt(head uint32) *uapi.SQE {
	index := head & (r.sqEntries - 1)
	if r.sqArray != nil {
		if index = r.sqArray[index]; index >= r.sqEntries {
			return nil
		}
	}
	return (*uapi.SQE)(r.sqes[index*r.sqeSize():])
}

// completeNops ends the NOPs of plain SQEs, from one on. Their CQEs are made of the SQEs when they are posted, before
// the program can change these.
func (r *Ring) completeNops(first, n uint32) {
	*r.batch.next() = completion{first: first, nops: n}
	r.batch.nops += int(n) - 1
	for i := uint32(0); i < n && len(r.known.cqes) > 0; i++ {
		r.known.decided(r.sqeAt(first+i).UserData(), 0, 0)
	}
}

// completes tells whether the result of a plain SQE of the opcode is known or the Issuer's.
func (r *Ring) completes(op uapi.Op) bool {
	return op == uapi.IORING_OP_NOP ||
		r.k.issuer != nil && !r.known.have && op < uapi.IORING_OP_LAST && issuers[op] == nil
}

// issuePlain asks the Issuer about so many plain SQEs, from the first on. Their request is used again if it is done at
// once.
func (r *Ring) issuePlain(t *task, first, n uint32) {
	q := r.plain
	for at := first; at != first+n; at++ {
		if q == nil || q.task != t {
			q = &request{ring: r, task: t}
			q.asking = Issue{Request: &q.Request, Task: t.Task, Ring: r.Name}
			q.issued, q.asked = true, true
		}
		sqe := r.sqeAt(at)
		q.SQE, q.Opcode, q.UserData, q.call = *sqe, sqe.Opcode(), sqe.UserData(), r.call
		c := r.k.issuer.Issue(&q.asking)
		if c.State == Done && c.Opens == nil {
			done := r.batch.next()
			done.userData, done.res, done.flags = q.UserData, c.Res, c.Flags
			done.request, done.nops = 0, 0
			continue
		}
		if !r.take(q, c) {
			r.unresolved = append(r.unresolved, q)
		}
		q = nil
	}
	r.plain = q
}

// postPlain posts the CQEs of completions without requests, until one comes that has one, and returns how many there
// were.
func (r *Ring) postPlain(list []completion) (n int) {
	anyBig := r.has(uapi.IORING_SETUP_CQE32) // what a request does not set stays from the last use of its memory
	for n < len(list) && list[n].request == 0 {
		if c := &list[n]; c.nops != 0 {
			r.postNops(c, anyBig)
			n++
			continue
		}
		n += r.postResults(list[n:], anyBig)
	}
	return n
}

// postResults posts the CQEs of the results at the start of a list, at least of one, and returns how many there were.
func (r *Ring) postResults(list []completion, anyBig bool) (n int) {
	for n < len(list) && list[n].request == 0 && list[n].nops == 0 && list[n].flags&uapi.IORING_CQE_F_32 == 0 {
		n++
	}
	room := r.cq.push(uint32(n))
	for i := range room {
		c := &list[i]
		room[i].set(c.userData, c.res, c.flags, anyBig)
	}
	if len(room) == 0 {
		c := &list[0]
		r.cq.nextEntry(c.flags).set(c.userData, c.res, c.flags, anyBig)
		return 1
	}
	return len(room)
}

// postNops posts the CQEs of a run of NOPs.
func (r *Ring) postNops(c *completion, anyBig bool) {
	for at, end := c.first, c.first+c.nops; at != end; {
		room := r.cq.push(end - at)
		for i := range room {
			room[i].set(r.sqeAt(at).UserData(), 0, 0, anyBig)
			at++
		}
		if len(room) == 0 {
			r.cq.nextEntry(0).set(r.sqeAt(at).UserData(), 0, 0, anyBig)
			at++
		}
	}
}

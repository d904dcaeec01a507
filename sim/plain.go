package sim

import (
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
// returns how many there were.
func (r *Ring) submitPlain(t *task, most uint32) (n uint32) {
	ops, filters, engine := r.k.ops, r.Restrict.Filters(), r.k.engine
	nops := uint32(0) // so many came last
	for ; n < most; n++ {
		sqe := r.sqeAt(r.cachedSQHead + n)
		if sqe == nil || !ops.Plain(sqe) {
			break
		}
		isNop := sqe.Opcode() == uapi.IORING_OP_NOP && sqe.OpFlags() == 0
		if !isNop && !r.asksIssuer(sqe.Opcode()) {
			break
		}
		if filters != nil && !filters.AllowAll(engine, sqe.Opcode()) && !filters.AllowsPlain(engine, ops, sqe, &r.context) {
			break
		}
		if isNop {
			nops++
			continue
		}
		if nops > 0 {
			r.completeNops(r.cachedSQHead+n-nops, nops)
			nops = 0
		}
		r.issuePlain(t, sqe)
	}
	if nops > 0 {
		r.completeNops(r.cachedSQHead+n-nops, nops)
	}
	r.cachedSQHead += n
	r.tally.Requests += int(n)
	r.drain.alive += int(n)
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
	r.batch.add(completion{first: first, nops: n})
	r.batch.nops += int(n) - 1
	for i := uint32(0); i < n && len(r.known.cqes) > 0; i++ {
		r.known.decided(r.sqeAt(first+i).UserData(), 0, 0)
	}
}

// asksIssuer tells whether the results of the opcode are the Issuer's.
func (r *Ring) asksIssuer(op uapi.Op) bool {
	return issuers[op] == nil && r.k.issuer != nil && !r.known.have
}

// issuePlain asks the Issuer about a plain SQE. Its request is used again if it is done at once.
func (r *Ring) issuePlain(t *task, sqe *uapi.SQE) {
	q := r.plain
	if q == nil || q.task != t {
		q = &request{ring: r, task: t}
		q.asking = Issue{Request: &q.Request, Task: t.Task, Ring: r.Name}
		q.issued, q.asked = true, true
		r.plain = q
	}
	q.SQE, q.Opcode, q.UserData, q.call = *sqe, sqe.Opcode(), sqe.UserData(), r.call
	c := r.k.issuer.Issue(&q.asking)
	if c.State == Done && c.Opens == nil {
		r.batch.add(completion{userData: q.UserData, res: c.Res, flags: c.Flags})
		return
	}
	r.plain = nil
	if !r.take(q, c) {
		r.unresolved = append(r.unresolved, q)
	}
}

// postPlain posts the CQEs of completions without requests, until one comes that has one, and returns how many there
// were.
func (r *Ring) postPlain(list []completion) int {
	anyBig := r.has(uapi.IORING_SETUP_CQE32) // what a request does not set stays from the last use of its memory
	for i := range list {
		switch c := &list[i]; {
		case c.request != 0:
			return i
		case c.nops != 0:
			r.postNops(c, anyBig)
		default:
			r.cq.plain(c.flags).set(c.userData, c.res, c.flags, anyBig)
		}
	}
	return len(list)
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
			r.cq.plain(0).set(r.sqeAt(at).UserData(), 0, 0, anyBig)
			at++
		}
	}
}

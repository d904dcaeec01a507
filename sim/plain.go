package sim

import (
	"github.com/uringsim/uringsim/trace"
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
	ops, filters, size := r.k.ops, r.Restrict.Filters(), r.sqeSize()
	list := r.batch.list
	for ; n < most; n++ {
		index := (r.cachedSQHead + n) & (r.sqEntries - 1)
		if r.sqArray != nil {
			if index = r.sqArray[index]; index >= r.sqEntries {
				break
			}
		}
		sqe := (*uapi.SQE)(r.sqes[index*size:])
		isNop := sqe.Opcode() == uapi.IORING_OP_NOP && sqe.OpFlags() == 0
		if !ops.Plain(sqe) || !isNop && !r.asksIssuer(sqe.Opcode()) {
			break
		}
		if filters != nil && !filters.AllowsPlain(ops, sqe, &r.context) {
			break
		}
		if isNop {
			list = append(list, completion{userData: sqe.UserData()})
			continue
		}
		r.batch.list = list
		r.issuePlain(t, sqe)
		list = r.batch.list
	}
	r.batch.list = list
	r.cachedSQHead += n
	r.tally.Requests += int(n)
	r.drain.alive += int(n)
	return n
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
		r.batch.list = append(r.batch.list, completion{userData: q.UserData, res: c.Res, flags: c.Flags})
		return
	}
	r.plain = nil
	if !r.take(q, c) {
		r.unresolved = append(r.unresolved, q)
	}
}

// postPlain posts the CQEs of plain SQEs, until one of a request comes, and returns how many there were.
func (r *Ring) postPlain(list []completion) int {
	anyBig := r.has(uapi.IORING_SETUP_CQE32) // what a request does not set stays from the last use of its memory
	for i := range list {
		d := &list[i]
		if d.request != 0 {
			return i
		}
		var c *trace.CQE
		if r.cq.hasRoom(d.flags) {
			c = &r.cq.push().CQE
		} else {
			c = r.cq.next(d.flags)
		}
		c.UserData, c.Res, c.Flags, c.Big = d.userData, d.res, d.flags, [2]uint64{}
		c.Unordered, c.Known, c.AnyBig = false, false, anyBig
	}
	return len(list)
}

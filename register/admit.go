package register

import (
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/tctx"
	"github.com/uringsim/uringsim/uapi"
)

// Admit is Call for a program that runs on another kernel: what the task may register is decided here, and what it
// registers with that, but for restrictions and filters, is there. S is the ring's, nil for a call with fd -1. Decided
// is false if the other kernel is to carry the call out; State.Carried is told of it then.
//
// Linux: io_uring/register.c:io_uring_register
func Admit(k kernel.Release, t *tctx.Task, s *State, op uint32, arg uint64, nr uint32, origin string) (_ Outcome,
	decided bool) {
	if refusal := exists(k, op); refusal != nil {
		return refused(refusal), true
	}
	c := &call{kernel: k, task: t, ring: s, op: uapi.RegisterOp(op), arg: arg, nr: nr, origin: origin}
	if s == nil {
		return c.admitBlind()
	}
	if refusal := c.admit(); refusal != nil {
		return refused(refusal), true
	}
	switch c.op {
	case uapi.IORING_REGISTER_RESTRICTIONS, uapi.IORING_REGISTER_BPF_FILTER:
		return ringOps[c.op].run(c), true
	}
	return Outcome{}, false
}

// admitBlind is Admit for a call without a ring.
func (c *call) admitBlind() (_ Outcome, decided bool) {
	switch c.op {
	case uapi.IORING_REGISTER_QUERY, uapi.IORING_REGISTER_SEND_MSG_RING:
		refusal := c.blindRestricted()
		return done(refusal), refusal != nil
	}
	return c.blind(), true
}

// Carried tells that another kernel carried out a call that Admit left to it, which gave ret.
func (s *State) Carried(t *tctx.Task, op uapi.RegisterOp, nr uint32, ret int64) {
	if ret < 0 {
		return
	}
	c := &call{task: t, ring: s, op: op, nr: nr}
	switch op {
	case uapi.IORING_REGISTER_ENABLE_RINGS:
		c.enable()
	case uapi.IORING_REGISTER_PERSONALITY:
		if s.Personalities == nil {
			s.Personalities = map[uint16]tctx.Cred{}
		}
		s.Personalities[uint16(ret)] = t.Cred
	case uapi.IORING_UNREGISTER_PERSONALITY:
		c.unregisterPersonality()
	}
}

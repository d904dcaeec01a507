package register

import (
	"github.com/uringsim/uringsim/bpffilter"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// try makes the call, and asks the policy on trial what it would have said. That has to be asked first: the call may
// change what the answer depends on.
func (c *call) try(run func() Outcome) Outcome {
	why := c.trial()
	o := run()
	if o.Why == nil {
		o.Trial = why
	}
	return o
}

// trial is why the call would be refused under the policy on trial, nil if it would not.
func (c *call) trial() *verdict.Refusal {
	if c.ring == nil {
		return c.trialBlind()
	}
	r := &c.ring.Trial
	heeded := c.ring.Flags&uapi.IORING_SETUP_R_DISABLED == 0 || !c.kernel.Has(kernel.DisabledRingIgnoresInherited)
	switch {
	case r.RegRegistered && heeded && !r.RegisterAllowed(c.op):
		return c.restricted(whereRing)
	case c.op == uapi.IORING_REGISTER_RESTRICTIONS && (r.OpRegistered || r.RegRegistered):
		return ringHasList()
	}
	return nil
}

// trialBlind is trial for calls without a ring.
func (c *call) trialBlind() *verdict.Refusal {
	r := c.task.Trial
	switch {
	case r == nil:
		return nil
	case r.RegRegistered && !c.kernel.Has(kernel.BlindOpsUnrestricted) && !r.RegisterAllowed(c.op):
		return c.restricted(whereBlind)
	case c.op == uapi.IORING_REGISTER_RESTRICTIONS:
		return taskIsRestricted()
	}
	return nil
}

// TrialSeen is what the policy on trial would say to a register call of which only the opcode was seen. The ring was
// made with these flags by a task that is under the policy.
func TrialSeen(k kernel.Release, policy *bpffilter.Restriction, op uapi.RegisterOp, ringFlags uint32) *verdict.Refusal {
	c := &call{kernel: k, op: op, ring: &State{Flags: ringFlags, Trial: *policy}}
	return c.trial()
}

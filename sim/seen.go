package sim

import (
	"strings"

	"github.com/uringsim/uringsim/opdef"
	"github.com/uringsim/uringsim/register"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// maxSeen is how many rings are known by the flags that they were seen to be made with.
const maxSeen = 1 << 16

// Saw judges what a task was seen to do. What the restrictions and filters of rings say is for a policy on trial.
func (k *Kernel) Saw(_ string, c trace.Call) trace.Result {
	switch c := c.(type) {
	case trace.SeenSetup:
		if k.seen == nil || len(k.seen) >= maxSeen {
			k.seen = map[string]uint32{}
		}
		k.seen[c.Ring] = c.Flags
	case trace.SeenRegister:
		return k.sawRegister(&c)
	case trace.SeenSubmit:
		return k.sawSubmit(&c)
	}
	return trace.Result{}
}

// sawRegister has nothing to judge but for a policy on trial.
func (k *Kernel) sawRegister(c *trace.SeenRegister) trace.Result {
	done := c.Known && c.Ret >= 0
	if flags, ok := k.seen[c.Ring]; ok && done && c.Op == uapi.IORING_REGISTER_ENABLE_RINGS {
		k.seen[c.Ring] = flags &^ uapi.IORING_SETUP_R_DISABLED
	}
	r := trace.Result{Ret: c.Ret}
	switch policy := k.tasks[trace.InitTask].Trial; {
	case !k.trying && c.Known:
		return unseen("its arguments")
	case done && policy != nil:
		r.Trial = register.TrialSeen(k.release, policy, c.Op, k.seen[c.Ring])
	}
	return r
}

// unseen is the result of what takes something to judge that was not seen.
func unseen(what ...string) trace.Result {
	return trace.Result{Unmodelled: "not seen: " + strings.Join(what, ", ")}
}

// sawSubmit judges a request by what all rings check. Restrictions let all pass to which the kernel gave something else
// than EACCES.
func (k *Kernel) sawSubmit(c *trace.SeenSubmit) (r trace.Result) {
	defer func() {
		r.Tally.Requests = 1
		if r.Unmodelled == "" && r.Ret < 0 {
			r.Tally.Refused = 1
		}
	}()
	switch {
	case k.trying: // what the kernel gave is what the trial begins with
		return trace.Result{Ret: c.Ret}
	case !c.Has("opcode"):
		return unseen("the opcode")
	case !c.Logged.Known || c.Ret == uapi.EACCES.Ret():
		return unseen("the restrictions and filters of the ring")
	}
	why, missing := k.judge(c)
	switch {
	case len(missing) > 0:
		return unseen(missing...)
	case why != nil:
		return trace.Result{Ret: why.Errno.Ret(), Why: why}
	}
	return trace.Result{}
}

// judge does the checks of a request in the kernel's order, as far as it was seen. Of ioprio, which is checked early and
// which no log has, it is enough to know that the request gets EINVAL in any case.
//
// Linux: io_uring/io_uring.c:io_init_req
func (k *Kernel) judge(c *trace.SeenSubmit) (why *verdict.Refusal, missing []string) {
	sqe := &c.SQE
	if sqe.Opcode() >= uapi.IORING_OP_LAST {
		return refuseInit(uapi.EINVAL, "opcode must exist"), nil
	}
	def := &opdef.Defs[sqe.Opcode()]
	ringFlags, ringKnown := k.seen[c.Ring]
	if def.Is128 {
		return nil, []string{"whether the SQE has 128 bytes"}
	}
	if !c.Has("flags") {
		return nil, []string{"flags"}
	}
	switch flags := sqe.Flags(); {
	case flags&^sqeValidFlags != 0:
		return refuseInit(uapi.EINVAL, "flags must be known"), nil
	case flags&uapi.IOSQE_BUFFER_SELECT != 0 && !def.BufferSelect:
		return refuseInit(uapi.EOPNOTSUPP, "the opcode must support IOSQE_BUFFER_SELECT"), nil
	case flags&uapi.IOSQE_IO_DRAIN != 0 && !c.Prepared:
		return nil, []string{"whether the ring has seen IOSQE_CQE_SKIP_SUCCESS"}
	}
	anyIOPrio := !def.IOPrio && !c.Has("ioprio")
	switch {
	case !def.IOPrio && !anyIOPrio && sqe.IOPrio() != 0:
		return refuseInit(uapi.EINVAL, "ioprio must be 0 for this opcode"), nil
	case !def.IOPoll && ringKnown && ringFlags&uapi.IORING_SETUP_IOPOLL != 0:
		return refuseInit(uapi.EINVAL, "the opcode must support IOPOLL on this ring"), nil
	case !def.IOPoll && !ringKnown:
		return nil, []string{"the flags of the ring"}
	}
	why, missing = k.judgePrep(c, ringFlags, ringKnown)
	if anyIOPrio && (len(missing) > 0 || why == nil || why.Errno != uapi.EINVAL) {
		missing = append([]string{"ioprio"}, missing...)
	}
	return why, missing
}

// judgePrep does the checks from personality on.
func (k *Kernel) judgePrep(c *trace.SeenSubmit, ringFlags uint32, ringKnown bool) (why *verdict.Refusal, missing []string) {
	if sqe := &c.SQE; c.Bits.Personality() != 0xffff || sqe.Personality() != 0 {
		return nil, []string{"which personality it has"}
	}
	req := opdef.Request{SQE: c.SQE, Opcode: c.SQE.Opcode(), Flags: c.SQE.Flags(), UserData: c.SQE.UserData()}
	p := opdef.Partial{Known: c.Bits, RingKnown: ringKnown}
	p.Kernel, p.Mem, p.Req, p.RingFlags = k.release, k.tasks[trace.InitTask].Mem, &req, ringFlags
	return k.ops.PrepPartly(&p)
}

package sim

import (
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// Try puts what the first task has registered for itself on trial: from now on it is asked and not obeyed, and
// trace.Request.Trial and trace.Result.Trial tell what it says. Tasks and rings hand it down as they do what is
// registered. A quiet kernel tells nothing.
func (k *Kernel) Try() {
	t := k.tasks[trace.InitTask]
	t.Trial, t.Restrict = t.Restrict, nil
	k.trying = true
}

// try asks the policy on trial about a request that was admitted.
func (r *Ring) try(q *request) {
	q.trial = &trace.Trial{Flags: q.SQE.Flags()}
	r.k.ops.Populate(&q.Request, (*[uapi.SizeofBPFCtx]byte)(&q.trial.Context))
	if r.Trial.OpRegistered {
		q.trial.List = r.Trial.CheckSQE(q.Opcode, q.trial.Flags)
	}
	if set := r.Trial.Filters(); set != nil {
		q.trial.Filter, _ = set.Run(r.k.engine, r.k.ops, &q.Request)
	}
}

package register

import (
	"github.com/uringsim/uringsim/bpffilter"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

const (
	whereRingList = "io_uring/register.c:io_register_restrictions"
	whereTaskList = "io_uring/register.c:io_register_restrictions_task"
)

// ringHasList refuses a list for a ring that has one.
func ringHasList() *verdict.Refusal {
	return verdict.Refuse(verdict.Register, uapi.EBUSY, whereRingList,
		"the ring must not have restrictions yet, registered or inherited")
}

// taskIsRestricted refuses a list for a task that has one, or filters.
func taskIsRestricted() *verdict.Refusal {
	return verdict.Refuse(verdict.Register, uapi.EPERM, whereTaskList,
		"the task must have neither restrictions nor filters yet, registered or inherited")
}

// restrictRing registers the one list of restrictions that a ring can have, while it is disabled.
//
// Linux: io_uring/register.c:io_register_restrictions
func (c *call) restrictRing() Outcome {
	r := &c.ring.Restrict
	if c.ring.Flags&uapi.IORING_SETUP_R_DISABLED == 0 {
		return refuse(uapi.EBADFD, whereRingList, "the ring must be disabled (IORING_SETUP_R_DISABLED)")
	}
	if r.OpRegistered || r.RegRegistered {
		return refused(ringHasList())
	}
	refusal := r.Parse(c.kernel, c.task.Mem, c.arg, c.nr)
	if refusal != nil {
		r.Reset(c.kernel)
		if trial := &c.ring.Trial; !trial.OpRegistered && !trial.RegRegistered {
			trial.Reset(c.kernel)
		}
	}
	return done(refusal)
}

// mayFilter is the check that a task may restrict itself.
func (c *call) mayFilter(where string) *verdict.Refusal {
	if c.task.MayFilter() {
		return nil
	}
	return verdict.Refuse(verdict.Register, uapi.EACCES, where,
		"the task needs no_new_privs, or CAP_SYS_ADMIN in its user namespace")
}

// restrictTask registers the one list of restrictions that a task can have.
//
// Linux: io_uring/register.c:io_register_restrictions_task
func (c *call) restrictTask() Outcome {
	if c.task.Restrict != nil {
		return refused(taskIsRestricted())
	}
	if refusal := c.mayFilter(whereTaskList); refusal != nil {
		return refused(refusal)
	}
	if c.nr != 1 {
		return refuse(uapi.EINVAL, whereTaskList, "nr must be 1")
	}
	raw := make([]byte, uapi.SizeofTaskRestriction)
	if !c.task.Mem.CopyIn(raw, c.arg) {
		return refuse(uapi.EFAULT, whereTaskList, "struct io_uring_task_restriction must be readable")
	}
	head := uapi.DecodeTaskRestriction(raw)
	if head.Flags != 0 || head.Resv != [3]uint32{} {
		return refuse(uapi.EINVAL, whereTaskList, "flags and resv must be 0")
	}
	fresh := &bpffilter.Restriction{}
	refusal := fresh.Parse(c.kernel, c.task.Mem, c.arg+uapi.SizeofTaskRestriction, uint32(head.NrRes))
	if refusal == nil {
		c.task.Restrict = fresh
	}
	return done(refusal)
}

// filterTask adds a filter to the task, which its future rings and children get.
//
// Linux: io_uring/register.c:io_register_bpf_filter_task
func (c *call) filterTask() Outcome {
	const where = "io_uring/register.c:io_register_bpf_filter_task"
	if refusal := c.mayFilter(where); refusal != nil {
		return refused(refusal)
	}
	if c.nr != 1 {
		return refuse(uapi.EINVAL, where, "nr must be 1")
	}
	r := c.task.Restrict
	if r == nil {
		r = &bpffilter.Restriction{}
	}
	refusal := r.Register(c.kernel, c.task.Mem, c.arg, "registered by task "+c.task.Name+c.origin)
	if refusal != nil {
		return refused(refusal)
	}
	c.task.Restrict = r
	return Outcome{Filters: r.Filters()}
}

// filterRing adds a filter to the ring. It needs no privilege.
//
// Linux: io_uring/register.c:__io_uring_register
func (c *call) filterRing() Outcome {
	refusal := c.ring.Restrict.Register(c.kernel, c.task.Mem, c.arg,
		"registered on "+c.ring.Name+" by task "+c.task.Name+c.origin)
	if refusal != nil {
		return refused(refusal)
	}
	return Outcome{Filters: c.ring.Restrict.Filters()}
}

// enable starts a ring that was set up disabled; from now on its own restrictions hold.
//
// Linux: io_uring/register.c:io_register_enable_rings
func (c *call) enable() Outcome {
	if c.ring.Flags&uapi.IORING_SETUP_R_DISABLED == 0 {
		return refuse(uapi.EBADFD, "io_uring/register.c:io_register_enable_rings", "the ring must be disabled")
	}
	if c.ring.Flags&uapi.IORING_SETUP_SINGLE_ISSUER != 0 {
		c.ring.Submitter = c.task
	}
	c.ring.Flags &^= uapi.IORING_SETUP_R_DISABLED
	return Outcome{}
}

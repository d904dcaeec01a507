package symbolic

import (
	"fmt"
	"slices"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/opdef"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/uapi"
)

// Policy is how a release decides after a plan has been registered.
type Policy struct {
	plan    *plan.Plan
	release kernel.Release
	stacks  [uapi.IORING_OP_LAST]stack
	lists   restrictions
}

// stack is what decides on an opcode, apart from restrictions.
type stack struct {
	filters []int // indices in the plan, newest first
	progs   []*cbpfvm.Program
	denied  bool // by DENY_REST, whatever the filters say
}

// restrictions are restrictions as far as they concern requests.
type restrictions struct {
	active            bool
	ops               [uapi.IORING_OP_LAST]bool
	allowed, required uint8 // IOSQE flags
}

// HasFilters tells whether tasks can register filters for themselves on the release, so that a plan has an effect.
func HasFilters(k kernel.Release) bool {
	return !k.Has(kernel.NoBPFFilter) && !k.Has(kernel.NoTaskRestrictions)
}

// Releases returns the measured releases on which tasks can register filters, oldest first.
func Releases() []kernel.Release {
	var all []kernel.Release
	for _, k := range kernel.Measured() {
		if HasFilters(k) {
			all = append(all, k)
		}
	}
	return all
}

// NewPolicy checks the plan as the release would. It fails if the release refuses any of it.
func NewPolicy(p *plan.Plan, k kernel.Release) (*Policy, error) {
	if !HasFilters(k) {
		return nil, fmt.Errorf("tasks cannot register filters on %s", k)
	}
	policy := &Policy{plan: p, release: k}
	progs := make([]*cbpfvm.Program, len(p.Filters))
	for i := range p.Filters {
		prog, err := CheckFilter(&p.Filters[i], k)
		if err != nil {
			return nil, fmt.Errorf("filter %d: Linux %s refuses it: %w", i+1, k.Name, err)
		}
		progs[i] = prog
	}
	for op := range policy.stacks {
		s := &policy.stacks[op]
		s.filters, s.denied = p.Stack(uapi.Op(op))
		for _, i := range s.filters {
			s.progs = append(s.progs, progs[i])
		}
	}
	if p.Restrictions != nil {
		if err := policy.lists.read(p.Restrictions, k); err != nil {
			return nil, err
		}
	}
	return policy, nil
}

// CheckFilter returns the program of a filter, or why the release refuses to register it.
//
// Linux: io_uring/bpf_filter.c:io_bpf_filter_import
func CheckFilter(f *plan.Filter, k kernel.Release) (*cbpfvm.Program, error) {
	if f.Op >= uapi.IORING_OP_LAST {
		return nil, fmt.Errorf("EINVAL: opcode %d does not exist", uint8(f.Op))
	}
	known := uint32(uapi.IO_URING_BPF_FILTER_DENY_REST | uapi.IO_URING_BPF_FILTER_SZ_STRICT)
	if unknown := f.Flags &^ known; unknown != 0 {
		return nil, fmt.Errorf("EINVAL: flags %#x do not exist", unknown)
	}
	size := opdef.PDUSize(k, f.Op)
	strict := f.Flags&uapi.IO_URING_BPF_FILTER_SZ_STRICT != 0
	if !k.Has(kernel.NoPDUSize) && (f.PDUSize > size || strict && f.PDUSize != size) {
		return nil, fmt.Errorf("EMSGSIZE: pdu_size is %d, the payload of %s has %d bytes", f.PDUSize, f.Op, size)
	}
	prog, refused := cbpfvm.Check(f.Insns, opdef.ContextSize(k))
	if refused != nil {
		return nil, refused
	}
	return prog, nil
}

// Linux: io_uring/register.c:io_parse_restrictions
func (r *restrictions) read(list []uapi.Restriction, k kernel.Release) error {
	r.active = len(list) == 0 || k.Has(kernel.SingleRestrictionSwitch)
	for i, e := range list {
		switch e.Opcode {
		case uapi.IORING_RESTRICTION_REGISTER_OP:
			continue
		case uapi.IORING_RESTRICTION_SQE_OP:
			if e.Value >= uapi.IORING_OP_LAST {
				return fmt.Errorf("restriction %d: EINVAL: opcode %d does not exist", i+1, e.Value)
			}
			r.ops[e.Value] = true
		case uapi.IORING_RESTRICTION_SQE_FLAGS_ALLOWED:
			r.allowed = e.Value
		case uapi.IORING_RESTRICTION_SQE_FLAGS_REQUIRED:
			r.required = e.Value
		default:
			return fmt.Errorf("restriction %d: EINVAL: there is no kind %d", i+1, e.Opcode)
		}
		r.active = true
	}
	return nil
}

// allows tells whether an SQE passes the restrictions.
//
// Linux: io_uring/io_uring.c:io_check_restriction
func (r *restrictions) allows(op uapi.Op, flags uint8) bool {
	return !r.active || r.ops[op] && flags&r.required == r.required && flags&^(r.allowed|r.required) == 0
}

// Allows tells whether the policy allows a request, by running its filters on the context. Flags are those of the SQE.
func (p *Policy) Allows(op uapi.Op, flags uint8, ctx *cbpfvm.Context) bool {
	s := &p.stacks[op]
	if s.denied || !p.lists.allows(op, flags) {
		return false
	}
	return !slices.ContainsFunc(s.progs, func(prog *cbpfvm.Program) bool { return prog.Run(ctx) == 0 })
}

// restricted returns the requests that pass the restrictions.
func (p *Policy) restricted(c *contexts) function {
	if !p.lists.active {
		return always
	}
	if !p.lists.ops[c.op] {
		return never
	}
	pass := always
	for i, written := range c.written {
		switch {
		case p.lists.required>>i&1 != 0:
			pass = c.and(pass, written)
		case p.lists.allowed>>i&1 == 0:
			pass = c.minus(pass, written)
		}
	}
	return pass
}

// filtered returns which of the requests in from the filters allow and, by filter of the stack and by instruction,
// which requests reach it.
func (p *Policy) filtered(c *contexts, from function) (pass function, reached [][]function) {
	s := &p.stacks[c.op]
	pass = from
	for _, prog := range s.progs {
		var at []function
		pass, at = c.run(prog, pass)
		reached = append(reached, at)
	}
	if s.denied {
		pass = never
	}
	return pass, reached
}

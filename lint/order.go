package lint

import (
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/uapi"
)

// filterAfterDenyRest finds filters that allow something but come after the DENY_REST that closed their opcode.
func filterAfterDenyRest(s *subject) {
	for _, f := range s.filters {
		rest := -1 // the filter whose DENY_REST closed the opcode
		for i := range f.index {
			g := &s.plan.Filters[i]
			if g.Op == f.Op {
				rest = -1
				break
			}
			if rest < 0 && g.Flags&uapi.IO_URING_BPF_FILTER_DENY_REST != 0 {
				rest = i
			}
		}
		if r := f.some(true); rest >= 0 && r != nil {
			s.aboutFilter(f, "it allows %s, but DENY_REST of filters/%d has denied %s for good: register it before that",
				f.view.request(&r.ctx), rest, f.Op)
		}
	}
}

// list is what the restrictions of the plan say.
type list struct {
	given           bool
	requests, calls bool // whether it restricts requests, and register calls
	ops             map[uapi.Op]bool
	registerOps     map[uapi.RegisterOp]bool
	flags           uint8 // flags that are allowed or required
}

// Linux: io_uring/register.c:io_parse_restrictions
func (s *subject) list() list {
	l := list{given: s.plan.Restrictions != nil, ops: map[uapi.Op]bool{}, registerOps: map[uapi.RegisterOp]bool{}}
	if l.given && len(s.plan.Restrictions) == 0 {
		l.requests, l.calls = true, true
	}
	for _, r := range s.plan.Restrictions {
		switch r.Opcode {
		case uapi.IORING_RESTRICTION_REGISTER_OP:
			l.calls, l.registerOps[uapi.RegisterOp(r.Value)] = true, true
		case uapi.IORING_RESTRICTION_SQE_OP:
			l.requests, l.ops[uapi.Op(r.Value)] = true, true
		case uapi.IORING_RESTRICTION_SQE_FLAGS_ALLOWED, uapi.IORING_RESTRICTION_SQE_FLAGS_REQUIRED:
			l.requests = true
			l.flags |= r.Value
		}
	}
	return l
}

// filtersKeptOut finds lists of register calls without BPF_FILTER, on releases that apply such lists to the
// registration of the plan's own filters.
func filtersKeptOut(s *subject) {
	l := s.list()
	if !l.calls || l.registerOps[uapi.IORING_REGISTER_BPF_FILTER] || s.on.Has(kernel.BlindOpsUnrestricted) {
		return
	}
	if n := len(s.plan.Filters); n > 0 {
		s.aboutList("the list of register calls does not allow BPF_FILTER, so the %s registered after it will be refused with "+
			"EACCES: add REGISTER_OP BPF_FILTER to it", count(n, "filter"))
	}
}

// listDeniesFlags finds lists of opcodes without flags: they deny every flag.
func listDeniesFlags(s *subject) {
	if l := s.list(); len(l.ops) > 0 && l.flags == 0 {
		s.aboutList("the list allows %s and no flag: requests with any IOSQE flag, such as IO_LINK or ASYNC, get EACCES; "+
			"add SQE_FLAGS_ALLOWED, which need not name those that prep sets",
			count(len(l.ops), "opcode"))
	}
}

// listDeniesAll finds lists that deny every request: those that are empty, and those with flags but no opcodes.
func listDeniesAll(s *subject) {
	switch l := s.list(); {
	case l.given && len(s.plan.Restrictions) == 0:
		s.aboutList("the list is empty, which denies all requests and register calls; leave the restrictions out if none are " +
			"meant")
	case l.requests && len(l.ops) == 0:
		s.aboutList("the list has flags but no SQE_OP entry, which denies all requests: name the opcodes that are allowed")
	}
}

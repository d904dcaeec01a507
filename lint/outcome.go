package lint

import (
	"fmt"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/opdef"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/symbolic"
	"github.com/uringsim/uringsim/uapi"
)

// registrationRefused: what a kernel does not take is not in force.
func registrationRefused(s *subject) {
	if len(s.plan.Filters) == 0 && s.plan.Restrictions == nil {
		return
	}
	for _, q := range []kernel.Quirk{kernel.NoBPFFilter, kernel.NoTaskRestrictions} {
		if s.on.Has(q) {
			s.about("nothing of it can be registered: %s", kernel.Quirks[q].What)
			return
		}
	}
	if why := badList(s.plan.Restrictions, s.on); why != "" {
		s.aboutList("the restrictions are refused with EINVAL: %s", why)
	}
	for _, f := range s.filters {
		switch {
		case f.refusal != "":
			s.aboutFilter(f, "the filter is refused with %s", f.refusal)
		case f.why != nil && f.why.PC >= 0:
			s.aboutInsn(f, f.why.PC, "the filter is refused with %v", f.why)
		case f.why != nil:
			s.aboutFilter(f, "the filter is refused with %v", f.why)
		}
	}
}

// badList says why a kernel refuses restrictions; "" is that it does not.
//
// Linux: io_uring/register.c:io_parse_restrictions
func badList(list []uapi.Restriction, k kernel.Release) string {
	most := uapi.IORING_RESTRICTION_LAST + int(k.RegisterLast()) + uapi.IORING_OP_LAST
	if len(list) > most {
		return fmt.Sprintf("%d entries, more than %d", len(list), most)
	}
	for i, r := range list {
		switch {
		case r.Opcode >= uapi.IORING_RESTRICTION_LAST:
			return fmt.Sprintf("entry %d is of kind %d, which does not exist", i, r.Opcode)
		case r.Opcode == uapi.IORING_RESTRICTION_REGISTER_OP && uint32(r.Value) >= k.RegisterLast():
			return fmt.Sprintf("entry %d names the register opcode %d, which does not exist", i, r.Value)
		case r.Opcode == uapi.IORING_RESTRICTION_SQE_OP && r.Value >= uapi.IORING_OP_LAST:
			return fmt.Sprintf("entry %d names the opcode %d, which does not exist", i, r.Value)
		}
	}
	return ""
}

// badFilter says with which error a kernel refuses a registration before it looks at the program; "" is that it does
// not.
//
// Linux: io_uring/bpf_filter.c:io_bpf_filter_import
func badFilter(f *plan.Filter, k kernel.Release) string {
	const flags = uapi.IO_URING_BPF_FILTER_DENY_REST | uapi.IO_URING_BPF_FILTER_SZ_STRICT
	switch {
	case f.Op >= uapi.IORING_OP_LAST:
		return fmt.Sprintf("EINVAL: there is no opcode %d", uint8(f.Op))
	case f.Flags&^flags != 0:
		return fmt.Sprintf("EINVAL: the flags %#x do not exist", f.Flags&^flags)
	}
	size := opdef.PDUSize(k, f.Op)
	strict := f.Flags&uapi.IO_URING_BPF_FILTER_SZ_STRICT != 0
	if f.PDUSize > size || strict && f.PDUSize != size {
		return fmt.Sprintf("EMSGSIZE: pdu_size is %d, the kernel's payload for %s has %d bytes", f.PDUSize, f.Op, size)
	}
	return ""
}

// alwaysAllows finds filters that let everything pass, unless that is what they are for: to carry DENY_REST, or to keep
// an opcode out of a later one.
func alwaysAllows(s *subject) {
	for _, f := range s.filters {
		_, closed := s.plan.Stack(f.Op)
		switch {
		case closed || f.verdict != symbolic.Allowed:
		case f.deniesRefused():
			s.aboutFilter(f, "it denies only sqe_flags that no %s gets so far with: prep or the kernel's first checks "+
				"refuse them", f.Op).Severity = Note
		case len(f.Insns) > 1:
			s.aboutFilter(f, "no request is denied, although the program has %s", count(len(f.Insns), "instruction"))
		case !s.keepsOpen(f):
			s.aboutFilter(f, "the filter allows everything and no DENY_REST follows, so that it has no effect").Severity = Note
		}
	}
}

// deniesRefused tells whether the filter denies something after all: flags that requests of the opcode never show, as
// the kernel refuses them before filters run.
func (f *filter) deniesRefused() bool {
	for i := range min(len(f.runs), maxWitnesses) {
		for flags := range uint8(0x80) {
			ctx := f.runs[i].ctx
			ctx[uapi.BPFCtxSQEFlags] = flags
			if !f.allows(&ctx) {
				return true
			}
		}
	}
	return false
}

// keepsOpen tells whether an opcode stays open thanks to the filter: DENY_REST comes with it or later, and no filter of
// the opcode is there before.
func (s *subject) keepsOpen(f *filter) bool {
	for i := range s.plan.Filters {
		g := &s.plan.Filters[i]
		switch {
		case i < f.index && g.Op == f.Op:
			return false
		case i >= f.index && g.Flags&uapi.IO_URING_BPF_FILTER_DENY_REST != 0:
			return true
		}
	}
	return false
}

// alwaysDenies finds programs that look at something and deny all the same.
func alwaysDenies(s *subject) {
	for _, f := range s.filters {
		if f.verdict == symbolic.Denied && len(f.Insns) > 1 {
			s.aboutFilter(f, "no request is allowed, although the program has %s; ret #0 alone denies an opcode",
				count(len(f.Insns), "instruction"))
		}
	}
}

// unreachable finds instructions that nothing runs, a finding for each row of them.
func unreachable(s *subject) {
	for _, f := range s.filters {
		if f.verdict == symbolic.Allowed && f.deniesRefused() {
			continue // always-allows says so
		}
		for i := 0; i < len(f.unreached); i++ {
			first := f.unreached[i]
			for i+1 < len(f.unreached) && f.unreached[i+1] == f.unreached[i]+1 {
				i++
			}
			what := "this instruction"
			if last := f.unreached[i]; last > first {
				what = fmt.Sprintf("instructions %d to %d", first, last)
			}
			s.aboutInsn(f, first, "no request reaches %s", what)
		}
	}
}

package lint

import (
	"errors"
	"fmt"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/symbolic"
	"github.com/uringsim/uringsim/uapi"
)

// registrationRefused finds what the kernel refuses to register.
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
		var bad *cbpfvm.CheckError
		switch {
		case errors.As(f.refusal, &bad) && bad.PC >= 0:
			s.aboutInsn(f, bad.PC, "the filter is refused with %v", bad)
		case f.refusal != nil:
			s.aboutFilter(f, "the filter is refused with %v", f.refusal)
		}
	}
}

// badList says why a kernel refuses restrictions, or returns "".
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

// alwaysAllows finds filters that allow every request, unless that is their purpose: to carry DENY_REST, or to keep an
// opcode open that a later DENY_REST would close.
func alwaysAllows(s *subject) {
	for _, f := range s.filters {
		_, closed := s.plan.Stack(f.Op)
		switch {
		case closed || f.verdict != symbolic.Allowed:
		case f.deniesRefused():
			s.aboutFilter(f, "it only denies sqe_flags with which no %s reaches filters: prep or the kernel's first checks "+
				"refuse them", f.Op).Severity = Note
		case len(f.Insns) > 1:
			s.aboutFilter(f, "no request is denied, although the program has %s", count(len(f.Insns), "instruction"))
		case !s.keepsOpen(f):
			s.aboutFilter(f, "the filter allows everything and no DENY_REST follows, so that it has no effect").Severity = Note
		}
	}
}

// deniesRefused tells whether the filter denies some flags that it never sees for its opcode, because the kernel
// refuses such requests before filters run.
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

// keepsOpen tells whether the filter keeps its opcode open: DENY_REST comes with it or later, and the opcode has no
// earlier filter.
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

// alwaysDenies finds programs that look at requests but deny all of them.
func alwaysDenies(s *subject) {
	for _, f := range s.filters {
		if f.verdict == symbolic.Denied && len(f.Insns) > 1 {
			s.aboutFilter(f, "no request is allowed, although the program has %s; ret #0 alone denies an opcode",
				count(len(f.Insns), "instruction"))
		}
	}
}

// unreachable finds runs of instructions that no request reaches.
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

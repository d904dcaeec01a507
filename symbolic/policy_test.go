package symbolic

import (
	"strings"
	"testing"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/uapi"
)

func TestNewPolicyRefuses(t *testing.T) {
	ret := []uapi.SockFilter{{Code: 0x06, K: 1}}
	filters := func(f ...plan.Filter) *plan.Plan { return &plan.Plan{Filters: f} }
	older := kernel.V7_3.With(kernel.NoFilterPayload)
	for _, row := range []struct {
		why  string
		k    kernel.Release
		p    *plan.Plan
		want string // "" is none
	}{
		{"nothing", kernel.V7_3, filters(), ""},
		{"no filters", kernel.V6_19, filters(), "tasks cannot register filters on 6.19 (6.19.14)"},
		{"no filters for tasks", kernel.D42EB05E60, filters(), "tasks cannot register filters on d42eb05e60 (commit d42eb05e60)"},
		{"no such opcode", kernel.V7_3, filters(plan.Filter{Op: 65, Insns: ret}), "filter 1: Linux 7.3 refuses it: EINVAL: opcode 65"},
		{"no such flag", kernel.V7_3, filters(plan.Filter{Flags: 4, Insns: ret}), "EINVAL: flags 0x4 do not exist"},
		{"a payload that is too long", kernel.V7_1, filters(plan.Filter{Op: uapi.IORING_OP_CONNECT, PDUSize: 24, Insns: ret}),
			"EMSGSIZE: pdu_size is 24, the payload of CONNECT has 0 bytes"},
		{"the same on a kernel that has it", kernel.V7_2, filters(plan.Filter{Op: uapi.IORING_OP_CONNECT, PDUSize: 24, Insns: ret}), ""},
		{"a strict size", kernel.V7_3, filters(plan.Filter{Op: uapi.IORING_OP_SOCKET, PDUSize: 4,
			Flags: uapi.IO_URING_BPF_FILTER_SZ_STRICT, Insns: ret}), "EMSGSIZE"},
		{"no program", kernel.V7_3, filters(plan.Filter{}), "0 instructions"},
		{"the second one", kernel.V7_3, filters(plan.Filter{Insns: ret}, plan.Filter{}), "filter 2: "},
		{"a load of the payload", older, filters(plan.Filter{Insns: assemble(t, "ld [16]\n ret a")}), "load at 16 of a context of 16 bytes"},
		{"no such restriction", kernel.V7_3, &plan.Plan{Restrictions: []uapi.Restriction{{Opcode: 9}}}, "restriction 1: EINVAL"},
		{"no such opcode in a list", kernel.V7_3, &plan.Plan{Restrictions: []uapi.Restriction{
			{Opcode: uapi.IORING_RESTRICTION_SQE_OP, Value: 65}}}, "restriction 1: EINVAL: opcode 65"},
	} {
		_, err := NewPolicy(row.p, row.k)
		if got := err != nil; got != (row.want != "") || got && !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: got %v, want %q", row.why, err, row.want)
		}
	}
}

// TestLists: a list closes what it does not name, and one without requests does not look at them.
func TestLists(t *testing.T) {
	const nop, read = uapi.IORING_OP_NOP, uapi.IORING_OP_READ
	entry := func(kind uint16, v uint8) uapi.Restriction { return uapi.Restriction{Opcode: kind, Value: v} }
	for _, row := range []struct {
		why       string
		list      []uapi.Restriction
		nop, read Verdict
		flags     string
	}{
		{"no list", nil, Allowed, Allowed, ""},
		{"an empty one closes all", []uapi.Restriction{}, Denied, Denied, "SQEs may have no flags"},
		{"of register calls", []uapi.Restriction{entry(uapi.IORING_RESTRICTION_REGISTER_OP, 0)}, Allowed, Allowed, ""},
		{"of one opcode", []uapi.Restriction{entry(uapi.IORING_RESTRICTION_SQE_OP, uint8(nop))}, Allowed, Denied,
			"SQEs may have no flags"},
		{"with flags", []uapi.Restriction{entry(uapi.IORING_RESTRICTION_SQE_OP, uint8(nop)),
			entry(uapi.IORING_RESTRICTION_SQE_FLAGS_ALLOWED, uapi.IOSQE_ASYNC),
			entry(uapi.IORING_RESTRICTION_SQE_FLAGS_REQUIRED, uapi.IOSQE_IO_LINK)}, Allowed, Denied,
			"SQEs must have the flags IO_LINK, and may have none but ASYNC besides"},
	} {
		e, err := Explain(&plan.Plan{Restrictions: row.list}, kernel.V7_3)
		if err != nil {
			t.Fatal(err)
		}
		if e.Ops[nop].Verdict != row.nop || e.Ops[read].Verdict != row.read || e.Flags != row.flags {
			t.Errorf("%s: NOP %s, READ %s, %q", row.why, e.Ops[nop].Verdict, e.Ops[read].Verdict, e.Flags)
		}
	}
}

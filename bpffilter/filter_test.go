package bpffilter

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/mm"
	"github.com/uringsim/uringsim/opdef"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// Places in the memory of the tests: pages with the registration and the program, one that cannot be written, and one
// that is not mapped.
const (
	regAt   = 0x2000_0000
	progAt  = 0x2001_0000
	constAt = 0x2002_0000
	badAt   = 0x7000_0000
)

// program assembles; want is what it returns, when that is all it does.
func program(t testing.TB, src string) []uapi.SockFilter {
	t.Helper()
	insns, err := cbpfvm.Assemble(src)
	if err != nil {
		t.Fatal(err)
	}
	return insns
}

// memory has the registration at regAt and constAt, and its program at progAt.
func memory(t testing.TB, reg uapi.BPF, insns []uapi.SockFilter) *mm.Space {
	t.Helper()
	s := &mm.Space{}
	for _, at := range []uint64{regAt, progAt, constAt} {
		s.Map(at, 8*mm.PageSize, mm.ReadWrite)
	}
	ok := s.CopyOut(regAt, reg.Append(nil)) && s.CopyOut(constAt, reg.Append(nil)) &&
		s.CopyOut(progAt, uapi.EncodeSockFilters(insns))
	if !ok || s.Protect(constAt, mm.PageSize, mm.Read) != 0 {
		t.Fatal("no memory")
	}
	return s
}

// valid is a registration that denies NOP.
func valid() uapi.BPF {
	return uapi.BPF{CmdType: 1, FilterLen: 1, FilterPtr: progAt}
}

// register adds a filter with the source to r.
func register(t testing.TB, k kernel.Release, r *Restriction, op uapi.Op, src string, flags uint32) uapi.Errno {
	t.Helper()
	insns := program(t, src)
	reg := uapi.BPF{CmdType: 1, Opcode: uint32(op), Flags: flags, FilterLen: uint32(len(insns)), FilterPtr: progAt}
	if refusal := r.Register(k, memory(t, reg, insns), regAt, "origin"); refusal != nil {
		return refusal.Errno
	}
	return 0
}

// denies tells whether the filters of r refuse a plain request of that opcode.
func denies(k kernel.Release, r *Restriction, op uapi.Op) bool {
	set := r.Filters()
	if set == nil {
		return false
	}
	why, _ := set.Run(cbpfvm.Reference, opdef.On(k), &opdef.Request{Opcode: op})
	return why != nil
}

// registerErrorRows are the rows of TestRegisterErrors.
var registerErrorRows = []struct {
	name string
	edit func(*uapi.BPF)
	at   uint64
	want uapi.Errno
	why  string
}{
	{"valid", func(*uapi.BPF) {}, regAt, 0, ""},
	{"NULL", func(*uapi.BPF) {}, 0, uapi.EFAULT, "the struct comes first"},
	{"half of it", func(*uapi.BPF) {}, regAt + 8*mm.PageSize - 64, uapi.EFAULT, ""},
	{"cmd_type 0", func(r *uapi.BPF) { r.CmdType = 0 }, regAt, uapi.EINVAL, ""},
	{"cmd_type 2", func(r *uapi.BPF) { r.CmdType = 2 }, regAt, uapi.EINVAL, ""},
	{"cmd_flags", func(r *uapi.BPF) { r.CmdFlags = 1 }, regAt, uapi.EINVAL, ""},
	{"resv", func(r *uapi.BPF) { r.Resv = 1 << 31 }, regAt, uapi.EINVAL, ""},
	{"last opcode", func(r *uapi.BPF) { r.Opcode = 64 }, regAt, 0, ""},
	{"opcode 65", func(r *uapi.BPF) { r.Opcode = 65 }, regAt, uapi.EINVAL, ""},
	{"opcode 256", func(r *uapi.BPF) { r.Opcode = 256 }, regAt, uapi.EINVAL, "32 bits count"},
	{"all flags", func(r *uapi.BPF) { r.Flags = 3 }, regAt, 0, "DENY_REST and SZ_STRICT"},
	{"flag 4", func(r *uapi.BPF) { r.Flags = 4 }, regAt, uapi.EINVAL, "the first unknown one"},
	{"resv1", func(r *uapi.BPF) { r.Resv1[2] = 1 }, regAt, uapi.EINVAL, ""},
	{"resv2", func(r *uapi.BPF) { r.Resv2[4] = 1 << 63 }, regAt, uapi.EINVAL, ""},
	{"no instructions", func(r *uapi.BPF) { r.FilterLen = 0 }, regAt, uapi.EINVAL, ""},
	{"4096 instructions", func(r *uapi.BPF) { r.FilterLen = 4096 }, regAt, uapi.EINVAL, "zeros are no program"},
	{"4097 instructions", func(r *uapi.BPF) { r.FilterLen = 4097 }, regAt, uapi.EINVAL, "more than BPF_MAXINSNS"},
	{"2^29 instructions", func(r *uapi.BPF) { r.FilterLen = 1<<29 + 1 }, regAt, uapi.EINVAL, "8 bytes each make one"},
	{"filter_ptr NULL", func(r *uapi.BPF) { r.FilterPtr = 0 }, regAt, uapi.EINVAL, "not EFAULT"},
	{"filter_ptr bad", func(r *uapi.BPF) { r.FilterPtr = badAt }, regAt, uapi.EFAULT, ""},
	{"pdu_size too large", func(r *uapi.BPF) { r.PDUSize = 1 }, regAt, uapi.EMSGSIZE, "NOP has no payload"},
	{"read-only", func(*uapi.BPF) {}, constAt, uapi.EFAULT, "the size cannot be written back"},
}

// TestRegisterErrors: each field that is wrong, and which of two wrong ones speaks.
func TestRegisterErrors(t *testing.T) {
	for _, k := range kernel.Measured()[1:] {
		for _, r := range registerErrorRows {
			reg := valid()
			r.edit(&reg)
			var res Restriction
			refusal := res.Register(k, memory(t, reg, program(t, "ret #0")), r.at, "")
			if got := errnoOf(refusal); got != r.want {
				t.Errorf("%s: %s = %s, want %s (%s)", k.Name, r.name, got, r.want, r.why)
			}
			if (res.Filters() != nil) != (r.want == 0) {
				t.Errorf("%s: %s: filters %v", k.Name, r.name, res.Filters())
			}
		}
	}
}

// TestRegisterOrder: of two things that are wrong, the first in the kernel's order speaks.
func TestRegisterOrder(t *testing.T) {
	bad := func(r *uapi.BPF) { r.FilterPtr = badAt }
	big := func(r *uapi.BPF) { r.PDUSize = 99 }
	rows := []struct {
		name  string
		edits []func(*uapi.BPF)
		prog  string
		at    uint64
		want  uapi.Errno
		why   string
	}{
		{"size, then program", []func(*uapi.BPF){big, bad}, "ret #0", regAt, uapi.EMSGSIZE,
			"EMSGSIZE before the program is read"},
		{"write-back, then size", []func(*uapi.BPF){big}, "ret #0", constAt, uapi.EFAULT, "EFAULT hides EMSGSIZE"},
		{"size, then NULL", []func(*uapi.BPF){big, func(r *uapi.BPF) { r.FilterPtr = 0 }}, "ret #0", regAt, uapi.EMSGSIZE,
			""},
		{"flags, then size", []func(*uapi.BPF){big, func(r *uapi.BPF) { r.Flags = 8 }}, "ret #0", regAt, uapi.EINVAL, ""},
		{"flags, then write-back", []func(*uapi.BPF){func(r *uapi.BPF) { r.Flags = 8 }}, "ret #0", constAt, uapi.EINVAL,
			"fields before the write-back"},
		{"length, then size", []func(*uapi.BPF){big, func(r *uapi.BPF) { r.FilterLen = 0 }}, "ret #0", regAt, uapi.EINVAL,
			""},
		{"write-back, then program", nil, "mod #3\n ret a", constAt, uapi.EFAULT, ""},
		{"bad program", nil, "mod #3\n ret a", regAt, uapi.EINVAL, "io_uring's list"},
		{"size, then bad program", []func(*uapi.BPF){big}, "mod #3\n ret a", regAt, uapi.EMSGSIZE, ""},
	}
	for _, k := range kernel.Measured()[1:] {
		for _, r := range rows {
			insns := program(t, r.prog)
			reg := valid()
			reg.FilterLen = uint32(len(insns))
			for _, edit := range r.edits {
				edit(&reg)
			}
			refusal := (&Restriction{}).Register(k, memory(t, reg, insns), r.at, "")
			if got := errnoOf(refusal); got != r.want {
				t.Errorf("%s: %s = %s, want %s (%s)", k.Name, r.name, got, r.want, r.why)
			}
		}
	}
}

// TestPDUSizeNegotiation: the kernel's size is written back whatever comes of the call; smaller is fine unless strict.
func TestPDUSizeNegotiation(t *testing.T) {
	const strict = uapi.IO_URING_BPF_FILTER_SZ_STRICT
	rows := []struct {
		op    uapi.Op
		size  uint8
		flags uint32
		want  uapi.Errno
		back  uint8 // pdu_size afterwards, on 7.3
	}{
		{uapi.IORING_OP_SOCKET, 12, 0, 0, 12}, {uapi.IORING_OP_SOCKET, 12, strict, 0, 12},
		{uapi.IORING_OP_SOCKET, 8, 0, 0, 12},
		{uapi.IORING_OP_SOCKET, 8, strict, uapi.EMSGSIZE, 12}, {uapi.IORING_OP_SOCKET, 0, 0, 0, 12},
		{uapi.IORING_OP_SOCKET, 0, strict, uapi.EMSGSIZE, 12}, {uapi.IORING_OP_SOCKET, 24, 0, uapi.EMSGSIZE, 12},
		{uapi.IORING_OP_OPENAT, 24, strict, 0, 24}, {uapi.IORING_OP_OPENAT2, 25, 0, uapi.EMSGSIZE, 24},
		{uapi.IORING_OP_CONNECT, 24, strict, 0, 24}, {uapi.IORING_OP_NOP, 0, strict, 0, 0},
		{uapi.IORING_OP_NOP, 255, 0, uapi.EMSGSIZE, 0},
		{uapi.IORING_OP_STATX, 24, 0, uapi.EMSGSIZE, 0},
	}
	for _, k := range kernel.Measured()[1:] {
		for _, r := range rows {
			want, back := r.want, r.back
			if r.op == uapi.IORING_OP_CONNECT && k.Has(kernel.NoConnectPayload) {
				want, back = uapi.EMSGSIZE, 0 // the feature test that older kernels answer
			}
			reg := valid()
			reg.Opcode, reg.PDUSize, reg.Flags = uint32(r.op), r.size, r.flags
			mem := memory(t, reg, program(t, "ret #1"))
			if got := errnoOf((&Restriction{}).Register(k, mem, regAt, "")); got != want {
				t.Errorf("%s: %s, pdu_size %d, flags %d = %s, want %s", k.Name, r.op, r.size, r.flags, got, want)
			}
			raw := make([]byte, uapi.SizeofBPF)
			mem.CopyIn(raw, regAt)
			reg.PDUSize = back
			if diff := cmp.Diff(reg, uapi.DecodeBPF(raw)); diff != "" {
				t.Errorf("%s: %s, pdu_size %d, flags %d, written back (-want +got):\n%s", k.Name, r.op, r.size, r.flags, diff)
			}
		}
	}
}

// TestWriteBackPartial: what of the struct can be written is, before EFAULT.
func TestWriteBackPartial(t *testing.T) {
	reg := valid()
	reg.Opcode = uint32(uapi.IORING_OP_SOCKET)
	mem := memory(t, reg, program(t, "ret #1"))
	at := uint64(constAt + mm.PageSize - 40) // pdu_size at 20 is on the page that cannot be written
	mem.Protect(constAt, mm.PageSize, mm.ReadWrite)
	mem.CopyOut(at, reg.Append(nil))
	mem.Protect(constAt+mm.PageSize, mm.PageSize, mm.Read)
	if got := errnoOf((&Restriction{}).Register(kernel.V7_3, mem, at, "")); got != uapi.EFAULT {
		t.Errorf("%s, want EFAULT", got)
	}
	raw := make([]byte, uapi.SizeofBPF)
	mem.CopyIn(raw, at)
	if got := uapi.DecodeBPF(raw).PDUSize; got != 12 {
		t.Errorf("pdu_size = %d, want 12: it stands before the fault", got)
	}
}

// TestFirstPatch: d42eb05e60 had a reserved word where pdu_size is, a context of 16 bytes, and wrote nothing back.
func TestFirstPatch(t *testing.T) {
	rows := []struct {
		name string
		edit func(*uapi.BPF)
		prog string
		want uapi.Errno
	}{
		{"valid", func(*uapi.BPF) {}, "ld [12]\n ret a", 0},
		{"pdu_size", func(r *uapi.BPF) { r.PDUSize = 12 }, "ret #1", uapi.EINVAL},
		{"SZ_STRICT", func(r *uapi.BPF) { r.Flags = 2 }, "ret #1", uapi.EINVAL},
		{"DENY_REST", func(r *uapi.BPF) { r.Flags = 1 }, "ret #1", 0},
		{"a load of the payload", func(*uapi.BPF) {}, "ld [16]\n ret a", uapi.EINVAL},
	}
	for _, r := range rows {
		insns := program(t, r.prog)
		reg := valid()
		reg.FilterLen = uint32(len(insns))
		reg.Opcode = uint32(uapi.IORING_OP_SOCKET)
		r.edit(&reg)
		mem := memory(t, reg, insns)
		mem.Protect(regAt, 8*mm.PageSize, mm.Read)
		if got := errnoOf((&Restriction{}).Register(kernel.D42EB05E60, mem, regAt, "")); got != r.want {
			t.Errorf("%s = %s, want %s", r.name, got, r.want)
		}
	}
	if got := []uint32{opdef.ContextSize(kernel.D42EB05E60), opdef.ContextSize(kernel.V7_0)}; got[0] != 16 || got[1] != 40 {
		t.Errorf("context sizes %v, want 16 and 40", got)
	}
}

// TestDenyRest: what DENY_REST does to the other opcodes, in the order of the registrations.
func TestDenyRest(t *testing.T) {
	const rest = uapi.IO_URING_BPF_FILTER_DENY_REST
	const nop, read, send = uapi.IORING_OP_NOP, uapi.IORING_OP_READ, uapi.IORING_OP_SEND
	type step struct {
		op    uapi.Op
		allow bool
		flags uint32
	}
	rows := []struct {
		steps []step
		want  [3]bool // NOP, READ, SEND denied
		why   string
	}{
		{[]step{{nop, true, 0}}, [3]bool{false, false, false}, "opcodes without a filter are allowed"},
		{[]step{{nop, true, rest}}, [3]bool{false, true, true}, "all others are denied"},
		{[]step{{nop, false, rest}}, [3]bool{true, true, true}, ""},
		{[]step{{nop, true, rest}, {read, true, 0}}, [3]bool{false, true, true}, "the marker is never removed"},
		{[]step{{read, true, 0}, {nop, true, rest}}, [3]bool{false, false, true}, "who has a filter keeps it"},
		{[]step{{nop, true, rest}, {read, true, rest}}, [3]bool{false, true, true}, "a second one changes nothing"},
		{[]step{{nop, true, 0}, {nop, true, rest}}, [3]bool{false, true, true}, "by a second filter of the opcode"},
	}
	for _, k := range kernel.Measured()[1:] {
		for _, r := range rows {
			var res Restriction
			for _, s := range r.steps {
				if e := register(t, k, &res, s.op, map[bool]string{true: "ret #1", false: "ret #0"}[s.allow], s.flags); e != 0 {
					t.Fatal(e)
				}
			}
			got := [3]bool{denies(k, &res, nop), denies(k, &res, read), denies(k, &res, send)}
			if diff := cmp.Diff(r.want, got); diff != "" {
				t.Errorf("%s: %v: NOP, READ, SEND denied, %s (-want +got):\n%s", k.Name, r.steps, r.why, diff)
			}
		}
	}
}

// TestDenyRestAll: it fills the lists of all opcodes that have none, and of those alone.
func TestDenyRestAll(t *testing.T) {
	for odd := range uapi.Op(2) { // the opcodes that have a filter before
		var r Restriction
		for op := odd; op < uapi.IORING_OP_LAST; op += 2 {
			register(t, kernel.V7_3, &r, op, "ret #1", 0)
		}
		register(t, kernel.V7_3, &r, odd, "ret #1", uapi.IO_URING_BPF_FILTER_DENY_REST)
		for op := range uapi.Op(uapi.IORING_OP_LAST) {
			if got := denies(kernel.V7_3, &r, op); got != (op%2 != odd) {
				t.Errorf("%s denied %v", op, got)
			}
		}
	}
}

// TestStacking: the newest filter runs first, the first 0 wins, any other number allows.
func TestStacking(t *testing.T) {
	const nop = uapi.IORING_OP_NOP
	rows := []struct {
		srcs  []string // oldest first
		deny  bool
		index int // of the filter that denied, newest is 0
		pc    int
	}{
		{[]string{"ret #1"}, false, 0, 0}, {[]string{"ret #0x80000000"}, false, 0, 0}, {[]string{"ret #0"}, true, 0, 0},
		{[]string{"ret #0", "ret #1"}, true, 1, 0}, {[]string{"ret #1", "ret #0"}, true, 0, 0},
		{[]string{"ret #0", "ld #0\n ret a"}, true, 0, 1}, {[]string{"ret #1", "ret #2", "ret #3"}, false, 0, 0},
		{[]string{"ret #1", "ldx #0\n ld #5\n div x\n ret #1", "ret #1"}, true, 1, 2},
	}
	for _, r := range rows {
		var res Restriction
		for _, src := range r.srcs {
			if e := register(t, kernel.V7_3, &res, nop, src, 0); e != 0 {
				t.Fatal(e)
			}
		}
		refusal, _ := res.Filters().Run(cbpfvm.Reference, opdef.On(kernel.V7_3), &opdef.Request{Opcode: nop})
		if (refusal != nil) != r.deny {
			t.Errorf("%q: %v, want denied %v", r.srcs, refusal, r.deny)
			continue
		}
		if !r.deny {
			continue
		}
		step := refusal.Filter
		if refusal.Errno != uapi.EACCES || step.Index != r.index || step.Of != len(r.srcs) || step.PC != r.pc || step.Marker {
			t.Errorf("%q: %s by %+v, want filter %d at %d", r.srcs, refusal.Errno, step, r.index, r.pc)
		}
	}
}

// TestExplainMarker: the deny of DENY_REST is told apart from a filter, and stands behind the filters.
func TestExplainMarker(t *testing.T) {
	var r Restriction
	register(t, kernel.V7_3, &r, uapi.IORING_OP_NOP, "ret #1", uapi.IO_URING_BPF_FILTER_DENY_REST)
	register(t, kernel.V7_3, &r, uapi.IORING_OP_READ, "ret #1", 0)
	refusal, _ := r.Filters().Run(cbpfvm.Reference, opdef.On(kernel.V7_3), &opdef.Request{Opcode: uapi.IORING_OP_READ})
	if refusal == nil {
		t.Fatal("not denied")
	}
	if diff := cmp.Diff(&verdict.FilterStep{Index: 1, Of: 2, Marker: true, PC: -1}, refusal.Filter); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for op, want := range map[uapi.Op]string{uapi.IORING_OP_NOP: "1 false", uapi.IORING_OP_READ: "1 true",
		uapi.IORING_OP_SEND: "0 true"} {
		progs, rest := r.Filters().Programs(op)
		if got := fmt.Sprint(len(progs), rest); got != want {
			t.Errorf("Programs(%s) = %s, want %s", op, got, want)
		}
	}
	if progs, rest := (*Set)(nil).Programs(0); progs != nil || rest {
		t.Errorf("no set has %v, %v", progs, rest)
	}
}

// TestExplainLoads: a denial says which words the program read.
func TestExplainLoads(t *testing.T) {
	var r Restriction
	register(t, kernel.V7_3, &r, uapi.IORING_OP_SOCKET, "ld [16]\n jeq #2, +1\n ret #1\n ret #0", 0)
	req := &opdef.Request{Opcode: uapi.IORING_OP_SOCKET}
	req.SQE.SetFD(2)
	refusal, _ := r.Filters().Run(cbpfvm.Reference, opdef.On(kernel.V7_3), req)
	if refusal == nil {
		t.Fatal("not denied")
	}
	if diff := cmp.Diff("[{16 2}] 3 origin", fmt.Sprint(refusal.Filter.Loads, refusal.Filter.PC, " ",
		refusal.Filter.Origin)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestShortWays: Decide and a Screen, and what is known without a run, agree with Run on all stacks of a few filters.
func TestShortWays(t *testing.T) {
	programs := []string{"ret #1", "ret #0", "ldx #3\ntxa\nret a", "ld [user_data]\nret a"}
	var stacks func(stack []string, n int)
	stacks = func(stack []string, n int) {
		for _, denyRest := range []bool{false, true} {
			var r Restriction
			if denyRest {
				register(t, kernel.V7_3, &r, uapi.IORING_OP_READ, "ret #1", uapi.IO_URING_BPF_FILTER_DENY_REST)
			}
			for _, src := range stack {
				register(t, kernel.V7_3, &r, uapi.IORING_OP_NOP, src, 0)
			}
			checkShortWays(t, r.Filters(), stack)
		}
		if n > 0 {
			for _, src := range programs {
				stacks(append(stack[:len(stack):len(stack)], src), n-1)
			}
		}
	}
	stacks(nil, 3)
}

func checkShortWays(t *testing.T, set *Set, stack []string) {
	t.Helper()
	if set == nil {
		return
	}
	ops := opdef.On(kernel.V7_3)
	for _, userData := range []uint64{0, 1, 1 << 32} {
		for _, e := range cbpfvm.Engines() {
			var sqe uapi.SQE
			sqe.SetUserData(userData)
			req := &opdef.Request{SQE: sqe, UserData: userData}
			var ctx cbpfvm.Context
			refusal, _ := set.Run(e, ops, req)
			want := refusal == nil
			if got := set.Decide(e, ops, req, &ctx) == nil; got != want {
				t.Errorf("%q, user_data %#x on %s: Decide says %v, Run %v", stack, userData, e, got, want)
			}
			if got := NewScreen(e, ops).Allows(set, &sqe, nil) != nil; got != want {
				t.Errorf("%q, user_data %#x on %s: a Screen says %v, Run %v", stack, userData, e, got, want)
			}
			if set.heads[req.Opcode].allow(e) && !want {
				t.Errorf("%q on %s do not allow all", stack, e)
			}
		}
	}
}

package bpffilter

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/mm"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

func errnoOf(r *verdict.Refusal) uapi.Errno {
	if r == nil {
		return 0
	}
	return r.Errno
}

// entry is a restriction of a kind.
func entry(kind uint16, value uint8) uapi.Restriction {
	return uapi.Restriction{Opcode: kind, Value: value}
}

// listMemory has the entries at regAt.
func listMemory(entries ...uapi.Restriction) *mm.Space {
	s := &mm.Space{}
	s.Map(regAt, 8*mm.PageSize, mm.ReadWrite)
	var raw []byte
	for _, e := range entries {
		raw = e.Append(raw)
	}
	s.CopyOut(regAt, raw)
	return s
}

const (
	regOp    = uapi.IORING_RESTRICTION_REGISTER_OP
	sqeOp    = uapi.IORING_RESTRICTION_SQE_OP
	allowed  = uapi.IORING_RESTRICTION_SQE_FLAGS_ALLOWED
	required = uapi.IORING_RESTRICTION_SQE_FLAGS_REQUIRED
)

func TestMaxRestrictions(t *testing.T) {
	for _, k := range kernel.Releases {
		want := uint32(107)
		if k.Name == "6.19" {
			want = 106
		}
		if got := MaxRestrictions(k); got != want {
			t.Errorf("%s: %d, want %d", k.Name, got, want)
		}
		for nr, errno := range map[uint32]uapi.Errno{want: 0, want + 1: uapi.EINVAL, 1 << 31: uapi.EINVAL} {
			if got := errnoOf((&Restriction{}).Parse(k, listMemory(), regAt, nr)); got != errno {
				t.Errorf("%s: a list of %d = %s, want %s", k.Name, nr, got, errno)
			}
		}
	}
}

// parseRows are the rows of TestParse.
var parseRows = []struct {
	name     string
	list     []uapi.Restriction
	want     uapi.Errno
	op, reg  bool // requests, register calls are restricted on 7.0 and later
	allowed  uint8
	required uint8
	why      string
}{
	{"nothing", nil, 0, true, true, 0, 0, "a list of no entries denies all"},
	{"register op", []uapi.Restriction{entry(regOp, 11)}, 0, false, true, 0, 0, "requests stay open"},
	{"sqe op", []uapi.Restriction{entry(sqeOp, 64)}, 0, true, false, 0, 0, "register calls stay open"},
	{"flags allowed", []uapi.Restriction{entry(allowed, 0xff)}, 0, true, false, 0xff, 0,
		"any bits, and no opcode is left"},
	{"flags required", []uapi.Restriction{entry(required, 0x80)}, 0, true, false, 0, 0x80, "also bit 7"},
	{"last one wins", []uapi.Restriction{entry(allowed, 1), entry(allowed, 2)}, 0, true, false, 2, 0, ""},
	{"both kinds", []uapi.Restriction{entry(regOp, 0), entry(sqeOp, 0)}, 0, true, true, 0, 0, ""},
	{"dirty", []uapi.Restriction{{Opcode: sqeOp, Resv: 1, Resv2: [3]uint32{1, 2, 3}}}, 0, true, false, 0, 0,
		"reserved fields are not looked at"},
	{"kind 4", []uapi.Restriction{entry(4, 0)}, uapi.EINVAL, false, false, 0, 0, ""},
	{"kind 256", []uapi.Restriction{entry(256, 0)}, uapi.EINVAL, false, false, 0, 0, "16 bits count"},
	{"register op 38", []uapi.Restriction{entry(regOp, 38)}, uapi.EINVAL, false, false, 0, 0, ""},
	{"sqe op 65", []uapi.Restriction{entry(sqeOp, 65)}, uapi.EINVAL, false, false, 0, 0, ""},
}

// TestParse: what a list of restrictions restricts.
func TestParse(t *testing.T) {
	for _, k := range kernel.Releases {
		for _, r := range parseRows {
			var res Restriction
			if got := errnoOf(res.Parse(k, listMemory(r.list...), regAt, uint32(len(r.list)))); got != r.want {
				t.Errorf("%s: %s = %s, want %s (%s)", k.Name, r.name, got, r.want, r.why)
			}
			if r.want != 0 {
				continue
			}
			both := k.Name == "6.19" // single-restriction-switch
			want := Restriction{OpRegistered: r.op || both, RegRegistered: r.reg || both, SQEFlagsAllowed: r.allowed,
				SQEFlagsRequired: r.required}
			opts := cmpopts.IgnoreFields(Restriction{}, "RegisterOps", "SQEOps")
			if diff := cmp.Diff(want, res, opts, cmpopts.IgnoreUnexported(Restriction{})); diff != "" {
				t.Errorf("%s: %s, %s (-want +got):\n%s", k.Name, r.name, r.why, diff)
			}
		}
	}
}

func TestParseMemory(t *testing.T) {
	rows := []struct {
		name string
		addr uint64
		nr   uint32
		want uapi.Errno
		why  string
	}{
		{"NULL", 0, 1, uapi.EINVAL, "not EFAULT"}, {"NULL of none", 0, 0, uapi.EINVAL, "to deny all takes a pointer"},
		{"any of none", badAt, 0, 0, "nothing is read"}, {"bad", badAt, 1, uapi.EFAULT, ""},
		{"half", regAt + 8*mm.PageSize - 24, 2, uapi.EFAULT, "the whole list is copied first"},
		{"too many at a bad place", badAt, 1000, uapi.EINVAL, "the number before the memory"},
	}
	for _, r := range rows {
		if got := errnoOf((&Restriction{}).Parse(kernel.V7_3, listMemory(), r.addr, r.nr)); got != r.want {
			t.Errorf("%s = %s, want %s (%s)", r.name, got, r.want, r.why)
		}
	}
	if got := errnoOf((&Restriction{}).Parse(kernel.V6_19, listMemory(entry(regOp, 37)), regAt, 1)); got != uapi.EINVAL {
		t.Errorf("6.19 has no register opcode 37: %s", got)
	}
	if got := errnoOf((&Restriction{}).Parse(kernel.V7_0, listMemory(entry(regOp, 37)), regAt, 1)); got != 0 {
		t.Errorf("7.0 has register opcode 37: %s", got)
	}
}

// TestCheckSQE applies lists to opcodes and flags.
func TestCheckSQE(t *testing.T) {
	list := func(es ...uapi.Restriction) []uapi.Restriction { return es }
	rows := []struct {
		list  []uapi.Restriction
		op    uapi.Op
		flags uint8
		ok    bool
		why   string
	}{
		{list(entry(sqeOp, 1)), 1, 0, true, ""}, {list(entry(sqeOp, 1)), 2, 0, false, "not in the list"},
		{list(entry(sqeOp, 1)), 1, 0x10, false, "no flag is allowed by itself"},
		{list(entry(sqeOp, 64)), 64, 0, true, "the last one"},
		{list(entry(sqeOp, 1), entry(allowed, 0x14)), 1, 0x10, true, ""},
		{list(entry(sqeOp, 1), entry(allowed, 0x14)), 1, 0x11, false, "one too many"},
		{list(entry(sqeOp, 1), entry(required, 1)), 1, 0, false, "required"},
		{list(entry(sqeOp, 1), entry(required, 1)), 1, 1, true, "what is required is allowed"},
		{list(entry(sqeOp, 1), entry(required, 3)), 1, 1, false, "all of them"},
		{list(entry(sqeOp, 1), entry(required, 1), entry(allowed, 4)), 1, 5, true, ""},
		{list(entry(allowed, 0xff)), 0, 0, false, "a list of flags has no opcodes"}, {list(), 0, 0, false, "the empty list"},
	}
	for _, r := range rows {
		var res Restriction
		if refusal := res.Parse(kernel.V7_3, listMemory(r.list...), regAt, uint32(len(r.list))); refusal != nil {
			t.Fatal(refusal)
		}
		refusal := res.CheckSQE(r.op, r.flags)
		if (refusal == nil) != r.ok || refusal != nil && refusal.Errno != uapi.EACCES {
			t.Errorf("%v: %s with flags %#x: %v, want allowed %v (%s)", r.list, r.op, r.flags, refusal, r.ok, r.why)
		}
	}
}

func TestRegisterAllowed(t *testing.T) {
	var r Restriction
	if refusal := r.Parse(kernel.V7_3, listMemory(entry(regOp, 0), entry(regOp, 37)), regAt, 2); refusal != nil {
		t.Fatal(refusal)
	}
	for op := range uapi.RegisterOp(38) {
		if got, want := r.RegisterAllowed(op), op == 0 || op == 37; got != want {
			t.Errorf("%s: %v, want %v", op, got, want)
		}
	}
}

// TestReset: a list that could not be read leaves nothing, but the filters stay; at first they did not.
func TestReset(t *testing.T) {
	for _, k := range []kernel.Release{kernel.V7_0, kernel.V7_3, kernel.V7_0.With(kernel.FailedRestrictionsDropFilters)} {
		var r Restriction
		if e := register(t, k, &r, uapi.IORING_OP_NOP, "ret #0", 0); e != 0 {
			t.Fatal(e)
		}
		mem := listMemory(entry(sqeOp, 1), entry(regOp, 1), entry(allowed, 7), entry(9, 9))
		if e := errnoOf(r.Parse(k, mem, regAt, 4)); e != uapi.EINVAL || !r.OpRegistered {
			t.Fatalf("%s: %s", k.Name, e)
		}
		r.Reset(k)
		kept := !k.Has(kernel.FailedRestrictionsDropFilters)
		if diff := cmp.Diff(Restriction{}, r, cmpopts.IgnoreUnexported(Restriction{})); diff != "" {
			t.Errorf("%s: something is left (-want +got):\n%s", k.Name, diff)
		}
		if denies(k, &r, uapi.IORING_OP_NOP) != kept {
			t.Errorf("%s: filters kept %v, want %v", k.Name, !kept, kept)
		}
	}
}

// cloneRows are the rows of TestClone.
var cloneRows = []struct {
	name   string
	who    string // registers the second filter
	quirk  [3]bool
	fixed  [3]bool // parent, child, grandchild deny READ
	before bool    // the parent has a filter before it is copied
	why    string
}{
	{"parent later", "parent", [3]bool{true, true, true}, [3]bool{true, false, false}, true,
		"appended in place up to 7.2"},
	{"child later", "child", [3]bool{false, true, false}, [3]bool{false, true, false}, true,
		"a copy always copies before it adds"},
	{"grandchild later", "grandchild", [3]bool{false, false, true}, [3]bool{false, false, true}, true, ""},
	{"parent's first", "parent", [3]bool{true, false, false}, [3]bool{true, false, false}, false,
		"there was nothing to share"},
}

// TestClone: who sees a filter that is registered after a task was copied. Parent and child each register one filter.
func TestClone(t *testing.T) {
	const first, second = uapi.IORING_OP_NOP, uapi.IORING_OP_READ
	for _, k := range kernel.Measured()[1:] {
		for _, r := range cloneRows {
			var parent, child, grandchild Restriction
			if r.before {
				register(t, k, &parent, first, "ret #0", 0)
			}
			Clone(k, &child, &parent)
			Clone(k, &grandchild, &child)
			who := map[string]*Restriction{"parent": &parent, "child": &child, "grandchild": &grandchild}
			if e := register(t, k, who[r.who], second, "ret #0", 0); e != 0 {
				t.Fatal(e)
			}
			want := r.fixed
			if k.Has(kernel.SharedFiltersAppendInPlace) {
				want = r.quirk
			}
			got := [3]bool{denies(k, &parent, second), denies(k, &child, second), denies(k, &grandchild, second)}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: %s: %s (-want +got):\n%s", k.Name, r.name, r.why, diff)
			}
			for name, res := range who {
				if denies(k, res, first) != r.before {
					t.Errorf("%s: %s: %s and the first filter", k.Name, r.name, name)
				}
			}
		}
	}
}

// TestCloneDecouples: who has copied does not see what is appended in place later, DENY_REST neither.
func TestCloneDecouples(t *testing.T) {
	const nop, read, send = uapi.IORING_OP_NOP, uapi.IORING_OP_READ, uapi.IORING_OP_SEND
	for _, k := range kernel.Measured()[1:] {
		var parent, child, idle Restriction
		register(t, k, &parent, nop, "ret #0", 0)
		Clone(k, &child, &parent)
		Clone(k, &idle, &parent)
		register(t, k, &child, read, "ret #1", 0)
		register(t, k, &parent, read, "ret #0", uapi.IO_URING_BPF_FILTER_DENY_REST)
		leaks := k.Has(kernel.SharedFiltersAppendInPlace)
		got := [4]bool{denies(k, &child, read), denies(k, &child, send), denies(k, &idle, read), denies(k, &idle, send)}
		if diff := cmp.Diff([4]bool{false, false, leaks, leaks}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", k.Name, diff)
		}
	}
}

// TestFailedRegisterChangesNothing: a refused program does not copy, mark or add anything.
func TestFailedRegisterChangesNothing(t *testing.T) {
	for _, k := range kernel.Measured()[1:] {
		var parent, child Restriction
		register(t, k, &parent, uapi.IORING_OP_NOP, "ret #0", 0)
		Clone(k, &child, &parent)
		before := child
		if e := register(t, k, &child, uapi.IORING_OP_READ, "mod #1\n ret a",
			uapi.IO_URING_BPF_FILTER_DENY_REST); e != uapi.EINVAL {
			t.Fatal(e)
		}
		if child != before || denies(k, &child, uapi.IORING_OP_SEND) {
			t.Errorf("%s: changed from %+v to %+v", k.Name, before, child)
		}
	}
}

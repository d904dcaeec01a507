package symbolic

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/uapi"
)

func assemble(t testing.TB, text string) []uapi.SockFilter {
	t.Helper()
	insns, err := cbpfvm.Assemble(text)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return insns
}

// realistic are filters as people write them, by opcode.
var realistic = []struct {
	op   uapi.Op
	text string
}{
	{uapi.IORING_OP_SOCKET, `
		ld [socket.family]
		jeq #AF_INET, type
		jeq #AF_INET6, type, deny
		type: ld [socket.type]
		and #0xf
		jne #SOCK_STREAM, deny
		ld [socket.protocol]
		jeq #0, allow
		jeq #IPPROTO_TCP, allow
		deny: ret #0
		allow: ret #1`},
	{uapi.IORING_OP_CONNECT, `
		ld [connect.family]
		jne #AF_INET, deny
		ld [connect.v4]
		and #0xff
		jne #10, deny
		ld [connect.port]
		jeq #0xbb01, allow
		deny: ret #0
		allow: ret #1`},
	{uapi.IORING_OP_OPENAT2, `
		ld [open.flags]
		jset #3, deny
		ld [open.resolve]
		and #0x18
		jeq #0, deny
		ret #1
		deny: ret #0`},
	{uapi.IORING_OP_OPENAT, `
		ld [open.flags]
		and #O_CREAT|O_TRUNC|O_WRONLY|O_RDWR
		jne #0, deny
		ret #1
		deny: ret #0`},
	{uapi.IORING_OP_STATX, "ld [op]\n rsh #8\n jset #1, deny\n ret #1\n deny: ret #0"},
}

// mutated changes an instruction, so that the result passes the checker.
func mutated(rng *rand.Rand, insns []uapi.SockFilter) []uapi.SockFilter {
	for {
		out := slices.Clone(insns)
		switch in := &out[rng.IntN(len(out))]; rng.IntN(4) {
		case 0:
			in.K ^= 1 << rng.IntN(32)
		case 1:
			in.K = constants[rng.IntN(len(constants))]
		case 2:
			in.Jt, in.Jf = in.Jf, in.Jt
		case 3:
			in.Code = insnCodes[rng.IntN(len(insnCodes))]
		}
		if _, err := cbpfvm.Check(out, uapi.SizeofBPFCtx); err == nil && !slices.Equal(out, insns) {
			return out
		}
	}
}

// holdsFor checks a verdict: each example by execution, in the model too if wanted, and the absence of one by a search.
func holdsFor(t *testing.T, a, b *Policy, o OpResult, model bool) {
	t.Helper()
	for _, row := range []struct {
		r          *Request
		wantA      bool
		allow, not *Policy
	}{{o.OnlyA, true, a, b}, {o.OnlyB, false, b, a}} {
		if row.r == nil {
			continue
		}
		if !row.allow.Allows(o.Op, row.r.Flags, &row.r.Context) || row.not.Allows(o.Op, row.r.Flags, &row.r.Context) {
			t.Fatalf("%s on %s: %x is no example: %v", o.Op, a.release.Name, row.r.Context, o.Relation)
		}
		if !model {
			continue
		}
		if _, allowed := submit(t, row.allow.plan, a.release, row.r); !allowed {
			t.Fatalf("%s on %s: the model denies %x", o.Op, a.release.Name, row.r.Context)
		}
		if _, allowed := submit(t, row.not.plan, a.release, row.r); allowed {
			t.Fatalf("%s on %s: the model allows %x", o.Op, a.release.Name, row.r.Context)
		}
	}
	onlyA, onlyB, _ := search(a, b, o.Op, 300)
	if o.Proven && (onlyA != nil && o.OnlyA == nil || onlyB != nil && o.OnlyB == nil) {
		t.Fatalf("%s on %s: %s, but a search finds %+v, %+v", o.Op, a.release.Name, o.Relation, onlyA, onlyB)
	}
}

// TestComparePairs compares random programs with others and with mutants of themselves.
func TestComparePairs(t *testing.T) {
	n, proven := rounds(400), 0
	count := map[Relation]int{}
	releases := Releases()
	for seed := range n {
		rng := rand.New(rand.NewPCG(seed, 8))
		k := releases[rng.IntN(len(releases))]
		op := payloadOps[rng.IntN(len(payloadOps))]
		first := randomProgram(rng)
		if rng.IntN(2) == 0 {
			r := realistic[rng.IntN(len(realistic))]
			op, first = r.op, assemble(t, r.text)
		}
		second := randomProgram(rng)
		if rng.IntN(4) != 0 {
			second = mutated(rng, first)
		}
		a, b := policyOf(t, k, op, first), policyOf(t, k, op, second)
		o := compareOp(a, b, op, 1<<16)
		holdsFor(t, a, b, o, op != uapi.IORING_OP_RECV_ZC && seed%4 == 0)
		if o.Proven {
			proven++
		}
		count[o.Relation]++
	}
	t.Logf("%d of %d pairs proven: %v", proven, n, count)
	if proven < int(n)*9/10 {
		t.Errorf("%d of %d pairs proven: most should be", proven, n)
	}
	for _, r := range []Relation{Equivalent, Stricter, Looser, Incomparable} {
		if count[r] < int(n)/40 {
			t.Errorf("%d pairs are %s: too few to tell", count[r], r)
		}
	}
}

// randomLists are restrictions that let some opcodes pass, with some flags.
func randomLists(rng *rand.Rand, op uapi.Op) []uapi.Restriction {
	if rng.IntN(4) == 0 {
		return nil
	}
	list := []uapi.Restriction{
		{Opcode: uapi.IORING_RESTRICTION_REGISTER_OP, Value: uint8(uapi.IORING_REGISTER_BPF_FILTER)},
	}
	if rng.IntN(8) != 0 {
		list = append(list, uapi.Restriction{Opcode: uapi.IORING_RESTRICTION_SQE_OP, Value: uint8(op)})
	}
	const allowed, required = uapi.IORING_RESTRICTION_SQE_FLAGS_ALLOWED, uapi.IORING_RESTRICTION_SQE_FLAGS_REQUIRED
	for _, kind := range []uint16{allowed, required} {
		if rng.IntN(2) == 0 {
			few := rng.Uint32() & rng.Uint32()
			list = append(list, uapi.Restriction{Opcode: kind, Value: uint8(few)})
		}
	}
	return list
}

// TestCompareRestrictions: restrictions look at the flags of the SQE, filters at those after prep.
func TestCompareRestrictions(t *testing.T) {
	count := map[Relation]int{}
	programs := []string{"ret #1", "ld [op]\n rsh #8\n jset #IOSQE_ASYNC, +0, +1\n ret #1\n ret #0",
		"ld [op]\n rsh #8\n jset #IOSQE_ASYNC, +0, +1\n ret #0\n ret #1"}
	for seed := range rounds(150) {
		rng := rand.New(rand.NewPCG(seed, 9))
		op := uapi.Op(rng.IntN(uapi.IORING_OP_LAST))
		if op == uapi.IORING_OP_RECV_ZC {
			continue
		}
		k := Releases()[rng.IntN(len(Releases()))]
		var policies [2]*Policy
		for i := range policies {
			policies[i] = policyOf(t, k, op, assemble(t, programs[rng.IntN(len(programs))]))
			policies[i].plan.Restrictions = randomLists(rng, op)
			again, err := NewPolicy(policies[i].plan, k)
			if err != nil {
				t.Fatal(err)
			}
			policies[i] = again
		}
		o := compareOp(policies[0], policies[1], op, Limit)
		if !o.Proven {
			t.Fatalf("%s is not decided", op)
		}
		holdsFor(t, policies[0], policies[1], o, true)
		count[o.Relation]++
	}
	t.Logf("%v", count)
}

// TestGivesUp: a product of two words of the request is too large for a diagram; the answer then says that it is no
// proof.
func TestGivesUp(t *testing.T) {
	const text = "ld [user_data]\n tax\n ld [user_data.hi]\n mul x\n jeq #0xfffffffb, +0, +1\n ret #0\n ret #1"
	a := policyOf(t, kernel.V7_3, uapi.IORING_OP_NOP, assemble(t, text))
	b := policyOf(t, kernel.V7_3, uapi.IORING_OP_NOP, assemble(t, "ret #1"))
	o := compareOp(a, b, uapi.IORING_OP_NOP, 1<<16)
	if o.Proven || o.OnlyA != nil || o.Searched != tries {
		t.Errorf("%+v: a product cannot be decided, and a search tries %d requests", o, tries)
	}
}

// TestLongest: allow lists as long as programs may be are decided.
func TestLongest(t *testing.T) {
	list := func(last uint32) *Policy {
		insns := []uapi.SockFilter{{Code: 0x20, K: uapi.BPFCtxUserData}}
		allow := func(k uint32) {
			insns = append(insns, uapi.SockFilter{Code: 0x15, Jf: 1, K: k}, uapi.SockFilter{Code: 0x06, K: 1})
		}
		for i := uint32(0); len(insns) < uapi.BPF_MAXINSNS-3; i++ {
			allow(i * 2654435761)
		}
		allow(last)
		return policyOf(t, kernel.V7_3, uapi.IORING_OP_NOP, append(insns, uapi.SockFilter{Code: 0x06}))
	}
	a, b := list(1), list(2)
	o := compareOp(a, b, uapi.IORING_OP_NOP, Limit)
	if !o.Proven || o.Relation != Incomparable {
		t.Fatalf("%s (proven: %v), want %s", o.Relation, o.Proven, Incomparable)
	}
	if only := o.OnlyA.Context.Word(uapi.BPFCtxUserData); only != 1 {
		t.Errorf("a alone allows user_data %d, want 1", only)
	}
}

func TestCompare(t *testing.T) {
	ret := func(k uint32) []uapi.SockFilter { return []uapi.SockFilter{{Code: 0x06, K: k}} }
	const nop, socket, openat = uapi.IORING_OP_NOP, uapi.IORING_OP_SOCKET, uapi.IORING_OP_OPENAT
	none := &plan.Plan{Name: "none"}
	one := func(op uapi.Op, insns []uapi.SockFilter) *plan.Plan {
		return &plan.Plan{Name: "one", Filters: []plan.Filter{{Op: op, Insns: insns}}}
	}
	for _, row := range []struct {
		why  string
		a, b *plan.Plan
		want Relation
	}{
		{"the same", none, none, Equivalent},
		{"a filter that allows all is as good as none", one(nop, ret(1)), none, Equivalent},
		{"any result but 0 allows", one(nop, ret(1)), one(nop, ret(0x80000000)), Equivalent},
		{"one opcode less", one(nop, ret(0)), none, Stricter},
		{"one opcode more", none, one(nop, ret(0)), Looser},
		{"different opcodes", one(nop, ret(0)), one(socket, ret(0)), Incomparable},
		{"DENY_REST leaves its own opcode", &plan.Plan{Filters: []plan.Filter{{Op: nop, Insns: ret(1),
			Flags: uapi.IO_URING_BPF_FILTER_DENY_REST}}}, none, Stricter},
		{"a flag that all requests have",
			one(openat, assemble(t, "ld [open.flags]\n jset #O_LARGEFILE|O_PATH, +1\n ret #0\n ret #1")), none, Equivalent},
		{"the padding is 0", one(nop, assemble(t, "ld [12]\n ret a")), one(nop, ret(0)), Equivalent},
		{"the opcode is known",
			one(nop, assemble(t, "ld [op]\n and #0xff\n jeq #IORING_OP_NOP, +1\n ret #0\n ret #1")), none, Equivalent},
		{"a type without flags on 7.3",
			one(socket, assemble(t, "ld [socket.type]\n jset #SOCK_CLOEXEC, +0, +1\n ret #0\n ret #1")), none, Equivalent},
	} {
		got, err := Compare(row.a, row.b, kernel.V7_3)
		if err != nil {
			t.Fatalf("%s: %v", row.why, err)
		}
		if got.Relation != row.want || !got.Proven {
			t.Errorf("%s: %s (proven: %v), want %s", row.why, got.Relation, got.Proven, row.want)
		}
		back, _ := Compare(row.b, row.a, kernel.V7_3)
		mirrored := map[Relation]Relation{Stricter: Looser, Looser: Stricter, Equivalent: Equivalent, Incomparable: Incomparable}
		if back.Relation != mirrored[row.want] {
			t.Errorf("%s, turned round: %s", row.why, back.Relation)
		}
	}
}

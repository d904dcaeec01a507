package symbolic

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/uapi"
)

// TestDecideAgrees: what is decided of a request that is known in parts is what execution gives, whatever the rest is;
// what is said to depend comes out in both ways; and what is known in full is always decided.
func TestDecideAgrees(t *testing.T) {
	verdicts := map[Verdict]int{}
	for seed := range rounds(300) {
		decideAgrees(t, rand.New(rand.NewPCG(seed, 0)), verdicts)
	}
	for _, v := range []Verdict{Allowed, Denied, Depends} {
		if verdicts[v] == 0 {
			t.Errorf("no request of which a policy says that it %s: %v", v, verdicts)
		}
	}
}

func decideAgrees(t *testing.T, rng *rand.Rand, verdicts map[Verdict]int) {
	t.Helper()
	ops := []uapi.Op{uapi.IORING_OP_SOCKET, uapi.IORING_OP_OPENAT, uapi.IORING_OP_CONNECT, uapi.IORING_OP_MKDIRAT}
	op := ops[rng.IntN(len(ops))]
	p := &plan.Plan{Filters: []plan.Filter{{Op: op, Insns: randomProgram(rng)}}}
	if rng.IntN(2) == 0 {
		p.Restrictions = []uapi.Restriction{{Opcode: uapi.IORING_RESTRICTION_SQE_OP, Value: uint8(op)},
			{Opcode: uapi.IORING_RESTRICTION_SQE_FLAGS_ALLOWED, Value: uint8(rng.Uint32())}}
	}
	policy, err := NewPolicy(p, kernel.V7_3)
	if err != nil {
		t.Fatal(err)
	}
	d := NewDecider(policy)
	d.limit = 1 << 16 // random programs multiply
	c := newContexts(newDiagram(Limit), kernel.V7_3, op, byField)
	some := func() (r Partial, v values) { // a request that occurs, in full
		v = make(values, c.count)
		for i := range v {
			v[i] = rng.IntN(4) == 0
		}
		v = c.near(c.occurs, v)
		return Partial{Context: c.context(v), Flags: c.flags(v)}, v
	}
	for range 10 {
		r, _ := some()
		full := r
		for i := range full.KnownContext {
			full.KnownContext[i] = 0xff
			if rng.IntN(2) == 0 {
				r.KnownContext[i] = byte(rng.Uint32() | rng.Uint32())
			}
		}
		full.KnownFlags, r.KnownFlags = 0xff, uint8(rng.Uint32())
		want := Denied
		if policy.Allows(op, r.Flags, &r.Context) {
			want = Allowed
		}
		switch got, _ := d.Decide(op, &full); got {
		case TooLong:
			continue
		case want:
		default:
			t.Fatalf("%s in full: %s, want %s", op, got, want)
		}
		got, missing := d.Decide(op, &r)
		verdicts[got]++
		if got != want && got != Depends || (got == Depends) != (len(missing) > 0) {
			t.Fatalf("%s, %+v: %s for lack of %q, want %s or that it depends", op, r, got, missing, want)
		}
		if got == Depends && !bothWays(d.ops[op], &r) {
			t.Fatalf("%s, %+v: %s, but it is %s in any case", op, r, got, want)
		}
	}
}

// bothWays tells whether there are requests like this one that are allowed, and some that are denied.
func bothWays(d *opDecider, r *Partial) bool {
	for _, f := range []function{d.pass, d.denied} {
		found := false
		var visit func(f function, v values)
		visit = func(f function, v values) {
			if f == never || found {
				return
			}
			if f == always {
				ctx, flags := d.context(v), d.flags(v)
				found = flags&r.KnownFlags == r.Flags&r.KnownFlags
				for i := range ctx {
					found = found && ctx[i]&r.KnownContext[i] == r.Context[i]&r.KnownContext[i]
				}
				return
			}
			n := d.nodes[f]
			for i, next := range []function{n.no, n.yes} {
				if d.known[n.variable] == notKnown || d.known[n.variable] == isZero+bit(i) {
					v := slices.Clone(v)
					v[n.variable] = i == 1
					visit(next, v)
				}
			}
		}
		v := make(values, d.count)
		for i, known := range d.known {
			v[i] = known == isOne
		}
		visit(f, v)
		if !found {
			return false
		}
	}
	return true
}

// TestDecide has requests as a log shows them.
func TestDecide(t *testing.T) {
	// AF_UNIX is allowed, of whatever type, and other families unless the type is SOCK_RAW.
	insns := []uapi.SockFilter{
		{Code: 0x20, K: uapi.BPFCtxPDU}, {Code: 0x15, K: uapi.AF_UNIX, Jt: 2}, {Code: 0x20, K: uapi.BPFCtxPDU + 4},
		{Code: 0x15, K: uapi.SOCK_RAW, Jt: 1}, {Code: 0x06, K: 1}, {Code: 0x06, K: 0},
	}
	policy, err := NewPolicy(&plan.Plan{Filters: []plan.Filter{{Op: uapi.IORING_OP_SOCKET, Insns: insns}}}, kernel.V7_3)
	if err != nil {
		t.Fatal(err)
	}
	d := NewDecider(policy)
	for _, row := range []struct {
		op      uapi.Op
		family  int // -1 is not known
		typ     int
		want    Verdict
		missing []string
		why     string
	}{
		{uapi.IORING_OP_SOCKET, uapi.AF_INET, uapi.SOCK_STREAM, Allowed, nil, "all that was loaded is known"},
		{uapi.IORING_OP_SOCKET, uapi.AF_UNIX, -1, Allowed, nil, "the type is not loaded"},
		{uapi.IORING_OP_SOCKET, -1, uapi.SOCK_RAW, Depends, []string{"family"}, "of which one is allowed"},
		{uapi.IORING_OP_SOCKET, -1, uapi.SOCK_STREAM, Allowed, nil, "whatever the family is, which is loaded"},
		{uapi.IORING_OP_SOCKET, uapi.AF_INET, uapi.SOCK_RAW, Denied, nil, "all that was loaded is known"},
		{uapi.IORING_OP_SOCKET, -1, -1, Depends, []string{"family", "type"}, "both decide, and the protocol does not"},
		{uapi.IORING_OP_NOP, -1, -1, Allowed, nil, "no filter looks at it"},
	} {
		r := Partial{}
		for i, v := range []int{row.family, row.typ} {
			if off := uint32(uapi.BPFCtxPDU + 4*i); v >= 0 {
				r.Context.SetWord(off, uint32(v))
				r.KnownContext.SetWord(off, ^uint32(0))
			}
		}
		if got, missing := d.Decide(row.op, &r); got != row.want || !slices.Equal(missing, row.missing) {
			t.Errorf("%s family %d type %d: %s %q, want %s %q: %s", row.op, row.family, row.typ, got, missing, row.want,
				row.missing, row.why)
		}
	}
	if got, _ := d.Decide(uapi.IORING_OP_NOP, &Partial{KnownFlags: 0x80, Flags: 0x80}); got != Impossible {
		t.Errorf("a flag that does not exist: %s, want %s", got, Impossible)
	}
}

package policy

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/uringsim/uringsim/uapi"
)

// FuzzGenerated makes a policy of a seed: its programs do what it says, and its text says what it is.
func FuzzGenerated(f *testing.F) {
	for seed := range uint64(30) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		g := generator{rand.New(rand.NewPCG(seed, 0))}
		p := g.policy()
		if err := p.check(); err != nil {
			return // a rule that comes too late, say
		}
		witness(t, p)
		witnessPlan(t, p)
		again, err := Parse("p", []byte(p.String()))
		if err != nil {
			t.Fatalf("%v in\n%s", err, p)
		}
		placed(t, again)
		if diff := cmp.Diff(p.String(), again.String()); diff != "" {
			t.Errorf("(-written +read)\n%s", diff)
		}
		ignore := cmp.Options{cmpopts.IgnoreTypes(Pos{}, []Pos{}), cmpopts.IgnoreFields(Policy{}, "File"),
			cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }), cmpopts.EquateEmpty()}
		if diff := cmp.Diff(p, again, ignore); diff != "" {
			t.Errorf("%s\n(-written +read)\n%s", p, diff)
		}
	})
}

// generator makes policies at random, of few constants so that conditions have something to do with each other.
type generator struct{ *rand.Rand }

func (g generator) chance(percent int) bool { return g.IntN(100) < percent }

func (g generator) policy() *Policy {
	p := &Policy{Default: Action(g.chance(40))}
	groups := [][]uapi.Op{socketOps, connectOps, openOps, {uapi.IORING_OP_READ, uapi.IORING_OP_NOP}, familyOps}
	for i := range 1 + g.IntN(5) {
		r := Rule{Pos: Pos{Line: i + 1, Col: 1}, Action: Action(g.chance(50)), Ops: groups[g.IntN(len(groups))]}
		if g.chance(5) {
			r.Ops = nil
		}
		r.OpsAt = make([]Pos, len(r.Ops))
		if g.chance(85) {
			r.If = g.cond(r.Ops, 3)
		}
		p.Rules = append(p.Rules, r)
	}
	return p
}

func (g generator) cond(ops []uapi.Op, depth int) Cond {
	if depth == 0 || g.chance(40) {
		return g.test(ops)
	}
	switch g.IntN(5) {
	case 0:
		inner := g.cond(ops, depth-1)
		return Not{inner}
	case 1, 2:
		return All{g.otherThan(All{}, ops, depth), g.otherThan(All{}, ops, depth)}
	}
	return Any{g.otherThan(Any{}, ops, depth), g.otherThan(Any{}, ops, depth)}
}

// otherThan is a condition of another kind, since the text joins conditions of one kind into one list.
func (g generator) otherThan(kind Cond, ops []uapi.Op, depth int) Cond {
	for {
		c := g.cond(ops, depth-1)
		_, isAll := c.(All)
		_, isAny := c.(Any)
		_, notAll := kind.(All)
		if isAll && notAll || isAny && !notAll {
			continue
		}
		return c
	}
}

// test is a comparison that Parse would take, of a field that all of the opcodes have.
func (g generator) test(ops []uapi.Op) *Test {
	for {
		f := &fields[g.IntN(len(fields))]
		if f.Name == "opcode" && g.chance(80) || f.Ops != nil && ops == nil {
			continue
		}
		fits := true
		for _, op := range ops {
			fits = fits && f.Has(op)
		}
		if !fits {
			continue
		}
		t := &Test{Field: f.Name, Mask: f.Bits(), Rel: Rel(g.IntN(int(In) + 1))}
		if f.order != address && g.chance(40) {
			t.Mask = g.value(f)
		}
		n := 1
		if t.Rel == In {
			n += g.IntN(4)
		}
		if t.Rel == In && g.chance(10) {
			n = 10 + g.IntN(20)
		}
		ok := t.Mask != 0
		for range n {
			v := g.item(f, t)
			t.Values = append(t.Values, v)
			one := Test{Field: f.Name, Mask: t.Mask, Rel: t.Rel, Values: []Value{v}}
			ok = ok && one.check("", Pos{}) == nil
		}
		if ok {
			return t
		}
	}
}

func (g generator) value(f *Field) uint64 {
	v := uint64(g.IntN(12))
	switch g.IntN(6) {
	case 0:
		v = 1 << g.IntN(f.width)
	case 1:
		v = g.Uint64()
	case 2:
		v |= uint64(g.IntN(3)) << 32
	}
	return v & f.Bits()
}

func (g generator) item(f *Field, t *Test) Value {
	if f.order == address {
		a := netip.AddrFrom4([4]byte{10, byte(g.IntN(3)), byte(g.IntN(2)), byte(g.IntN(256))})
		if g.chance(40) {
			a = netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, byte(g.IntN(2)), 5: byte(g.IntN(2)), 10: byte(g.IntN(2)), 15: 1})
		}
		lengths := []int{0, 1, 7, 8, 9, 16, 24, 31, 32, 33, 40, 64, 95, 96, 97, 127, 128}
		n := lengths[g.IntN(len(lengths))]
		if n > a.BitLen() {
			n = a.BitLen()
		}
		return Value{Prefix: netip.PrefixFrom(a, n).Masked()}
	}
	v := g.value(f)
	if t.Rel == In && f.Name != "v4_addr" && g.chance(30) {
		return Value{Lo: v, Hi: v + g.value(f)%100}
	}
	return Value{Lo: v & t.Mask, Hi: v & t.Mask}
}

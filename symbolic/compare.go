package symbolic

import (
	"fmt"
	"slices"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/uapi"
)

// Relation is how what one plan allows relates to what another allows.
type Relation string

// The relations of a plan A to a plan B.
const (
	Equivalent   Relation = "equivalent"   // both allow the same
	Stricter     Relation = "stricter"     // A allows less, and nothing that B denies
	Looser       Relation = "looser"       // A allows more, and all that B allows
	Incomparable Relation = "incomparable" // each allows something that the other denies
)

// relation returns the relation, given whether A and B allow something that the other denies.
func relation(onlyA, onlyB bool) Relation {
	switch {
	case onlyA && onlyB:
		return Incomparable
	case onlyA:
		return Looser
	case onlyB:
		return Stricter
	}
	return Equivalent
}

// Result is the comparison of two plans.
type Result struct {
	Kernel   string
	Relation Relation
	Proven   bool // whether it holds for all requests that can occur; if not, there may be more differences
	Ops      []OpResult
}

// OpResult is the comparison for one opcode.
type OpResult struct {
	Op       uapi.Op
	Relation Relation
	Proven   bool
	OnlyA    *Request // a request that A allows and B denies, or nil
	OnlyB    *Request // a request that A denies and B allows, or nil
	Searched int      // requests that were tried, if it is not proven
}

// NeverLoosens tells whether no request was found that A allows and B denies. Proven tells whether there is none.
func (r *Result) NeverLoosens() bool { return r.Relation == Equivalent || r.Relation == Stricter }

// Compare returns how what plan a allows on a release relates to what plan b allows there. It fails if the release
// refuses one of them.
func Compare(a, b *plan.Plan, k kernel.Release) (Result, error) {
	policyA, err := NewPolicy(a, k)
	if err != nil {
		return Result{}, fmt.Errorf("%s: %w", a.Name, err)
	}
	policyB, err := NewPolicy(b, k)
	if err != nil {
		return Result{}, fmt.Errorf("%s: %w", b.Name, err)
	}
	return ComparePolicies(policyA, policyB), nil
}

// ComparePolicies is like Compare, for policies of the same release.
func ComparePolicies(a, b *Policy) Result {
	r := Result{Kernel: a.release.Name, Proven: true}
	var onlyA, onlyB bool
	for op := range uapi.Op(uapi.IORING_OP_LAST) {
		o := compareOp(a, b, op, Limit)
		onlyA, onlyB = onlyA || o.OnlyA != nil, onlyB || o.OnlyB != nil
		r.Proven = r.Proven && o.Proven
		r.Ops = append(r.Ops, o)
	}
	r.Relation = relation(onlyA, onlyB)
	return r
}

// compareOp compares the policies for one opcode: by diagrams, with one order of variables or the other, or else by a
// search.
func compareOp(a, b *Policy, op uapi.Op, limit int) OpResult {
	o := OpResult{Op: op}
	if a.same(b, op) {
		o.Relation, o.Proven = Equivalent, true
		return o
	}
	for _, order := range []order{byField, byBit} {
		if within(func() { o.OnlyA, o.OnlyB = differences(a, b, op, order, limit) }) {
			o.Proven = true
			break
		}
	}
	if !o.Proven {
		o.OnlyA, o.OnlyB, o.Searched = search(a, b, op, tries)
	}
	o.Relation = relation(o.OnlyA != nil, o.OnlyB != nil)
	return o
}

// same tells whether exactly the same filters and restrictions decide on the opcode.
func (p *Policy) same(q *Policy, op uapi.Op) bool {
	s, t := &p.stacks[op], &q.stacks[op]
	if !p.lists.same(&q.lists, op) || s.denied != t.denied {
		return false
	}
	return s.denied || slices.EqualFunc(s.filters, t.filters, func(i, j int) bool {
		return slices.Equal(p.plan.Filters[i].Insns, q.plan.Filters[j].Insns)
	})
}

func (r *restrictions) same(s *restrictions, op uapi.Op) bool {
	return r.active == s.active && r.ops[op] == s.ops[op] && r.allowed == s.allowed && r.required == s.required
}

// differences returns a request that only a allows and one that only b allows, or nil.
func differences(a, b *Policy, op uapi.Op, o order, limit int) (onlyA, onlyB *Request) {
	c := newContexts(newDiagram(limit), a.release, op, o)
	passA, _ := a.filtered(c, c.and(c.occurs, a.restricted(c)))
	passB, _ := b.filtered(c, c.and(c.occurs, b.restricted(c)))
	return c.example(c.minus(passA, passB)), c.example(c.minus(passB, passA))
}

// example returns a request for which f holds, as plain as possible, or nil if there is none.
func (c *contexts) example(f function) *Request {
	if f == never {
		return nil
	}
	return c.request(c.near(f, c.plain()))
}

// plain returns values that people recognize, mostly 0.
func (c *contexts) plain() values {
	v := make(values, c.count)
	for _, known := range []struct {
		op    uapi.Op
		field string
		value uint64
	}{
		{uapi.IORING_OP_SOCKET, "family", uapi.AF_INET},
		{uapi.IORING_OP_SOCKET, "type", uapi.SOCK_STREAM},
		{uapi.IORING_OP_CONNECT, "family", uapi.AF_INET},
		{uapi.IORING_OP_CONNECT, "port", 443},
	} {
		i := slices.IndexFunc(c.fields, func(f field) bool { return f.name == known.field })
		if known.op != c.op || i < 0 { // not every release shows the field
			continue
		}
		for _, p := range c.fields[i].bits {
			v[c.variableOf(p)] = known.value>>p.weight&1 != 0
		}
	}
	for _, p := range c.extra.bits { // prep need not add what the SQE has
		v[c.nodes[c.written[p.weight]].variable] = true
	}
	return v
}

// variableOf returns the variable of a bit of a field.
func (c *contexts) variableOf(p place) int32 { return c.nodes[c.contextBit(p.at)].variable }

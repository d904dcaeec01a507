package symbolic

import (
	"slices"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/uapi"
)

// Partial is what is known of a request: bits of the context that filters see, and of the flags that the program wrote.
type Partial struct {
	Context, KnownContext cbpfvm.Context // the second has the bits that are known
	Flags, KnownFlags     uint8
}

// Impossible is the verdict on a request that the release does not let to its filters, as far as this package knows.
const Impossible Verdict = "impossible"

// Decider decides on requests of which not all is known. What can be known of all requests of an opcode it finds out
// once. It is not safe for concurrent use.
type Decider struct {
	policy *Policy
	limit  int // steps for one opcode
	ops    [uapi.IORING_OP_LAST]*opDecider
}

// NewDecider decides as the policy does.
func NewDecider(p *Policy) *Decider { return &Decider{policy: p, limit: Limit} }

// Decide is the verdict on a request of the opcode, which holds whatever the rest of it is: Allowed, Denied, Depends
// with the fields on which it depends, TooLong or Impossible.
func (d *Decider) Decide(op uapi.Op, p *Partial) (v Verdict, missing []string) {
	if d.ops[op] == nil {
		d.ops[op] = newOpDecider(d.policy, op, d.limit)
	}
	return d.ops[op].decide(p)
}

// opDecider decides on requests of an opcode.
type opDecider struct {
	*contexts
	pass, denied function
	test         function // pass, as far as it matters; what it decides by is what the verdict depends on
	known        []bit    // by variable
	visited      []uint32 // by node: the walk that came to it last
	walk         uint32
}

// bit is what is known of a variable.
type bit uint8

const (
	notKnown bit = iota
	isZero
	isOne
)

// newOpDecider takes the order of variables in which there is less to do. If there is too much in either, it knows
// nothing.
func newOpDecider(p *Policy, op uapi.Op, limit int) *opDecider {
	for _, o := range []order{byField, byBit} {
		d := &opDecider{}
		if within(func() {
			c := newContexts(newDiagram(limit), p.release, op, o)
			pass, _ := p.filtered(c, c.and(c.occurs, p.restricted(c)))
			d.pass, d.denied, d.test = pass, c.minus(c.occurs, pass), c.simplify(pass, c.occurs)
			c.diagram.known, c.diagram.done = nil, nil // nothing is added any more
			d.contexts = c
		}) {
			d.known, d.visited = make([]bit, d.count), make([]uint32, len(d.nodes))
			return d
		}
	}
	return &opDecider{}
}

func (d *opDecider) decide(p *Partial) (v Verdict, missing []string) {
	if d.contexts == nil {
		return TooLong, nil
	}
	if !d.learn(p) {
		return Impossible, nil
	}
	allowed, denied := d.possible(d.pass), d.possible(d.denied)
	switch {
	case allowed && denied:
		return Depends, d.missing()
	case allowed:
		return Allowed, nil
	case denied:
		return Denied, nil
	}
	return Impossible, nil
}

// learn takes over what is known; false if no request is like that.
func (d *opDecider) learn(p *Partial) bool {
	clear(d.known)
	ok := true
	for at := range 8 * uapi.SizeofBPFCtx {
		if p.KnownContext[at/8]>>(at%8)&1 != 0 {
			ok = d.set(d.contextBit(at), p.Context[at/8]>>(at%8)&1) && ok
		}
	}
	for i, written := range d.written {
		if p.KnownFlags>>i&1 != 0 {
			ok = d.set(written, p.Flags>>i&1) && ok
		}
	}
	return ok
}

// set gives a variable a value; false if it has another one already. A bit that is the same for all requests is no
// variable.
func (d *opDecider) set(f function, v uint8) bool {
	if f <= always {
		return uint8(f) == v
	}
	known := &d.known[d.nodes[f].variable]
	if was := *known; was != notKnown && was != isZero+bit(v) {
		return false
	}
	*known = isZero + bit(v)
	return true
}

// possible tells whether a function holds for any request that is as known.
func (d *opDecider) possible(f function) bool {
	d.walk++
	return d.reaches(f)
}

func (d *opDecider) reaches(f function) bool {
	if f <= always {
		return f == always
	}
	if d.visited[f] == d.walk {
		return false // not from there
	}
	d.visited[f] = d.walk
	n := d.nodes[f]
	known := d.known[n.variable]
	return known != isZero && d.reaches(n.yes) || known != isOne && d.reaches(n.no)
}

// missing are the fields that the verdict depends on.
func (d *opDecider) missing() []string {
	for v := range d.needed() {
		d.infer(v)
	}
	needed := d.needed()
	var names []string
	for _, f := range append(slices.Clone(d.fields), d.extra) {
		if slices.ContainsFunc(f.bits, func(b place) bool { return needed[d.variableOf(&f, b)] }) {
			names = append(names, f.name)
		}
	}
	return names
}

// infer notes a value that follows from what is known, as no request has the other.
func (d *opDecider) infer(v int32) {
	var can [2]bool
	for i := range can {
		d.known[v] = isZero + bit(i)
		can[i] = d.possible(d.occurs)
	}
	switch {
	case can[0] && can[1]:
		d.known[v] = notKnown
	case can[0]:
		d.known[v] = isZero
	}
}

// needed are the variables that are not known and on which the verdict depends.
func (d *opDecider) needed() map[int32]bool {
	d.walk++
	needed := map[int32]bool{}
	var visit func(f function)
	visit = func(f function) {
		if f <= always || d.visited[f] == d.walk {
			return
		}
		d.visited[f] = d.walk
		n := d.nodes[f]
		known := d.known[n.variable]
		if known == notKnown {
			needed[n.variable] = true
		}
		if known != isZero {
			visit(n.yes)
		}
		if known != isOne {
			visit(n.no)
		}
	}
	visit(d.test)
	return needed
}

// variableOf is the variable of a bit of a field.
func (d *opDecider) variableOf(f *field, b place) int32 {
	if f.name == submitted {
		return d.nodes[d.written[b.weight]].variable
	}
	return d.nodes[d.contextBit(b.at)].variable
}

package symbolic

import (
	"slices"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/uapi"
)

// Partial is what is known of a request: bits of the context that filters see, and bits of the flags that the program
// wrote.
type Partial struct {
	Context, KnownContext cbpfvm.Context // KnownContext has the bits of Context that are known
	Flags, KnownFlags     uint8
}

// Impossible is the verdict on a request that, as far as this package knows, never gets to its filters on the release.
const Impossible Verdict = "impossible"

// Decider decides on requests of which only part is known. It prepares each opcode once. It is not safe for concurrent
// use.
type Decider struct {
	policy *Policy
	limit  int // steps for one opcode
	ops    [uapi.IORING_OP_LAST]*opDecider
}

// NewDecider returns a Decider that decides as the policy does.
func NewDecider(p *Policy) *Decider { return &Decider{policy: p, limit: Limit} }

// Decide returns a verdict on a request of the opcode that holds whatever the unknown part of the request is: Allowed,
// Denied, TooLong, Impossible, or Depends along with the fields that it depends on.
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
	test         function // pass, simplified to where it matters: what it looks at is what the verdict depends on
	known        []bit    // by variable
	visited      []uint32 // by node: the last walk that came to it
	walk         uint32
}

// bit is what is known of a variable.
type bit uint8

const (
	notKnown bit = iota
	isZero
	isOne
)

// newOpDecider prepares an opcode, with the first order of variables that does not take too many steps. If both do, the
// opDecider knows nothing.
func newOpDecider(p *Policy, op uapi.Op, limit int) *opDecider {
	for _, o := range []order{byField, byBit} {
		d := &opDecider{}
		if within(func() {
			c := newContexts(newDiagram(limit), p.release, op, o)
			pass, _ := p.filtered(c, c.and(c.occurs, p.restricted(c)))
			d.pass, d.denied, d.test = pass, c.minus(c.occurs, pass), c.simplify(pass, c.occurs)
			c.diagram.known, c.diagram.done = nil, nil // nothing will be added
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

// learn notes what is known of the request. It returns false if there is no such request.
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

// set gives a variable a value. It returns false if it already has another one. A bit that is the same for all requests
// is not a variable.
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

// possible tells whether the function holds for any request that agrees with what is known.
func (d *opDecider) possible(f function) bool {
	d.walk++
	return d.reaches(f)
}

func (d *opDecider) reaches(f function) bool {
	if f <= always {
		return f == always
	}
	if d.visited[f] == d.walk {
		return false // it did not hold from there
	}
	d.visited[f] = d.walk
	n := d.nodes[f]
	known := d.known[n.variable]
	return known != isZero && d.reaches(n.yes) || known != isOne && d.reaches(n.no)
}

// missing returns the fields that the verdict depends on.
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

// infer notes the value of a variable if it follows from what is known.
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

// needed returns the unknown variables that the verdict depends on.
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

// variableOf returns the variable of a bit of a field, which may be the flags of the SQE.
func (d *opDecider) variableOf(f *field, b place) int32 {
	if f.name == submitted {
		return d.nodes[d.written[b.weight]].variable
	}
	return d.nodes[d.contextBit(b.at)].variable
}

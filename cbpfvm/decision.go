package cbpfvm

import "slices"

// decision is a program as a graph of questions about single words of the context. Most filters can be expressed so,
// and then take a few questions instead of many instructions.
type decision struct {
	tests   []test
	sets    []set
	results []uint32
	start   ref
}

// ref is what comes next: the index of a test, or the bitwise complement of the index of a result.
type ref int32

// test is a question about the masked bits of a word.
type test struct {
	how     how
	off     uint8
	mask    uint32
	k       uint32
	members uint64 // for isIn
	set     int    // for isOneOf, an index
	yes, no ref
}

// set is what follows for each of several keys, which are sorted.
type set struct {
	keys    []uint32
	targets []ref
}

type how uint8

const (
	isEqual   how = iota // becomes isIn before it is asked
	isIn                 // one of k to k+63, as the bits of members say
	isGreater            // greater than k
	isAtLeast            // at least k
	hasBits              // any bit of k, becomes isGreater than 0 before it is asked
	isOneOf              // one of the keys of a set
	isResult             // no question: the program returns the bits shifted right by k
)

// value is the content of a register: a constant, something computed from one word of the context, or something else.
type value struct {
	opaque     bool // something else, about which no question can be asked
	loaded     bool // ((word at off) & mask) >> shift + k; otherwise it is k alone
	off, shift uint8
	mask, k    uint32
}

// isConstant tells whether the value is the same for all contexts.
func (v *value) isConstant() bool { return !v.loaded && !v.opaque }

// point is a place in the program together with the contents of the registers there. Equal points lead to equal
// results.
type point struct {
	pc   int
	a, x value
}

// decider turns a program into a decision.
type decider struct {
	code []inst
	d    *decision
	// result of from for conditional jumps
	known  map[point]ref
	budget int // instructions that may still be looked at
}

// decide returns the first question of a program, or nil if the program cannot be expressed by questions about single
// words.
func decide(code []inst) *question {
	c := decider{code: code, d: &decision{}, known: map[point]ref{}, budget: 4*len(code) + 64}
	start, ok := c.from(point{})
	if !ok {
		return nil
	}
	c.d.start = start
	c.d.join()
	return c.d.link()
}

// from returns what follows from a point, or false if that cannot be expressed as a decision. Programs are long rather
// than deep, so only branches recurse.
func (c *decider) from(p point) (ref, bool) {
	for ; ; p.pc++ {
		if c.budget--; c.budget < 0 {
			return 0, false
		}
		in := c.code[p.pc]
		switch in.op {
		case opJa:
			p.pc += int(in.k)
		case opJeqK, opJeqX, opJgtK, opJgtX, opJgeK, opJgeX, opJsetK, opJsetX:
			return c.branch(p, in)
		case opRetK:
			return c.result(in.k), true
		case opRetA:
			switch a := p.a; {
			case a.isConstant():
				return c.result(a.k), true
			case a.opaque || a.k != 0:
				return 0, false
			default:
				return c.test(test{how: isResult, off: a.off, mask: a.mask, k: uint32(a.shift)}), true
			}
		case opDivX:
			if !p.x.isConstant() {
				return 0, false // it may end the program
			}
			if p.x.k == 0 {
				return c.result(0), true
			}
			p.a.apply(opDivK, p.x.k)
		default:
			p.step(in)
		}
	}
}

// step executes an instruction that only changes registers. Scratch memory is not tracked.
func (p *point) step(in inst) {
	switch in.op {
	case opLdImm:
		p.a = value{k: in.k}
	case opLdAbs:
		p.a = value{loaded: true, off: uint8(in.k), mask: ^uint32(0)}
	case opLdxImm:
		p.x = value{k: in.k}
	case opTax:
		p.x = p.a
	case opTxa:
		p.a = p.x
	case opLdMem:
		p.a = value{opaque: true}
	case opLdxMem:
		p.x = value{opaque: true}
	case opSt, opStx:
	default:
		o, k := in.op, in.k
		if onK := withK[o]; onK != 0 {
			if o, k = onK, p.x.k; !p.x.isConstant() {
				p.a = value{opaque: true}
				return
			}
		}
		p.a.apply(o, k)
	}
}

// apply applies arithmetic with a constant.
func (v *value) apply(o op, k uint32) {
	switch {
	case v.opaque:
	case !v.loaded:
		v.k = arithmetic(o, v.k, k)
	case o == opAddK:
		v.k += k
	case o == opSubK:
		v.k -= k
	case o == opAndK && v.k == 0:
		v.mask &= k << v.shift
	case o == opRshK && v.k == 0:
		v.shift = min(v.shift+uint8(k&31), 32)
		v.mask &= ^uint32(0) << v.shift
	default:
		*v = value{opaque: true}
	}
	if v.loaded && v.mask == 0 {
		*v = value{k: v.k}
	}
}

// branch returns the question for a conditional jump, or what follows if the condition is the same for all contexts.
func (c *decider) branch(p point, in inst) (ref, bool) {
	if r, ok := c.known[p]; ok {
		return r, true
	}
	k := in.k
	if onK := withK[in.op]; onK != 0 {
		if !p.x.isConstant() {
			return 0, false
		}
		in.op, k = onK, p.x.k
	}
	if p.a.opaque {
		return 0, false
	}
	at := p
	if p.a.isConstant() {
		p.pc += 1 + int(in.skip(holds(in.op, p.a.k, k)))
		r, ok := c.from(p)
		c.known[at] = r
		return r, ok
	}
	p.pc = at.pc + 1 + int(in.jt)
	yes, ok := c.from(p)
	if !ok {
		return 0, false
	}
	p.pc = at.pc + 1 + int(in.jf)
	no, ok := c.from(p)
	if !ok {
		return 0, false
	}
	r := yes
	if yes != no {
		t := test{how: questions[in.op], yes: yes, no: no}
		if r, ok = c.ask(p.a, t, k); !ok {
			return 0, false
		}
	}
	c.known[at] = r
	return r, true
}

var questions = map[op]how{opJeqK: isEqual, opJgtK: isGreater, opJgeK: isAtLeast, opJsetK: hasBits}

// ask adds a question that compares the value with k. It turns that into one about the word itself.
func (c *decider) ask(v value, t test, k uint32) (ref, bool) {
	if v.k != 0 && t.how != isEqual {
		return 0, false
	}
	k -= v.k
	most := v.mask >> v.shift // the largest value without k
	t.off, t.mask, t.k = v.off, v.mask, k<<v.shift
	switch {
	case t.how == isEqual && k&^most != 0, t.how == isGreater && k >= most, t.how == isAtLeast && k > most:
		return t.no, true
	case t.how == hasBits:
		t.mask &= t.k
		if t.how, t.k = isGreater, 0; t.mask == 0 {
			return t.no, true
		}
	}
	return c.test(t), true
}

// test adds a test and returns a ref to it.
func (c *decider) test(t test) ref {
	c.d.tests = append(c.d.tests, t)
	return ref(len(c.d.tests) - 1)
}

// result returns a ref to a result.
func (c *decider) result(k uint32) ref {
	i := slices.Index(c.d.results, k)
	if i < 0 {
		i = len(c.d.results)
		c.d.results = append(c.d.results, k)
	}
	return ^ref(i)
}

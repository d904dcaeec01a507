package policy

import (
	"math/bits"
	"net/netip"

	"github.com/uringsim/uringsim/uapi"
)

// naive compiles as one would by hand without thinking: every test loads what it looks at and jumps with ja. It shares
// no code with Compile, whose witness it is. ok is false if the program gets too long.
func naive(p *Policy, op uapi.Op) (insns []uapi.SockFilter, ok bool) {
	c := &naiveCompiler{}
	for i := range p.Rules {
		r := &p.Rules[i]
		if !r.fits(op) {
			continue
		}
		yes, no := c.label(), c.label()
		if r.If != nil {
			c.cond(r.If, yes, no)
		}
		c.here(yes)
		c.put(retK, naiveRet(r.Action))
		c.here(no)
	}
	c.put(retK, naiveRet(p.Default))
	for pc, label := range c.jumps {
		c.out[pc].K = uint32(c.labels[label] - pc - 1)
	}
	return c.out, len(c.out) <= uapi.BPF_MAXINSNS
}

func naiveRet(a Action) uint32 {
	if a {
		return 1
	}
	return 0
}

type naiveCompiler struct {
	out    []uapi.SockFilter
	labels []int
	jumps  map[int]int // from the instruction to the label
}

func (c *naiveCompiler) label() int { c.labels = append(c.labels, 0); return len(c.labels) - 1 }

func (c *naiveCompiler) here(label int) { c.labels[label] = len(c.out) }

func (c *naiveCompiler) put(code uint16, k uint32) {
	c.out = append(c.out, uapi.SockFilter{Code: code, K: k})
}

func (c *naiveCompiler) jump(label int) {
	if c.jumps == nil {
		c.jumps = map[int]int{}
	}
	c.jumps[len(c.out)] = label
	c.put(ja, 0)
}

// branch goes to yes if the accumulator compares so with k, and to no otherwise.
func (c *naiveCompiler) branch(code uint16, k uint32, yes, no int) {
	c.out = append(c.out, uapi.SockFilter{Code: code, Jt: 0, Jf: 1, K: k})
	c.jump(yes)
	c.jump(no)
}

func (c *naiveCompiler) cond(cond Cond, yes, no int) {
	switch cond := cond.(type) {
	case Not:
		c.cond(cond.Cond, no, yes)
	case All:
		for _, part := range cond {
			next := c.label()
			c.cond(part, next, no)
			c.here(next)
		}
		c.jump(yes)
	case Any:
		for _, part := range cond {
			next := c.label()
			c.cond(part, yes, next)
			c.here(next)
		}
		c.jump(no)
	case *Test:
		c.test(cond, yes, no)
	}
}

func (c *naiveCompiler) test(t *Test, yes, no int) {
	if t.Rel == Ne {
		yes, no = no, yes
	}
	for _, v := range t.Values {
		next, inside := c.label(), c.label()
		switch lo, hi := v.Lo, v.Hi; {
		case t.Field == "addr":
			c.prefix(v.Prefix, yes, next)
		case t.Rel == Eq || t.Rel == Ne || t.Rel == In:
			c.atLeast(t, lo, inside, next)
			c.here(inside)
			c.above(t, hi, next, yes)
		case t.Rel == Lt:
			c.atLeast(t, lo, next, yes)
		case t.Rel == Le:
			c.above(t, lo, next, yes)
		case t.Rel == Gt:
			c.above(t, lo, yes, next)
		case t.Rel == Ge:
			c.atLeast(t, lo, yes, next)
		}
		c.here(next)
	}
	c.jump(no)
}

func (c *naiveCompiler) atLeast(t *Test, v uint64, yes, no int) { c.compare(t, 0x35, v, yes, no) }

func (c *naiveCompiler) above(t *Test, v uint64, yes, no int) { c.compare(t, 0x25, v, yes, no) }

// compare compares the field, in the machine's order, with v by jge or jgt: the high half first if it has one.
func (c *naiveCompiler) compare(t *Test, code uint16, v uint64, yes, no int) {
	place := map[string]uint32{"user_data": 0, "opcode": 8, "sqe_flags": 8, "family": 16, "type": 20, "protocol": 24,
		"flags": 16, "mode": 24, "resolve": 32, "port": 20, "v4_addr": 24}
	off := place[t.Field]
	switch t.Field {
	case "user_data", "flags", "mode", "resolve":
		same, low := c.label(), c.label()
		c.put(ldAbs, off+4)
		c.put(andK, uint32(t.Mask>>32))
		c.branch(0x25, uint32(v>>32), yes, same)
		c.here(same)
		c.branch(0x35, uint32(v>>32), low, no)
		c.here(low)
		c.put(ldAbs, off)
	case "opcode":
		c.put(ldAbs, off)
		c.put(andK, 0xff)
	case "sqe_flags":
		c.put(ldAbs, off)
		c.put(rshK, 8)
	case "port":
		c.swap(off, 0xff, 8, 0xff00, 8)
	case "v4_addr":
		c.swap(off, 0xff, 24, 0xff000000, 24)
		c.put(0x02, 1) // st M[1]
		c.swap(off, 0xff00, 8, 0xff0000, 8)
		c.put(0x61, 1) // ldx M[1]
		c.put(0x4c, 0) // or x
	default:
		c.put(ldAbs, off)
	}
	c.put(andK, uint32(t.Mask))
	c.branch(code, uint32(v), yes, no)
}

// swap makes the accumulator (word & up) << left | (word & down) >> right.
func (c *naiveCompiler) swap(off, up, left, down, right uint32) {
	c.put(ldAbs, off)
	c.put(andK, up)
	c.put(0x64, left) // lsh
	c.put(0x02, 0)    // st M[0]
	c.put(ldAbs, off)
	c.put(andK, down)
	c.put(rshK, right)
	c.put(0x61, 0) // ldx M[0]
	c.put(0x4c, 0) // or x
}

// prefix compares the bytes of an address, of which the words have the first one lowest.
func (c *naiveCompiler) prefix(p netip.Prefix, yes, no int) {
	family := uint32(uapi.AF_INET6)
	if p.Addr().Is4() {
		family = uapi.AF_INET
	}
	next := c.label()
	c.put(ldAbs, 16)
	c.branch(jeqK, family, next, no)
	c.here(next)
	b := p.Addr().AsSlice()
	for i := 0; i < p.Bits(); i += 32 {
		word := uint32(b[i/8])<<24 | uint32(b[i/8+1])<<16 | uint32(b[i/8+2])<<8 | uint32(b[i/8+3])
		mask := ^uint32(0) << max(0, 32-(p.Bits()-i))
		next := c.label()
		c.put(ldAbs, 24+uint32(i/8))
		c.put(andK, bits.ReverseBytes32(mask))
		c.branch(jeqK, bits.ReverseBytes32(word), next, no)
		c.here(next)
	}
	c.jump(yes)
}

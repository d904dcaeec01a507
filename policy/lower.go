package policy

import (
	"cmp"
	"math/bits"
	"net/netip"
	"slices"

	"github.com/uringsim/uringsim/uapi"
)

// decide returns the graph of a policy's rules for an opcode, and its root.
func decide(p *Policy, op uapi.Op) (*graph, *node) {
	g := newGraph(op)
	var rules []*Rule
	for i := range p.Rules {
		if r := &p.Rules[i]; r.fits(op) {
			rules = append(rules, r)
			for _, t := range tests(r.If, nil) {
				g.turn = g.turn || t.Field == "port" && t.ordered()
			}
		}
	}
	root := g.leafFor(p.Default)
	for _, r := range slices.Backward(rules) {
		if to := g.leafFor(r.Action); r.If == nil {
			root = to
		} else {
			root = g.lower(r.If, to, root)
		}
	}
	return g, root
}

// ordered tells whether the test compares values by size.
func (t *Test) ordered() bool {
	return t.Rel != Eq && t.Rel != Ne && t.Rel != In ||
		slices.ContainsFunc(t.Values, func(v Value) bool { return v.Lo != v.Hi })
}

// lower returns a node that goes to yes if the condition holds, and to no otherwise.
func (g *graph) lower(c Cond, yes, no *node) *node {
	switch c := c.(type) {
	case All:
		n := yes
		for _, part := range slices.Backward(cheapFirst(c)) {
			n = g.lower(part, n, no)
		}
		return n
	case Any:
		n := no
		for _, part := range slices.Backward(cheapFirst(c)) {
			n = g.lower(part, yes, n)
		}
		return n
	case Not:
		return g.lower(c.Cond, no, yes)
	case *Test:
		return g.lowerTest(c, yes, no)
	}
	panic("policy: unknown kind of condition")
}

// cheapFirst sorts conditions whose order does not matter: cheap ones first, and those about the same word next to each
// other.
func cheapFirst(conds []Cond) []Cond {
	sorted := slices.Clone(conds)
	slices.SortStableFunc(sorted, func(a, b Cond) int {
		if d := cost(a) - cost(b); d != 0 {
			return d
		}
		return int(firstWord(a)) - int(firstWord(b))
	})
	return sorted
}

// cost estimates how many instructions a condition takes.
func cost(c Cond) int {
	n := 0
	for _, t := range tests(c, nil) {
		switch f := fieldNamed(t.Field); {
		case f.order == address:
			n += 5 * len(t.Values)
		case f.width == 64:
			n += 4 * len(t.Values)
		case f.order == network && t.ordered():
			n += 4 + len(t.Values)
		default:
			n += 1 + len(t.Values)
		}
	}
	return n
}

// firstWord returns the offset of the first word that a condition looks at.
func firstWord(c Cond) uint32 {
	if all := tests(c, nil); len(all) > 0 {
		return fieldNamed(all[0].Field).off
	}
	return 0
}

func (g *graph) lowerTest(t *Test, yes, no *node) *node {
	g.at = known(t.Pos)
	f := fieldNamed(t.Field)
	if t.Rel == Ne {
		yes, no = no, yes
	}
	switch {
	case f.order == address:
		return g.lowerAddress(t.Values, yes, no)
	case f.width == 64:
		return g.lower64(f, t, yes, no)
	case f.order == network && (f.width > 16 || !g.turn):
		return g.lowerTurned(f, t, yes, no)
	}
	w := word{f.off, f.order == network}
	return g.choose(w, uint32(t.Mask)<<f.shift, pieces32(t.ranges(), f.shift, yes, no))
}

// span64 is a range of numbers, both ends included.
type span64 struct{ lo, hi uint64 }

// ranges returns the numbers for which the test holds, sorted and disjoint. For Ne, they are those for which it does
// not.
func (t *Test) ranges() []span64 {
	v, top := t.Values[0].Lo, t.Mask
	switch t.Rel {
	case Lt:
		if v == 0 {
			return nil
		}
		return []span64{{0, v - 1}}
	case Le:
		return []span64{{0, v}}
	case Gt:
		if v >= top {
			return nil
		}
		return []span64{{v + 1, top}}
	case Ge:
		if v > top {
			return nil
		}
		return []span64{{v, top}}
	}
	var all []span64
	for _, v := range t.Values {
		all = append(all, span64{v.Lo, v.Hi})
	}
	slices.SortFunc(all, func(a, b span64) int { return cmp.Compare(a.lo, b.lo) })
	var out []span64
	for _, s := range all {
		if n := len(out); n > 0 && s.lo <= out[n-1].hi+1 && out[n-1].hi+1 != 0 {
			out[n-1].hi = max(out[n-1].hi, s.hi)
		} else if n == 0 || out[n-1].hi != ^uint64(0) {
			out = append(out, s)
		}
	}
	return out
}

// pieces32 goes to yes for values within the ranges, shifted left, and to no for others.
func pieces32(ranges []span64, shift uint, yes, no *node) []piece {
	pieces := []piece{{0, no}}
	for _, s := range ranges {
		lo, end := s.lo<<shift, (s.hi+1)<<shift
		if pieces[len(pieces)-1].lo == uint32(lo) {
			pieces = pieces[:len(pieces)-1]
		}
		pieces = append(pieces, piece{uint32(lo), yes})
		if end <= 0xffffffff {
			pieces = append(pieces, piece{uint32(end), no})
		}
	}
	return pieces
}

// lower64 compares the high half of a field, and then the low half where that matters.
func (g *graph) lower64(f *Field, t *Test, yes, no *node) *node {
	// above are the values of the high half at which the result may change.
	ranges := t.ranges()
	above := []uint64{0}
	for _, s := range ranges {
		above = append(above, s.lo>>32, s.lo>>32+1, s.hi>>32, s.hi>>32+1)
	}
	slices.Sort(above)
	var pieces []piece
	for _, hi := range slices.Compact(above) {
		if hi > 0xffffffff {
			continue
		}
		var within []span64 // of the low half
		first, _ := slices.BinarySearchFunc(ranges, hi<<32, func(s span64, v uint64) int { return cmp.Compare(s.hi, v) })
		for _, s := range ranges[first:] {
			lo, end := max(s.lo, hi<<32), min(s.hi, hi<<32|0xffffffff)
			if lo > end {
				break
			}
			within = append(within, span64{lo & 0xffffffff, end & 0xffffffff})
		}
		low := g.choose(word{off: f.off}, uint32(t.Mask), pieces32(within, 0, yes, no))
		pieces = append(pieces, piece{uint32(hi), low})
	}
	return g.choose(word{off: f.off + 4}, uint32(t.Mask>>32), pieces)
}

// lowerTurned compares a field in network order with constants in network order, which suffices for equality.
func (g *graph) lowerTurned(f *Field, t *Test, yes, no *node) *node {
	turned := func(v uint64) uint32 {
		if f.width == 16 {
			return uint32(bits.ReverseBytes16(uint16(v)))
		}
		return bits.ReverseBytes32(uint32(v))
	}
	mask := turned(t.Mask)
	if t.Mask == f.Bits() {
		mask = ^uint32(0) // the bytes behind a port are 0
	}
	var values []uint32
	for _, v := range t.Values {
		values = append(values, turned(v.Lo))
	}
	return g.among(word{off: f.off}, mask, values, yes, no)
}

// among goes to yes for the given values of a word.
func (g *graph) among(w word, mask uint32, values []uint32, yes, no *node) *node {
	slices.Sort(values)
	var ranges []span64
	for _, v := range slices.Compact(values) {
		if n := len(ranges); n > 0 && ranges[n-1].hi+1 == uint64(v) {
			ranges[n-1].hi++
		} else {
			ranges = append(ranges, span64{uint64(v), uint64(v)})
		}
	}
	return g.choose(w, mask, pieces32(ranges, 0, yes, no))
}

// lowerAddress tests whether the address is in one of the prefixes. Those of IPv4 only apply if family is AF_INET, and
// those of IPv6 if it is AF_INET6.
func (g *graph) lowerAddress(values []Value, yes, no *node) *node {
	var v4, v6 []prefix
	for _, v := range values {
		p := prefixOf(v.Prefix)
		if v.Prefix.Addr().Is4() {
			v4 = append(v4, p)
		} else {
			v6 = append(v6, p)
		}
	}
	const family = uapi.BPFCtxPDU
	n := no
	if v6 != nil {
		n = g.node(step{word: word{off: family}, mask: ^uint32(0), rel: equal, k: uapi.AF_INET6,
			t: g.prefixes(v6, 0, yes, no), f: n})
	}
	if v4 != nil {
		n = g.node(step{word: word{off: family}, mask: ^uint32(0), rel: equal, k: uapi.AF_INET,
			t: g.prefixes(v4, 0, yes, no), f: n})
	}
	return n
}

// prefix is an address prefix: the words of the address as they are loaded, and which of their bits count.
type prefix struct{ words, masks [4]uint32 }

func prefixOf(p netip.Prefix) prefix {
	var out prefix
	for i, b := range p.Addr().AsSlice() {
		mask := uint32(0xff)
		if left := p.Bits() - 8*i; left < 8 {
			mask = 0xff << (8 - max(left, 0)) & 0xff
		}
		out.words[i/4] |= uint32(b) << (i % 4 * 8)
		out.masks[i/4] |= mask << (i % 4 * 8)
	}
	return out
}

// prefixes tests whether the address is in one of the prefixes, from word i on.
func (g *graph) prefixes(all []prefix, i int, yes, no *node) *node {
	// Prefixes with the same word share the tests that follow; those that end in this word need one test per length.
	n := no
	ends := map[uint32][]uint32{} // by mask
	var masks []uint32
	var more [][]prefix
	for _, p := range all {
		at := slices.IndexFunc(more, func(group []prefix) bool { return group[0].words[i] == p.words[i] })
		switch {
		case i == 3 || p.masks[i+1] == 0:
			if ends[p.masks[i]] == nil {
				masks = append(masks, p.masks[i])
			}
			ends[p.masks[i]] = append(ends[p.masks[i]], p.words[i])
		case at >= 0:
			more[at] = append(more[at], p)
		default:
			more = append(more, []prefix{p})
		}
	}
	w := word{off: uapi.BPFCtxPDU + 8 + 4*uint32(i)}
	for _, group := range slices.Backward(more) {
		n = g.node(step{word: w, mask: ^uint32(0), rel: equal, k: group[0].words[i],
			t: g.prefixes(group, i+1, yes, no), f: n})
	}
	for _, mask := range slices.Backward(masks) {
		n = g.among(w, mask, ends[mask], yes, n)
	}
	return n
}

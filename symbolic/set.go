package symbolic

import (
	"fmt"
	"math/big"
	"math/bits"
	"slices"
	"strings"
)

// The most parts of a condition on one field; nobody would read more.
const (
	maxRanges   = 256
	maxPatterns = 64
)

// Condition is a condition on a field of the context: the value is in one of the ranges or matches one of the patterns
// or, with Not, none of them.
type Condition struct {
	Field    string
	Text     string // the condition in words
	Not      bool
	LowBits  int // the ranges are about the value modulo 1<<LowBits; 0 means the whole value
	Ranges   []Range
	Patterns []Pattern
}

// Range is a range of values, both ends included.
type Range struct{ From, To uint64 }

// Pattern is the set of values whose bits in Mask are those of Value.
type Pattern struct{ Mask, Value *big.Int }

// Holds tells whether the condition holds for a value of its field.
func (c *Condition) Holds(v *big.Int) bool {
	low := v
	if c.LowBits > 0 {
		mask := new(big.Int).Lsh(big.NewInt(1), uint(c.LowBits))
		low = new(big.Int).And(v, mask.Sub(mask, big.NewInt(1)))
	}
	in := false
	for _, r := range c.Ranges {
		in = in || low.IsUint64() && r.From <= low.Uint64() && low.Uint64() <= r.To
	}
	for _, p := range c.Patterns {
		in = in || new(big.Int).And(v, p.Mask).Cmp(p.Value) == 0
	}
	return in != c.Not
}

// valueSet is a set of values of a field, as a function of its variables. The first skip bits do not matter.
type valueSet struct {
	*contexts
	f    *field
	skip int
	in   function
}

func (c *contexts) valueSet(f *field, in function) valueSet {
	s := valueSet{c, f, 0, in}
	for s.skip < len(f.bits)-1 && int(c.nodes[in].variable) > f.first+s.skip {
		s.skip++
	}
	return s
}

// bits returns the bits that matter.
func (s valueSet) bits() []place { return s.f.bits[s.skip:] }

// dense tells whether these bits are contiguous down to the lowest.
func (s valueSet) dense() bool { return s.bits()[0].weight == len(s.bits())-1 }

// ranges returns the ranges that make up the set, or false if there are too many.
func (s valueSet) ranges(in function) (all []Range, ok bool) {
	if len(s.bits()) > 64 || !s.dense() || s.f.words.addr {
		return nil, false
	}
	ok = true
	var walk func(in function, bit int, from uint64)
	walk = func(in function, bit int, from uint64) {
		width := len(s.f.bits) - bit
		switch {
		case in == never || !ok:
		case in == always:
			to := from + (1<<width - 1) // 1<<64 is 0, whose predecessor is right
			if n := len(all); n > 0 && all[n-1].To+1 == from {
				all[n-1].To = to
			} else {
				all = append(all, Range{from, to})
			}
			ok = len(all) <= maxRanges
		default:
			no, yes := s.split(in, int32(s.f.first+bit))
			walk(no, bit+1, from)
			walk(yes, bit+1, from|1<<(width-1))
		}
	}
	walk(in, s.skip, 0)
	return all, ok
}

// patterns returns disjoint patterns that make up the set, or false if there are too many.
func (s valueSet) patterns(in function) (all []Pattern, ok bool) {
	ok = true
	var walk func(in function, mask, value *big.Int)
	walk = func(in function, mask, value *big.Int) {
		switch {
		case in == never || !ok:
		case in == always:
			all = append(all, Pattern{mask, value})
			ok = len(all) <= maxPatterns
		default:
			n := s.nodes[in]
			weight := s.f.bits[int(n.variable)-s.f.first].weight
			more := new(big.Int).SetBit(mask, weight, 1)
			walk(n.no, more, value)
			walk(n.yes, more, new(big.Int).SetBit(value, weight, 1))
		}
	}
	walk(in, new(big.Int), new(big.Int))
	return all, ok
}

// condition describes the set as briefly as possible: by ranges or patterns, of the set or of its complement. Value
// writes a number. It returns false if every way is too long.
func (s valueSet) condition(value func(*big.Int) string) (best Condition, ok bool) {
	cost := 0
	consider := func(n int, c Condition) {
		if !ok || n < cost {
			best, cost, ok = c, n, true
		}
	}
	perRange, perPattern := 2, 6
	if s.f.words.flags != nil { // ranges of flags say little
		// ranges of flags mean little to people
		perRange, perPattern = 5, 3
	}
	out := s.not(s.in)
	ranges := Condition{Field: s.f.name}
	if s.skip > 0 {
		ranges.LowBits = len(s.bits())
	}
	if all, fits := s.ranges(s.in); fits {
		ranges.Ranges, ranges.Text = all, s.subject()+"is "+s.rangesText(all, value)
		consider(len(all)*perRange, ranges)
	}
	if all, fits := s.ranges(out); fits {
		ranges.Ranges, ranges.Text, ranges.Not = all, s.subject()+"is not "+s.rangesText(all, value), true
		consider(len(all)*perRange+1, ranges)
	}
	if all, fits := s.patterns(s.in); fits {
		consider(len(all)*perPattern, Condition{Field: s.f.name, Patterns: all, Text: s.patternsText(all, value)})
	}
	if all, fits := s.patterns(out); fits {
		if text, says := s.without(all, value); says {
			consider(len(all)*perPattern+1, Condition{Field: s.f.name, Patterns: all, Text: text, Not: true})
		}
	}
	return best, ok
}

// subject names what the ranges are about.
func (s valueSet) subject() string {
	if s.skip == 0 {
		return s.f.name + " "
	}
	return fmt.Sprintf("%s & %#x ", s.f.name, uint64(1)<<len(s.bits())-1)
}

// rangesText joins ranges, as in "1, 2 or 5 to 7".
func (s valueSet) rangesText(all []Range, value func(*big.Int) string) string {
	write := func(v uint64) string { return value(new(big.Int).SetUint64(v)) }
	top := uint64(1)<<len(s.bits()) - 1 // 1<<64 is 0, whose predecessor is right
	var parts []string
	for _, r := range all {
		switch {
		case r.From == r.To:
			parts = append(parts, write(r.From))
		case r.To == r.From+1:
			parts = append(parts, write(r.From), write(r.To))
		case r.To == top:
			parts = append(parts, "at least "+write(r.From))
		case r.From == 0:
			parts = append(parts, "at most "+write(r.To))
		default:
			parts = append(parts, write(r.From)+" to "+write(r.To))
		}
	}
	return enumerate(parts)
}

// enumerate joins parts, as in "a, b or c".
func enumerate(parts []string) string {
	if n := len(parts); n > 1 {
		return strings.Join(parts[:n-1], ", ") + " or " + parts[n-1]
	}
	return strings.Join(parts, "")
}

// patternsText joins descriptions of patterns by "or". Patterns of whole values become one list, as do networks.
func (s valueSet) patternsText(all []Pattern, value func(*big.Int) string) string {
	if nets, ok := s.networks(all, value); ok {
		return s.f.name + " is in " + nets
	}
	var whole, parts []string
	for _, c := range all {
		if value != nil && c.Mask.Cmp(s.full()) == 0 {
			whole = append(whole, value(c.Value))
		} else {
			parts = append(parts, s.pattern(c, value))
		}
	}
	if whole != nil {
		parts = append([]string{s.f.name + " is " + enumerate(whole)}, parts...)
	}
	if len(parts) > 1 {
		return "(" + strings.Join(parts, ", or ") + ")"
	}
	return strings.Join(parts, "")
}

// full returns the mask of all bits of the field.
func (s valueSet) full() *big.Int {
	mask := new(big.Int)
	for _, p := range s.f.bits {
		mask.SetBit(mask, p.weight, 1)
	}
	return mask
}

// prefix returns the length of the prefix that the mask selects, and whether it selects one.
func (s valueSet) prefix(mask *big.Int) (n int, ok bool) {
	width := len(s.f.bits)
	n = width - int(mask.TrailingZeroBits())
	for i := range n {
		if mask.Bit(width-1-i) == 0 {
			return 0, false
		}
	}
	return n, true
}

// networks returns the patterns as networks, or false if the field is not an address or a pattern is not a prefix.
func (s valueSet) networks(all []Pattern, value func(*big.Int) string) (text string, ok bool) {
	if !s.f.words.addr {
		return "", false
	}
	var nets []string
	for _, c := range all {
		n, ok := s.prefix(c.Mask)
		switch {
		case !ok:
			return "", false
		case value != nil:
			nets = append(nets, prefixed(value(c.Value), n))
		case n <= 32: // it may be of either family
			nets = append(nets, prefixed(ipv4(c.Value), n), prefixed(ipv6(c.Value), n))
		default:
			nets = append(nets, prefixed(ipv6(c.Value), n))
		}
	}
	return enumerate(nets), true
}

// prefixed writes a prefix of n bits. A whole address is written without its length; one of AF_INET is followed by
// zeros.
func prefixed(addr string, n int) string {
	whole := 128
	if !strings.Contains(addr, ":") {
		whole = 32
	}
	if n >= whole {
		return addr
	}
	return fmt.Sprintf("%s/%d", addr, n)
}

// pattern describes the bits of a pattern, as in "flags has A and lacks B".
func (s valueSet) pattern(c Pattern, value func(*big.Int) string) string {
	if nets, ok := s.networks([]Pattern{c}, value); ok {
		return s.f.name + " is in " + nets
	}
	if s.f.words.flags == nil || !c.Mask.IsUint64() {
		return fmt.Sprintf("%s & 0x%s is 0x%s", s.f.name, c.Mask.Text(16), c.Value.Text(16))
	}
	set, clear, parts := s.flagParts(c)
	if set != 0 {
		parts = append(parts, "has "+strings.ReplaceAll(s.f.words.flagNames(set, "|"), "|", " and "))
	}
	switch names := s.f.words.flagNames(clear, ", "); {
	case clear == 0:
	case bits.OnesCount64(clear) == 1:
		parts = append(parts, "lacks "+names)
	default:
		parts = append(parts, "has none of "+names)
	}
	return s.f.name + " " + strings.Join(parts, " and ")
}

// flagParts returns the flags that a pattern sets and clears. Bits that together form a number are described in parts.
func (s valueSet) flagParts(c Pattern) (set, clear uint64, parts []string) {
	mask, v, plain := c.Mask.Uint64(), c.Value.Uint64(), s.f.words.plain
	switch m := mask & plain; {
	case m == 0:
	case m == plain:
		parts = append(parts, "is "+s.f.words.flagNames(v&plain, "|")+" apart from flags")
		if slices.IndexFunc(s.f.bits, func(p place) bool { return plain>>p.weight&1 == 0 }) < 0 {
			parts[0] = "is " + s.f.words.flagNames(v&plain, "|")
		}
	default:
		parts = append(parts, fmt.Sprintf("& %#x is %#x", m, v&m))
	}
	return v &^ plain, mask &^ v &^ plain, parts
}

// without describes the set of values that match none of the patterns, if that can be done briefly.
func (s valueSet) without(all []Pattern, value func(*big.Int) string) (string, bool) {
	if nets, ok := s.networks(all, value); ok {
		return s.f.name + " is not in " + nets, true
	}
	if s.f.words.flags == nil || len(all) != 1 || !all[0].Mask.IsUint64() || all[0].Mask.Cmp(s.full()) == 0 {
		return "", false
	}
	set, clear, parts := s.flagParts(all[0])
	names := func(v uint64) string { return s.f.words.flagNames(v, ", ") }
	switch {
	case parts != nil, set != 0 && clear != 0:
		return "", false
	case set != 0:
		return s.f.name + " lacks at least one of " + names(set), true
	}
	return s.f.name + " has at least one of " + names(clear), true
}

package policy

import (
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// or reads conditions joined by "or".
func (p *parser) or() (Cond, error) {
	c, err := p.and()
	if err != nil || !p.is("or") {
		return c, err
	}
	all := Any{c}
	for p.accept("or") {
		c, err := p.and()
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// and reads conditions joined by "and", which binds more tightly than "or".
func (p *parser) and() (Cond, error) {
	c, err := p.not()
	if err != nil || !p.is("and") {
		return c, err
	}
	all := All{c}
	for p.accept("and") {
		c, err := p.not()
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// not reads a test or a condition in parentheses, with any "not" in front of it.
func (p *parser) not() (Cond, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, p.errorf(p.peek().pos, "found conditions nested more than %d deep", maxDepth)
	}
	defer func() { p.depth-- }()
	start := p.pos
	switch {
	case p.accept("not"):
		c, err := p.not()
		return Not{c}, err
	case p.accept("("):
		if t, ok := p.operandInParentheses(); ok {
			return p.relation(t)
		}
		p.pos = start + 1
		c, err := p.or()
		if err == nil {
			err = p.expect(")")
		}
		return c, err
	}
	t, err := p.operand()
	if err != nil {
		return nil, err
	}
	return p.relation(t)
}

// operandInParentheses reads what follows "(" if it is an operand, as in "(flags & O_CREAT)".
func (p *parser) operandInParentheses() (*Test, bool) {
	t, err := p.operand()
	return t, err == nil && p.accept(")")
}

// operand reads a field, perhaps masked: "flags" or "flags & O_CREAT".
func (p *parser) operand() (*Test, error) {
	name := p.peek()
	f := fieldNamed(strings.ToLower(name.text))
	if name.kind != tokWord || f == nil {
		if name.text == "!" {
			return nil, p.found(`"not"`)
		}
		return nil, p.found("a field: " + fieldNames(nil))
	}
	p.next()
	t := &Test{Pos: name.pos, Field: f.Name, Mask: f.Bits()}
	if at := p.peek().pos; p.accept("&") {
		m, err := p.primary(f)
		if err != nil {
			return nil, err
		}
		t.Mask, err = f.mask(p.file, at, m)
		return t, err
	}
	return t, nil
}

// mask returns the bits of the field that "& m" leaves.
func (f *Field) mask(file string, at Pos, m number) (uint64, error) {
	switch rest := m.v &^ f.Bits(); {
	case f.order == address:
		return 0, errorAt(file, at, `found "&" for %s, expected ==, != or in with a prefix such as 10.0.0.0/8`, f.Name)
	case rest != 0 && !m.inverted:
		return 0, errorAt(file, at, "found %#x, which %s never has%s", rest, f.Name, f.reason())
	case m.v&f.Bits() == 0:
		return 0, errorAt(file, at, "found a mask that leaves no bits of %s, expected some", f.Name)
	}
	return m.v & f.Bits(), nil
}

// reason says why some bits of the field are always 0.
func (f *Field) reason() string {
	if f.why == "" {
		return ""
	}
	return ": " + f.why
}

// relation reads what follows an operand, such as "== value" or "in set".
func (p *parser) relation(t *Test) (Cond, error) {
	at := p.peek().pos
	if p.accept("not") {
		if err := p.expect("in"); err != nil {
			return nil, err
		}
		t.Rel = In
		return Not{t}, p.set(t)
	}
	for rel, text := range relText {
		if p.accept(text) {
			t.Rel = Rel(rel)
			if t.Rel == In {
				return t, p.set(t)
			}
			v, err := p.value(t)
			if err == nil {
				t.Values = []Value{v}
				err = t.check(p.file, at)
			}
			return t, err
		}
	}
	if p.is("=") {
		return nil, p.found(`"=="`)
	}
	return nil, p.found("==, !=, <, <=, >, >=, in or not in")
}

// set reads one value, or several in parentheses, any of which may be a range.
func (p *parser) set(t *Test) error {
	if !p.accept("(") {
		return p.item(t)
	}
	for {
		if err := p.item(t); err != nil {
			return err
		}
		if !p.accept(",") {
			return p.expect(")")
		}
	}
}

func (p *parser) item(t *Test) error {
	at := p.peek().pos
	v, err := p.value(t)
	if err != nil {
		return err
	}
	if p.accept("-") {
		hi, err := p.value(t)
		if err != nil {
			return err
		}
		v.Hi = hi.Hi
	}
	t.Values = append(t.Values, v)
	last := Test{Pos: t.Pos, Field: t.Field, Mask: t.Mask, Rel: In, Values: []Value{v}}
	return last.check(p.file, at)
}

// value reads a value to compare the field with.
func (p *parser) value(t *Test) (Value, error) {
	f := fieldNamed(t.Field)
	if f.order == address {
		return p.prefix()
	}
	if p.peek().kind == tokAddress {
		return Value{}, p.found("a number for " + f.Name)
	}
	n, err := p.constants(f)
	return Value{Lo: n.v, Hi: n.v}, err
}

// prefix reads an address, with or without a prefix length.
func (p *parser) prefix() (Value, error) {
	t := p.next()
	prefix, err := netip.ParsePrefix(t.text)
	if a, addrErr := netip.ParseAddr(t.text); addrErr == nil {
		prefix, err = netip.PrefixFrom(a, a.BitLen()), nil
	}
	switch {
	case t.kind != tokAddress || err != nil:
		return Value{}, p.errorf(t.pos, "found %s, expected an address such as 10.0.0.0/8, 192.0.2.1 or 2001:db8::/32", t)
	case prefix != prefix.Masked():
		return Value{}, p.errorf(t.pos, "found %s, which has bits set beyond its length, expected %s", t, prefix.Masked())
	}
	return Value{Prefix: prefix}, nil
}

// number is a constant. It is inverted if it was written with "~".
type number struct {
	v        uint64
	inverted bool
}

// constants reads constants joined by "|".
func (p *parser) constants(f *Field) (number, error) {
	n, err := p.primary(f)
	for err == nil && p.accept("|") {
		var m number
		m, err = p.primary(f)
		n = number{n.v | m.v, n.inverted || m.inverted}
	}
	return n, err
}

// primary reads a constant or constants in parentheses, with any "~" in front.
func (p *parser) primary(f *Field) (number, error) {
	if p.depth++; p.depth > maxDepth {
		return number{}, p.errorf(p.peek().pos, "found parentheses nested more than %d deep", maxDepth)
	}
	defer func() { p.depth-- }()
	switch {
	case p.accept("~"):
		n, err := p.primary(f)
		return number{^n.v, !n.inverted}, err
	case p.accept("("):
		n, err := p.constants(f)
		if err == nil {
			err = p.expect(")")
		}
		return n, err
	}
	return p.literal(f)
}

// literal reads a number, or a name that makes sense with the field.
func (p *parser) literal(f *Field) (number, error) {
	t := p.peek()
	switch t.kind {
	case tokNumber:
		v, err := strconv.ParseUint(t.text, 0, 64)
		if err != nil {
			return number{}, p.found("a number of at most 64 bits")
		}
		p.next()
		return number{v: v}, nil
	case tokWord:
		v, family, ok := constant(t.text)
		switch {
		case ok && slices.Contains(f.names, family):
			p.next()
			return number{v: v}, nil
		case f.names == nil:
			return number{}, p.found("a number for " + f.Name)
		}
		return number{}, p.found(f.Name + " to be compared with " + namesOf(f.names) + " or a number")
	}
	return number{}, p.found("a number or a name")
}

// check refuses a comparison that always or never holds, as nobody means one.
func (t *Test) check(file string, at Pos) error {
	f := fieldNamed(t.Field)
	if f.order == address {
		if t.Rel != Eq && t.Rel != Ne && t.Rel != In {
			return errorAt(file, at, "found %q for %s, expected ==, != or in", t.Rel, f.Name)
		}
		return nil
	}
	if f.Name == "v4_addr" && (t.Rel != Eq && t.Rel != Ne && t.Rel != In || t.Values[0].Lo != t.Values[0].Hi) {
		return errorAt(file, at, "found %s in a comparison by size, expected ==, != or in with single values", f.Name)
	}
	v := t.Values[0]
	exact := (t.Rel == Eq || t.Rel == Ne || t.Rel == In) && v.Lo == v.Hi
	switch {
	case v.Lo > v.Hi:
		return errorAt(file, at, "found a range from %d to %d, expected the smaller number first", v.Lo, v.Hi)
	case (v.Lo|v.Hi)&^f.Bits() != 0:
		return errorAt(file, at, "found %#x, which %s never has%s", (v.Lo|v.Hi)&^f.Bits(), f.Name, f.reason())
	case exact && v.Lo&^t.Mask != 0:
		return errorAt(file, at, "found %#x, which %[3]s & %#[2]x never is", v.Lo, t.Mask, f.Name)
	case t.Rel == Lt && v.Lo == 0, t.Rel == Gt && v.Lo >= t.Mask, t.Rel == Ge && v.Lo > t.Mask:
		return errorAt(file, at, "found %s %s %d, which never holds", f.Name, t.Rel, v.Lo)
	case t.Rel == Ge && v.Lo == 0, t.Rel == Le && v.Lo >= t.Mask, t.Rel == Lt && v.Lo > t.Mask,
		t.Rel == In && v.Lo == 0 && v.Hi == math.MaxUint64:
		return errorAt(file, at, "found %s %s %d, which always holds", f.Name, t.Rel, v.Lo)
	}
	return nil
}

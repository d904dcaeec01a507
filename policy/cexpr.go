package policy

import (
	"slices"
	"strconv"
	"strings"
)

// cValue is the value of an expression in C: a constant, a field with the bits that count, or a condition.
type cValue struct {
	kind cKind
	pos  Pos
	num  uint64
	swap int   // width in bits of a constant that is in network order, or of a field that was converted from it; otherwise 0
	test *Test // of a field; relation and values are not set yet
	cond Cond
}

type cKind uint8

const (
	cConstant cKind = iota
	cField
	cCondition
)

// operators are the binary operators: how tightly they bind, and what they make of two constants.
var operators = map[string]struct {
	level int
	fold  func(a, b uint64) uint64
}{
	"||": {level: 1}, "&&": {level: 2},
	"|":  {3, func(a, b uint64) uint64 { return a | b }},
	"^":  {4, func(a, b uint64) uint64 { return a ^ b }},
	"&":  {5, func(a, b uint64) uint64 { return a & b }},
	"==": {level: 6}, "!=": {level: 6},
	"<": {level: 7}, "<=": {level: 7}, ">": {level: 7}, ">=": {level: 7},
	"<<": {8, func(a, b uint64) uint64 { return a << b }},
	">>": {8, func(a, b uint64) uint64 { return a >> b }},
}

// expression reads an expression of operators that bind more tightly than level.
func (c *cParser) expression(level int) (cValue, error) {
	a, err := c.unary()
	for err == nil {
		op := c.peek()
		row, ok := operators[op.text]
		if op.kind != tokSign || !ok || row.level <= level {
			break
		}
		c.next()
		var b cValue
		if b, err = c.expression(row.level); err == nil {
			a, err = c.combine(op, a, b)
		}
	}
	return a, err
}

// combine applies an operator to two values.
func (c *cParser) combine(op token, a, b cValue) (cValue, error) {
	row := operators[op.text]
	switch {
	case op.text == "||" || op.text == "&&":
		return c.logical(op, a, b)
	case row.fold == nil:
		return c.comparison(op, a, b)
	case a.kind == cConstant && b.kind == cConstant:
		return cValue{pos: a.pos, num: row.fold(a.num, b.num), swap: max(a.swap, b.swap)}, nil
	case op.text == "&" && a.kind == cConstant && b.kind == cField:
		a, b = b, a
		fallthrough
	case op.text == "&" && a.kind == cField && b.kind == cConstant:
		if err := c.sameOrder(op.pos, a, b); err != nil {
			return a, err
		}
		mask, err := fieldNamed(a.test.Field).mask(c.file, op.pos, number{b.num, b.num>>63 != 0})
		a.test.Mask &= mask
		if err == nil && a.test.Mask == 0 {
			err = c.errorf(op.pos, "found a mask that leaves no bits of %s, expected some", a.test.Field)
		}
		return a, err
	case op.text == "&" && (a.kind == cCondition || b.kind == cCondition):
		return a, c.errorf(op.pos, `found "&" with a comparison: == binds more tightly than & in C, `+
			`expected (field & mask) == value`)
	}
	return a, c.errorf(op.pos, "found %s with a field, expected a comparison, or & with a constant", op)
}

// logical joins conditions. Those joined by the same operator become one list.
func (c *cParser) logical(op token, a, b cValue) (cValue, error) {
	left, err := a.condition(c)
	if err != nil {
		return a, err
	}
	right, err := b.condition(c)
	if err != nil {
		return a, err
	}
	v := cValue{kind: cCondition, pos: a.pos}
	if op.text == "&&" {
		if all, ok := left.(All); ok {
			v.cond = append(all, right)
		} else {
			v.cond = All{left, right}
		}
		return v, nil
	}
	if some, ok := left.(Any); ok {
		v.cond = append(some, right)
	} else {
		v.cond = Any{left, right}
	}
	return v, nil
}

// mirrored maps each relation to the one with its sides exchanged.
var mirrored = map[string]string{"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

// comparison compares a field with a constant, on either side.
func (c *cParser) comparison(op token, a, b cValue) (cValue, error) {
	text := op.text
	if a.kind == cConstant && b.kind == cField {
		a, b, text = b, a, mirrored[text]
	}
	if a.kind != cField || b.kind != cConstant {
		return a, c.errorf(op.pos, "found %s, expected it between a field and a constant", op)
	}
	if err := c.sameOrder(op.pos, a, b); err != nil {
		return a, err
	}
	a.test.Rel = Rel(slices.Index(relText[:], text))
	if f := fieldNamed(a.test.Field); f.order == network && a.swap == 0 && a.test.Rel != Eq && a.test.Rel != Ne {
		return a, c.errorf(op.pos, "found %s for %s, which is in network order, expected %s around it", op, f.Name,
			toHost[f.width])
	}
	a.test.Values = []Value{{Lo: b.num, Hi: b.num}}
	return cValue{kind: cCondition, pos: a.pos, cond: a.test}, a.test.check(c.file, op.pos)
}

// The functions that change the byte order of numbers, by the width of these in bits.
var (
	toHost    = map[int]string{16: "ntohs", 32: "ntohl"}
	toNetwork = map[int]string{16: "htons", 32: "htonl"}
	swapping  = map[string]int{"htons": 16, "ntohs": 16, "htonl": 32, "ntohl": 32}
)

// sameOrder fails if a field and a constant have different byte orders. The constant 0 fits either.
func (c *cParser) sameOrder(at Pos, field, constant cValue) error {
	f := fieldNamed(field.test.Field)
	want := 0
	if f.order == network && field.swap == 0 {
		want = f.width
	}
	switch {
	case constant.num == 0 || constant.swap == want:
		return nil
	case want != 0:
		return c.errorf(at, "found %s, which is in network order, with a plain number, expected %s(%d)", f.Name,
			toNetwork[want], constant.num)
	}
	return c.errorf(at, "found %s around a number for %s, expected a plain number", toNetwork[constant.swap], f.Name)
}

// condition returns the value as a condition. A field alone holds if it is not 0.
func (v cValue) condition(c *cParser) (Cond, error) {
	switch v.kind {
	case cCondition:
		return v.cond, nil
	case cField:
		v.test.Rel, v.test.Values = Ne, []Value{{}}
		return v.test, nil
	}
	return nil, c.errorf(v.pos, "found a constant, expected a condition")
}

// unary reads a value, with any "!", "~" and "-" in front of it.
func (c *cParser) unary() (cValue, error) {
	if c.depth++; c.depth > maxDepth {
		return cValue{}, c.errorf(c.peek().pos, "found expressions nested more than %d deep", maxDepth)
	}
	defer func() { c.depth-- }()
	op := c.peek()
	if op.kind != tokSign || op.text != "!" && op.text != "~" && op.text != "-" {
		return c.value()
	}
	c.next()
	v, err := c.unary()
	switch {
	case err != nil:
		return v, err
	case op.text == "!":
		cond, err := v.condition(c)
		return cValue{kind: cCondition, pos: op.pos, cond: Not{cond}}, err
	case v.kind != cConstant:
		return v, c.errorf(op.pos, "found %s before a field, expected a constant", op)
	case op.text == "~":
		v.num = ^v.num
	default:
		v.num = -v.num
	}
	return v, nil
}

// value reads a number, a constant, a field, an expression in parentheses, or a call such as htons.
func (c *cParser) value() (cValue, error) {
	t := c.peek()
	if c.accept("(") {
		v, err := c.expression(0)
		if err == nil {
			err = c.expect(")")
		}
		return v, err
	}
	switch t.kind {
	case tokNumber:
		n, err := strconv.ParseUint(strings.TrimRight(t.text, "uUlL"), 0, 64)
		if err != nil {
			return cValue{}, c.found("a number of at most 64 bits")
		}
		c.next()
		return cValue{pos: t.pos, num: n}, nil
	case tokWord:
		c.next()
		if t.text == c.ctx {
			return c.field(t.pos)
		}
		if c.is("(") {
			return c.swap(t)
		}
		n, _, ok := constant(t.text)
		if !ok || t.text != strings.ToUpper(t.text) {
			return cValue{}, c.errorf(t.pos, "found %s, expected a constant such as AF_INET, or a field of %s", t, c.ctx)
		}
		return cValue{pos: t.pos, num: n}, nil
	}
	return cValue{}, c.found("a field of " + c.ctx + " or a constant")
}

// swap reads the rest of a call such as htons(443) or bpf_ntohs(ctx->connect.port).
func (c *cParser) swap(name token) (cValue, error) {
	function := strings.TrimPrefix(strings.TrimPrefix(name.text, "bpf_"), "__constant_")
	width, ok := swapping[function]
	if !ok {
		return cValue{}, c.errorf(name.pos, "found a call of %s, expected htons, htonl, ntohs or ntohl", name)
	}
	c.next()
	v, err := c.expression(0)
	if err == nil {
		err = c.expect(")")
	}
	if err != nil {
		return v, err
	}
	if v.kind == cField {
		f := fieldNamed(v.test.Field)
		if f.order != network || f.width != width || v.swap != 0 {
			return v, c.errorf(name.pos, "found %s around %s, expected a field of %d bits in network order", name, f.Name,
				width)
		}
	} else if v.kind != cConstant || v.num>>width != 0 || v.swap != 0 {
		return v, c.errorf(name.pos, "found %s around something else, expected a number of %d bits", name, width)
	}
	v.swap = width
	return v, nil
}

// cFields maps the names that members of the context have in C to those of fields.
var cFields = map[string]string{
	"user_data": "user_data", "opcode": "opcode", "sqe_flags": "sqe_flags",
	"socket.family": "family", "socket.type": "type", "socket.protocol": "protocol",
	"open.flags": "flags", "open.mode": "mode", "open.resolve": "resolve",
	"connect.family": "family", "connect.port": "port", "connect.v4_addr": "v4_addr",
}

// field reads what follows "ctx".
func (c *cParser) field(at Pos) (cValue, error) {
	if err := c.expect("->"); err != nil {
		return cValue{}, err
	}
	first := c.next()
	name := first.text
	if c.accept(".") {
		name += "." + c.next().text
	}
	f := fieldNamed(cFields[name])
	if f == nil {
		return cValue{}, c.errorf(first.pos, "found %s->%s, expected user_data, opcode, sqe_flags, "+
			"socket.{family,type,protocol}, open.{flags,mode,resolve} or connect.{family,port,v4_addr}", c.ctx, name)
	}
	if payloadStructs[first.text] != nil {
		if !slices.ContainsFunc(c.used, func(u cUse) bool { return u.name == first.text }) {
			c.used = append(c.used, cUse{first.text, first.pos})
		}
	}
	return cValue{kind: cField, pos: at, test: &Test{Pos: at, Field: f.Name, Mask: f.Bits()}}, nil
}

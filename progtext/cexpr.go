package progtext

import (
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"github.com/uringsim/uringsim/uapi"
)

// expression evaluates constant expressions of C. All values have to fit into 32 bits, signed or not. Where C would
// truncate a number, or where its sign matters, it fails instead of guessing.
type expression struct {
	in      *input
	toks    []ctoken
	end     int  // offset for errors at the end
	unknown bool // whether unknown names count as 0
	depth   int
}

func (e *expression) peek() ctoken {
	if len(e.toks) == 0 {
		return ctoken{kind: cEnd, off: e.end}
	}
	return e.toks[0]
}

func (e *expression) next() ctoken {
	t := e.peek()
	if len(e.toks) > 0 {
		e.toks = e.toks[1:]
	}
	return t
}

func (e *expression) accept(text string) bool {
	if t := e.peek(); t.kind != cString && t.text == text {
		e.next()
		return true
	}
	return false
}

func (e *expression) expected(what string) error {
	return e.in.errorf(e.peek().off, "expected %s, found %s", what, e.peek())
}

func (e *expression) expect(texts ...string) error {
	for _, text := range texts {
		if !e.accept(text) {
			return e.expected(strconv.Quote(text))
		}
	}
	return nil
}

// levels are the binary operators by precedence, lowest first.
var levels = [][]string{
	{"||"}, {"&&"}, {"|"}, {"^"}, {"&"}, {"==", "!="}, {"<", "<=", ">", ">="}, {"<<", ">>"}, {"+", "-"}, {"*", "/", "%"},
}

// value reads an expression.
func (e *expression) value() (int64, error) {
	e.depth++
	defer func() { e.depth-- }()
	if e.depth > maxDepth {
		return 0, e.in.errorf(e.peek().off, "expressions are nested too deeply")
	}
	v, err := e.binary(0)
	if err != nil || !e.accept("?") {
		return v, err
	}
	yes, err := e.value()
	if err == nil {
		err = e.expect(":")
	}
	if err != nil {
		return 0, err
	}
	no, err := e.value()
	if v != 0 {
		return yes, err
	}
	return no, err
}

func (e *expression) binary(level int) (int64, error) {
	if level == len(levels) {
		return e.unary()
	}
	v, err := e.binary(level + 1)
	for err == nil && e.peek().kind == cPunct && slices.Contains(levels[level], e.peek().text) {
		op := e.next()
		var w int64
		if w, err = e.binary(level + 1); err == nil {
			v, err = e.apply(op, v, w)
		}
	}
	return v, err
}

// apply applies a binary operator.
func (e *expression) apply(op ctoken, v, w int64) (int64, error) {
	truth := func(is bool) (int64, error) {
		if is {
			return 1, nil
		}
		return 0, nil
	}
	switch op.text {
	case "||":
		return truth(v != 0 || w != 0)
	case "&&":
		return truth(v != 0 && w != 0)
	case "|":
		return v | w, nil
	case "^":
		return e.fits(op, v^w)
	case "&":
		return v & w, nil
	case "+":
		return e.fits(op, v+w)
	case "-":
		return e.fits(op, v-w)
	case "*":
		return e.product(op, v, w)
	}
	if v < 0 || w < 0 {
		return 0, e.in.errorf(op.off, "cannot tell what %s gives for a negative number", op)
	}
	switch op.text {
	case "==":
		return truth(v == w)
	case "!=":
		return truth(v != w)
	case "<":
		return truth(v < w)
	case "<=":
		return truth(v <= w)
	case ">":
		return truth(v > w)
	case ">=":
		return truth(v >= w)
	}
	return e.divide(op, v, w)
}

func (e *expression) product(op ctoken, v, w int64) (int64, error) {
	hi, lo := bits.Mul64(uint64(max(v, -v)), uint64(max(w, -w)))
	if hi != 0 || lo > math.MaxUint32 {
		return 0, e.in.errorf(op.off, "the product does not fit in 32 bits")
	}
	return e.fits(op, v*w)
}

// divide applies the operators whose right operand is limited.
func (e *expression) divide(op ctoken, v, w int64) (int64, error) {
	switch op.text {
	case "<<", ">>":
		if w > 31 {
			return 0, e.in.errorf(op.off, "found a shift by %d, expected at most 31", w)
		}
		if op.text == ">>" {
			return v >> w, nil
		}
		return e.fits(op, v<<w)
	}
	if w == 0 {
		return 0, e.in.errorf(op.off, "found a division by 0")
	}
	if op.text == "%" {
		return v % w, nil
	}
	return v / w, nil
}

func (e *expression) fits(t ctoken, v int64) (int64, error) {
	if v < math.MinInt32 || v > math.MaxUint32 {
		return 0, e.in.errorf(t.off, "%#x does not fit in 32 bits", v)
	}
	return v, nil
}

func (e *expression) unary() (int64, error) {
	t := e.peek()
	if t.kind == cPunct && slices.Contains([]string{"-", "+", "~", "!"}, t.text) {
		e.next()
		if e.depth++; e.depth > maxDepth {
			return 0, e.in.errorf(t.off, "expressions are nested too deeply")
		}
		v, err := e.unary()
		e.depth--
		switch {
		case err != nil:
			return 0, err
		case t.text == "-":
			return e.fits(t, -v)
		case t.text == "~":
			if v = ^v; v < math.MinInt32 { // of an unsigned number
				v &= math.MaxUint32
			}
		case t.text == "!" && v == 0:
			return 1, nil
		case t.text == "!":
			return 0, nil
		}
		return v, nil
	}
	return e.primary()
}

// primary reads a number, a name, a call, or an expression in parentheses.
func (e *expression) primary() (int64, error) {
	switch t := e.peek(); {
	case e.accept("("):
		if width, ok, err := e.typeName(); ok || err != nil {
			if err != nil {
				return 0, err
			}
			return e.cast(width)
		}
		v, err := e.value()
		if err != nil {
			return 0, err
		}
		return v, e.expect(")")
	case t.kind == cNumber:
		e.next()
		v, err := strconv.ParseUint(strings.TrimRight(t.text, "uUlL"), 0, 64)
		if err != nil || strings.Contains(t.text, "_") {
			return 0, e.in.errorf(t.off, "expected a number, found %s", t)
		}
		if v > math.MaxUint32 {
			return 0, e.in.errorf(t.off, "%s does not fit in 32 bits", t.text)
		}
		return int64(v), nil
	case t.kind == cName:
		e.next()
		return e.named(t)
	}
	return 0, e.expected("a number or a constant such as AF_INET")
}

// named returns the value of a name or of a call.
func (e *expression) named(t ctoken) (int64, error) {
	if v, ok := constants[t.text]; ok {
		return int64(v), nil
	}
	switch t.text {
	case "offsetof":
		return e.offsetof()
	case "sizeof":
		err := e.expect("(", "struct", "io_uring_bpf_ctx", ")")
		return uapi.SizeofBPFCtx, err
	case "htons", "ntohs", "htonl", "ntohl":
		if err := e.expect("("); err != nil {
			return 0, err
		}
		v, err := e.value()
		if err != nil {
			return 0, err
		}
		if strings.HasSuffix(t.text, "s") {
			return int64(bits.ReverseBytes16(uint16(v))), e.expect(")")
		}
		return int64(bits.ReverseBytes32(uint32(v))), e.expect(")")
	}
	if e.unknown {
		return 0, nil
	}
	return 0, e.in.errorf(t.off, "%s is neither a known constant nor defined here", t)
}

// offsetof reads the arguments of offsetof for the context.
func (e *expression) offsetof() (int64, error) {
	if err := e.expect("(", "struct", "io_uring_bpf_ctx", ","); err != nil {
		return 0, err
	}
	t := e.next()
	name := t.text
	for e.accept(".") {
		name += "." + e.next().text
	}
	off, ok := members[name]
	if !ok {
		return 0, e.in.errorf(t.off, "struct io_uring_bpf_ctx has no member %q", name)
	}
	v := int64(off)
	if e.accept("[") {
		i, err := e.value()
		if err != nil {
			return 0, err
		}
		if v, err = e.fits(t, v+i); err != nil {
			return 0, err
		}
		if err := e.expect("]"); err != nil {
			return 0, err
		}
	}
	return v, e.expect(")")
}

// typeNames are the widths in bits of the types in casts; negative if signed.
var typeNames = map[string]int{
	"__u8": 8, "__u16": 16, "__u32": 32, "__u64": 64, "__be16": 16, "__be32": 32, "__s32": -32,
	"u8": 8, "u16": 16, "u32": 32, "u64": 64, "uint8_t": 8, "uint16_t": 16, "uint32_t": 32, "uint64_t": 64, "int32_t": -32,
	"unsigned": 32, "int": -32, "unsigned int": 32, "unsigned short": 16, "unsigned char": 8, "unsigned long": 64,
}

// typeName reads the name of a type and the ")" behind it, if there is one.
func (e *expression) typeName() (width int, ok bool, err error) {
	name := ""
	for len(e.toks) > 0 && e.toks[0].kind == cName {
		longer := strings.TrimSpace(name + " " + e.toks[0].text)
		w, known := typeNames[longer]
		if !known {
			break
		}
		name, width = longer, w
		e.next()
	}
	if name == "" {
		return 0, false, nil
	}
	return width, true, e.expect(")")
}

// cast reads the operand of a cast and converts it.
func (e *expression) cast(width int) (int64, error) {
	if e.depth++; e.depth > maxDepth {
		return 0, e.in.errorf(e.peek().off, "expressions are nested too deeply")
	}
	t := e.peek()
	v, err := e.unary()
	e.depth--
	if err != nil {
		return 0, err
	}
	switch width {
	case -32:
		return int64(int32(uint32(v))), nil
	case 64:
		if v < 0 {
			return 0, e.in.errorf(t.off, "a negative number converted to 64 bits does not fit in 32 bits")
		}
		return v, nil
	}
	return v & (1<<width - 1), nil
}

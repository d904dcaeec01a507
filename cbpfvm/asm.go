package cbpfvm

import (
	"math"
	"strconv"
	"strings"

	"github.com/uringsim/uringsim/srcpos"
	"github.com/uringsim/uringsim/uapi"
)

// Assemble translates text in the language of the kernel's bpf_asm, extended by the names of Fields and of uapi's
// constants. It does not check the program, so that programs which the kernel refuses can be written as well. The error
// is an *AsmError.
func Assemble(src string) ([]uapi.SockFilter, error) {
	insns, _, err := AssemblePos(src)
	return insns, err
}

// AssemblePos is like Assemble but also returns the place of each instruction, behind its labels.
func AssemblePos(src string) ([]uapi.SockFilter, []srcpos.Pos, error) {
	toks, err := scan(src)
	if err != nil {
		return nil, nil, err
	}
	a := assembler{toks: toks, labels: map[string]int{}}
	for a.peek().text != "" {
		if err := a.statement(); err != nil {
			return nil, nil, err
		}
	}
	if err := a.resolve(); err != nil {
		return nil, nil, err
	}
	return a.out, a.at, nil
}

// AssembleLines is like Assemble for a list of lines.
func AssembleLines(lines []string) ([]uapi.SockFilter, error) {
	insns, _, err := AssembleList(lines)
	return insns, err
}

// AssembleList is like AssembleLines but also returns, for each instruction, the index of its line.
func AssembleList(lines []string) (insns []uapi.SockFilter, from []int, err error) {
	insns, at, err := AssemblePos(strings.Join(lines, "\n"))
	if err != nil {
		return nil, nil, err
	}
	end, i := 0, -1 // end is the last line of the joined text that belongs to lines[i], which may itself have several
	for _, pos := range at {
		for ; pos.Line > end; end += 1 + strings.Count(lines[i], "\n") {
			i++
		}
		from = append(from, i)
	}
	return insns, from, nil
}

// form is what a mnemonic can stand for.
type form struct {
	ops    []op
	invert bool // the jump has the opposite condition, so that its first target is jf
	bare   bool // the constant may be written without "#"
}

// forms are the mnemonics of codes, and their aliases.
var forms = func() map[string]form {
	t := map[string]form{}
	for o, row := range codes {
		f := t[row.mnemonic]
		f.ops = append(f.ops, op(o))
		t[row.mnemonic] = f
	}
	t["jmp"] = t["ja"]
	t["ldx"] = form{ops: append(t["ldx"].ops, opLdxMsh)}
	t["ldi"] = form{ops: []op{opLdImm}, bare: true}
	t["ldxi"] = form{ops: []op{opLdxImm}, bare: true}
	t["jne"] = form{ops: t["jeq"].ops, invert: true}
	t["jneq"] = t["jne"]
	t["jlt"] = form{ops: t["jge"].ops, invert: true}
	t["jle"] = form{ops: t["jgt"].ops, invert: true}
	return t
}()

// wants lists the operands that the mnemonic takes.
func (f form) wants() string {
	var s []string
	for _, o := range f.ops {
		s = append(s, operandText[codes[o].operand])
	}
	if n := len(s) - 1; n > 0 {
		return strings.Join(s[:n], ", ") + " or " + s[n]
	}
	return s[0]
}

// find returns the op that takes an operand of the shape.
func (f form) find(shape operand) (op, bool) {
	for _, o := range f.ops {
		switch kind := codes[o].operand; {
		case kind == shape, kind == operandCondK && shape == operandImm, kind == operandCondX && shape == operandX:
			return o, true
		}
	}
	return noOp, false
}

type assembler struct {
	toks   []token
	pos    int
	out    []uapi.SockFilter
	at     []srcpos.Pos // the place of each instruction in out
	labels map[string]int
	jumps  []jump
}

// jump is a target whose label is not resolved yet.
type jump struct {
	pc    int
	slot  slot
	label token
}

// slot is the part of an instruction that holds the distance of a jump.
type slot uint8

const (
	slotJt slot = iota
	slotJf
	slotK
)

func (a *assembler) peek() token { return a.toks[a.pos] }

// next returns the next token and moves on, but never beyond the last.
func (a *assembler) next() token {
	t := a.toks[a.pos]
	if t.text != "" {
		a.pos++
	}
	return t
}

// accept skips the next token if it is the sign or word s, and tells whether it did.
func (a *assembler) accept(s string) bool {
	if t := a.peek(); t.kind != tokEnd && t.text == s {
		a.pos++
		return true
	}
	return false
}

func (a *assembler) expect(signs ...string) *AsmError {
	for _, s := range signs {
		if !a.accept(s) {
			return a.peek().errorf("expected %q, found %s", s, a.peek())
		}
	}
	return nil
}

// statement reads a line: labels, an instruction, both, or nothing.
func (a *assembler) statement() *AsmError {
	for a.peek().kind == tokWord && a.toks[a.pos+1].text == ":" {
		name := a.next()
		a.next()
		if _, twice := a.labels[name.text]; twice {
			return name.errorf("label %q is defined twice", name.text)
		}
		a.labels[name.text] = len(a.out)
	}
	t := a.next()
	if t.kind == tokEnd {
		return nil
	}
	if err := a.instruction(t); err != nil {
		return err
	}
	a.at = append(a.at, srcpos.Pos{Line: t.line, Col: t.col})
	if end := a.next(); end.kind != tokEnd {
		return end.errorf("expected end of line, found %s", end)
	}
	return nil
}

func (a *assembler) instruction(name token) *AsmError {
	if name.text == ".insn" {
		return a.raw()
	}
	f, ok := forms[name.text]
	if !ok {
		return name.errorf("expected an instruction or a label, found %s", name)
	}
	start := a.peek()
	shape, k, err := a.operand(f)
	if err != nil {
		return err
	}
	o, ok := f.find(shape)
	if !ok {
		return start.errorf("expected %s, found %s", f.wants(), start)
	}
	a.out = append(a.out, uapi.SockFilter{Code: codes[o].code, K: k})
	switch codes[o].rule {
	case ruleJump:
		return a.target(slotK)
	case ruleCond:
		return a.targets(f.invert)
	}
	return nil
}

// raw reads the operands of .insn.
func (a *assembler) raw() *AsmError {
	var v [4]uint32
	for i, limit := range [4]uint32{math.MaxUint16, math.MaxUint8, math.MaxUint8, math.MaxUint32} {
		n, err := a.number([4]string{"a code", "jt", "jf", "k"}[i], limit)
		if err != nil {
			return err
		}
		v[i] = n
	}
	a.out = append(a.out, uapi.SockFilter{Code: uint16(v[0]), Jt: uint8(v[1]), Jf: uint8(v[2]), K: v[3]})
	return nil
}

// operand reads an operand and returns its shape. The caller checks that the mnemonic takes it.
func (a *assembler) operand(f form) (shape operand, k uint32, err *AsmError) {
	switch o := codes[f.ops[0]].operand; {
	case o == noOperand, o == operandJump:
		return o, 0, nil
	case f.bare && a.peek().kind == tokNumber:
		k, err = a.constant()
		return operandImm, k, err
	}
	switch t := a.peek(); {
	case a.accept("#"):
		if a.accept("len") {
			return operandLen, 0, nil
		}
		k, err = a.constant()
		return operandImm, k, err
	case a.accept("["):
		return a.bracket()
	case a.accept("M"):
		k, err = a.index("a cell")
		return operandMem, k, err
	case a.accept("len"):
		return operandLen, 0, nil
	case t.text == "4":
		return a.msh()
	}
	return a.register(f)
}

func (a *assembler) register(f form) (shape operand, k uint32, err *AsmError) {
	a.accept("%")
	switch {
	case a.accept("x"):
		return operandX, 0, nil
	case a.accept("a"):
		return operandA, 0, nil
	}
	return noOperand, 0, a.peek().errorf("expected %s, found %s", f.wants(), a.peek())
}

// bracket reads what follows "[": an offset, the name of a field, or x+offset.
func (a *assembler) bracket() (shape operand, k uint32, err *AsmError) {
	shape = operandAbs
	t := a.peek()
	if a.accept("x") || t.text == "%" && a.expect("%", "x") == nil {
		shape = operandInd
		if err := a.expect("+"); err != nil {
			return shape, 0, err
		}
		t = a.peek()
	}
	if off, ok := fieldOffsets[t.text]; ok && shape == operandAbs {
		k = off
		a.next()
	} else if t.kind == tokWord {
		return shape, 0, t.errorf("expected an offset or a field of the context, found %s", t)
	} else if k, err = a.number("an offset", math.MaxUint32); err != nil {
		return shape, 0, err
	}
	return shape, k, a.expect("]")
}

// index reads "[k]".
func (a *assembler) index(what string) (uint32, *AsmError) {
	if err := a.expect("["); err != nil {
		return 0, err
	}
	k, err := a.number(what, math.MaxUint32)
	if err != nil {
		return 0, err
	}
	return k, a.expect("]")
}

// msh reads "4*([k]&0xf)".
func (a *assembler) msh() (shape operand, k uint32, err *AsmError) {
	if err := a.expect("4", "*", "("); err != nil {
		return operandMsh, 0, err
	}
	if k, err = a.index("an offset"); err != nil {
		return operandMsh, 0, err
	}
	return operandMsh, k, a.expect("&", "0xf", ")")
}

// constant reads what follows "#": a number, which may be negative, or numbers and names joined by "|".
func (a *assembler) constant() (uint32, *AsmError) {
	if a.accept("-") {
		k, err := a.number("a number", 1<<31)
		return -k, err
	}
	var sum uint32
	for {
		t := a.peek()
		if v, ok := constants[t.text]; ok {
			sum |= v
			a.next()
		} else if t.kind == tokWord {
			return 0, t.errorf("expected a number or a constant such as AF_INET, found %s", t)
		} else {
			v, err := a.number("a number", math.MaxUint32)
			if err != nil {
				return 0, err
			}
			sum |= v
		}
		if !a.accept("|") {
			return sum, nil
		}
	}
}

// number reads a decimal, hexadecimal (0x), octal (0) or binary (0b) number.
func (a *assembler) number(what string, limit uint32) (uint32, *AsmError) {
	t := a.next()
	if t.kind != tokNumber {
		return 0, t.errorf("expected %s, found %s", what, t)
	}
	v, err := strconv.ParseUint(t.text, 0, 64)
	if err != nil || v > uint64(limit) {
		return 0, t.errorf("expected %s, a number up to %d, found %s", what, limit, t)
	}
	return uint32(v), nil
}

// targets reads the one or two targets of a conditional jump. Without a second one the jump falls through.
func (a *assembler) targets(invert bool) *AsmError {
	first, second := slotJt, slotJf
	if invert {
		first, second = second, first
	}
	if err := a.expect(","); err != nil {
		return err
	}
	if err := a.target(first); err != nil {
		return err
	}
	if a.accept(",") {
		return a.target(second)
	}
	return nil
}

// target reads a label, or "+n" for a jump over the next n instructions.
func (a *assembler) target(s slot) *AsmError {
	pc := len(a.out) - 1
	if a.accept("+") {
		n, err := a.number("a distance", s.limit())
		if err != nil {
			return err
		}
		a.out[pc] = s.set(a.out[pc], n)
		return nil
	}
	t := a.next()
	if t.kind != tokWord {
		return t.errorf("expected a label or +n, found %s", t)
	}
	a.jumps = append(a.jumps, jump{pc, s, t})
	return nil
}

func (s slot) limit() uint32 {
	if s == slotK {
		return math.MaxUint32
	}
	return math.MaxUint8
}

func (s slot) set(in uapi.SockFilter, n uint32) uapi.SockFilter {
	switch s {
	case slotJt:
		in.Jt = uint8(n)
	case slotJf:
		in.Jf = uint8(n)
	case slotK:
		in.K = n
	}
	return in
}

// resolve fills in the distances to labels.
func (a *assembler) resolve() *AsmError {
	for _, j := range a.jumps {
		at, ok := a.labels[j.label.text]
		n := at - j.pc - 1
		switch {
		case !ok:
			return j.label.errorf("expected a defined label, found %s", j.label)
		case n < 0:
			return j.label.errorf("expected a label further down, found %s: BPF cannot jump back", j.label)
		case uint64(n) > uint64(j.slot.limit()):
			return j.label.errorf("%s is %d instructions away; a conditional jump reaches at most 255", j.label, n)
		}
		a.out[j.pc] = j.slot.set(a.out[j.pc], uint32(n))
	}
	return nil
}

package cbpfvm

import (
	"slices"

	"github.com/uringsim/uringsim/uapi"
)

// flat is a program that is not a decision, but shortened: constants are folded, unused instructions are removed, and
// arithmetic with constants is combined.
type flat struct {
	code  []inst
	mixes []mix
}

// flattener makes a flat program. It changes code in place, and marks in out what is to be removed.
type flattener struct {
	code  []inst
	out   []bool
	mixes []mix
}

func flatten(code []inst) *flat {
	f := flattener{code: slices.Clone(code), out: make([]bool, len(code))}
	f.foldConstants()
	f.dropUnused()
	f.mix()
	f.pair()
	return &flat{f.compact(), f.mixes}
}

// isJump tells whether the instruction is a conditional jump, with targets jt and jf, or an unconditional one, with
// target k.
func (in inst) isJump() (conditional, always bool) {
	return in.op >= opJeqK && in.op <= opJsetX, in.op == opJa
}

// constant is a value that is the same for all contexts, if is is set.
type constant struct {
	k  uint32
	is bool
}

// knowledge is which registers and scratch cells are known to be constant before an instruction, on whatever path.
type knowledge struct {
	a, x constant
	m    [uapi.BPF_MEMWORDS]constant
}

// join keeps what is also known on another path.
func (c *knowledge) join(other *knowledge) {
	both := func(v, w *constant) {
		if *v != *w {
			*v = constant{}
		}
	}
	both(&c.a, &other.a)
	both(&c.x, &other.x)
	for i := range c.m {
		both(&c.m[i], &other.m[i])
	}
}

// foldConstants replaces what is constant, and removes what no run reaches. Jumps only go forward, so all paths to an
// instruction are known when its turn comes.
func (f *flattener) foldConstants() {
	at := make([]*knowledge, len(f.code))
	at[0] = &knowledge{a: constant{is: true}, x: constant{is: true}}
	arrive := func(pc int, c *knowledge) {
		if before := at[pc]; before != nil {
			before.join(c)
			return
		}
		at[pc] = c
	}
	for pc := range f.code {
		c := at[pc]
		if f.out[pc] = c == nil; f.out[pc] {
			continue
		}
		in := &f.code[pc]
		c.simplify(in)
		switch conditional, always := in.isJump(); {
		case conditional:
			copied := *c
			arrive(pc+1+int(in.jt), &copied)
			arrive(pc+1+int(in.jf), c)
		case always:
			arrive(pc+1+int(in.k), c)
		case in.op != opRetK && in.op != opRetA:
			c.step(*in)
			arrive(pc+1, c)
		}
	}
}

// simplify simplifies an instruction whose operands are constant.
func (c *knowledge) simplify(in *inst) {
	if onK := withK[in.op]; onK != 0 && c.x.is {
		in.op, in.k = onK, c.x.k
	}
	conditional, _ := in.isJump()
	operand := codes[in.op].operand
	switch {
	case in.op == opDivX && c.x == constant{0, true}:
		*in = inst{op: opRetK}
	case in.op == opDivX && c.x.is:
		*in = inst{op: opDivK, k: c.x.k}
		c.simplify(in)
	case in.op == opTxa && c.x.is:
		*in = inst{op: opLdImm, k: c.x.k}
	case in.op == opTax && c.a.is:
		*in = inst{op: opLdxImm, k: c.a.k}
	case in.op == opLdMem && c.m[in.k].is:
		*in = inst{op: opLdImm, k: c.m[in.k].k}
	case in.op == opLdxMem && c.m[in.k].is:
		*in = inst{op: opLdxImm, k: c.m[in.k].k}
	case in.op == opRetA && c.a.is:
		*in = inst{op: opRetK, k: c.a.k}
	case conditional && c.a.is && operand == operandCondK:
		*in = inst{op: opJa, k: uint32(in.skip(holds(in.op, c.a.k, in.k)))}
	case changesA(in.op) && operand != operandX && c.a.is:
		*in = inst{op: opLdImm, k: arithmetic(in.op, c.a.k, in.k)}
	}
}

// changesA tells whether the instruction is arithmetic, which computes A from A.
func changesA(o op) bool { return o >= opAddK && o <= opNeg }

// step updates the knowledge after an instruction.
func (c *knowledge) step(in inst) {
	switch in.op {
	case opLdImm:
		c.a = constant{in.k, true}
	case opLdxImm:
		c.x = constant{in.k, true}
	case opSt:
		c.m[in.k] = c.a
	case opStx:
		c.m[in.k] = c.x
	case opTax, opLdxMem:
		c.x = constant{}
	default:
		c.a = constant{}
	}
}

// What instructions read and write is a set of bits: one for each scratch cell, and these for the registers.
const (
	bitA = 1 << (uapi.BPF_MEMWORDS + iota)
	bitX
)

// effects returns what an instruction reads and writes, unless it is a jump or a return.
func effects(in inst) (reads, writes uint32) {
	switch in.op {
	case opLdMem:
		return 1 << in.k, bitA
	case opLdxImm:
		return 0, bitX
	case opLdxMem:
		return 1 << in.k, bitX
	case opSt:
		return bitA, 1 << in.k
	case opStx:
		return bitX, 1 << in.k
	case opTax:
		return bitA, bitX
	case opTxa:
		return bitX, bitA
	case opLdImm, opLdAbs:
		return 0, bitA
	}
	if codes[in.op].operand == operandX {
		return bitA | bitX, bitA
	}
	return bitA, bitA
}

// dropUnused removes what writes something that is never read, from the end to the start.
func (f *flattener) dropUnused() {
	used := make([]uint32, len(f.code)+1) // by instruction: what it and those behind it read
	for pc := len(f.code) - 1; pc >= 0; pc-- {
		in, next := f.code[pc], used[pc+1]
		reads, writes := effects(in)
		switch conditional, always := in.isJump(); {
		case conditional:
			used[pc] = used[pc+1+int(in.jt)] | used[pc+1+int(in.jf)] | bitA
			if codes[in.op].operand == operandCondX {
				used[pc] |= bitX
			}
		case always:
			used[pc] = used[pc+1+int(in.k)]
		case in.op == opRetK:
		case in.op == opRetA:
			used[pc] = bitA
		case f.out[pc], next&writes == 0 && in.op != opDivX: // a division may end the program
			used[pc] = next
			f.out[pc] = true
		default:
			used[pc] = next&^writes | reads
		}
	}
}

// next returns for each instruction the first one from there on that is not removed. It also removes jumps that skip
// nothing.
func (f *flattener) next() []int {
	next := make([]int, len(f.code)+1)
	next[len(f.code)] = len(f.code)
	for pc := len(f.code) - 1; pc >= 0; pc-- {
		in := f.code[pc]
		switch conditional, always := in.isJump(); {
		case conditional && next[pc+1+int(in.jt)] == next[pc+1+int(in.jf)] && next[pc+1] == next[pc+1+int(in.jt)],
			always && next[pc+1] == next[pc+1+int(in.k)]:
			f.out[pc] = true
		}
		if next[pc] = pc; f.out[pc] {
			next[pc] = next[pc+1]
		}
	}
	return next
}

// targets marks the instructions that are targets of jumps.
func (f *flattener) targets(next []int) []bool {
	target := make([]bool, len(f.code)+1)
	for pc, in := range f.code {
		switch conditional, always := in.isJump(); {
		case f.out[pc]:
		case conditional:
			target[next[pc+1+int(in.jt)]], target[next[pc+1+int(in.jf)]] = true, true
		case always:
			target[next[pc+1+int(in.k)]] = true
		}
	}
	return target
}

// worth is how many instructions take as long as one step of a mix. It was measured as 2 to 3, depending on how the
// linker places the interpreter.
const worth = 2

// mix combines sequences of arithmetic with constants, up to the next target of a jump.
func (f *flattener) mix() {
	next := f.next()
	target := f.targets(next)
	for pc := next[0]; pc < len(f.code); {
		row, n := f.rowFrom(pc, next, target)
		shorter := n > worth*len(row)
		if shorter {
			f.code[pc] = inst{op: opMix, k: uint32(len(f.mixes))}
			f.mixes = append(f.mixes, finish(row)...)
		}
		for i := range max(n, 1) {
			f.out[pc] = shorter && i > 0
			pc = next[pc+1]
		}
	}
}

// rowFrom returns the mixes for the sequence that begins with the instruction, and the number of its instructions.
func (f *flattener) rowFrom(pc int, next []int, target []bool) (row []mix, n int) {
	for ; pc < len(f.code) && (n == 0 || !target[pc]); pc = next[pc+1] {
		if n == 0 || !row[len(row)-1].take(f.code[pc]) {
			m := identity
			if !m.take(f.code[pc]) {
				break
			}
			row = append(row, m)
		}
		n++
	}
	return row, n
}

// withMem maps an operation with X to the one that first loads X from a cell.
var withMem = [noOp]op{opAddX: opAddM, opSubX: opSubM, opMulX: opMulM, opAndX: opAndM, opOrX: opOrM, opXorX: opXorM}

// pair combines a load of X and the arithmetic behind it into one instruction.
func (f *flattener) pair() {
	next := f.next()
	target := f.targets(next)
	for pc := next[0]; pc < len(f.code); pc = next[pc+1] {
		then := next[pc+1]
		if f.code[pc].op != opLdxMem || target[then] {
			continue
		}
		if o := f.code[then].op; o < noOp && withMem[o] != 0 {
			f.code[pc].op = withMem[o]
			f.out[then] = true
		}
	}
}

// compact returns the program without what was removed. Jumps can only become shorter.
func (f *flattener) compact() []inst {
	next := f.next()
	at := make([]int, len(f.code)+1)
	for pc := range f.code {
		at[pc+1] = at[pc]
		if !f.out[pc] {
			at[pc+1]++
		}
	}
	var code []inst
	for pc, in := range f.code {
		if f.out[pc] {
			continue
		}
		distance := func(skip uint32) int { return at[next[pc+1+int(skip)]] - at[pc] - 1 }
		switch conditional, always := in.isJump(); {
		case conditional:
			in.jt, in.jf = uint8(distance(uint32(in.jt))), uint8(distance(uint32(in.jf)))
		case always:
			in.k = uint32(distance(in.k))
		}
		code = append(code, in)
	}
	return code
}

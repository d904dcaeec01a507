package lint

import (
	"github.com/uringsim/uringsim/uapi"
)

// Classes and operations of classic instruction codes (include/uapi/linux/bpf_common.h).
const (
	classMask = 0x07
	classLd   = 0x00
	classLdx  = 0x01
	classSt   = 0x02
	classStx  = 0x03
	classALU  = 0x04
	classJmp  = 0x05
	classRet  = 0x06
	classMisc = 0x07

	modeMask = 0xe0
	modeImm  = 0x00
	modeAbs  = 0x20
	modeMem  = 0x60
	modeLen  = 0x80

	sourceX = 0x08
	opMask  = 0xf0

	aluAdd = 0x00
	aluSub = 0x10
	aluMul = 0x20
	aluDiv = 0x30
	aluOr  = 0x40
	aluAnd = 0x50
	aluLsh = 0x60
	aluRsh = 0x70
	aluNeg = 0x80
	aluXor = 0xa0

	jmpAlways = 0x00
	jmpEq     = 0x10
	jmpGt     = 0x20
	jmpGe     = 0x30
	jmpSet    = 0x40

	miscTxa = 0x80
)

// value is where a register's content comes from: a constant, one word of the context with operations on it, or a
// mixture that nothing more is said about.
type value struct {
	from  source
	off   int    // of the word
	steps []step // what was done to the word, in order
	now   uint32 // the content in this run
}

type source uint8

const (
	constant source = iota
	oneWord
	mixture
)

// step is an arithmetic instruction whose operand is constant.
type step struct {
	op uint16 // aluAdd ...
	k  uint32
}

// after is the value after an arithmetic instruction.
func (v value) after(op uint16, by value, now uint32) value {
	switch {
	case v.from == constant && (by.from == constant || op == aluNeg):
		return value{from: constant, now: now}
	case v.from == oneWord && (by.from == constant || op == aluNeg):
		steps := append(v.steps[:len(v.steps):len(v.steps)], step{op, by.now})
		return value{from: oneWord, off: v.off, steps: steps, now: now}
	}
	return value{from: mixture, now: now}
}

// masked is the mask under which the word is seen if nothing but masking was done to it.
func (v value) masked() (mask uint32, ok bool) {
	mask = ^uint32(0)
	for _, s := range v.steps {
		if s.op != aluAnd {
			return 0, false
		}
		mask &= s.k
	}
	return mask, v.from == oneWord
}

// word is a word of the context that makes the value want, with what the operations lose taken from like. ok is false
// if none was found; there may be one.
func (v value) word(want, like uint32) (word uint32, ok bool) {
	states := []uint32{like} // the word after each number of steps
	for _, s := range v.steps {
		states = append(states, s.apply(states[len(states)-1]))
	}
	for i := len(v.steps) - 1; i >= 0; i-- {
		if want, ok = v.steps[i].undo(want, states[i]); !ok {
			return 0, false
		}
	}
	return want, true
}

func (s step) apply(v uint32) uint32 {
	switch s.op {
	case aluAdd:
		return v + s.k
	case aluSub:
		return v - s.k
	case aluMul:
		return v * s.k
	case aluDiv:
		if s.k == 0 {
			return 0
		}
		return v / s.k
	case aluOr:
		return v | s.k
	case aluAnd:
		return v & s.k
	case aluLsh:
		return v << (s.k & 31)
	case aluRsh:
		return v >> (s.k & 31)
	case aluXor:
		return v ^ s.k
	}
	return -v // aluNeg
}

// undo is a content from which the step makes want, near to like; ok is false if there is none.
func (s step) undo(want, like uint32) (v uint32, ok bool) {
	switch s.op {
	case aluAdd:
		v = want - s.k
	case aluSub:
		v = want + s.k
	case aluMul:
		if s.k != 0 {
			v = want / s.k
		}
	case aluDiv:
		v = want * s.k
	case aluOr:
		v = want&^s.k | like&s.k
	case aluAnd:
		v = want&s.k | like&^s.k
	case aluLsh:
		n := s.k & 31
		v = want>>n | like&^(^uint32(0)>>n)
	case aluRsh:
		n := s.k & 31
		v = want<<n | like&(1<<n-1)
	case aluXor:
		v = want ^ s.k
	case aluNeg:
		v = -want
	}
	return v, s.apply(v) == want
}

// test is a conditional jump in one run.
type test struct {
	pc    int
	op    uint16 // jmpEq ...
	left  value  // A
	right value
	taken bool // the condition held
}

// holds tells whether the condition holds for a content of A.
func (t *test) holds(a uint32) bool {
	switch t.op {
	case jmpEq:
		return a == t.right.now
	case jmpGt:
		return a > t.right.now
	case jmpGe:
		return a >= t.right.now
	}
	return a&t.right.now != 0
}

// borders are contents of A at which the condition changes.
func (t *test) borders() []uint32 {
	k, a := t.right.now, t.left.now
	all := []uint32{k, k - 1, k + 1, ^k, a &^ k, a | k, 0, ^uint32(0)}
	if t.op == jmpSet {
		for bit := uint32(1); bit != 0; bit <<= 1 {
			if k&bit != 0 {
				all = append(all, a&^k|bit)
			}
		}
	}
	return all
}

// condOf gives the operation of a conditional jump.
func condOf(in uapi.SockFilter) (op uint16, ok bool) {
	op = in.Code & opMask
	return op, in.Code&classMask == classJmp && op != jmpAlways
}

package lint

import (
	"github.com/uringsim/uringsim/uapi"
)

// value is the content of a register, and where it comes from: a constant, one word of the context after some
// operations, or anything else.
type value struct {
	from  source
	off   int    // offset of the word
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
	op uint16 // uapi.BPF_ADD ...
	k  uint32
}

// after returns the value after an arithmetic instruction.
func (v value) after(op uint16, by value, now uint32) value {
	switch {
	case v.from == constant && (by.from == constant || op == uapi.BPF_NEG):
		return value{from: constant, now: now}
	case v.from == oneWord && (by.from == constant || op == uapi.BPF_NEG):
		steps := append(v.steps[:len(v.steps):len(v.steps)], step{op, by.now})
		return value{from: oneWord, off: v.off, steps: steps, now: now}
	}
	return value{from: mixture, now: now}
}

// masked returns the mask that was applied to the word. It returns false if anything else was done to it.
func (v value) masked() (mask uint32, ok bool) {
	mask = ^uint32(0)
	for _, s := range v.steps {
		if s.op != uapi.BPF_AND {
			return 0, false
		}
		mask &= s.k
	}
	return mask, v.from == oneWord
}

// word returns a word of the context for which the value is want. Bits that the operations lose are those of like. It
// may fail to find a word although one exists.
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
	case uapi.BPF_ADD:
		return v + s.k
	case uapi.BPF_SUB:
		return v - s.k
	case uapi.BPF_MUL:
		return v * s.k
	case uapi.BPF_DIV:
		if s.k == 0 {
			return 0
		}
		return v / s.k
	case uapi.BPF_OR:
		return v | s.k
	case uapi.BPF_AND:
		return v & s.k
	case uapi.BPF_LSH:
		return v << (s.k & 31)
	case uapi.BPF_RSH:
		return v >> (s.k & 31)
	case uapi.BPF_XOR:
		return v ^ s.k
	}
	return -v // uapi.BPF_NEG
}

// undo returns an operand, as close to like as possible, for which the step gives want. It returns false if there is
// none.
func (s step) undo(want, like uint32) (v uint32, ok bool) {
	switch s.op {
	case uapi.BPF_ADD:
		v = want - s.k
	case uapi.BPF_SUB:
		v = want + s.k
	case uapi.BPF_MUL:
		if s.k != 0 {
			v = want / s.k
		}
	case uapi.BPF_DIV:
		v = want * s.k
	case uapi.BPF_OR:
		v = want&^s.k | like&s.k
	case uapi.BPF_AND:
		v = want&s.k | like&^s.k
	case uapi.BPF_LSH:
		n := s.k & 31
		v = want>>n | like&^(^uint32(0)>>n)
	case uapi.BPF_RSH:
		n := s.k & 31
		v = want<<n | like&(1<<n-1)
	case uapi.BPF_XOR:
		v = want ^ s.k
	case uapi.BPF_NEG:
		v = -want
	}
	return v, s.apply(v) == want
}

// test is a conditional jump in one run.
type test struct {
	pc    int
	op    uint16 // uapi.BPF_JEQ ...
	left  value  // A
	right value
	taken bool // the condition held
}

// holds tells whether the condition holds for a value of A.
func (t *test) holds(a uint32) bool {
	switch t.op {
	case uapi.BPF_JEQ:
		return a == t.right.now
	case uapi.BPF_JGT:
		return a > t.right.now
	case uapi.BPF_JGE:
		return a >= t.right.now
	}
	return a&t.right.now != 0
}

// borders returns values of A around which the condition changes.
func (t *test) borders() []uint32 {
	k, a := t.right.now, t.left.now
	all := []uint32{k, k - 1, k + 1, ^k, a &^ k, a | k, 0, ^uint32(0)}
	if t.op == uapi.BPF_JSET {
		for bit := uint32(1); bit != 0; bit <<= 1 {
			if k&bit != 0 {
				all = append(all, a&^k|bit)
			}
		}
	}
	return all
}

// condOf returns the operation of a conditional jump.
func condOf(in uapi.SockFilter) (op uint16, ok bool) {
	op = in.Op()
	return op, in.Class() == uapi.BPF_JMP && op != uapi.BPF_JA
}

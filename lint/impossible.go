package lint

import (
	"math/bits"
	"slices"
)

// known is what tests have told about a word: bits that are certain.
type known struct {
	zero, one uint32
}

// impossible tells whether no request can take the test the other way after all tests before went as they did. It may
// say no although that is so.
func impossible(v *view, before []test, t *test) bool {
	if t.left.from == constant && t.right.from == constant {
		return true
	}
	if t.left.from != oneWord || t.right.from != constant {
		return false
	}
	if decided(before, t) {
		return true
	}
	mask, ok := t.left.masked()
	if !ok {
		return false
	}
	k := known{^v.words[t.left.off/4], v.set[t.left.off/4]}
	for i := range before {
		k.learn(&before[i], t.left.off)
	}
	return k.rules(t, mask, !t.taken)
}

// learn takes in how a test of the word went.
func (k *known) learn(t *test, off int) {
	mask, ok := t.left.masked()
	if !ok || t.left.off != off || t.right.from != constant {
		return
	}
	c := t.right.now
	switch {
	case t.op == jmpEq && t.taken:
		k.one |= c & mask
		k.zero |= mask &^ c
	case t.op == jmpSet && !t.taken:
		k.zero |= c & mask
	case t.op == jmpSet && bits.OnesCount32(c&mask) == 1:
		k.one |= c & mask
	}
}

// rules tells whether the known bits rule out that the condition is as wanted for the masked word.
func (k *known) rules(t *test, mask uint32, want bool) bool {
	c, least, most := t.right.now, mask&k.one, mask&^k.zero
	switch t.op {
	case jmpEq:
		if want {
			return c&^most != 0 || least&^c != 0
		}
		return least == most && least == c
	case jmpSet:
		if want {
			return c&most == 0
		}
		return c&least != 0
	case jmpGt:
		if want {
			return most <= c
		}
		return least > c
	}
	if want {
		return most < c
	}
	return least >= c
}

// decided tells whether earlier tests of the same value leave the test no choice: the content of A lies between two
// limits and is none of those that were excluded.
func decided(before []test, t *test) bool {
	low, high := uint64(0), uint64(^uint32(0))
	var excluded []uint64
	same := func(b *test) bool {
		return b.left.from == oneWord && b.left.off == t.left.off && b.right.from == constant &&
			slices.Equal(b.left.steps, t.left.steps)
	}
	for i := range before {
		b := &before[i]
		if !same(b) {
			continue
		}
		c := uint64(b.right.now)
		switch {
		case b.op == t.op && b.right.now == t.right.now:
			return true
		case b.op == jmpEq && b.taken:
			return true // the content is known, and it goes this way
		case b.op == jmpEq:
			excluded = append(excluded, c)
		case b.op == jmpGt && b.taken:
			low = max(low, c+1)
		case b.op == jmpGt:
			high = min(high, c)
		case b.op == jmpGe && b.taken:
			low = max(low, c)
		case b.op == jmpGe && c > 0:
			high = min(high, c-1)
		}
	}
	c := uint64(t.right.now)
	switch want := !t.taken; {
	case t.op == jmpEq && want:
		return c < low || c > high || slices.Contains(excluded, c)
	case t.op == jmpGt && want:
		return high <= c
	case t.op == jmpGt:
		return low > c
	case t.op == jmpGe && want:
		return high < c
	case t.op == jmpGe:
		return low >= c
	}
	return false
}

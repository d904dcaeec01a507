package policy

import (
	"slices"

	"github.com/uringsim/uringsim/uapi"
)

// graph decides on requests of one opcode. Its nodes test words of the context, and its two leaves deny and allow.
// Equal tests that lead to the same nodes are one node, so rules share what they have in common.
type graph struct {
	op    uapi.Op
	turn  bool // whether ports are loaded in the machine's byte order, as some are compared by size
	nodes map[step]*node
	next  int
	leaf  [2]*node // the leaf that denies and the one that allows
	at    []Pos    // the place of the test that is being lowered
}

// node is a test or a leaf.
type node struct {
	id int
	step
	at []Pos // places of the tests of the policy that it stands for; nil for leaves, which many rules share
}

// step is what a node does: it tests a word and goes on to t or f.
type step struct {
	word  word
	mask  uint32 // the bits that are compared
	rel   rel
	k     uint32
	t, f  *node
	allow bool // of a leaf, which has no t and f
}

// word is a word of the context, as it is loaded.
type word struct {
	off  uint32
	turn bool // the two low bytes are swapped
}

// rel is how a step compares the word with k.
type rel uint8

const (
	equal rel = iota
	atLeast
	anyBit // whether any bit of mask is set; k is 0
)

func newGraph(op uapi.Op) *graph {
	g := &graph{op: op, nodes: map[step]*node{}}
	g.leaf[0], g.leaf[1] = g.node(step{}), g.node(step{allow: true})
	return g
}

// leafFor returns the leaf of an action.
func (g *graph) leafFor(a Action) *node {
	if a == Allow {
		return g.leaf[1]
	}
	return g.leaf[0]
}

func (n *node) isLeaf() bool { return n.t == nil }

// node returns the one node for a step.
func (g *graph) node(s step) *node {
	if s.t != nil && s.t == s.f {
		return s.t
	}
	n := g.nodes[s]
	if n == nil {
		n = &node{id: g.next, step: s}
		g.nodes[s] = n
		g.next++
	}
	for _, at := range g.at {
		if !n.isLeaf() && !slices.Contains(n.at, at) {
			n.at = append(n.at, at)
		}
	}
	return n
}

// piece says where to go for values from lo up to the lo of the next piece.
type piece struct {
	lo uint32
	to *node
}

// few is the most single values to be compared one after the other. If there are more, the search is binary.
const few = 6

// choose returns a node that goes where the masked word falls among the pieces, the first of which starts at 0.
func (g *graph) choose(w word, mask uint32, pieces []piece) *node {
	pieces = merge(pieces)
	for len(pieces) > 1 && pieces[len(pieces)-1].lo > mask {
		pieces = pieces[:len(pieces)-1]
	}
	if lowest := mask & -mask; mask != ^uint32(0) && len(pieces) == 2 && pieces[1].lo <= lowest {
		return g.node(step{word: w, mask: mask, rel: anyBit, t: pieces[1].to, f: pieces[0].to})
	}
	return g.between(w, mask, pieces, mask)
}

// merge joins neighbouring pieces that go to the same node.
func merge(pieces []piece) []piece {
	var out []piece
	for _, p := range pieces {
		if len(out) == 0 || out[len(out)-1].to != p.to {
			out = append(out, p)
		}
	}
	return out
}

// between is choose for values that are known to be at least the lo of the first piece and at most hi.
func (g *graph) between(w word, mask uint32, pieces []piece, hi uint32) *node {
	if len(pieces) == 1 {
		return pieces[0].to
	}
	if i, n := single(pieces, hi); n > 0 && n <= few {
		rest, restHi := without(pieces, i, hi)
		return g.node(step{word: w, mask: mask, rel: equal, k: pieces[i].lo, t: pieces[i].to,
			f: g.between(w, mask, rest, restHi)})
	}
	m := len(pieces) / 2
	return g.node(step{word: w, mask: mask, rel: atLeast, k: pieces[m].lo,
		t: g.between(w, mask, pieces[m:], hi), f: g.between(w, mask, pieces[:m], pieces[m].lo-1)})
}

// single returns the number of pieces with only one value, and the best of these to test first: one whose neighbours go
// to the same node, if there is one.
func single(pieces []piece, hi uint32) (best, n int) {
	joins := false
	for i, p := range pieces {
		last := i == len(pieces)-1
		if last && p.lo != hi || !last && pieces[i+1].lo != p.lo+1 {
			continue
		}
		between := i > 0 && !last && pieces[i-1].to == pieces[i+1].to
		if n++; n == 1 || between && !joins {
			best, joins = i, between
		}
	}
	return best, n
}

// without removes a piece with a single value once that value is excluded. Its neighbours are merged if they go to the
// same node. It also returns the new highest value.
func without(pieces []piece, i int, hi uint32) ([]piece, uint32) {
	var out []piece
	switch {
	case i == len(pieces)-1:
		return append(out, pieces[:i]...), pieces[i].lo - 1
	case i == 0:
		return append(out, pieces[1:]...), hi
	}
	out = append(append(out, pieces[:i]...), pieces[i+1:]...)
	return merge(out), hi
}

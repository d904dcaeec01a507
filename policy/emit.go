package policy

import (
	"slices"

	"github.com/uringsim/uringsim/srcpos"
	"github.com/uringsim/uringsim/uapi"
)

// The instructions that programs are made of.
const (
	ldAbs = 0x20
	andK  = 0x54
	mulK  = 0x24
	rshK  = 0x74
	ja    = 0x05
	jeqK  = 0x15
	jgeK  = 0x35
	jsetK = 0x45
	retK  = 0x06
)

// reach is the longest distance of a conditional jump.
const reach = 255

// block is a node as instructions: it loads what it needs and jumps, or returns.
type block struct {
	*node
	code  []uapi.SockFilter // the load and the masking
	start int               // the place of the first instruction

	// Of the ways on, to node.t and node.f:
	entry [2]int  // which instruction of the block there they go to
	far   [2]bool // a conditional jump does not reach it
}

// held is what the accumulator has: the bits of a word that are right, and whether all others are 0.
type held struct {
	word  word
	valid uint32
	exact bool
	known bool
}

// emit writes the graph as a program, with the places of the tests that became each instruction: of a load, of all
// tests of its word, as it serves several. Every node stands before those it leads to, and loads its word only for the
// ways in on which the accumulator does not have it.
func emit(root *node) (out []uapi.SockFilter, at [][]Pos) {
	order := topological(root)
	of := map[*node]*block{}
	blocks := make([]*block, len(order))
	for i, n := range order {
		blocks[i] = &block{node: n}
		of[n] = blocks[i]
	}
	load(blocks, of)
	for again := true; again; {
		again = false
		pc := 0
		for _, b := range blocks {
			b.start = pc
			pc += b.size()
		}
		for _, b := range blocks {
			again = b.stretch(of) || again
		}
	}
	words := map[uint32][]Pos{}
	for _, b := range blocks {
		words[b.word.off] = append(words[b.word.off], b.at...)
	}
	for off := range words {
		words[off] = inOrder(words[off])
	}
	for _, b := range blocks {
		own := inOrder(b.at)
		for _, insn := range b.insns(of) {
			if out = append(out, insn); insn.Code == ldAbs {
				at = append(at, words[insn.K])
			} else {
				at = append(at, own)
			}
		}
	}
	return out, at
}

// inOrder are places in the order of the text, each once.
func inOrder(at []Pos) []Pos {
	return slices.Compact(slices.SortedFunc(slices.Values(at), srcpos.Pos.Compare))
}

// topological orders the nodes so that each stands before those it leads to, and the leaves last.
func topological(root *node) []*node {
	var order, leaves []*node
	seen := map[*node]bool{}
	var visit func(*node)
	visit = func(n *node) {
		if seen[n] {
			return
		}
		seen[n] = true
		if n.isLeaf() {
			leaves = append(leaves, n)
			return
		}
		visit(n.f)
		visit(n.t)
		order = append(order, n)
	}
	visit(root)
	for i, j := 0, len(order)-1; i < j; i, j = i+1, j-1 {
		order[i], order[j] = order[j], order[i]
	}
	return append(order, leaves...)
}

// way is one way into a block: way on number i of another one.
type way struct {
	from *block
	i    int
	held held
}

// load decides what each block has to load, and where the ways in enter it.
func load(blocks []*block, at map[*node]*block) {
	ways := map[*block][]way{blocks[0]: {{}}}
	for _, b := range blocks {
		if b.isLeaf() {
			continue
		}
		after := b.load(ways[b])
		for i, n := range []*node{b.t, b.f} {
			ways[at[n]] = append(ways[at[n]], way{b, i, after})
		}
	}
}

// load fills in the block's code, and gives what the accumulator has after it.
func (b *block) load(ways []way) held {
	code := b.loads()
	loaded, loads := b.loaded(), len(code)
	if b.mask != ^uint32(0) && b.rel != anyBit {
		code = append(code, uapi.SockFilter{Code: andK, K: b.mask})
		loaded = held{b.word, b.mask, true, true}
	}
	// Enter where something is missing: at the load, at the mask or behind both.
	first := len(code)
	var after held
	entries := make([]int, len(ways))
	for i, w := range ways {
		brings := loaded
		switch {
		case w.held.serves(b.node):
			entries[i], brings = len(code), w.held
		case len(code) > loads && w.held.has(b.word, b.mask):
			entries[i] = loads
		}
		first = min(first, entries[i])
		after = after.or(brings)
	}
	for i, w := range ways {
		if w.from != nil {
			w.from.entry[w.i] = entries[i] - first
		}
	}
	b.code = code[first:]
	return after
}

// loads are the instructions that bring the word into the accumulator.
func (n *node) loads() []uapi.SockFilter {
	code := []uapi.SockFilter{{Code: ldAbs, K: n.word.off}}
	if n.word.turn { // h + l<<8 becomes l + h<<8 + l<<16
		code = append(code, uapi.SockFilter{Code: mulK, K: 0x10001}, uapi.SockFilter{Code: rshK, K: 8})
	}
	return code
}

// loaded is what the accumulator has after loads.
func (n *node) loaded() held {
	if n.word.turn {
		return held{n.word, 0xffff, false, true}
	}
	return held{n.word, ^uint32(0), true, true}
}

// or is what is certain of two possibilities. The zero held is none.
func (h held) or(other held) held {
	if !h.known || h == other {
		return other
	}
	return held{h.word, h.valid & other.valid, false, true}
}

// has tells whether the accumulator has these bits of the word.
func (h held) has(w word, mask uint32) bool { return h.known && h.word == w && h.valid&mask == mask }

// serves tells whether the node can test the accumulator as it is.
func (h held) serves(n *node) bool {
	return h.has(n.word, n.mask) && (n.rel == anyBit || h.exact && h.valid == n.mask)
}

// size is the number of the block's instructions.
func (b *block) size() int {
	n := len(b.code) + 1
	for _, far := range b.far {
		if far {
			n++
		}
	}
	return n
}

// stretch makes the ways on far that have got too long; true if one has. A far way goes through an instruction of its
// own behind the conditional jump.
func (b *block) stretch(at map[*node]*block) bool {
	if b.isLeaf() {
		return false
	}
	changed := false
	for i, to := range b.targets(at) {
		if !b.far[i] && to-(b.start+len(b.code)+1) > reach {
			b.far[i], changed = true, true
		}
	}
	return changed
}

// targets are the instructions to which the ways on lead.
func (b *block) targets(at map[*node]*block) [2]int {
	return [2]int{at[b.t].start + b.entry[0], at[b.f].start + b.entry[1]}
}

// insns are the block's instructions.
func (b *block) insns(at map[*node]*block) []uapi.SockFilter {
	if b.isLeaf() {
		k := uint32(0)
		if b.allow {
			k = 1
		}
		return []uapi.SockFilter{{Code: retK, K: k}}
	}
	code, k := uint16(jeqK), b.k
	switch b.rel {
	case atLeast:
		code = jgeK
	case anyBit:
		code, k = jsetK, b.mask
	}
	out := append([]uapi.SockFilter{}, b.code...)
	next := b.start + len(b.code) + 1
	var distance [2]uint8
	var far []uapi.SockFilter
	for i, to := range b.targets(at) {
		if b.far[i] {
			distance[i] = uint8(len(far))
			far = append(far, uapi.SockFilter{Code: ja, K: uint32(to - (next + len(far) + 1))})
		} else {
			distance[i] = uint8(to - next)
		}
	}
	out = append(out, uapi.SockFilter{Code: code, Jt: distance[0], Jf: distance[1], K: k})
	return append(out, far...)
}

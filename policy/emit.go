package policy

import (
	"slices"

	"github.com/uringsim/uringsim/srcpos"
	"github.com/uringsim/uringsim/uapi"
)

// The opcodes of the instructions that programs consist of.
const (
	ldAbs = uapi.BPF_LD | uapi.BPF_W | uapi.BPF_ABS
	andK  = uapi.BPF_ALU | uapi.BPF_AND | uapi.BPF_K
	mulK  = uapi.BPF_ALU | uapi.BPF_MUL | uapi.BPF_K
	rshK  = uapi.BPF_ALU | uapi.BPF_RSH | uapi.BPF_K
	ja    = uapi.BPF_JMP | uapi.BPF_JA
	jeqK  = uapi.BPF_JMP | uapi.BPF_JEQ | uapi.BPF_K
	jgeK  = uapi.BPF_JMP | uapi.BPF_JGE | uapi.BPF_K
	jsetK = uapi.BPF_JMP | uapi.BPF_JSET | uapi.BPF_K
	retK  = uapi.BPF_RET | uapi.BPF_K
)

// reach is the longest distance that a conditional jump covers.
const reach = 255

// block is a node as instructions: it loads what it needs and jumps, or it returns.
type block struct {
	*node
	code  []uapi.SockFilter // the load and the mask
	start int               // place of the first instruction in the program

	// Of the jumps to node.t and node.f:
	entry [2]int  // the instruction of the target block that it goes to
	far   [2]bool // it is too far for a conditional jump
}

// held is what is known of the accumulator: which bits of a word it holds, and whether its other bits are 0.
type held struct {
	word  word
	valid uint32
	exact bool
	known bool
}

// emit returns the graph as a program, and for each instruction the places of the tests that it stands for; a load
// stands for all tests of its word. Each node comes before those that it leads to, and loads its word only where the
// accumulator may not hold it yet.
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

// inOrder sorts places and removes duplicates.
func inOrder(at []Pos) []Pos {
	return slices.Compact(slices.SortedFunc(slices.Values(at), srcpos.Pos.Compare))
}

// topological orders the nodes so that each comes before those that it leads to. The leaves come last.
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
	slices.Reverse(order)
	return append(order, leaves...)
}

// way is a jump into a block: jump i of another block. The start of the program has no other block.
type way struct {
	from *block
	i    int
	held held
}

// load decides what each block loads, and at which of its instructions each jump enters it.
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

// load sets the block's code, and returns what the accumulator holds after it.
func (b *block) load(ways []way) held {
	code := b.loads()
	loaded, loads := b.loaded(), len(code)
	if b.mask != ^uint32(0) && b.rel != anyBit {
		code = append(code, uapi.SockFilter{Code: andK, K: b.mask})
		loaded = held{b.word, b.mask, true, true}
	}
	// Each way in skips what it does not need: nothing, the load, or load and mask.
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

// loads returns the instructions that load the word into the accumulator.
func (n *node) loads() []uapi.SockFilter {
	code := []uapi.SockFilter{{Code: ldAbs, K: n.word.off}}
	if n.word.turn { // h + l<<8 becomes l + h<<8 + l<<16
		code = append(code, uapi.SockFilter{Code: mulK, K: 0x10001}, uapi.SockFilter{Code: rshK, K: 8})
	}
	return code
}

// loaded returns what the accumulator holds after these instructions.
func (n *node) loaded() held {
	if n.word.turn {
		return held{n.word, 0xffff, false, true}
	}
	return held{n.word, ^uint32(0), true, true}
}

// or returns what is certain if either may hold. The zero held stands for no possibility yet.
func (h held) or(other held) held {
	if !h.known || h == other {
		return other
	}
	return held{h.word, h.valid & other.valid, false, true}
}

// has tells whether the accumulator holds these bits of the word.
func (h held) has(w word, mask uint32) bool { return h.known && h.word == w && h.valid&mask == mask }

// serves tells whether the node can test the accumulator as it is.
func (h held) serves(n *node) bool {
	return h.has(n.word, n.mask) && (n.rel == anyBit || h.exact && h.valid == n.mask)
}

// size returns the number of the block's instructions.
func (b *block) size() int {
	n := len(b.code) + 1
	for _, far := range b.far {
		if far {
			n++
		}
	}
	return n
}

// stretch marks the jumps that have become too far, and tells whether there are new ones. Such a jump goes through an
// unconditional jump right behind the conditional one.
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

// targets returns the instructions that the block jumps to.
func (b *block) targets(at map[*node]*block) [2]int {
	return [2]int{at[b.t].start + b.entry[0], at[b.f].start + b.entry[1]}
}

// insns returns the block's instructions.
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

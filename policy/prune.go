package policy

import (
	"encoding/binary"

	"github.com/uringsim/uringsim/uapi"
)

// prune leaves out tests whose outcome is known from the tests before them, so that no instruction is without use: of
// what remains, every way is taken by some request. It gives up, and leaves the graph as it is, if there are too many
// ways to follow.
func (g *graph) prune(root *node) *node {
	for {
		e := explorer{seen: map[string]bool{}, outcomes: map[edge]outcome{}, live: map[*node]uint16{}}
		start := edge{nil, false}
		if !e.visit(start, root, g.known()) {
			return root
		}
		next := e.target(g, start, root, map[*node]*node{})
		if next == root {
			return root
		}
		root = next
	}
}

// known is what holds for the contexts of all requests of the opcode.
func (g *graph) known() facts {
	fs := facts{{word{off: uapi.BPFCtxOpcode}, 0xff, []span32{{uint32(g.op), uint32(g.op)}}}}
	if g.op == uapi.IORING_OP_CONNECT { // two bytes of 0 follow the port
		fs = append(fs, fact{word{off: uapi.BPFCtxPDU + 4}, 0xffff0000, []span32{{0, 0}}})
	}
	return fs
}

// edge is a way on from a node; from is nil for the way in.
type edge struct {
	from  *node
	taken bool
}

// outcome is a set of ways on from a node.
type outcome struct{ t, f bool }

// explorer follows all ways through a graph that some request takes.
type explorer struct {
	seen     map[string]bool
	outcomes map[edge]outcome // of the test that the edge leads to
	live     map[*node]uint16 // the words that a node or those behind it look at, a bit each
}

// maxWays is how many ways through a graph are followed, counting those with the same knowledge once.
const maxWays = 1 << 15

// visit follows the ways from a node, reached by an edge with some knowledge; false means that there are too many.
func (e *explorer) visit(by edge, n *node, fs facts) bool {
	if n.isLeaf() {
		return true
	}
	fs = fs.about(e.words(n))
	key := fs.key(by)
	if e.seen[key] {
		return true
	}
	e.seen[key] = true
	if len(e.seen) > maxWays {
		return false
	}
	o := e.outcomes[by]
	t, canT := fs.with(n.step, true)
	f, canF := fs.with(n.step, false)
	e.outcomes[by] = outcome{o.t || canT, o.f || canF}
	return (!canT || e.visit(edge{n, true}, n.t, t)) && (!canF || e.visit(edge{n, false}, n.f, f))
}

// words are those that a node and those behind it look at.
func (e *explorer) words(n *node) uint16 {
	if n.isLeaf() {
		return 0
	}
	set, ok := e.live[n]
	if !ok {
		set = 1<<(n.word.off/4) | e.words(n.t) | e.words(n.f)
		e.live[n] = set
	}
	return set
}

// target is where an edge leads when tests of known outcome are left out.
func (e *explorer) target(g *graph, by edge, n *node, made map[*node]*node) *node {
	for !n.isLeaf() {
		o := e.outcomes[by]
		switch {
		case o.t && !o.f:
			by, n = edge{n, true}, n.t
			continue
		case o.f && !o.t:
			by, n = edge{n, false}, n.f
			continue
		}
		if made[n] == nil {
			s := n.step
			s.t = e.target(g, edge{n, true}, n.t, made)
			s.f = e.target(g, edge{n, false}, n.f, made)
			g.at = n.at
			made[n] = g.node(s)
		}
		return made[n]
	}
	return n
}

// facts are what is known of the words of a context.
type facts []fact

// fact is that the bits of a word are in one of the ranges.
type fact struct {
	word word
	mask uint32
	in   []span32
}

// span32 is a range of numbers; both ends belong to it.
type span32 struct{ lo, hi uint32 }

// about are the facts about some words.
func (fs facts) about(words uint16) facts {
	var out facts
	for _, f := range fs {
		if words>>(f.word.off/4)&1 != 0 {
			out = append(out, f)
		}
	}
	return out
}

// key is the edge and the facts as a string.
func (fs facts) key(by edge) string {
	id, taken := -1, 0
	if by.from != nil {
		id = by.from.id
	}
	if by.taken {
		taken = 1
	}
	b := binary.AppendVarint(nil, int64(id*2+taken))
	for _, f := range fs {
		b = binary.AppendUvarint(append(b, byte(f.word.off)), uint64(f.mask))
		b = binary.AppendUvarint(b, uint64(len(f.in)))
		for _, s := range f.in {
			b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(s.lo)), uint64(s.hi))
		}
	}
	return string(b)
}

// with adds the outcome of a test; ok is false if no request has it.
func (fs facts) with(s step, taken bool) (out facts, ok bool) {
	in := s.values(taken)
	at := len(fs)
	for i, f := range fs {
		if f.word == s.word && f.mask == s.mask {
			in, at = intersect(f.in, in), i
		} else if at == len(fs) && (f.word.off > s.word.off || f.word.off == s.word.off && f.mask > s.mask) {
			at = i
		}
	}
	next := fact{s.word, s.mask, in}
	out = append(out, fs[:at]...)
	out = append(out, next)
	if at < len(fs) && fs[at].word == s.word && fs[at].mask == s.mask {
		at++
	}
	out = append(out, fs[at:]...)
	return out, out.possible(s.word)
}

// values are those of the masked word for which a test has an outcome.
func (s step) values(taken bool) []span32 {
	lo, hi := s.k, s.k
	switch s.rel {
	case atLeast:
		hi = s.mask
	case anyBit:
		lo, hi = 1, s.mask
	}
	if taken {
		return []span32{{lo, hi}}
	}
	var out []span32
	if lo > 0 {
		out = append(out, span32{0, lo - 1})
	}
	if hi < s.mask {
		out = append(out, span32{hi + 1, s.mask})
	}
	return out
}

// intersect are the numbers that are in both lists of ranges.
func intersect(a, b []span32) []span32 {
	var out []span32
	for i, j := 0, 0; i < len(a) && j < len(b); {
		if lo, hi := max(a[i].lo, b[j].lo), min(a[i].hi, b[j].hi); lo <= hi {
			out = append(out, span32{lo, hi})
		}
		if a[i].hi < b[j].hi {
			i++
		} else {
			j++
		}
	}
	return out
}

// possible tells whether there is a word of which all facts hold.
func (fs facts) possible(w word) bool {
	var about facts
	for _, f := range fs {
		if f.word == w {
			about = append(about, f)
		}
	}
	steps := maxSteps
	return about.complete(0, 31, &steps)
}

// maxSteps bounds the search for a value. Beyond it one is taken to exist, which leaves a test in.
const maxSteps = 4096

// complete tells whether the word's bits from number bit down can be chosen, above which they are those of v.
func (fs facts) complete(v uint32, bit int, steps *int) bool {
	if *steps--; *steps < 0 {
		return true
	}
	open := uint32(uint64(1)<<(bit+1) - 1) // the bits that are to be chosen
	for _, f := range fs {
		lo, hi := v&f.mask, (v|open)&f.mask
		if len(intersect(f.in, []span32{{lo, hi}})) == 0 {
			return false
		}
	}
	if bit < 0 {
		return true
	}
	return fs.complete(v, bit-1, steps) || fs.mask()>>bit&1 != 0 && fs.complete(v|1<<bit, bit-1, steps)
}

// mask are the bits that the facts are about.
func (fs facts) mask() uint32 {
	var bits uint32
	for _, f := range fs {
		bits |= f.mask
	}
	return bits
}

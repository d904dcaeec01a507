package policy

import (
	"encoding/binary"

	"github.com/uringsim/uringsim/uapi"
)

// prune removes tests whose outcome follows from the tests before them, so that no instruction is useless: each jump
// that remains is taken for some request. If there are too many paths to follow it leaves the graph as it is.
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

// known returns what holds for the contexts of all requests of the opcode.
func (g *graph) known() facts {
	fs := facts{{word{off: uapi.BPFCtxOpcode}, 0xff, []span32{{uint32(g.op), uint32(g.op)}}}}
	if g.op == uapi.IORING_OP_CONNECT { // two bytes of 0 follow the port
		fs = append(fs, fact{word{off: uapi.BPFCtxPDU + 4}, 0xffff0000, []span32{{0, 0}}})
	}
	return fs
}

// edge is a way from a node to the next. From is nil for the way to the root.
type edge struct {
	from  *node
	taken bool
}

// outcome says which outcomes of a test are possible.
type outcome struct{ t, f bool }

// explorer follows all paths through a graph that some request takes.
type explorer struct {
	seen     map[string]bool
	outcomes map[edge]outcome // for each edge, of the test that it leads to
	live     map[*node]uint16 // the words that a node and those behind it look at, one bit each
}

// maxWays is the most paths that are followed. Paths to the same edge with the same facts count once.
const maxWays = 1 << 15

// visit follows the paths from node n, which was reached by an edge and with some facts. It returns false if there are
// too many.
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

// words returns the words that a node and those behind it look at.
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

// target returns the node to which an edge leads when tests with a known outcome are removed.
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

// facts is what is known of a context.
type facts []fact

// fact says that the masked word is in one of the ranges.
type fact struct {
	word word
	mask uint32
	in   []span32
}

// span32 is a range of numbers, both ends included.
type span32 struct{ lo, hi uint32 }

// about returns the facts about the given words.
func (fs facts) about(words uint16) facts {
	var out facts
	for _, f := range fs {
		if words>>(f.word.off/4)&1 != 0 {
			out = append(out, f)
		}
	}
	return out
}

// key returns a string that identifies the edge and the facts.
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

// with adds the outcome of a test. It returns false if no request has that outcome.
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

// values returns the values of the masked word for which the test has the outcome.
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

// intersect returns the numbers that are in both lists of ranges.
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

// possible tells whether some value of the word satisfies all facts about it.
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

// maxSteps bounds the search for a value. If it takes more, a value is assumed to exist, so that the test remains.
const maxSteps = 4096

// complete tells whether bits down from number bit can be chosen such that the facts hold. The bits above are those of
// v.
func (fs facts) complete(v uint32, bit int, steps *int) bool {
	if *steps--; *steps < 0 {
		return true
	}
	open := uint32(uint64(1)<<(bit+1) - 1) // the bits to choose
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

// mask returns the bits that the facts are about.
func (fs facts) mask() uint32 {
	var bits uint32
	for _, f := range fs {
		bits |= f.mask
	}
	return bits
}

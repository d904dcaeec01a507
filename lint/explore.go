package lint

import (
	"slices"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/uapi"
)

// Limits of an exploration, so that a program with very many paths does not take long.
const (
	maxRuns  = 512
	maxSteps = 1 << 21
)

// exploration is what a program does with requests that take different paths through it.
type exploration struct {
	runs []run // one for each path for which a request was found
}

// run is one path through the program, and a request that takes it.
type run struct {
	ctx    cbpfvm.Context
	steps  []cbpfvm.Step
	tests  []test
	ways   []way // the path up to each test, and at the end up to the return
	allows bool
}

// way identifies a path: it is a hash of the outcomes of the tests. If two paths had the same hash, one of them would
// not be explored.
type way uint64

// then returns the path extended by the outcome of a test.
func (w way) then(pc int, taken bool) way {
	const prime = 1099511628211 // of FNV-1a
	w = (w ^ way(pc)<<1) * prime
	if taken {
		w ^= 1
	}
	return w * prime
}

// explorer finds paths. It tries to take each branch of a known path the other way.
type explorer struct {
	prog *cbpfvm.Program
	view view
	exploration
	seen   map[way]bool // known paths and all their beginnings
	budget int
}

func explore(prog *cbpfvm.Program, v view) *exploration {
	e := &explorer{prog: prog, view: v, seen: map[way]bool{}, budget: maxSteps}
	var all cbpfvm.Context
	for i := range all {
		all[i] = 0xff
	}
	v.settle(&all)
	for _, ctx := range []cbpfvm.Context{v.least(), all} {
		if r := e.walk(ctx); !e.seen[r.ways[len(r.ways)-1]] || len(e.runs) == 0 {
			e.add(r)
		}
	}
	for i := 0; i < len(e.runs); i++ {
		for t := range e.runs[i].tests {
			if e.budget < 0 || len(e.runs) > maxRuns {
				return &e.exploration
			}
			e.branch(i, t)
		}
	}
	return &e.exploration
}

// add adds a run.
func (e *explorer) add(r run) {
	e.runs = append(e.runs, r)
	for _, w := range r.ways {
		e.seen[w] = true
	}
}

// branch looks for a request for which the test of the run goes the other way.
func (e *explorer) branch(i, t int) {
	r := &e.runs[i]
	other := r.ways[t].then(r.tests[t].pc, !r.tests[t].taken)
	if e.seen[other] {
		return
	}
	e.seen[other] = true
	for _, ctx := range e.candidates(r, &r.tests[t]) {
		if got := e.walk(ctx); len(got.tests) > t && got.ways[t+1] == other {
			e.add(got)
			return
		}
	}
}

// candidates returns requests for which the test may go the other way.
func (e *explorer) candidates(r *run, t *test) []cbpfvm.Context {
	if t.left.from != oneWord || t.right.from != constant {
		return nil
	}
	likes := []uint32{r.ctx.Word(uint32(t.left.off)), 0, ^uint32(0)}
	for i := range min(len(e.runs), 16) {
		likes = append(likes, e.runs[i].ctx.Word(uint32(t.left.off)))
	}
	var words []uint32
	for _, like := range likes {
		for _, a := range t.borders() {
			if t.holds(a) == t.taken {
				continue
			}
			if word, ok := t.left.word(a, like); ok && !slices.Contains(words, word) {
				words = append(words, word)
			}
		}
	}
	var all []cbpfvm.Context
	for _, ctx := range e.view.variants(r.ctx, t.left.off) {
		for _, word := range words {
			other := ctx
			other.SetWord(uint32(t.left.off), word)
			e.view.settle(&other)
			all = append(all, other)
		}
	}
	return all
}

// walk runs the program and tracks where the values of its registers come from.
func (e *explorer) walk(ctx cbpfvm.Context) run {
	path := e.prog.Explain(&ctx)
	e.budget -= len(path.Steps)
	r := run{ctx: ctx, steps: path.Steps, ways: []way{0}, allows: path.Result != 0}
	var regs registers
	for _, s := range path.Steps {
		if op, ok := condOf(s.Insn); ok {
			t := test{pc: s.PC, op: op, left: regs.a, right: regs.operand(s.Insn)}
			t.taken = t.holds(regs.a.now)
			r.tests = append(r.tests, t)
			r.ways = append(r.ways, r.ways[len(r.ways)-1].then(t.pc, t.taken))
			continue
		}
		regs.follow(s)
	}
	return r
}

// registers are A, X and the scratch memory. At the start they are the constant 0.
type registers struct {
	a, x value
	m    [uapi.BPF_MEMWORDS]value
}

// operand returns the second operand of an instruction.
func (r *registers) operand(in uapi.SockFilter) value {
	if in.Source() == uapi.BPF_X {
		return r.x
	}
	return value{from: constant, now: in.K}
}

// follow tracks an instruction that is not a jump.
func (r *registers) follow(s cbpfvm.Step) {
	in := s.Insn
	switch in.Class() {
	case uapi.BPF_LD:
		r.a = r.load(in, s.A)
	case uapi.BPF_LDX:
		r.x = r.load(in, s.X)
	case uapi.BPF_ST:
		r.m[in.K] = r.a
	case uapi.BPF_STX:
		r.m[in.K] = r.x
	case uapi.BPF_ALU:
		r.a = r.a.after(in.Op(), r.operand(in), s.A)
	case uapi.BPF_MISC:
		if in.Op() == uapi.BPF_TXA {
			r.a = r.x
		} else {
			r.x = r.a
		}
	}
}

// load returns what an instruction loaded.
func (r *registers) load(in uapi.SockFilter, now uint32) value {
	switch in.Mode() {
	case uapi.BPF_ABS:
		return value{from: oneWord, off: int(in.K), now: now}
	case uapi.BPF_MEM:
		return r.m[in.K]
	}
	return value{from: constant, now: now}
}

// allows tells whether the program allows the request.
func (f *filter) allows(ctx *cbpfvm.Context) bool { return f.prog.Run(ctx) != 0 }

// some returns a run that allows, or one that denies, or nil if there is none.
func (e *exploration) some(allows bool) *run {
	for i := range e.runs {
		if e.runs[i].allows == allows {
			return &e.runs[i]
		}
	}
	return nil
}

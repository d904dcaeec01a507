package lint

import (
	"slices"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/uapi"
)

// Bounds of an exploration, which keep programs that branch without end from costing more than a moment.
const (
	maxRuns  = 512
	maxSteps = 1 << 21
)

// exploration is what a program does with requests that take different ways through it.
type exploration struct {
	runs []run // of all ways, as far as requests that take them were found
}

// run is one way through the program, with a request that takes it.
type run struct {
	ctx    cbpfvm.Context
	steps  []cbpfvm.Step
	tests  []test
	ways   []way // up to each test, and to the end
	allows bool
}

// way is a hash of how tests went, in order. Two ways with the same hash would cost a run, and nothing else.
type way uint64

// then is the way that goes on with a test.
func (w way) then(pc int, taken bool) way {
	const prime = 1099511628211 // of FNV-1a
	w = (w ^ way(pc)<<1) * prime
	if taken {
		w ^= 1
	}
	return w * prime
}

// explorer looks for ways by taking each branch of the ways that it has the other way.
type explorer struct {
	prog *cbpfvm.Program
	view view
	exploration
	seen   map[way]bool // beginnings of ways
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

// add keeps a run.
func (e *explorer) add(r run) {
	e.runs = append(e.runs, r)
	for _, w := range r.ways {
		e.seen[w] = true
	}
}

// branch looks for a request that takes the test of the run the other way.
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

// candidates are requests that may take the test the other way.
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

// walk runs the program and keeps where the registers came from.
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

// registers are A, X and the scratch memory. They start as the constant 0.
type registers struct {
	a, x value
	m    [uapi.BPF_MEMWORDS]value
}

// operand is the second operand of an instruction.
func (r *registers) operand(in uapi.SockFilter) value {
	if in.Code&sourceX != 0 {
		return r.x
	}
	return value{from: constant, now: in.K}
}

// follow does what an instruction did that is no jump.
func (r *registers) follow(s cbpfvm.Step) {
	in := s.Insn
	switch in.Code & classMask {
	case classLd:
		r.a = r.load(in, s.A)
	case classLdx:
		r.x = r.load(in, s.X)
	case classSt:
		r.m[in.K] = r.a
	case classStx:
		r.m[in.K] = r.x
	case classALU:
		r.a = r.a.after(in.Code&opMask, r.operand(in), s.A)
	case classMisc:
		if in.Code&opMask == miscTxa {
			r.a = r.x
		} else {
			r.x = r.a
		}
	}
}

// load is what a load gave.
func (r *registers) load(in uapi.SockFilter, now uint32) value {
	switch in.Code & modeMask {
	case modeAbs:
		return value{from: oneWord, off: int(in.K), now: now}
	case modeMem:
		return r.m[in.K]
	}
	return value{from: constant, now: now}
}

// allows tells what the program says to a request.
func (f *filter) allows(ctx *cbpfvm.Context) bool { return f.prog.Run(ctx) != 0 }

// some gives a run that allows, or one that denies.
func (e *exploration) some(allows bool) *run {
	for i := range e.runs {
		if e.runs[i].allows == allows {
			return &e.runs[i]
		}
	}
	return nil
}

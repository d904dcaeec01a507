package symbolic

import (
	"maps"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/uapi"
)

// machine is the state before an instruction, for all contexts that reach it.
type machine struct {
	reached function // the contexts that do
	a, x    word
	cells   [uapi.BPF_MEMWORDS]word
}

// runner runs a program on all contexts at once. Jumps only go forward, so one pass is enough: when the turn of an
// instruction comes, the states of all paths to it have been merged into one.
type runner struct {
	*contexts
	insns []uapi.SockFilter
	size  uint32 // size of the context in bytes
	at    []*machine
	live  []uint32 // by instruction: the registers that it and those behind it read
	allow function
}

// run returns which contexts in from the program allows, and for each instruction which contexts reach it.
func (c *contexts) run(p *cbpfvm.Program, from function) (allowed function, reached []function) {
	r := runner{contexts: c, insns: p.Insns(), size: p.CtxSize()}
	r.live = liveness(r.insns)
	r.at = make([]*machine, len(r.insns))
	r.at[0] = &machine{reached: from}
	reached = make([]function, len(r.insns))
	for pc := range r.insns {
		m := r.at[pc]
		if r.at[pc] = nil; m == nil || m.reached == never {
			continue
		}
		reached[pc] = m.reached
		r.execute(pc, m)
	}
	return r.allow, reached
}

// execute executes one instruction.
func (r *runner) execute(pc int, m *machine) {
	in := r.insns[pc]
	switch in.Class() {
	case uapi.BPF_LD:
		m.a = r.loaded(in, m)
	case uapi.BPF_LDX:
		m.x = r.loaded(in, m)
	case uapi.BPF_ST:
		m.cells[in.K] = m.a
	case uapi.BPF_STX:
		m.cells[in.K] = m.x
	case uapi.BPF_ALU:
		r.calculate(in, m)
	case uapi.BPF_MISC:
		if in.Op() == uapi.BPF_TXA {
			m.a = m.x
		} else {
			m.x = m.a
		}
	case uapi.BPF_JMP:
		r.jump(pc, in, m)
		return
	case uapi.BPF_RET:
		result := constant(in.K)
		if in.Result() == uapi.BPF_A {
			result = m.a
		}
		r.allow = r.or(r.allow, r.and(m.reached, r.notZero(result)))
		return
	}
	r.arrive(pc+1, m.reached, m)
}

func (r *runner) loaded(in uapi.SockFilter, m *machine) word {
	switch in.Mode() {
	case uapi.BPF_ABS:
		return r.load(in.K)
	case uapi.BPF_MEM:
		return m.cells[in.K]
	case uapi.BPF_LEN:
		return constant(r.size)
	}
	return constant(in.K)
}

func (r *runner) operand(in uapi.SockFilter, m *machine) word {
	if in.Source() == uapi.BPF_X {
		return m.x
	}
	return constant(in.K)
}

// calculate executes arithmetic. A division by 0 ends the program and denies the request.
func (r *runner) calculate(in uapi.SockFilter, m *machine) {
	b := r.operand(in, m)
	switch in.Op() {
	case uapi.BPF_ADD:
		m.a = r.add(m.a, b)
	case uapi.BPF_SUB:
		m.a = r.sub(m.a, b)
	case uapi.BPF_MUL:
		m.a = r.product(m.a, b)
	case uapi.BPF_DIV:
		m.reached = r.and(m.reached, r.notZero(b))
		m.a = r.div(m.a, b)
	case uapi.BPF_OR:
		m.a = combine(m.a, b, r.or)
	case uapi.BPF_AND:
		m.a = combine(m.a, b, r.and)
	case uapi.BPF_LSH:
		m.a = r.shift(m.a, b, 1)
	case uapi.BPF_RSH:
		m.a = r.shift(m.a, b, -1)
	case uapi.BPF_NEG:
		m.a = r.sub(constant(0), m.a)
	case uapi.BPF_XOR:
		m.a = combine(m.a, b, r.xor)
	}
}

// mostFactorBits is the most bits of a request on which both factors of a product may depend. If they depend on one
// more each, and not on the same bits, the diagram takes more than Limit steps.
const mostFactorBits = 13

// product multiplies, with the factor that has fewer possible bits as the second. Where mul would give up in the end,
// it gives up at once.
func (r *runner) product(a, b word) word {
	bits := func(w word) (n int) {
		for _, f := range w {
			if f != never {
				n++
			}
		}
		return n
	}
	if bits(a) < bits(b) {
		a, b = b, a
	}
	if bits(b) > mostFactorBits { // otherwise it is quick
		ofA, ofB := r.variables(a), r.variables(b)
		few := min(len(ofA), len(ofB))
		maps.Copy(ofA, ofB)
		if few > mostFactorBits && len(ofA) > 2*mostFactorBits {
			panic(gaveUp{})
		}
	}
	return r.mul(a, b)
}

func (r *runner) jump(pc int, in uapi.SockFilter, m *machine) {
	if in.Op() == uapi.BPF_JA {
		r.arrive(pc+1+int(in.K), m.reached, m)
		return
	}
	b := r.operand(in, m)
	var taken function
	switch in.Op() {
	case uapi.BPF_JEQ:
		taken = r.equal(m.a, b)
	case uapi.BPF_JGT:
		taken = r.greater(m.a, b)
	case uapi.BPF_JGE:
		taken = r.not(r.greater(b, m.a))
	case uapi.BPF_JSET:
		taken = r.notZero(combine(m.a, b, r.and))
	}
	r.arrive(pc+1+int(in.Jt), r.and(m.reached, taken), m)
	r.arrive(pc+1+int(in.Jf), r.minus(m.reached, taken), m)
}

// arrive merges a state into that of an instruction, for the contexts in by.
func (r *runner) arrive(pc int, by function, m *machine) {
	if by == never {
		return
	}
	old := r.at[pc]
	if old == nil {
		next := *m
		next.reached = by
		r.at[pc] = &next
		return
	}
	old.reached = r.or(old.reached, by)
	live := r.live[pc]
	for i := range uint32(numRegisters) {
		if live>>i&1 != 0 {
			*old.register(i) = r.chooseWord(by, *m.register(i), *old.register(i))
		}
	}
}

// The registers by number: first the cells, then A and X.
const (
	registerA    = uapi.BPF_MEMWORDS
	registerX    = registerA + 1
	numRegisters = registerX + 1
)

func (m *machine) register(i uint32) *word {
	switch i {
	case registerA:
		return &m.a
	case registerX:
		return &m.x
	}
	return &m.cells[i]
}

// liveness returns for each instruction the registers whose values matter there. The others need not be merged exactly.
func liveness(insns []uapi.SockFilter) []uint32 {
	const a, x = 1 << registerA, 1 << registerX
	live := make([]uint32, len(insns)+1)
	for pc := len(insns) - 1; pc >= 0; pc-- {
		in, after := insns[pc], live[pc+1]
		var reads, writes uint32
		if class := in.Class(); (class == uapi.BPF_ALU || class == uapi.BPF_JMP) && in.Source() == uapi.BPF_X {
			reads = x
		}
		switch in.Class() {
		case uapi.BPF_LD, uapi.BPF_LDX:
			if writes = a; in.Class() == uapi.BPF_LDX {
				writes = x
			}
			if in.Mode() == uapi.BPF_MEM {
				reads = 1 << in.K
			}
		case uapi.BPF_ST:
			reads, writes = a, 1<<in.K
		case uapi.BPF_STX:
			reads, writes = x, 1<<in.K
		case uapi.BPF_ALU:
			reads |= a
		case uapi.BPF_MISC:
			if reads, writes = a, x; in.Op() == uapi.BPF_TXA {
				reads, writes = x, a
			}
		case uapi.BPF_JMP:
			if in.Op() == uapi.BPF_JA {
				after = live[pc+1+int(in.K)]
				break
			}
			reads |= a
			after = live[pc+1+int(in.Jt)] | live[pc+1+int(in.Jf)]
		case uapi.BPF_RET:
			if after = 0; in.Result() == uapi.BPF_A {
				reads = a
			}
		}
		live[pc] = after&^writes | reads
	}
	return live
}

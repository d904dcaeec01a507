package symbolic

import (
	"maps"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/uapi"
)

// Parts of classic codes (include/uapi/linux/bpf_common.h): class, operation and operand.
const (
	classLd, classLdx, classSt, classStx     = 0, 1, 2, 3
	classALU, classJump, classRet, classMisc = 4, 5, 6, 7

	modeImm, modeAbs, modeMem, modeLen = 0x00, 0x20, 0x60, 0x80

	aluAdd, aluSub, aluMul, aluDiv, aluOr  = 0x00, 0x10, 0x20, 0x30, 0x40
	aluAnd, aluLsh, aluRsh, aluNeg, aluXor = 0x50, 0x60, 0x70, 0x80, 0xa0

	jumpAlways, jumpEqual, jumpGreater, jumpNotLess, jumpSet = 0x00, 0x10, 0x20, 0x30, 0x40

	operandX = 0x08 // of ALU and jumps: X, and not K
	retA     = 0x10
	miscTxa  = 0x80
)

// machine is the state before an instruction, for all contexts that come to it.
type machine struct {
	reached function // the contexts that do
	a, x    word
	cells   [uapi.BPF_MEMWORDS]word
}

// runner carries out a program on all contexts at once. No jump goes back, so once through the program is enough: the
// states of all ways to an instruction are one state by the time that it is its turn.
type runner struct {
	*contexts
	insns []uapi.SockFilter
	size  uint32 // of the context in bytes
	at    []*machine
	live  []uint32 // by instruction: the registers that what follows reads
	allow function
}

// run gives the contexts, of those in from, that the program allows, and for each instruction those that come to it.
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

// execute carries out one instruction.
func (r *runner) execute(pc int, m *machine) {
	in := r.insns[pc]
	switch in.Code & 7 {
	case classLd:
		m.a = r.loaded(in, m)
	case classLdx:
		m.x = r.loaded(in, m)
	case classSt:
		m.cells[in.K] = m.a
	case classStx:
		m.cells[in.K] = m.x
	case classALU:
		r.calculate(in, m)
	case classMisc:
		if in.Code&0xf8 == miscTxa {
			m.a = m.x
		} else {
			m.x = m.a
		}
	case classJump:
		r.jump(pc, in, m)
		return
	case classRet:
		result := constant(in.K)
		if in.Code&0x18 == retA {
			result = m.a
		}
		r.allow = r.or(r.allow, r.and(m.reached, r.notZero(result)))
		return
	}
	r.arrive(pc+1, m.reached, m)
}

func (r *runner) loaded(in uapi.SockFilter, m *machine) word {
	switch in.Code & 0xe0 {
	case modeAbs:
		return r.load(in.K)
	case modeMem:
		return m.cells[in.K]
	case modeLen:
		return constant(r.size)
	}
	return constant(in.K)
}

func (r *runner) operand(in uapi.SockFilter, m *machine) word {
	if in.Code&operandX != 0 {
		return m.x
	}
	return constant(in.K)
}

// calculate is the ALU. A division by 0 ends the program with a denial.
func (r *runner) calculate(in uapi.SockFilter, m *machine) {
	b := r.operand(in, m)
	switch in.Code & 0xf0 {
	case aluAdd:
		m.a = r.add(m.a, b)
	case aluSub:
		m.a = r.sub(m.a, b)
	case aluMul:
		m.a = r.product(m.a, b)
	case aluDiv:
		m.reached = r.and(m.reached, r.notZero(b))
		m.a = r.div(m.a, b)
	case aluOr:
		m.a = combine(m.a, b, r.or)
	case aluAnd:
		m.a = combine(m.a, b, r.and)
	case aluLsh:
		m.a = r.shift(m.a, b, 1)
	case aluRsh:
		m.a = r.shift(m.a, b, -1)
	case aluNeg:
		m.a = r.sub(constant(0), m.a)
	case aluXor:
		m.a = combine(m.a, b, r.xor)
	}
}

// mostFactorBits is on how many bits of a request both factors of a product may depend. With one more, and if they are not
// the same bits, a diagram of it takes more than Limit steps.
const mostFactorBits = 13

// product is mul with the operand second that has fewer bits which may be set. It gives up at once where mul would in the
// end.
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
	if bits(b) > mostFactorBits { // others are quick
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
	if in.Code&0xf0 == jumpAlways {
		r.arrive(pc+1+int(in.K), m.reached, m)
		return
	}
	b := r.operand(in, m)
	var taken function
	switch in.Code & 0xf0 {
	case jumpEqual:
		taken = r.equal(m.a, b)
	case jumpGreater:
		taken = r.greater(m.a, b)
	case jumpNotLess:
		taken = r.not(r.greater(b, m.a))
	case jumpSet:
		taken = r.notZero(combine(m.a, b, r.and))
	}
	r.arrive(pc+1+int(in.Jt), r.and(m.reached, taken), m)
	r.arrive(pc+1+int(in.Jf), r.minus(m.reached, taken), m)
}

// arrive adds a way to an instruction, for the contexts of by.
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

// Registers by number: the cells, and then A and X.
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

// liveness gives for each instruction the registers whose values there matter: the others need not be kept exactly.
func liveness(insns []uapi.SockFilter) []uint32 {
	const a, x = 1 << registerA, 1 << registerX
	live := make([]uint32, len(insns)+1)
	for pc := len(insns) - 1; pc >= 0; pc-- {
		in, after := insns[pc], live[pc+1]
		var reads, writes uint32
		if class := in.Code & 7; (class == classALU || class == classJump) && in.Code&operandX != 0 {
			reads = x
		}
		switch in.Code & 7 {
		case classLd, classLdx:
			if writes = a; in.Code&7 == classLdx {
				writes = x
			}
			if in.Code&0xe0 == modeMem {
				reads = 1 << in.K
			}
		case classSt:
			reads, writes = a, 1<<in.K
		case classStx:
			reads, writes = x, 1<<in.K
		case classALU:
			reads |= a
		case classMisc:
			if reads, writes = a, x; in.Code&0xf8 == miscTxa {
				reads, writes = x, a
			}
		case classJump:
			if in.Code&0xf0 == jumpAlways {
				after = live[pc+1+int(in.K)]
				break
			}
			reads |= a
			after = live[pc+1+int(in.Jt)] | live[pc+1+int(in.Jf)]
		case classRet:
			if after = 0; in.Code&0x18 == retA {
				reads = a
			}
		}
		live[pc] = after&^writes | reads
	}
	return live
}

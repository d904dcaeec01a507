package cbpfvm

import "github.com/uringsim/uringsim/uapi"

// machine runs a program one instruction at a time. It is written to be read, and is what Explain uses.
type machine struct {
	ctx     *Context
	ctxSize uint32
	a, x    uint32
	m       [uapi.BPF_MEMWORDS]uint32
	pc      int
	ended   bool
	result  uint32
}

// step executes an instruction.
func (m *machine) step(in uapi.SockFilter) {
	m.pc++
	o := opByCode[in.Code]
	v := in.K
	if withK[o] != 0 || o == opDivX {
		v = m.x
	}
	switch o {
	case opLdImm:
		m.a = v
	case opLdAbs:
		m.a = m.ctx.Word(v)
	case opLdMem:
		m.a = m.m[v]
	case opLdLen:
		m.a = m.ctxSize
	case opLdxImm:
		m.x = v
	case opLdxMem:
		m.x = m.m[v]
	case opLdxLen:
		m.x = m.ctxSize
	case opSt:
		m.m[v] = m.a
	case opStx:
		m.m[v] = m.x
	case opTax:
		m.x = m.a
	case opTxa:
		m.a = m.x
	case opJa:
		m.pc += int(v)
	case opRetK:
		m.ended, m.result = true, v
	case opRetA:
		m.ended, m.result = true, m.a
	case opDivX:
		if v == 0 {
			m.ended = true // with 0
			return
		}
		m.a /= v
	default:
		m.compute(in, o, v)
	}
}

// compute executes arithmetic and conditional jumps with v as the second operand.
func (m *machine) compute(in uapi.SockFilter, o op, v uint32) {
	if k := withK[o]; k != 0 {
		o = k
	}
	switch {
	case codes[o].rule != ruleCond:
		m.a = arithmetic(o, m.a, v)
	case holds(o, m.a, v):
		m.pc += int(in.Jt)
	default:
		m.pc += int(in.Jf)
	}
}

// withK maps operations with X to the same with K.
var withK = [numOps + 1]op{opAddX: opAddK, opSubX: opSubK, opMulX: opMulK, opAndX: opAndK, opOrX: opOrK, opXorX: opXorK,
	opLshX: opLshK, opRshX: opRshK, opJeqX: opJeqK, opJgtX: opJgtK, opJgeX: opJgeK, opJsetX: opJsetK}

// arithmetic returns the result of an operation with a constant, or of neg.
func arithmetic(o op, a, k uint32) uint32 {
	switch o {
	case opAddK:
		return a + k
	case opSubK:
		return a - k
	case opMulK:
		return a * k
	case opDivK:
		return a / k
	case opAndK:
		return a & k
	case opOrK:
		return a | k
	case opXorK:
		return a ^ k
	case opLshK:
		return a << (k & 31) // the kernel's 32-bit shifts take the count modulo 32
	case opRshK:
		return a >> (k & 31)
	}
	return -a // opNeg
}

// holds tells whether the condition of a jump that compares a with a constant holds.
func holds(o op, a, k uint32) bool {
	switch o {
	case opJeqK:
		return a == k
	case opJgtK:
		return a > k
	case opJgeK:
		return a >= k
	}
	return a&k != 0 // opJsetK
}

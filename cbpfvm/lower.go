package cbpfvm

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/net/bpf"

	"github.com/uringsim/uringsim/uapi"
)

// RunReference evaluates the filter on golang.org/x/net/bpf's VM. It gives the same result as Run.
func (p *Program) RunReference(ctx *Context) uint32 {
	r := p.reference.Load()
	if r == nil {
		if r = p.makeReference(); r == nil {
			return 0
		}
	}
	// The VM loads big-endian words: if the bytes of each are reversed, its loads give what the kernel's give.
	var in Context
	for off := r.from; off < r.to; off += 4 {
		binary.BigEndian.PutUint32(in[off:], binary.LittleEndian.Uint32(ctx[off:]))
	}
	v, err := r.vm.Run(in[:p.ctxSize])
	if err != nil {
		cannotRun(err)
	}
	return uint32(v) // on 32-bit machines a large result is negative, with the same bits
}

func cannotRun(err error) {
	panic(fmt.Sprintf("cbpfvm: x/net/bpf does not take a lowered program: %v", err))
}

// reference is a program for the VM, and the range of the context that it loads, in bytes.
type reference struct {
	vm       *bpf.VM
	from, to uint32
}

// makeReference lowers the program; it returns nil for the zero Program. Goroutines that do so at the same time make
// the same.
func (p *Program) makeReference() *reference {
	if r := p.reference.Load(); r != nil || len(p.raw) == 0 {
		return r
	}
	vm, err := bpf.NewVM(lower(p.raw, p.ctxSize))
	if err != nil {
		cannotRun(err)
	}
	r := &reference{vm: vm, from: p.ctxSize}
	for _, in := range p.raw {
		if opByCode[in.Code] == opLdAbs {
			r.from, r.to = min(r.from, in.K), max(r.to, in.K+4)
		}
	}
	p.reference.Store(r)
	return r
}

// How many instructions one becomes.
const (
	perNeg       = 2
	perShiftBit  = 9
	perShift     = 5 * perShiftBit
	perFarBranch = 3
)

// lower translates a checked program. One instruction can become several, so the distances of jumps change. A
// conditional jump that might exceed 255 instructions jumps to unconditional ones.
func lower(insns []uapi.SockFilter, ctxSize uint32) []bpf.Instruction {
	far := farBranches(insns)
	at := make([]int, len(insns)+1) // the index in out of each instruction
	for pc, in := range insns {
		at[pc+1] = at[pc] + loweredSize(opByCode[in.Code], far[pc])
	}
	out := make([]bpf.Instruction, 0, at[len(insns)])
	for pc, in := range insns {
		o := opByCode[in.Code]
		switch {
		case o == opJa:
			out = append(out, jumpTo(at, pc, 1, in.K))
		case far[pc]:
			out = append(out, condTo(o, in.K, 0, 1), jumpTo(at, pc, 2, uint32(in.Jt)), jumpTo(at, pc, 3, uint32(in.Jf)))
		case codes[o].rule == ruleCond:
			t, f := jumpTo(at, pc, 1, uint32(in.Jt)), jumpTo(at, pc, 1, uint32(in.Jf))
			out = append(out, condTo(o, in.K, uint8(t.Skip), uint8(f.Skip)))
		case o == opLshX:
			out = appendShift(out, bpf.ALUOpShiftLeft)
		case o == opRshX:
			out = appendShift(out, bpf.ALUOpShiftRight)
		case o == opNeg:
			out = append(out,
				bpf.ALUOpConstant{Op: bpf.ALUOpXor, Val: 0xffffffff}, bpf.ALUOpConstant{Op: bpf.ALUOpAdd, Val: 1})
		default:
			out = append(out, lowerPlain(o, in.K, ctxSize))
		}
	}
	return out
}

// farBranches marks the conditional jumps whose targets might get too far away. It assumes the largest size for every
// jump, so that the marks do not depend on each other.
func farBranches(insns []uapi.SockFilter) []bool {
	at := make([]int, len(insns)+1)
	for pc, in := range insns {
		at[pc+1] = at[pc] + loweredSize(opByCode[in.Code], true)
	}
	far := make([]bool, len(insns))
	for pc, in := range insns {
		if codes[opByCode[in.Code]].rule == ruleCond {
			far[pc] = at[pc+1+int(max(in.Jt, in.Jf))]-at[pc+1] > 255
		}
	}
	return far
}

func loweredSize(o op, far bool) int {
	switch {
	case o == opNeg:
		return perNeg
	case o == opLshX, o == opRshX:
		return perShift
	case far && codes[o].rule == ruleCond:
		return perFarBranch
	}
	return 1
}

// jumpTo returns the jump from the instruction at pc over the next skip instructions of the source. It will be the nth
// instruction that the one at pc becomes.
func jumpTo(at []int, pc, nth int, skip uint32) bpf.Jump {
	return bpf.Jump{Skip: uint32(at[pc+1+int(skip)] - at[pc] - nth)}
}

// condTo returns the conditional jump for o with the given distances.
func condTo(o op, k uint32, jt, jf uint8) bpf.Instruction {
	if cond, ok := condX[o]; ok {
		return bpf.JumpIfX{Cond: cond, SkipTrue: jt, SkipFalse: jf}
	}
	return bpf.JumpIf{Cond: condK[o], Val: k, SkipTrue: jt, SkipFalse: jf}
}

var condK = map[op]bpf.JumpTest{
	opJeqK: bpf.JumpEqual, opJgtK: bpf.JumpGreaterThan, opJgeK: bpf.JumpGreaterOrEqual, opJsetK: bpf.JumpBitsSet,
}

var condX = map[op]bpf.JumpTest{
	opJeqX: bpf.JumpEqual, opJgtX: bpf.JumpGreaterThan, opJgeX: bpf.JumpGreaterOrEqual, opJsetX: bpf.JumpBitsSet,
}

var aluK = map[op]bpf.ALUOp{
	opAddK: bpf.ALUOpAdd, opSubK: bpf.ALUOpSub, opMulK: bpf.ALUOpMul, opDivK: bpf.ALUOpDiv, opAndK: bpf.ALUOpAnd,
	opOrK: bpf.ALUOpOr, opXorK: bpf.ALUOpXor, opLshK: bpf.ALUOpShiftLeft, opRshK: bpf.ALUOpShiftRight,
}

var aluX = map[op]bpf.ALUOp{
	opAddX: bpf.ALUOpAdd, opSubX: bpf.ALUOpSub, opMulX: bpf.ALUOpMul, opDivX: bpf.ALUOpDiv, opAndX: bpf.ALUOpAnd,
	opOrX: bpf.ALUOpOr, opXorX: bpf.ALUOpXor,
}

// lowerPlain translates an instruction that stays one and is not a jump.
func lowerPlain(o op, k, ctxSize uint32) bpf.Instruction {
	if alu, ok := aluK[o]; ok {
		return bpf.ALUOpConstant{Op: alu, Val: k}
	}
	if alu, ok := aluX[o]; ok {
		return bpf.ALUOpX{Op: alu}
	}
	switch o {
	case opLdImm:
		return bpf.LoadConstant{Dst: bpf.RegA, Val: k}
	case opLdxImm:
		return bpf.LoadConstant{Dst: bpf.RegX, Val: k}
	case opLdAbs:
		return bpf.LoadAbsolute{Off: k, Size: 4}
	case opLdMem:
		return bpf.LoadScratch{Dst: bpf.RegA, N: int(k)}
	case opLdxMem:
		return bpf.LoadScratch{Dst: bpf.RegX, N: int(k)}
	case opLdLen: // a constant, since the VM has ExtLen for A only
		return bpf.LoadConstant{Dst: bpf.RegA, Val: ctxSize}
	case opLdxLen:
		return bpf.LoadConstant{Dst: bpf.RegX, Val: ctxSize}
	case opSt:
		return bpf.StoreScratch{Src: bpf.RegA, N: int(k)}
	case opStx:
		return bpf.StoreScratch{Src: bpf.RegX, N: int(k)}
	case opTax:
		return bpf.TAX{}
	case opTxa:
		return bpf.TXA{}
	case opRetK:
		return bpf.RetConstant{Val: k}
	case opRetA:
		return bpf.RetA{}
	}
	panic(fmt.Sprintf("cbpfvm: code %#x is not for io_uring", codes[o].code))
}

// appendShift shifts A by X modulo 32. The VM cannot, as it gives 0 for counts of 32 and more. X must survive, and the
// program may use all scratch cells, so nothing can be saved. But A xor X can be undone: bit i of A before and after it
// tells bit i of X without losing anything. Each of the five bits of the count then shifts by its share.
func appendShift(out []bpf.Instruction, shift bpf.ALUOp) []bpf.Instruction {
	xorX := bpf.ALUOpX{Op: bpf.ALUOpXor}
	for i := range 5 {
		bit := uint32(1) << i
		out = append(out,
			bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: bit, SkipTrue: 0, SkipFalse: 2},
			xorX, // A's bit is 1: it becomes 0 if X's is 1
			bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: bit, SkipTrue: 5, SkipFalse: 2},
			xorX, // A's bit is 0: it becomes 1 if X's is 1
			bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: bit, SkipTrue: 0, SkipFalse: 3},
			xorX, // X's bit is 1
			bpf.ALUOpConstant{Op: shift, Val: bit},
			bpf.Jump{Skip: 1},
			xorX) // X's bit is 0
	}
	return out
}

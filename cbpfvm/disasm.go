package cbpfvm

import (
	"fmt"

	"github.com/uringsim/uringsim/uapi"
)

// Disassemble returns a program in the assembler's language, one line per instruction. Assemble gives back exactly the
// same bits, whatever they are: an instruction that its mnemonic cannot express fully becomes .insn.
func Disassemble(insns []uapi.SockFilter) []string {
	lines := make([]string, len(insns))
	for i, in := range insns {
		lines[i] = disassemble(in)
	}
	return lines
}

func disassemble(in uapi.SockFilter) string {
	o, ok := opOf(in.Code)
	if !ok || codes[o].operand.drops(in) {
		return fmt.Sprintf(".insn 0x%02x %d %d %s", in.Code, in.Jt, in.Jf, number(in.K))
	}
	name, k := codes[o].mnemonic, number(in.K)
	switch codes[o].operand {
	case operandImm:
		return name + " #" + k
	case operandAbs:
		return name + " [" + k + "]"
	case operandInd:
		return name + " [x+" + k + "]"
	case operandMem:
		return name + " M[" + k + "]"
	case operandLen:
		return name + " #len"
	case operandMsh:
		return name + " 4*([" + k + "]&0xf)"
	case operandX:
		return name + " x"
	case operandA:
		return name + " a"
	case operandJump:
		return name + " +" + k
	case operandCondK:
		return fmt.Sprintf("%s #%s, +%d, +%d", name, k, in.Jt, in.Jf)
	case operandCondX:
		return fmt.Sprintf("%s x, +%d, +%d", name, in.Jt, in.Jf)
	}
	return name
}

// drops tells whether the text of the instruction would lose some of its bits.
func (kind operand) drops(in uapi.SockFilter) bool {
	jumps := in.Jt != 0 || in.Jf != 0
	switch kind {
	case operandCondK:
		return false
	case operandCondX:
		return in.K != 0
	case noOperand, operandLen, operandX, operandA:
		return jumps || in.K != 0
	}
	return jumps
}

// number writes numbers as people do: small ones in decimal, others in hexadecimal.
func number(k uint32) string {
	if k < 1000 {
		return fmt.Sprint(k)
	}
	return fmt.Sprintf("%#x", k)
}

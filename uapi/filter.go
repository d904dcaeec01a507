package uapi

// Limits of classic BPF (include/uapi/linux/filter.h, bpf_common.h).
const (
	BPF_MAXINSNS = 4096
	BPF_MEMWORDS = 16

	SizeofSockFilter = 8
)

// The parts of an instruction's code (include/uapi/linux/bpf_common.h, filter.h): a class, by class the mode of a load
// or an operation, and whether the second operand is K or X.
const (
	BPF_LD   = 0x00
	BPF_LDX  = 0x01
	BPF_ST   = 0x02
	BPF_STX  = 0x03
	BPF_ALU  = 0x04
	BPF_JMP  = 0x05
	BPF_RET  = 0x06
	BPF_MISC = 0x07

	BPF_W = 0x00
	BPF_H = 0x08
	BPF_B = 0x10

	BPF_IMM = 0x00
	BPF_ABS = 0x20
	BPF_IND = 0x40
	BPF_MEM = 0x60
	BPF_LEN = 0x80
	BPF_MSH = 0xa0

	BPF_ADD = 0x00
	BPF_SUB = 0x10
	BPF_MUL = 0x20
	BPF_DIV = 0x30
	BPF_OR  = 0x40
	BPF_AND = 0x50
	BPF_LSH = 0x60
	BPF_RSH = 0x70
	BPF_NEG = 0x80
	BPF_MOD = 0x90
	BPF_XOR = 0xa0

	BPF_JA   = 0x00
	BPF_JEQ  = 0x10
	BPF_JGT  = 0x20
	BPF_JGE  = 0x30
	BPF_JSET = 0x40

	BPF_K = 0x00
	BPF_X = 0x08
	BPF_A = 0x10

	BPF_TAX = 0x00
	BPF_TXA = 0x80
)

// SockFilter is struct sock_filter, one classic BPF instruction of 8 bytes.
type SockFilter struct {
	Code uint16 // off 0
	Jt   uint8  // off 2
	Jf   uint8  // off 3
	K    uint32 // off 4
}

// Class returns the class of the instruction, such as BPF_LD.
func (f SockFilter) Class() uint16 { return f.Code & 0x07 }

// Mode returns the mode of a load, such as BPF_ABS.
func (f SockFilter) Mode() uint16 { return f.Code & 0xe0 }

// Op returns the operation of BPF_ALU, BPF_JMP and BPF_MISC, such as BPF_ADD, BPF_JEQ and BPF_TXA.
func (f SockFilter) Op() uint16 { return f.Code & 0xf0 }

// Source returns the second operand of BPF_ALU and BPF_JMP, BPF_K or BPF_X.
func (f SockFilter) Source() uint16 { return f.Code & 0x08 }

// Result returns what BPF_RET returns, BPF_K or BPF_A.
func (f SockFilter) Result() uint16 { return f.Code & 0x18 }

// Append appends the 8 bytes of the instruction.
func (f SockFilter) Append(b []byte) []byte {
	b = le.AppendUint16(b, f.Code)
	b = append(b, f.Jt, f.Jf)
	return le.AppendUint32(b, f.K)
}

// DecodeSockFilters reads len(b)/8 instructions.
func DecodeSockFilters(b []byte) []SockFilter {
	prog := make([]SockFilter, len(b)/SizeofSockFilter)
	for i := range prog {
		p := b[i*SizeofSockFilter:]
		prog[i] = SockFilter{le.Uint16(p), p[2], p[3], le.Uint32(p[4:])}
	}
	return prog
}

// EncodeSockFilters writes the instructions one after the other.
func EncodeSockFilters(prog []SockFilter) []byte {
	b := make([]byte, 0, len(prog)*SizeofSockFilter)
	for _, f := range prog {
		b = f.Append(b)
	}
	return b
}

package progtext

import (
	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/uapi"
)

// The codes of instructions that comments speak of.
const (
	codeLdAbs = uapi.BPF_LD | uapi.BPF_W | uapi.BPF_ABS
	codeAndK  = uapi.BPF_ALU | uapi.BPF_AND | uapi.BPF_K
	codeJeqK  = uapi.BPF_JMP | uapi.BPF_JEQ | uapi.BPF_K
	codeJgtK  = uapi.BPF_JMP | uapi.BPF_JGT | uapi.BPF_K
	codeJgeK  = uapi.BPF_JMP | uapi.BPF_JGE | uapi.BPF_K
	codeJsetK = uapi.BPF_JMP | uapi.BPF_JSET | uapi.BPF_K
	codeRetK  = uapi.BPF_RET | uapi.BPF_K
	codeTxa   = uapi.BPF_MISC | uapi.BPF_TXA
)

// constants are the names for numbers in sources of programs: parts of instruction codes, and the names that the
// assembler knows.
//
// Linux: include/uapi/linux/bpf_common.h:BPF_CLASS, include/uapi/linux/filter.h:BPF_STMT
var constants = func() map[string]uint32 {
	all := cbpfvm.Constants()
	for name, v := range map[string]uint32{
		"BPF_LD": uapi.BPF_LD, "BPF_LDX": uapi.BPF_LDX, "BPF_ST": uapi.BPF_ST, "BPF_STX": uapi.BPF_STX,
		"BPF_ALU": uapi.BPF_ALU, "BPF_JMP": uapi.BPF_JMP, "BPF_RET": uapi.BPF_RET, "BPF_MISC": uapi.BPF_MISC,
		"BPF_W": uapi.BPF_W, "BPF_H": uapi.BPF_H, "BPF_B": uapi.BPF_B, "BPF_IMM": uapi.BPF_IMM,
		"BPF_ABS": uapi.BPF_ABS, "BPF_IND": uapi.BPF_IND, "BPF_MEM": uapi.BPF_MEM, "BPF_LEN": uapi.BPF_LEN,
		"BPF_MSH": uapi.BPF_MSH, "BPF_ADD": uapi.BPF_ADD, "BPF_SUB": uapi.BPF_SUB, "BPF_MUL": uapi.BPF_MUL,
		"BPF_DIV": uapi.BPF_DIV, "BPF_OR": uapi.BPF_OR, "BPF_AND": uapi.BPF_AND, "BPF_LSH": uapi.BPF_LSH,
		"BPF_RSH": uapi.BPF_RSH, "BPF_NEG": uapi.BPF_NEG, "BPF_MOD": uapi.BPF_MOD, "BPF_XOR": uapi.BPF_XOR,
		"BPF_JA": uapi.BPF_JA, "BPF_JEQ": uapi.BPF_JEQ, "BPF_JGT": uapi.BPF_JGT, "BPF_JGE": uapi.BPF_JGE,
		"BPF_JSET": uapi.BPF_JSET, "BPF_K": uapi.BPF_K, "BPF_X": uapi.BPF_X, "BPF_A": uapi.BPF_A,
		"BPF_TAX": uapi.BPF_TAX, "BPF_TXA": uapi.BPF_TXA, "BPF_MAXINSNS": uapi.BPF_MAXINSNS,
		"BPF_MEMWORDS": uapi.BPF_MEMWORDS,
	} {
		all[name] = v
	}
	return all
}()

// members are the offsets in bytes of the members of struct io_uring_bpf_ctx.
//
// Linux: include/uapi/linux/io_uring/bpf_filter.h:io_uring_bpf_ctx
var members = map[string]uint32{
	"user_data": uapi.BPFCtxUserData, "opcode": uapi.BPFCtxOpcode, "sqe_flags": uapi.BPFCtxSQEFlags,
	"pdu_size": uapi.BPFCtxPDUSize, "pad": uapi.BPFCtxPDUSize + 1,
	"socket": uapi.BPFCtxPDU, "socket.family": uapi.BPFCtxPDU, "socket.type": uapi.BPFCtxPDU + 4,
	"socket.protocol": uapi.BPFCtxPDU + 8,
	"open":            uapi.BPFCtxPDU, "open.flags": uapi.BPFCtxPDU, "open.mode": uapi.BPFCtxPDU + 8,
	"open.resolve": uapi.BPFCtxPDU + 16,
	"connect":      uapi.BPFCtxPDU, "connect.family": uapi.BPFCtxPDU, "connect.port": uapi.BPFCtxPDU + 4,
	"connect.v4_addr": uapi.BPFCtxPDU + 8, "connect.v6_addr": uapi.BPFCtxPDU + 8,
}

package progtext

import (
	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/uapi"
)

// Codes of instructions, and classes: their lowest three bits.
const (
	codeLd    = 0x00
	codeALU   = 0x04
	codeRet   = 0x06
	codeMisc  = 0x07
	codeLdAbs = 0x20
	codeAndK  = 0x54
	codeJeqK  = 0x15
	codeJgtK  = 0x25
	codeJgeK  = 0x35
	codeJsetK = 0x45
	codeRetK  = 0x06
	codeTxa   = 0x87
)

// constants are what sources of programs call numbers: the parts of codes, and what the assembler knows.
//
// Linux: include/uapi/linux/bpf_common.h:BPF_CLASS, include/uapi/linux/filter.h:BPF_STMT
var constants = func() map[string]uint32 {
	all := cbpfvm.Constants()
	for name, v := range map[string]uint32{
		"BPF_LD": 0x00, "BPF_LDX": 0x01, "BPF_ST": 0x02, "BPF_STX": 0x03, "BPF_ALU": 0x04, "BPF_JMP": 0x05, "BPF_RET": 0x06,
		"BPF_MISC": 0x07,
		"BPF_W":    0x00, "BPF_H": 0x08, "BPF_B": 0x10,
		"BPF_IMM": 0x00, "BPF_ABS": 0x20, "BPF_IND": 0x40, "BPF_MEM": 0x60, "BPF_LEN": 0x80, "BPF_MSH": 0xa0,
		"BPF_ADD": 0x00, "BPF_SUB": 0x10, "BPF_MUL": 0x20, "BPF_DIV": 0x30, "BPF_OR": 0x40, "BPF_AND": 0x50, "BPF_LSH": 0x60,
		"BPF_RSH": 0x70, "BPF_NEG": 0x80, "BPF_MOD": 0x90, "BPF_XOR": 0xa0,
		"BPF_JA": 0x00, "BPF_JEQ": 0x10, "BPF_JGT": 0x20, "BPF_JGE": 0x30, "BPF_JSET": 0x40,
		"BPF_K": 0x00, "BPF_X": 0x08, "BPF_A": 0x10, "BPF_TAX": 0x00, "BPF_TXA": 0x80,
		"BPF_MAXINSNS": uapi.BPF_MAXINSNS, "BPF_MEMWORDS": uapi.BPF_MEMWORDS,
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

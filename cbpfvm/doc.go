// Package cbpfvm checks, runs, explains, assembles and disassembles the classic BPF programs that io_uring takes as
// filters.
//
// Check accepts exactly what the kernel accepts, and running a program that it returned cannot fail. There are three ways
// to run one. RunReference lowers it for golang.org/x/net/bpf's VM. Explain interprets it and records each step. Run is
// the fast one: most filters only compare single words of the context and become a few questions; the others are
// shortened and interpreted. A property, which is also a fuzz target, holds the three to the same result for every program
// and context. An Engine says which of them decides on requests.
//
// # The language
//
// Assemble reads the language of bpf_asm from the kernel's tools, one instruction a line:
//
//	      ld [op]
//	      and #0xff                      ; opcode, without sqe_flags and pdu_size
//	      jne #IORING_OP_SOCKET, allow
//	      ld [socket.family]
//	      jeq #AF_INET, allow, deny
//	deny: ret #0
//	allow: ret #1
//
// Comments are ";" and "//" to the end of the line and "/* */". Numbers are decimal, hexadecimal, octal or binary.
// Words of the context have names (Fields), and constants have their C names and can be joined by "|". A jump goes to a
// label, or by +n over the next n instructions; a conditional jump with only one target falls through if its condition
// does not hold. ".insn code jt jf k" is any instruction at all.
//
// # How the reference differs from the kernel
//
// The x/net VM alone is not a model of the kernel. It loads big-endian words, so it gets contexts in which the bytes of
// every word are reversed. It cannot negate, so neg becomes xor and add. Its shifts by X give 0 for 32 and more where the
// kernel takes the count modulo 32, so a shift becomes five tests of bits of X. It checks much less, so it only gets
// programs that Check accepted.
package cbpfvm

// Package cbpfvm checks, runs, explains, assembles and disassembles the classic BPF programs that io_uring takes as
// filters.
//
// Check accepts what the kernel accepts and nothing else; what it returns cannot fail when it runs. RunReference lowers a
// program for golang.org/x/net/bpf's VM. Explain is an interpreter that keeps its way. Run is for speed: most filters
// only compare single words of the context, and become a few questions; the others are made shorter and run on the
// interpreter. They agree on every program and context, which one property holds, as a test and as a fuzz target. An
// Engine says which of them judges requests.
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
// Offsets of the context have names (Fields), and constants have their C names, which "|" joins. A jump goes to a
// label, or to +n over the n instructions that follow; a conditional jump with one target falls through otherwise.
// ".insn code jt jf k" is any instruction at all.
//
// # Where the reference differs below
//
// The x/net VM is no model of the kernel by itself. It loads big-endian, so a context is handed to it with every word
// turned round. It cannot negate, so neg becomes xor and add. A shift by X of 32 or more gives it 0 where the kernel
// takes the count modulo 32, so a shift becomes five tests of X's bits. It checks far less, so nothing reaches it
// unchecked.
package cbpfvm

package cbpfvm

import (
	"encoding/binary"
	"slices"
	"sync/atomic"

	"github.com/uringsim/uringsim/uapi"
)

// Context is struct io_uring_bpf_ctx, what a filter loads from: the bytes of a little-endian kernel.
// uapi.BPFCtxOpcode and its neighbours are offsets into it.
type Context [uapi.SizeofBPFCtx]byte

// Word is the word that a load at the offset gives.
func (c *Context) Word(off uint32) uint32 { return binary.LittleEndian.Uint32(c[off:]) }

// SetWord makes a load at the offset give v.
func (c *Context) SetWord(off, v uint32) { binary.LittleEndian.PutUint32(c[off:], v) }

// Program is a filter that Check accepted. Running it cannot fail, and many goroutines may at once.
// The zero Program denies everything.
type Program struct {
	raw     []uapi.SockFilter
	ctxSize uint32
	first   *question // what Run begins with

	reference atomic.Pointer[reference] // made when it is asked for: few programs ever meet it
}

// inst is an instruction as the interpreter wants it: 8 bytes, with a dense op and LEN made a constant.
type inst struct {
	op     op
	jt, jf uint8
	k      uint32
}

func newProgram(insns []uapi.SockFilter, ctxSize uint32) *Program {
	p := &Program{raw: slices.Clone(insns), ctxSize: ctxSize}
	code := decode(insns, ctxSize)
	if p.first = decide(code); p.first == nil {
		p.first = &question{how: isCode, code: flatten(code)}
	}
	return p
}

// decode makes checked instructions ready for the interpreter.
func decode(insns []uapi.SockFilter, ctxSize uint32) []inst {
	code := make([]inst, len(insns))
	for pc, in := range insns {
		o, _ := opOf(in.Code)
		code[pc] = inst{o, in.Jt, in.Jf, in.K}
		switch o {
		case opLdLen:
			code[pc] = inst{op: opLdImm, k: ctxSize}
		case opLdxLen:
			code[pc] = inst{op: opLdxImm, k: ctxSize}
		}
	}
	return code
}

// Insns is a copy of the instructions as they were registered.
func (p *Program) Insns() []uapi.SockFilter { return slices.Clone(p.raw) }

// Len is the number of instructions.
func (p *Program) Len() int { return len(p.raw) }

// CtxSize is the size of the context in bytes that the program was checked for.
func (p *Program) CtxSize() uint32 { return p.ctxSize }

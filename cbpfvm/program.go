package cbpfvm

import (
	"encoding/binary"
	"slices"
	"sync/atomic"

	"github.com/uringsim/uringsim/uapi"
)

// Context is struct io_uring_bpf_ctx, from which filters load, with the bytes of a little-endian kernel.
// uapi.BPFCtxOpcode and its neighbours are offsets into it.
type Context [uapi.SizeofBPFCtx]byte

// Word returns what a load at the offset gives.
func (c *Context) Word(off uint32) uint32 { return binary.LittleEndian.Uint32(c[off:]) }

// SetWord sets what a load at the offset gives.
func (c *Context) SetWord(off, v uint32) { binary.LittleEndian.PutUint32(c[off:], v) }

// Program is a filter that Check accepted. Running it cannot fail, and is safe for concurrent use. The zero Program
// denies everything.
type Program struct {
	raw     []uapi.SockFilter
	ctxSize uint32
	first   *question // where Run begins

	reference atomic.Pointer[reference] // made on first use, as most programs never need it
}

// inst is an instruction in the form that the interpreter wants: 8 bytes, with a dense op, and LEN replaced by a
// constant.
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

// decode prepares checked instructions for the interpreter.
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

// Insns returns a copy of the instructions as they were registered.
func (p *Program) Insns() []uapi.SockFilter { return slices.Clone(p.raw) }

// CtxSize returns the size in bytes of the context that the program was checked for.
func (p *Program) CtxSize() uint32 { return p.ctxSize }

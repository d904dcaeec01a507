package cbpfvm

import (
	"github.com/uringsim/uringsim/uapi"
)

// Run evaluates the filter. A result of 0 denies the request, any other allows it.
//
// Linux: kernel/bpf/core.c:___bpf_prog_run, after net/core/filter.c:bpf_convert_filter
func (p *Program) Run(ctx *Context) uint32 {
	if p.first == nil {
		return 0 // only the zero Program has none
	}
	return p.first.run(ctx)
}

// Sees adds to mask the words of the context that the filter may load. Its result depends on nothing else.
func (p *Program) Sees(mask *Context) {
	for _, in := range p.raw {
		if opByCode[in.Code] == opLdAbs {
			mask.SetWord(in.K, ^uint32(0))
		}
	}
}

// AlwaysAllows tells whether the filter is known to allow every request.
func (p *Program) AlwaysAllows() bool {
	return p.first != nil && p.first.how == isConstant && p.first.k != 0
}

// run is the interpreter.
func (f *flat) run(ctx *Context) uint32 {
	var a, x uint32
	var m [uapi.BPF_MEMWORDS]uint32
	code := f.code
	for pc := uint(0); pc < uint(len(code)); pc++ {
		in := &code[pc]
		switch in.op {
		case opLdImm:
			a = in.k
		case opLdAbs:
			a = ctx.Word(in.k)
		case opLdMem:
			a = m[in.k%uapi.BPF_MEMWORDS]
		case opLdxImm:
			x = in.k
		case opLdxMem:
			x = m[in.k%uapi.BPF_MEMWORDS]
		case opSt:
			m[in.k%uapi.BPF_MEMWORDS] = a
		case opStx:
			m[in.k%uapi.BPF_MEMWORDS] = x
		case opAddK:
			a += in.k
		case opAddX:
			a += x
		case opSubK:
			a -= in.k
		case opSubX:
			a -= x
		case opMulK:
			a *= in.k
		case opMulX:
			a *= x
		case opDivK:
			a /= in.k
		case opDivX:
			if x == 0 {
				return 0
			}
			a /= x
		case opAndK:
			a &= in.k
		case opAndX:
			a &= x
		case opOrK:
			a |= in.k
		case opOrX:
			a |= x
		case opXorK:
			a ^= in.k
		case opXorX:
			a ^= x
		case opLshK:
			a <<= in.k & 31
		case opLshX:
			a <<= x & 31 // the kernel's 32-bit shifts take the count modulo 32
		case opRshK:
			a >>= in.k & 31
		case opRshX:
			a >>= x & 31
		case opNeg:
			a = -a
		case opJa:
			pc += uint(in.k)
		case opJeqK:
			pc += in.skip(a == in.k)
		case opJeqX:
			pc += in.skip(a == x)
		case opJgtK:
			pc += in.skip(a > in.k)
		case opJgtX:
			pc += in.skip(a > x)
		case opJgeK:
			pc += in.skip(a >= in.k)
		case opJgeX:
			pc += in.skip(a >= x)
		case opJsetK:
			pc += in.skip(a&in.k != 0)
		case opJsetX:
			pc += in.skip(a&x != 0)
		case opTax:
			x = a
		case opTxa:
			a = x
		case opRetK:
			return in.k
		case opRetA:
			return a
		case opAddM:
			x = m[in.k%uapi.BPF_MEMWORDS]
			a += x
		case opSubM:
			x = m[in.k%uapi.BPF_MEMWORDS]
			a -= x
		case opMulM:
			x = m[in.k%uapi.BPF_MEMWORDS]
			a *= x
		case opAndM:
			x = m[in.k%uapi.BPF_MEMWORDS]
			a &= x
		case opOrM:
			x = m[in.k%uapi.BPF_MEMWORDS]
			a |= x
		case opXorM:
			x = m[in.k%uapi.BPF_MEMWORDS]
			a ^= x
		case opMix:
			a = mixed(f.mixes[in.k:], a)
		}
	}
	return 0 // never reached: the last instruction is a return
}

// skip returns how many instructions a conditional jump skips.
func (in *inst) skip(taken bool) uint {
	if taken {
		return uint(in.jt)
	}
	return uint(in.jf)
}

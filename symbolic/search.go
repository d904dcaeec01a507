package symbolic

import (
	"math/rand/v2"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/uapi"
)

// tries is how many requests a search tries.
const tries = 20000

// search looks for requests that only one of the policies allows, by running their filters on requests close to the
// constants in these, and on random ones.
func search(a, b *Policy, op uapi.Op, tries int) (onlyA, onlyB *Request, tried int) {
	s := newSampler(a, op, append(a.constants(op), b.constants(op)...), 1)
	for tried = 0; tried < tries && (onlyA == nil || onlyB == nil); tried++ {
		v := s.next()
		ctx, flags := s.c.context(v), s.c.flags(v)
		allowA, allowB := a.Allows(op, flags, &ctx), b.Allows(op, flags, &ctx)
		if allowA && !allowB && onlyA == nil {
			onlyA = s.c.request(v)
		}
		if allowB && !allowA && onlyB == nil {
			onlyB = s.c.request(v)
		}
	}
	return onlyA, onlyB, tried
}

// constants returns the constants in the filters of the opcode.
func (p *Policy) constants(op uapi.Op) []uint32 {
	var all []uint32
	for _, prog := range p.stacks[op].progs {
		for _, in := range prog.Insns() {
			all = append(all, in.K)
		}
	}
	return all
}

// sampler makes requests that can occur.
type sampler struct {
	c         *contexts
	rng       *rand.Rand
	constants []uint32
}

func newSampler(p *Policy, op uapi.Op, constants []uint32, seed uint64) *sampler {
	const enough = 1 << 30 // diagrams of what can occur are always small
	return &sampler{newContexts(newDiagram(enough), p.release, op, byField), rand.New(rand.NewPCG(seed, uint64(op))),
		append(constants, 0, 1, 1<<31, 1<<32-1)}
}

// next returns a request that can occur and is close to a context of constants and random words.
func (s *sampler) next() values {
	var ctx cbpfvm.Context
	for off := uint32(0); off < uint32(len(ctx)); off += 4 {
		ctx.SetWord(off, s.word())
	}
	wish, _ := s.c.valuesOf(&ctx, uint8(s.rng.Uint32()))
	return s.c.near(s.c.occurs, wish)
}

func (s *sampler) word() uint32 {
	switch s.rng.IntN(4) {
	case 0:
		return s.rng.Uint32()
	case 1:
		return 0
	}
	k := s.constants[s.rng.IntN(len(s.constants))]
	switch s.rng.IntN(6) {
	case 0:
		return k + 1
	case 1:
		return k - 1
	case 2:
		return k ^ 1<<s.rng.IntN(32)
	case 3:
		return k << s.rng.IntN(32)
	}
	return k
}

package symbolic

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/uapi"
)

// rounds is how many random programs or pairs a property tries: URINGSIM_PROGRAMS, or what is fast.
func rounds(fast int) uint64 {
	if n, err := strconv.Atoi(os.Getenv("URINGSIM_PROGRAMS")); err == nil {
		return uint64(n)
	}
	return uint64(fast)
}

// randomProgram is one that Check accepts.
func randomProgram(rng *rand.Rand) []uapi.SockFilter {
	for {
		size := 2 + rng.IntN(24)
		insns := make([]uapi.SockFilter, 0, size+1)
		for left := size; left > 0; left-- {
			insns = append(insns, randomInsn(rng, left))
		}
		insns = append(insns, uapi.SockFilter{Code: []uint16{0x06, 0x16, 0x16}[rng.IntN(3)], K: uint32(rng.IntN(2))})
		if _, err := cbpfvm.Check(insns, uapi.SizeofBPFCtx); err == nil {
			return insns
		}
	}
}

var insnCodes = []uint16{
	0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x00, 0x01, 0x02, 0x03, 0x60, 0x61, 0x80, 0x81, 0x07, 0x07, 0x87,
	0x04, 0x0c, 0x14, 0x1c, 0x24, 0x2c, 0x34, 0x3c, 0x44, 0x4c, 0x54, 0x54, 0x54, 0x5c, 0x64, 0x6c, 0x74, 0x7c, 0x84,
	0xa4, 0xac,
	0x05, 0x15, 0x15, 0x15, 0x15, 0x1d, 0x25, 0x25, 0x2d, 0x35, 0x35, 0x3d, 0x45, 0x45, 0x4d, 0x06, 0x16,
}

var constants = []uint32{0, 1, 2, 3, 6, 10, 15, 16, 17, 31, 40, 255, 0x1bb, 0x8000, 0xff00, 0xffff, 0x10000,
	0x7fffffff, 0x80000000, 0xffffffff}

func randomInsn(rng *rand.Rand, left int) uapi.SockFilter {
	in := uapi.SockFilter{Code: insnCodes[rng.IntN(len(insnCodes))], K: constants[rng.IntN(len(constants))]}
	if rng.IntN(4) == 0 {
		in.K = rng.Uint32()
	}
	short := func() int { return rng.IntN(min(left, 5)) }
	switch in.Class() {
	case uapi.BPF_LD, uapi.BPF_LDX:
		if in.Mode() == uapi.BPF_ABS {
			in.K = 4 * uint32(rng.IntN(10))
		}
		if in.Mode() == uapi.BPF_MEM {
			in.K = uint32(rng.IntN(3))
		}
	case uapi.BPF_ST, uapi.BPF_STX:
		in.K = uint32(rng.IntN(3))
	case uapi.BPF_ALU:
		if op := in.Op(); in.Code&uapi.BPF_X == 0 && (op == uapi.BPF_LSH || op == uapi.BPF_RSH) {
			in.K %= 32
		}
	case uapi.BPF_JMP:
		if in.Code == 0x05 {
			in.K = uint32(short())
		} else {
			in.Jt, in.Jf = uint8(short()), uint8(short())
		}
	}
	return in
}

// payloadOps are the opcodes that a filter sees most of.
var payloadOps = []uapi.Op{uapi.IORING_OP_SOCKET, uapi.IORING_OP_OPENAT, uapi.IORING_OP_OPENAT2, uapi.IORING_OP_CONNECT,
	uapi.IORING_OP_NOP, uapi.IORING_OP_STATX}

// policyOf registers programs for an opcode, the last one runs first.
func policyOf(t testing.TB, k kernel.Release, op uapi.Op, programs ...[]uapi.SockFilter) *Policy {
	t.Helper()
	p := &plan.Plan{Name: "test"}
	for _, insns := range programs {
		p.Filters = append(p.Filters, plan.Filter{Op: op, Insns: insns})
	}
	policy, err := NewPolicy(p, k)
	if err != nil {
		t.Fatal(err)
	}
	return policy
}

// agrees holds what the diagram says of a stack to what running it gives, in both orders of variables. It is false if
// the stack is too large.
func agrees(t *testing.T, p *Policy, op uapi.Op, seed uint64, limit int) bool {
	t.Helper()
	for _, o := range []order{byField, byBit} {
		c := newContexts(newDiagram(limit), p.release, op, o)
		var pass function
		var reached [][]function
		if !within(func() { pass, reached = p.filtered(c, c.occurs) }) {
			continue
		}
		s := newSampler(p, op, p.constants(op), seed)
		for range 30 {
			ctx, flags := s.c.context(s.next()), uint8(0)
			v, ok := c.valuesOf(&ctx, flags)
			if !ok || !c.holds(c.occurs, v) {
				continue
			}
			if got, want := c.holds(pass, v), p.Allows(op, flags, &ctx); got != want {
				t.Fatalf("seed %d: %s on %s: the diagram says %v, running it %v, of %x\n%s",
					seed, op, p.release.Name, got, want, ctx, p.stacks[op].progs[0].Explain(&ctx))
			}
			agreeReached(t, c, p, reached, v)
		}
		return true
	}
	return false
}

// agreeReached: a context comes to the instructions that the diagram says, and to no others.
func agreeReached(t *testing.T, c *contexts, p *Policy, reached [][]function, v values) {
	t.Helper()
	ctx := c.context(v)
	for i, prog := range p.stacks[c.op].progs {
		path := prog.Explain(&ctx)
		ran := map[int]bool{}
		for _, s := range path.Steps {
			ran[s.PC] = true
		}
		for pc, f := range reached[i] {
			if c.holds(f, v) != ran[pc] {
				t.Fatalf("instruction %d of filter %d: the diagram says %v, running it %v, of %x\n%s",
					pc, i, !ran[pc], ran[pc], ctx, path)
			}
		}
		if path.Result == 0 {
			return
		}
	}
}

func TestAgreesWithExecution(t *testing.T) {
	n, decided := rounds(600), 0
	releases := Releases()
	for seed := range n {
		rng := rand.New(rand.NewPCG(seed, 7))
		op := payloadOps[rng.IntN(len(payloadOps))]
		programs := [][]uapi.SockFilter{randomProgram(rng)}
		if rng.IntN(3) == 0 {
			programs = append(programs, randomProgram(rng))
		}
		p := policyOf(t, releases[rng.IntN(len(releases))], op, programs...)
		if agrees(t, p, op, seed, 1<<16) {
			decided++
		}
	}
	t.Logf("%d of %d stacks decided", decided, n)
	if decided < int(n)*8/10 {
		t.Errorf("%d of %d random stacks decided: most should be", decided, n)
	}
}

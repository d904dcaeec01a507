package policy

import (
	"encoding/binary"
	"testing"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/uapi"
)

// witness holds the programs of a policy to what its rules say, over the values at which the rules change their mind:
// Allows, the naive program and the compiled one agree, and every instruction of the compiled one is of use.
func witness(t *testing.T, p *Policy) {
	t.Helper()
	// The opcodes that have fields of their own, and two that stand for all others.
	ops := []uapi.Op{uapi.IORING_OP_NOP, uapi.IORING_OP_READ}
	for _, pay := range payloads {
		ops = append(ops, pay.op)
	}
	for _, op := range ops {
		g, root := decide(p, op)
		insns, _ := emit(g.prune(root))
		if len(insns) > uapi.BPF_MAXINSNS {
			t.Fatalf("%s: %d instructions", op, len(insns))
		}
		prog, err := cbpfvm.Check(insns, uapi.SizeofBPFCtx)
		if err != nil {
			t.Fatalf("%s: %v\n%s", op, err, p)
		}
		s := search{t: t, policy: p, op: op, prog: prog, reached: map[reached]bool{}, pcs: map[int]bool{}}
		if plain, ok := naive(p, op); ok {
			if s.naive, err = cbpfvm.Check(plain, uapi.SizeofBPFCtx); err != nil {
				t.Fatalf("%s: the naive program: %v\n%s", op, err, p)
			}
		}
		s.run()
		for pc := range insns {
			if !s.pcs[pc] {
				t.Fatalf("%s: no request reaches instruction %d of\n%s\ncompiled from\n%s", op, pc, listing(insns), p)
			}
		}
	}
}

// witnessPlan holds the plan as a whole to the rules, for all opcodes: the programs, and what DENY_REST does.
func witnessPlan(t *testing.T, p *Policy) {
	t.Helper()
	out, err := p.Compile(Options{Kernels: []kernel.Release{kernel.V7_2, kernel.V7_3}})
	if err != nil {
		t.Fatalf("%v\n%s", err, p)
	}
	rest := 0
	programs := make([]*cbpfvm.Program, len(out.Filters))
	for i, f := range out.Filters {
		var checkErr *cbpfvm.CheckError
		if programs[i], checkErr = cbpfvm.Check(f.Insns, uapi.SizeofBPFCtx); checkErr != nil {
			t.Fatal(checkErr)
		}
		rest += int(f.Flags & uapi.IO_URING_BPF_FILTER_DENY_REST)
	}
	if want := map[Action]int{Deny: 1, Allow: 0}[p.Default]; rest != want {
		t.Fatalf("DENY_REST is registered %d times, want %d\n%s", rest, want, p)
	}
	for op := range uapi.Op(uapi.IORING_OP_LAST) {
		stack, denied := out.Stack(op)
		for _, ctx := range contexts(t, p, op) {
			got := !denied
			for _, i := range stack {
				got = got && programs[i].Run(&ctx) != 0
			}
			if want := p.Allows(op, &ctx); got != want {
				t.Fatalf("%s, context %x: the rules say %v, the plan %v\n%s", op, ctx[:], want, got, p)
			}
		}
	}
}

// contexts are those that go every way through the rules of a policy for an opcode.
func contexts(t *testing.T, p *Policy, op uapi.Op) []cbpfvm.Context {
	t.Helper()
	g, root := decide(p, op)
	insns, _ := emit(g.prune(root))
	prog, err := cbpfvm.Check(insns, uapi.SizeofBPFCtx)
	if err != nil {
		t.Fatal(err)
	}
	s := search{t: t, policy: p, op: op, prog: prog, reached: map[reached]bool{}, pcs: map[int]bool{}, keep: true}
	s.run()
	return s.kept
}

func listing(insns []uapi.SockFilter) (text string) {
	for _, line := range cbpfvm.Disassemble(insns) {
		text += line + "\n"
	}
	return text
}

// search looks for contexts that go every way through a policy. It starts with zeros and changes one field at a time to
// a value at which something may change; what reaches something new is where it goes on from.
type search struct {
	t           *testing.T
	policy      *Policy
	op          uapi.Op
	prog, naive *cbpfvm.Program
	reached     map[reached]bool
	pcs         map[int]bool // of prog

	keep bool
	kept []cbpfvm.Context // all that were tried, if they are to be kept
}

// reached is a way on from an instruction of the naive program or of the compiled one.
type reached struct {
	naive    bool
	pc, next int
}

func (s *search) run() {
	var first cbpfvm.Context
	first[uapi.BPFCtxOpcode] = byte(s.op)
	if pay := payloadOf(s.op); pay != nil {
		first[uapi.BPFCtxPDUSize] = pay.size
	}
	type found struct {
		ctx  cbpfvm.Context
		last uint32 // the field that was changed last: its other values were tried
	}
	const none = 99
	changes := s.changes()
	queue := []found{{first, none}}
	s.try(&first)
	for len(queue) > 0 {
		from := queue[0]
		queue = queue[1:]
		for _, c := range changes {
			next := found{from.ctx, c.off}
			copy(next.ctx[c.off:], c.bytes)
			if c.off != from.last && s.try(&next.ctx) {
				queue = append(queue, next)
			}
		}
	}
}

// try runs a context; true if it reached something new.
func (s *search) try(ctx *cbpfvm.Context) bool {
	if s.keep {
		s.kept = append(s.kept, *ctx)
	}
	want := s.policy.Allows(s.op, ctx)
	found := false
	for _, prog := range []*cbpfvm.Program{s.prog, s.naive} {
		if prog == nil {
			continue
		}
		path := prog.Explain(ctx)
		if got := path.Result != 0; got != want {
			s.t.Fatalf("%s, context %x: the rules say %v, the program (naive: %v) says\n%s\ncompiled from\n%s",
				s.op, ctx[:], want, prog == s.naive, path, s.policy)
		}
		for _, step := range path.Steps {
			if prog == s.prog {
				s.pcs[step.PC] = true
			}
			r := reached{prog == s.naive, step.PC, step.Next}
			found = found || !s.reached[r]
			s.reached[r] = true
		}
	}
	return found
}

// change is bytes to write into a context.
type change struct {
	off   uint32
	bytes []byte
}

// changes are the values of all fields at which something may change.
func (s *search) changes() []change {
	var out []change
	for i := range fields {
		f := &fields[i]
		if !f.Has(s.op) || f.Name == "opcode" {
			continue
		}
		values := map[uint64]bool{}
		add := func(v uint64) {
			for _, v := range []uint64{v, v | f.ignored} {
				if c := f.change(v); !values[v] {
					out = append(out, c)
					values[v] = true
				}
			}
		}
		for _, v := range []uint64{0, 1, f.Bits(), uapi.AF_INET, uapi.AF_INET6} {
			add(v)
		}
		for r := range s.policy.Rules {
			for _, t := range tests(s.policy.Rules[r].If, nil) {
				if t.Field == f.Name && s.policy.Rules[r].fits(s.op) {
					out = append(out, t.boundaries(f, add)...)
				}
			}
		}
	}
	return out
}

// boundaries adds the values around the constants of a test, and gives the addresses around its prefixes.
func (t *Test) boundaries(f *Field, add func(uint64)) []change {
	var out []change
	if f.order != address {
		add(t.Mask)
		add(^t.Mask)
	}
	for _, v := range t.Values {
		if f.order == address {
			out = append(out, around(f, v)...)
			continue
		}
		for _, c := range []uint64{v.Lo, v.Hi} {
			for _, near := range []uint64{c, c - 1, c + 1, c | ^t.Mask, c ^ 1<<32, c | 0xffffffff<<32, c | 0xffffffff} {
				add(near)
			}
			for bit := range f.width {
				add(c ^ 1<<bit)
			}
		}
	}
	return out
}

// around are the first and last address of a prefix, those before and after it, and those that differ in one bit.
func around(f *Field, v Value) []change {
	first := v.Prefix.Addr().AsSlice()
	last := append([]byte{}, first...)
	for bit := v.Prefix.Bits(); bit < 8*len(last); bit++ {
		last[bit/8] |= 0x80 >> (bit % 8)
	}
	out := []change{{f.off, first}, {f.off, last}}
	for bit := range 8 * len(first) {
		other := append([]byte{}, first...)
		other[bit/8] ^= 0x80 >> (bit % 8)
		out = append(out, change{f.off, other})
	}
	return out
}

// change writes a value, of which only the field's bits count, in the field's order.
func (f *Field) change(v uint64) change {
	off := f.off + uint32(f.shift/8)
	switch {
	case f.width == 8:
		return change{off, []byte{byte(v) & 0x7f}}
	case f.width == 16:
		return change{off, binary.BigEndian.AppendUint16(nil, uint16(v))}
	case f.width == 32 && f.order == network:
		return change{off, binary.BigEndian.AppendUint32(nil, uint32(v))}
	case f.width == 32:
		return change{off, binary.LittleEndian.AppendUint32(nil, uint32(v))}
	case f.width == 64:
		return change{off, binary.LittleEndian.AppendUint64(nil, v)}
	}
	return change{off, make([]byte, 16)}
}

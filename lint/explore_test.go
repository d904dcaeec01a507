package lint

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/opdef"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/symbolic"
	"github.com/uringsim/uringsim/uapi"
)

// explored checks what is found out about one program by running it against what is proven about it.
func explored(t *testing.T, p *plan.Plan) {
	t.Helper()
	for _, k := range []kernel.Release{kernel.V7_0, kernel.V7_3} {
		for _, f := range newSubject(p, k).filters {
			for i := range f.runs {
				r := &f.runs[i]
				settled := r.ctx
				if f.view.settle(&settled); settled != r.ctx {
					t.Errorf("%s: % x is no context of %s\n%v", k.Name, r.ctx, f.Op, cbpfvm.Disassemble(f.Insns))
				}
				if f.allows(&r.ctx) != r.allows {
					t.Errorf("%s: a run forgets whether it allows\n%v", k.Name, cbpfvm.Disassemble(f.Insns))
				}
				impossible := map[bool]symbolic.Verdict{true: symbolic.Denied, false: symbolic.Allowed}[r.allows]
				occurs := opdef.AsyncDoc(f.Op) == "" || r.ctx[uapi.BPFCtxSQEFlags]&uapi.IOSQE_ASYNC != 0
				if f.verdict == impossible && occurs {
					t.Errorf("%s: all requests are %s, a run says otherwise of % x\n%v", k.Name, f.verdict, r.ctx,
						cbpfvm.Disassemble(f.Insns))
				}
			}
		}
	}
}

// randomProgram tests words of the context and calculates with them; whatever it is, it ends well.
func randomProgram(rng *rand.Rand) []uapi.SockFilter {
	constants := []uint32{0, 1, 2, 3, 7, 10, 45, 0xff, 0x7f00, 0x8000, 0x40, 0x16, 0xffff, 0x0100007f, 0x80000000,
		^uint32(0)}
	var insns []uapi.SockFilter
	n := 2 + rng.IntN(14)
	for i := range n {
		in := uapi.SockFilter{K: constants[rng.IntN(len(constants))]}
		switch rng.IntN(4) {
		case 0:
			in.Code, in.K = uapi.BPF_LD|uapi.BPF_ABS, uint32(4*rng.IntN(10))
		case 1:
			in.Code = uapi.BPF_ALU | []uint16{uapi.BPF_AND, uapi.BPF_AND, uapi.BPF_ADD, uapi.BPF_XOR, uapi.BPF_RSH, uapi.BPF_MUL}[rng.IntN(6)]
			in.K &= map[bool]uint32{true: 31, false: ^uint32(0)}[in.Code == uapi.BPF_ALU|uapi.BPF_RSH]
		default:
			in.Code = uapi.BPF_JMP | []uint16{uapi.BPF_JEQ, uapi.BPF_JGT, uapi.BPF_JGE, uapi.BPF_JSET}[rng.IntN(4)]
			in.Jt, in.Jf = uint8(rng.IntN(n-i+1)), uint8(rng.IntN(n-i+1))
		}
		insns = append(insns, in)
	}
	return append(insns, uapi.SockFilter{Code: uapi.BPF_RET}, uapi.SockFilter{Code: uapi.BPF_RET, K: 1})
}

// TestExploration holds runs and proofs together.
func TestExploration(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	ops := []uapi.Op{uapi.IORING_OP_NOP, uapi.IORING_OP_SOCKET, uapi.IORING_OP_OPENAT, uapi.IORING_OP_OPENAT2,
		uapi.IORING_OP_CONNECT}
	for range 25 {
		explored(t, &plan.Plan{Filters: []plan.Filter{{Op: ops[rng.IntN(len(ops))], Insns: randomProgram(rng)}}})
	}
}

// FuzzRun: no plan is too strange, and findings are in it.
func FuzzRun(f *testing.F) {
	f.Add([]byte(`{"plan": 1, "filters": [{"opcode": "OPENAT", "pdu_size": 24, "insns": ["ld [open.flags]", "ret a"]}]}`))
	f.Add([]byte(`{"plan": 1, "restrictions": [{"sqe_op": 200}], "filters": [{"opcode": 200, "insns": ["ret x"]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := plan.Read("fuzz", text)
		if err != nil {
			return
		}
		found, err := Run(p, Options{Releases: kernel.Releases})
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range found {
			if found.Filter >= len(p.Filters) || found.Filter >= 0 && found.Insn >= len(p.Filters[found.Filter].Insns) {
				t.Errorf("%s is not in the plan", found.Place())
			}
		}
		explored(t, p)
	})
}

// TestLongPrograms: the longest programs with the most ways take no more than moments.
func TestLongPrograms(t *testing.T) {
	insns := make([]uapi.SockFilter, 0, uapi.BPF_MAXINSNS)
	for len(insns)+4 < uapi.BPF_MAXINSNS {
		n := uint32(len(insns))
		insns = append(insns, uapi.SockFilter{Code: uapi.BPF_LD | uapi.BPF_ABS, K: n / 2 % 10 * 4},
			uapi.SockFilter{Code: uapi.BPF_JMP | uapi.BPF_JEQ, K: n, Jt: uint8(n / 2 % 2)})
	}
	insns = append(insns, uapi.SockFilter{Code: uapi.BPF_RET, K: 1}, uapi.SockFilter{Code: uapi.BPF_RET})
	p := &plan.Plan{Filters: []plan.Filter{{Op: uapi.IORING_OP_OPENAT2, Insns: insns}}}
	start := time.Now()
	if _, err := Run(p, Options{Releases: []kernel.Release{kernel.V7_3}}); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > time.Minute {
		t.Errorf("%d instructions take %v", len(insns), took)
	} else {
		t.Logf("%d instructions take %v", len(insns), took)
	}
}

// TestValueUndo: what undo gives makes the step give what was wanted.
func TestValueUndo(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	ops := []uint16{uapi.BPF_ADD, uapi.BPF_SUB, uapi.BPF_MUL, uapi.BPF_DIV, uapi.BPF_OR, uapi.BPF_AND, uapi.BPF_LSH, uapi.BPF_RSH, uapi.BPF_NEG, uapi.BPF_XOR}
	undone := 0
	for range 100000 {
		s := step{ops[rng.IntN(len(ops))], rng.Uint32() >> rng.IntN(32)}
		word := rng.Uint32()
		if v, ok := s.undo(s.apply(word), rng.Uint32()); ok {
			undone++
			if s.apply(v) != s.apply(word) {
				t.Fatalf("%+v of %#x is not that of %#x", s, v, word)
			}
		}
	}
	if undone < 80000 {
		t.Errorf("only %d of 100000 steps can be undone", undone)
	}
}

func TestPlaces(t *testing.T) {
	for want, f := range map[string]Finding{
		"plan": {Filter: -1, Insn: -1}, "filters/2": {Filter: 2, Insn: -1}, "filters/0/insns/3": {Insn: 3},
	} {
		if got := f.Place(); got != want {
			t.Errorf("%+v is at %q, want %q", f, got, want)
		}
	}
	if got := strings.Join([]string{Note.String(), Warning.String(), Error.String()}, " "); got != "note warning error" {
		t.Errorf("the severities are %s", got)
	}
}

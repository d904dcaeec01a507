package cbpfvm

import (
	"flag"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/uringsim/uringsim/uapi"
)

var programs = flag.Int("programs", 4000, "random programs that TestEnginesAgree runs")

// agree holds everything that is true of all programs and contexts. It reports whether Check accepted the program.
func agree(t *testing.T, insns []uapi.SockFilter, ctxSize uint32, ctxs ...*Context) bool {
	t.Helper()
	back, err := AssembleLines(Disassemble(insns))
	if err != nil {
		t.Fatalf("Assemble(Disassemble(%v)): %v", insns, err)
	}
	if !slices.Equal(insns, back) { // cmp alone would take most of the time
		t.Fatalf("Assemble(Disassemble) (-want +got):\n%s", cmp.Diff(insns, back))
	}
	p, refused := Check(insns, ctxSize)
	if refused != nil {
		if p != nil || refused.PC >= len(insns) || refused.Func == "" || refused.Why == "" {
			t.Fatalf("Check(%v) = %v, %+v", insns, p, refused)
		}
		return false
	}
	for _, ctx := range ctxs {
		agreeRun(t, p, ctx)
	}
	return true
}

// agreeRun holds the engines equal on one context, and the explanation true.
func agreeRun(t *testing.T, p *Program, ctx *Context) {
	t.Helper()
	before := *ctx
	path := p.Explain(ctx)
	for _, e := range Engines() {
		if got := e.Run(p, ctx); got != path.Result {
			t.Fatalf("%s gives %#x, the explanation %#x\ncontext %x\n%s", e, got, path.Result, *ctx, path)
		}
	}
	if *ctx != before {
		t.Fatalf("a run changed the context from %x to %x", before, *ctx)
	}
	var written uint16
	for i, s := range path.Steps {
		switch o := opByCode[s.Insn.Code]; o {
		case opSt, opStx:
			written |= 1 << s.Insn.K
		case opLdMem, opLdxMem:
			if written>>s.Insn.K&1 == 0 {
				t.Fatalf("step %d reads a scratch cell that nothing wrote:\n%s", i, path)
			}
		}
		if last := i == len(path.Steps)-1; last != (s.Next < 0) || !last && s.Next <= s.PC {
			t.Fatalf("step %d goes to %d:\n%s", i, s.Next, path)
		}
	}
}

func TestEnginesAgree(t *testing.T) {
	var executed [numOps]int
	accepted, wide, div0, mixes, pairs := 0, 0, 0, 0, 0
	for seed := range uint64(*programs) {
		src := fromRand(seed)
		insns := src.program(700)
		ctxs := []*Context{{}, src.context(), src.context()}
		if !agree(t, insns, uapi.SizeofBPFCtx, ctxs...) {
			continue
		}
		accepted++
		p, _ := Check(insns, uapi.SizeofBPFCtx)
		if p.first.how == isCode {
			mixes += len(p.first.code.mixes)
			for _, in := range p.first.code.code {
				if in.op > opMix {
					pairs++
				}
			}
		}
		path := p.Explain(ctxs[2])
		for _, s := range path.Steps {
			o := opByCode[s.Insn.Code]
			executed[o]++
			if (o == opLshX || o == opRshX) && s.X >= 32 {
				wide++
			}
			if o == opDivX && s.X == 0 {
				div0++
			}
		}
	}
	if accepted < *programs*3/4 || accepted == *programs {
		t.Errorf("%d of %d random programs accepted: the generator should make most of them valid", accepted, *programs)
	}
	if wide < 20 || div0 < 20 {
		t.Errorf("%d shifts by 32 or more, %d divisions by 0: the generator misses what matters", wide, div0)
	}
	if mixes < *programs/20 || pairs < *programs/20 {
		t.Errorf("arithmetic was put together %d times, and a load of X with it %d times", mixes, pairs)
	}
	for o, row := range codes {
		if (executed[o] == 0) == row.uring {
			t.Errorf("%s %s executed %d times", row.mnemonic, operandText[row.operand], executed[o])
		}
	}
}

// TestDecisions holds the programs that become decisions to the other engines, on contexts where it matters.
func TestDecisions(t *testing.T) {
	decided, several, asked := 0, 0, map[how]int{}
	for seed := range uint64(*programs) {
		src := fromRand(seed)
		insns := src.questions()
		agree(t, insns, uapi.SizeofBPFCtx, src.contextFor(insns), src.contextFor(insns), src.contextFor(insns))
		p, err := Check(insns, uapi.SizeofBPFCtx)
		if err != nil {
			t.Fatal(err)
		}
		if p.first.how != isCode {
			decided++
			for _, q := range reachable(p.first) {
				asked[q.how]++
				if bits.OnesCount64(q.members) > 1 {
					several++
				}
			}
		}
	}
	if several < 20 {
		t.Errorf("%d questions are about one of several values close to each other", several)
	}
	if decided < *programs/2 {
		t.Errorf("%d of %d programs are decisions", decided, *programs)
	}
	for _, h := range []how{isIn, isGreater, isAtLeast, isOneOf, isResult} {
		if asked[h] < 20 {
			t.Errorf("question %d was asked %d times", h, asked[h])
		}
	}
}

// reachable are the questions that some context is asked.
func reachable(first *question) []*question {
	var all []*question
	seen := map[*question]bool{nil: true}
	for ahead := []*question{first}; len(ahead) > 0; {
		q := ahead[len(ahead)-1]
		ahead = ahead[:len(ahead)-1]
		if seen[q] {
			continue
		}
		seen[q] = true
		if q.how != isConstant {
			all = append(all, q)
		}
		ahead = append(ahead, q.yes, q.no)
		if q.search != nil {
			ahead = append(ahead, q.search.targets...)
		}
	}
	return all
}

// TestDecide says which programs become decisions, and of how many questions.
func TestDecide(t *testing.T) {
	var chain strings.Builder
	for k := range 64 {
		fmt.Fprintf(&chain, "jeq #%d, yes\n", 3*k)
	}
	for _, row := range []struct {
		why, program string
		tests        int // -1 if it is no decision
	}{
		{"a result needs no question", "ret #1", 0},
		{"nothing depends on what it loads", "ld [16]\nadd #1\ntax\nret #1", 0},
		{"the usual filter: alternatives are one question", benchmarkProgram, 4},
		{"a row of comparisons is one question", "ld [16]\n" + chain.String() + "ret #0\nyes: ret #1", 1},
		{"comparisons too few to search, two of which are close",
			"ld [16]\njeq #1, a\njeq #500, a\njeq #501, a\nret #0\na: ret #1", 2},
		{"63 apart", "ld [16]\njeq #1, a\njeq #64, a\nret #0\na: ret #1", 1},
		{"64 apart", "ld [16]\njeq #1, a\njeq #65, a\nret #0\na: ret #1", 2},
		{"of equal comparisons the first decides", "ld [16]\njeq #100, a\njeq #200, a\njeq #300, a\njeq #400, a\n" +
			"jeq #500, a\njeq #600, a\njeq #100, b\nret #0\na: ret #1\nb: ret #2", 1},
		{"close, but what follows differs", "ld [16]\njeq #1, a\njeq #2, b\nret #0\na: ret #1\nb: ret #2", 2},
		{"bits that the mask does not have", "ld [16]\nand #0xf\njeq #0x10, a\nret #0\na: ret #1", 0},
		{"a constant compared", "ld #5\njgt #4, a\nret #0\na: ret #1", 0},
		{"a shift, then a difference", "ld [8]\nrsh #8\nand #0x7f\nsub #1\njeq #3, a\nret #0\na: ret #1", 1},
		{"the word is the result", "ld [8]\nrsh #8\nret a", 1},
		{"a sum is no word", "ld [16]\nadd #1\njgt #5, a\nret #0\na: ret #1", -1},
		{"two words", "ld [16]\ntax\nld [20]\njeq x, a\nret #0\na: ret #1", -1},
		{"scratch memory that decides", "ld [16]\nst M[0]\nldx M[0]\ntxa\nret a", -1},
		{"scratch memory that does not", "ld [16]\nst M[0]\nldx M[0]\nret #1", 0},
		{"a product", "ld [16]\nmul #3\nret a", -1},
		{"a product of constants", "ld #6\nmul #7\nneg\nldx #3\nlsh x\nret a", 0},
		{"a division by what may be 0", "ld [16]\ntax\ndiv x\nret #1", -1},
		{"a division by 0", "ld [16]\nldx #0\ndiv x\nret #1", 0},
	} {
		p, err := Check(mustAssemble(t, row.program), uapi.SizeofBPFCtx)
		if err != nil {
			t.Fatal(row.why, err)
		}
		got := -1
		if p.first.how != isCode {
			got = len(reachable(p.first))
		}
		if got != row.tests {
			t.Errorf("%s: %d questions, want %d", row.why, got, row.tests)
		}
		for seed := range uint64(200) {
			agreeRun(t, p, fromRand(seed).contextFor(p.raw))
		}
	}
}

// FuzzCheck judges the input twice: as the bytes of a program, and as the choices of the generator, whose programs are
// mostly valid.
func FuzzCheck(f *testing.F) {
	for _, src := range []string{
		"ld [8]; all words\n jeq #45, +1, +0\n ret #0\n ret a",
		"ld #1\n ldx #33\n lsh x\n ret a",
		"ldx #0\n div x\n ret #1",
		"ld #5\n neg\n st M[15]\n ldx M[15]\n txa\n ret a",
		"ld M[0]\n ret a",
		"ld #len\n ldx #len\n rsh x\n ja +0\n ret a",
		".insn 0x120 0 0 0\n ret #1",
	} {
		insns, err := Assemble(src)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uapi.EncodeSockFilters(insns), []byte{1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff})
	}
	f.Add([]byte("\x03\x03\x07\x03\x11\x22\x33\x17\x42\x18\x19\x2a\x05\x0b\x24\x25\x26\x27\x28"), []byte("context"))
	f.Fuzz(func(t *testing.T, prog, ctxBytes []byte) {
		var ctx Context
		copy(ctx[:], ctxBytes)
		agree(t, uapi.DecodeSockFilters(prog), 16, &ctx)
		agree(t, uapi.DecodeSockFilters(prog), uapi.SizeofBPFCtx, &ctx)
		agree(t, fromBytes(prog).program(60), uapi.SizeofBPFCtx, &ctx)
		agree(t, fromBytes(prog).questions(), uapi.SizeofBPFCtx, &ctx)
	})
}

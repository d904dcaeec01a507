package cbpfvm

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/bpf"

	"github.com/uringsim/uringsim/uapi"
)

// TestLowerShift tries every count, and values of A that have each bit both ways.
func TestLowerShift(t *testing.T) {
	for _, name := range []string{"lsh", "rsh"} {
		p, err := Check(mustAssemble(t, "ld [4]\n tax\n ld [0]\n "+name+" x\n ret a"), uapi.SizeofBPFCtx)
		if err != nil {
			t.Fatal(err)
		}
		for x := range uint32(256) {
			for _, a := range []uint32{0, 1, 0xffffffff, 0xa5a5a5a5, 0x5a5a5a5a, 0x80000001} {
				var ctx Context
				ctx.SetWord(0, a)
				ctx.SetWord(4, x<<24|x)
				want := a << (x % 32)
				if name == "rsh" {
					want = a >> (x % 32)
				}
				if got := p.RunReference(&ctx); got != want {
					t.Fatalf("%#x %s %#x = %#x, want %#x", a, name, x<<24|x, got, want)
				}
			}
		}
	}
}

// TestLowerShiftSavesNothing: X and all 16 scratch cells survive a shift, so no program is out of reach.
func TestLowerShiftSavesNothing(t *testing.T) {
	var b strings.Builder
	for m := range uapi.BPF_MEMWORDS {
		fmt.Fprintf(&b, "ld #%d\n st M[%d]\n", 1<<m, m)
	}
	b.WriteString("ldx #0xffff0021\n ld #1\n lsh x\n rsh x\n")
	for m := range uapi.BPF_MEMWORDS {
		fmt.Fprintf(&b, "ldx M[%d]\n add x\n", m)
	}
	p, err := Check(mustAssemble(t, b.String()+"ret a"), uapi.SizeofBPFCtx)
	if err != nil {
		t.Fatal(err)
	}
	if got := p.RunReference(&Context{}); got != 0x10000 {
		t.Errorf("1 and the sum of all cells = %#x, want 0x10000", got)
	}
}

// TestLowerFarJumps: up to 252 instructions grow beyond the reach of the conditional jump over them.
func TestLowerFarJumps(t *testing.T) {
	for _, branch := range []string{"jset #1, one\n ja two", "jset #1, +0, two\n ja one"} {
		for _, filler := range []string{"tax", "neg", "lsh x", "jeq #0, +0, +0"} {
			for n := range 253 {
				body := strings.Repeat(filler+"\n", n)
				p, err := Check(mustAssemble(t, "ld [0]\n"+branch+"\n"+body+"ret #3\n one: ret #1\n two: ret #2"), 40)
				if err != nil {
					t.Fatal(err)
				}
				for word, want := range []uint32{2, 1} {
					var ctx Context
					ctx.SetWord(0, uint32(word))
					if got := p.RunReference(&ctx); got != want {
						t.Fatalf("%q over %d times %q: word %d gives %d, want %d", branch, n, filler, word, got, want)
					}
				}
			}
		}
	}
}

// TestLowerFarJumpsGrow: a jump reaches, but for the jumps under way that do not and grow.
func TestLowerFarJumpsGrow(t *testing.T) {
	src := "ld [0]\n ldx #0\n jset #1, one\n" + strings.Repeat("jset #2, two\n", 200) + "ret #3\n one: ret #1\n" +
		strings.Repeat("lsh x\n", 10) + "two: ret #2"
	p, err := Check(mustAssemble(t, src), uapi.SizeofBPFCtx)
	if err != nil {
		t.Fatal(err)
	}
	for word, want := range []uint32{3, 1, 2, 1} {
		var ctx Context
		ctx.SetWord(0, uint32(word))
		if got := p.RunReference(&ctx); got != want {
			t.Errorf("word %d gives %d, want %d", word, got, want)
		}
	}
}

// TestLowerLargest: the longest programs grow and still run.
func TestLowerLargest(t *testing.T) {
	for _, filler := range []op{opNeg, opLshX, opJeqK} {
		insns := make([]uapi.SockFilter, uapi.BPF_MAXINSNS)
		for i := range insns {
			insns[i].Code = codes[filler].code
		}
		insns[0] = uapi.SockFilter{Code: codes[opLdImm].code, K: 5}
		insns[len(insns)-1] = uapi.SockFilter{Code: codes[opRetA].code}
		if !agree(t, insns, uapi.SizeofBPFCtx, &Context{}) {
			t.Errorf("refused: %v", codes[filler].mnemonic)
		}
	}
}

// TestLowerIsPlain: what x/net can run as it is stays as it is.
func TestLowerIsPlain(t *testing.T) {
	insns := mustAssemble(t, "ld [16]\n jeq #AF_INET, +0, +1\n ret #1\n ret #0")
	got := lower(insns, uapi.SizeofBPFCtx)
	want := []bpf.Instruction{
		bpf.LoadAbsolute{Off: 16, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 2, SkipTrue: 0, SkipFalse: 1},
		bpf.RetConstant{Val: 1},
		bpf.RetConstant{Val: 0},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestReferenceConcurrently: lowering happens at the first run, whoever is first.
func TestReferenceConcurrently(t *testing.T) {
	p, err := Check(mustAssemble(t, benchmarkProgram), uapi.SizeofBPFCtx)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { p.RunReference(&Context{}) })
	}
	wg.Wait()
}

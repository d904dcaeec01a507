package uringtest

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/sqe"
	"github.com/uringsim/uringsim/uapi"
)

// program makes a program that the kernel takes, an instruction of four bytes each.
func program(b []byte) []uapi.SockFilter {
	const (
		ld, tax, and, jeq, jset, ret, retA = 0x20, 0x07, 0x54, 0x15, 0x45, 0x06, 0x16
	)
	var insns []uapi.SockFilter
	for left := len(b) / 4; left > 0; left-- {
		c, x, y, k := b[0], b[1], b[2], uint32(b[3])
		b = b[4:]
		in := uapi.SockFilter{Code: []uint16{ld, jeq, jset, jeq, and, ret, tax, divX, retA}[c%9], K: k % 4}
		switch in.Code {
		case ld:
			in.K = k % (uapi.SizeofBPFCtx / 4) * 4
		case jeq, jset:
			in.Jt, in.Jf = uint8(int(x)%left), uint8(int(y)%left)
		}
		insns = append(insns, in)
	}
	return append(insns, uapi.SockFilter{Code: ret, K: 1})
}

// holds compares what a failure would say of a run with the run: the instructions on its way can lead to its end, and
// the mark is at the last branch whose other way leads to another.
func holds(t *testing.T, insns []uapi.SockFilter, words []byte) {
	prog, refused := cbpfvm.Check(insns, uapi.SizeofBPFCtx)
	if refused != nil {
		t.Fatal(refused)
	}
	var ctx cbpfvm.Context
	copy(ctx[:], words)
	path := prog.Explain(&ctx)
	end, other := Allowed, Denied
	if path.Result == 0 {
		end, other = Denied, Allowed
	}
	can, divides := outcomes(insns), false
	for _, s := range path.Steps {
		divides = divides || s.Insn.Code == divX
		if !can[s.PC].has(end) {
			t.Fatalf("instruction %d cannot lead to %s, but did:\n%s", s.PC, end, path)
		}
	}
	got := strings.Count(strings.Join(marked(prog, path, other), "\n"), "<-")
	decided := can[path.Steps[0].PC].has(other) && !can[path.PC()].has(other) && !divides
	if got > 1 || decided && got != 1 || !can[path.Steps[0].PC].has(other) && got != 0 {
		t.Fatalf("%d marks, but a branch decided: %v\n%s", got, decided, path)
	}
}

// TestNothingWanted fails if a row that forgets what it wants passes.
func TestNothingWanted(t *testing.T) {
	s := Program(t, uapi.IORING_OP_NOP, "ret #1")
	const want = "found Decision(0) as what is wanted, expected Allowed, Denied or Invalid"
	if got := disagree(t, Kernels(), s, sqe.Nop(), 0); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestMarks(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 5000 {
		b := make([]byte, rng.IntN(80))
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		holds(t, program(b), b)
	}
}

func FuzzMarks(f *testing.F) {
	f.Add([]byte{0, 0, 0, 2, 1, 0, 1, 2, 5, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) { holds(t, program(b[:min(len(b), 400)]), b) })
}

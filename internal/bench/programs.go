package bench

import (
	"fmt"
	"strings"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/uapi"
)

// Program is a program with which engines are measured.
type Program struct{ Name, Source string }

// Programs returns a typical filter, and programs of several lengths.
func Programs() []Program {
	return []Program{
		{"the cover letter's filter", CoverLetter},
		{"64 comparisons", comparisons(64)},
		{"1 instruction", "ret #1"},
		{"10 instructions", arithmetic(10)},
		{"100 instructions", arithmetic(100)},
		{"4096 instructions", arithmetic(4096)},
		{"4096 instructions with X and memory", registers(4096)},
	}
}

// Check returns the program, ready to run.
func (p Program) Check() *cbpfvm.Program {
	checked, refused := cbpfvm.Check(assemble(p.Source), uapi.SizeofBPFCtx)
	if refused != nil {
		panic(refused) // programs are constants
	}
	return checked
}

// Runner runs a program so many times, in a loop of the program's own language, and returns the last result.
type Runner func(times int) uint32

// On returns a runner for an engine.
func On(e cbpfvm.Engine, p *cbpfvm.Program, ctx *cbpfvm.Context) Runner {
	if e == cbpfvm.Reference {
		return func(times int) (result uint32) {
			for range times {
				result = p.RunReference(ctx)
			}
			return result
		}
	}
	return func(times int) (result uint32) {
		for range times {
			result = p.Run(ctx)
		}
		return result
	}
}

// Explained returns a runner that records each run as explanations need it.
func Explained(p *cbpfvm.Program, ctx *cbpfvm.Context) Runner {
	return func(times int) (result uint32) {
		for range times {
			result = p.Explain(ctx).Result
		}
		return result
	}
}

// Running returns the subject of a runner, whose result has to be want.
func Running(label Label, times int, run Runner, want uint32) Subject {
	return Subject{Label: label, Units: times, Do: func() error {
		if got := run(times); got != want {
			return fmt.Errorf("found the result %d, expected %d", got, want)
		}
		return nil
	}}
}

// Engines returns the programs on each engine, and explained.
func Engines() []Subject {
	const runs = 64 // a call
	var subjects []Subject
	for _, row := range Programs() {
		p, ctx := row.Check(), SocketContext()
		path := p.Explain(ctx)
		label := Label{Group: row.Name, Instructions: len(path.Steps)}
		for _, e := range cbpfvm.Engines() {
			label.Name, label.Engine, label.Base = e.String(), e.String(), e == cbpfvm.Reference
			subjects = append(subjects, Running(label, runs, On(e, p, ctx), path.Result))
		}
		label.Name, label.Engine = "explained", "explain"
		subjects = append(subjects, Running(label, 1, Explained(p, ctx), path.Result))
	}
	return subjects
}

// executed returns how many instructions a program executes for a TCP socket.
func executed(source string) int {
	return len(Program{Source: source}.Check().Explain(SocketContext()).Steps)
}

// SocketContext returns what filters see of a TCP socket.
func SocketContext() *cbpfvm.Context {
	var ctx cbpfvm.Context
	ctx[uapi.BPFCtxOpcode], ctx[uapi.BPFCtxPDUSize] = uint8(uapi.IORING_OP_SOCKET), uapi.SizeofBPFSocket
	ctx.SetWord(uapi.BPFCtxPDU, uapi.AF_INET)
	ctx.SetWord(uapi.BPFCtxPDU+4, uapi.SOCK_STREAM)
	ctx.SetWord(uapi.BPFCtxPDU+8, uapi.IPPROTO_TCP)
	return &ctx
}

// comparisons compares a word with n constants, the last of which is equal to it.
func comparisons(n int) string {
	var b strings.Builder
	b.WriteString("ld [socket.family]\n")
	for i := range n {
		fmt.Fprintf(&b, "jeq #%d, yes\n", 2+1000*(n-1-i))
	}
	return b.String() + "ret #0\nyes: ret #1"
}

// arithmetic is a straight line of n instructions whose result depends on nearly all of them. It avoids TAX and TXA,
// which are swapped in gVisor's pkg/bpf, a peer in ../../bench.
func arithmetic(n int) string {
	line := []string{"ld [user_data]", "add #3", "xor #7", "mul #5", "rsh #1", "or #9", "lsh #1", "sub #2"}
	var b strings.Builder
	for i := range n - 1 {
		at := i % len(line)
		if at == 0 && i > 0 {
			at = 1 // A goes on
		}
		b.WriteString(line[at] + "\n")
	}
	return b.String() + "ret a"
}

// registers is a straight line like arithmetic, with loads, X and scratch memory.
func registers(n int) string {
	line := []string{"ld [user_data]", "st M[0]", "ldx M[1]", "add x", "xor #7", "sub x", "and #0xffffff", "st M[1]",
		"ld [socket.type]", "or x", "ldx M[0]", "add x", "lsh #1"}
	var b strings.Builder
	b.WriteString("ld [socket.family]\nst M[1]\n")
	for i := range n - 3 {
		b.WriteString(line[i%len(line)] + "\n")
	}
	return b.String() + "ret a"
}

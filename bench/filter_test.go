// Package bench measures our engines against those of others, each of which runs the same filter on the same context.
package bench

import (
	"testing"

	"gvisor.dev/gvisor/pkg/bpf"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/internal/bench"
	"github.com/uringsim/uringsim/uapi"
)

// BenchmarkFilter has the engines of each program side by side.
func BenchmarkFilter(b *testing.B) {
	for _, row := range bench.Programs() {
		insns, err := cbpfvm.Assemble(row.Source)
		if err != nil {
			b.Fatal(err)
		}
		p, refused := cbpfvm.Check(insns, uapi.SizeofBPFCtx)
		if refused != nil {
			b.Fatal(refused)
		}
		ctx := bench.SocketContext()
		for _, engine := range []struct {
			name string
			run  func() uint32
		}{
			{"Run", func() uint32 { return p.Run(ctx) }},
			{"x-net", func() uint32 { return p.RunReference(ctx) }},
			{"gVisor", gVisor(b, insns, ctx)},
		} {
			b.Run(row.Name+"/"+engine.name, func(b *testing.B) {
				if got, want := engine.run(), p.Explain(ctx).Result; got != want {
					b.Fatalf("got %d, want %d", got, want)
				}
				b.ReportAllocs()
				for b.Loop() {
					engine.run()
				}
			})
		}
	}
}

// gVisor is the interpreter of gVisor's pkg/bpf, which loads words in the machine's order if it is told to.
func gVisor(b *testing.B, insns []uapi.SockFilter, ctx *cbpfvm.Context) func() uint32 {
	var theirs []bpf.Instruction
	for _, in := range insns {
		theirs = append(theirs, bpf.Instruction{OpCode: in.Code, JumpIfTrue: in.Jt, JumpIfFalse: in.Jf, K: in.K})
	}
	p, err := bpf.Compile(theirs, false)
	if err != nil {
		b.Fatal(err)
	}
	return func() uint32 {
		result, err := bpf.Exec[bpf.NativeEndian](p, ctx[:])
		if err != nil {
			b.Fatal(err)
		}
		return result
	}
}

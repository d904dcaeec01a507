package cbpfvm

import (
	"testing"

	"github.com/uringsim/uringsim/uapi"
)

// benchmarkProgram executes 11 instructions on benchmarkContext: a usual filter.
const benchmarkProgram = `
	ld [op]
	and #0xff
	jne #IORING_OP_SOCKET, allow
	ld [socket.family]
	jeq #AF_INET, family
	jne #AF_INET6, deny
family: ld [socket.type]
	and #0xf
	jne #SOCK_STREAM, deny
	ld [socket.protocol]
	jeq #0, allow
	jne #IPPROTO_TCP, deny
allow: ret #1
deny: ret #0`

func benchmarkContext() *Context {
	var ctx Context
	ctx[uapi.BPFCtxOpcode], ctx[uapi.BPFCtxPDUSize] = uint8(uapi.IORING_OP_SOCKET), uapi.SizeofBPFSocket
	ctx.SetWord(16, uapi.AF_INET)
	ctx.SetWord(20, uapi.SOCK_STREAM|uapi.SOCK_CLOEXEC)
	return &ctx
}

func benchmark(b *testing.B, run func(*Program, *Context) uint32) {
	p, err := Check(mustAssemble(b, benchmarkProgram), uapi.SizeofBPFCtx)
	if err != nil {
		b.Fatal(err)
	}
	ctx := benchmarkContext()
	path := p.Explain(ctx)
	if len(path.Steps) != 11 || run(p, ctx) != 1 {
		b.Fatalf("not the path that the benchmark is about:\n%s", path)
	}
	b.ReportAllocs()
	for b.Loop() {
		run(p, ctx)
	}
}

func BenchmarkRun(b *testing.B)       { benchmark(b, (*Program).Run) }
func BenchmarkReference(b *testing.B) { benchmark(b, (*Program).RunReference) }

func BenchmarkExplain(b *testing.B) {
	benchmark(b, func(p *Program, ctx *Context) uint32 { return p.Explain(ctx).Result })
}

func BenchmarkCheck(b *testing.B) {
	insns := mustAssemble(b, benchmarkProgram)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Check(insns, uapi.SizeofBPFCtx); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAssemble(b *testing.B) {
	for b.Loop() {
		if _, err := Assemble(benchmarkProgram); err != nil {
			b.Fatal(err)
		}
	}
}

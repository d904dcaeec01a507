package cbpfvm

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

func TestExplain(t *testing.T) {
	p, err := Check(mustAssemble(t, "ld [16]\n tax\n jeq #10, +0, +1\n ret #1\n st M[2]\n ret a"), uapi.SizeofBPFCtx)
	if err != nil {
		t.Fatal(err)
	}
	var ctx Context
	ctx.SetWord(16, 2)
	path := p.Explain(&ctx)
	want := []Step{
		{0, insn(0x20, 0, 0, 16), 2, 0, 1},
		{1, insn(0x07, 0, 0, 0), 2, 2, 2},
		{2, insn(0x15, 0, 1, 10), 2, 2, 4},
		{4, insn(0x02, 0, 0, 2), 2, 2, 5},
		{5, insn(0x16, 0, 0, 0), 2, 2, -1},
	}
	if diff := cmp.Diff(want, path.Steps); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]verdict.Load{{Off: 16, Value: 2}}, path.Loads()); diff != "" {
		t.Errorf("loads (-want +got):\n%s", diff)
	}
	if path.PC() != 5 || path.Result != 2 {
		t.Errorf("ended at %d with %d", path.PC(), path.Result)
	}
}

// TestExplainLines: the text for people, with the words of the context by name.
func TestExplainLines(t *testing.T) {
	rows := []struct {
		name, src string
		op        uapi.Op
		pdu       uint8
		words     map[uint32]uint32
		want      []string
	}{
		{"nop", "ld [8]\n ret #0", uapi.IORING_OP_NOP, 0, nil, []string{
			"  0  ld [8]                   A = 0x00000000  op NOP, sqe_flags 0, pdu_size 0",
			"  1  ret #0                   deny"}},
		{"socket", "ld [16]\n jne #AF_UNIX, +0\n ld [20]\n ld [24]\n ld [28]\n ret #1", uapi.IORING_OP_SOCKET, 12,
			map[uint32]uint32{16: 2, 20: uapi.SOCK_STREAM | uapi.SOCK_CLOEXEC, 24: 99}, []string{
				"  0  ld [16]                  A = 0x00000002  socket.family AF_INET",
				"  1  jeq #1, +0, +0           false, to 2",
				"  2  ld [20]                  A = 0x00080001  socket.type SOCK_STREAM|CLOEXEC",
				"  3  ld [24]                  A = 0x00000063  socket.protocol 99",
				"  4  ld [28]                  A = 0x00000000  SOCKET has no payload here",
				"  5  ret #1                   allow"}},
		{"open", "ld [16]\n ld [24]\n ld [32]\n ld [36]\n ret #1", uapi.IORING_OP_OPENAT2, 24,
			map[uint32]uint32{16: uapi.O_CREAT | uapi.O_RDWR, 24: 0o644, 32: uapi.RESOLVE_IN_ROOT}, []string{
				"  0  ld [16]                  A = 0x00000042  open.flags RDWR|CREAT",
				"  1  ld [24]                  A = 0x000001a4  open.mode 0644",
				"  2  ld [32]                  A = 0x00000010  open.resolve IN_ROOT",
				"  3  ld [36]                  A = 0x00000000  open.resolve.hi 0x0",
				"  4  ret #1                   allow"}},
		{"connect", "ld [20]\n ld [24]\n ret #1", uapi.IORING_OP_CONNECT, 24,
			map[uint32]uint32{16: uapi.AF_INET, 20: 0x901f, 24: 0x0100007f}, []string{
				"  0  ld [20]                  A = 0x0000901f  connect.port 8080",
				"  1  ld [24]                  A = 0x0100007f  connect.v4 127.0.0.1",
				"  2  ret #1                   allow"}},
		{"connect v6", "ld [24]\n ret a", uapi.IORING_OP_CONNECT, 24,
			map[uint32]uint32{16: uapi.AF_INET6, 24: 0xb80d0120}, []string{
				"  0  ld [24]                  A = 0xb80d0120  connect.v6.0 0xb80d0120",
				"  1  ret a                    allow"}},
		{"conditions", "ldx #3\n ld #3\n jge x, +0\n jgt x, +0\n jeq x, +0\n jset #4, +0\n ret #1",
			uapi.IORING_OP_NOP, 0, nil, []string{
				"  0  ldx #3                   X = 0x00000003",
				"  1  ld #3                    A = 0x00000003",
				"  2  jge x, +0, +0            true, to 3",
				"  3  jgt x, +0, +0            false, to 4",
				"  4  jeq x, +0, +0            true, to 5",
				"  5  jset #4, +0, +0          false, to 6",
				"  6  ret #1                   allow"}},
		{"rest", "ldx #3\n stx M[1]\n ld #2\n st M[0]\n jgt #2, +1\n ja +1\n neg\n ldx #0\n div x\n ret #1",
			uapi.IORING_OP_NOP, 0, nil, []string{
				"  0  ldx #3                   X = 0x00000003",
				"  1  stx M[1]                 M[1] = 0x00000003",
				"  2  ld #2                    A = 0x00000002",
				"  3  st M[0]                  M[0] = 0x00000002",
				"  4  jgt #2, +1, +0           false, to 5",
				"  5  ja +1                    to 7",
				"  7  ldx #0                   X = 0x00000000",
				"  8  div x                    deny, division by X = 0"}},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			p, err := Check(mustAssemble(t, r.src), uapi.SizeofBPFCtx)
			if err != nil {
				t.Fatal(err)
			}
			var ctx Context
			ctx[uapi.BPFCtxOpcode], ctx[uapi.BPFCtxPDUSize] = uint8(r.op), r.pdu
			for off, v := range r.words {
				ctx.SetWord(off, v)
			}
			path := p.Explain(&ctx)
			if diff := cmp.Diff(r.want, path.Lines()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got := path.String(); got != strings.Join(r.want, "\n") {
				t.Errorf("String:\n%s", got)
			}
		})
	}
}

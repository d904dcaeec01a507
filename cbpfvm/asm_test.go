package cbpfvm

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/uringsim/uringsim/srcpos"
	"github.com/uringsim/uringsim/uapi"
)

func insn(code uint16, jt, jf uint8, k uint32) uapi.SockFilter {
	return uapi.SockFilter{Code: code, Jt: jt, Jf: jf, K: k}
}

// TestAssemble states the encodings as numbers, independently of the table.
func TestAssemble(t *testing.T) {
	rows := []struct {
		src  string
		want []uapi.SockFilter
	}{
		{"ld [8]", []uapi.SockFilter{insn(0x20, 0, 0, 8)}},
		{"ld #5", []uapi.SockFilter{insn(0x00, 0, 0, 5)}},
		{"ldi 5\n ldi #5", []uapi.SockFilter{insn(0x00, 0, 0, 5), insn(0x00, 0, 0, 5)}},
		{"ld M[3]", []uapi.SockFilter{insn(0x60, 0, 0, 3)}},
		{"ld #len\n ld len", []uapi.SockFilter{insn(0x80, 0, 0, 0), insn(0x80, 0, 0, 0)}},
		{"ldx #5\n ldxi 5", []uapi.SockFilter{insn(0x01, 0, 0, 5), insn(0x01, 0, 0, 5)}},
		{"ldx M[3]\n ldx len", []uapi.SockFilter{insn(0x61, 0, 0, 3), insn(0x81, 0, 0, 0)}},
		{"st M[1]\n stx M[2]", []uapi.SockFilter{insn(0x02, 0, 0, 1), insn(0x03, 0, 0, 2)}},
		{"ldh [2]\n ldb [3]", []uapi.SockFilter{insn(0x28, 0, 0, 2), insn(0x30, 0, 0, 3)}},
		{"ld [x+1]\n ldh [x + 2]\n ldb [%x+3]",
			[]uapi.SockFilter{insn(0x40, 0, 0, 1), insn(0x48, 0, 0, 2), insn(0x50, 0, 0, 3)}},
		{"ldxb 4*([14]&0xf)\n ldx 4 * ( [14] & 0xf )", []uapi.SockFilter{insn(0xb1, 0, 0, 14), insn(0xb1, 0, 0, 14)}},
		{"add #1\n sub x\n mul %x", []uapi.SockFilter{insn(0x04, 0, 0, 1), insn(0x1c, 0, 0, 0), insn(0x2c, 0, 0, 0)}},
		{"div #1\n mod #1\n and #1\n or #1\n xor #1\n lsh #1\n rsh #1", []uapi.SockFilter{insn(0x34, 0, 0, 1),
			insn(0x94, 0, 0, 1), insn(0x54, 0, 0, 1), insn(0x44, 0, 0, 1), insn(0xa4, 0, 0, 1), insn(0x64, 0, 0, 1),
			insn(0x74, 0, 0, 1)}},
		{"neg\n tax\n txa", []uapi.SockFilter{insn(0x84, 0, 0, 0), insn(0x07, 0, 0, 0), insn(0x87, 0, 0, 0)}},
		{"ret #1\n ret a\n ret %a", []uapi.SockFilter{insn(0x06, 0, 0, 1), insn(0x16, 0, 0, 0), insn(0x16, 0, 0, 0)}},

		{"jeq #2, +1, +0", []uapi.SockFilter{insn(0x15, 1, 0, 2)}},
		{"jeq x, +255", []uapi.SockFilter{insn(0x1d, 255, 0, 0)}},
		{"jgt #1, +1, +2\n jge #1, +1, +2\n jset #1, +1, +2",
			[]uapi.SockFilter{insn(0x25, 1, 2, 1), insn(0x35, 1, 2, 1), insn(0x45, 1, 2, 1)}},
		{"jne #1, +3\n jneq #1, +3", []uapi.SockFilter{insn(0x15, 0, 3, 1), insn(0x15, 0, 3, 1)}},
		{"jlt #1, +3\n jle #1, +3", []uapi.SockFilter{insn(0x35, 0, 3, 1), insn(0x25, 0, 3, 1)}},
		{"jle x, +3, +4", []uapi.SockFilter{insn(0x2d, 4, 3, 0)}},
		{"ja +7\n jmp +0xffffffff", []uapi.SockFilter{insn(0x05, 0, 0, 7), insn(0x05, 0, 0, 0xffffffff)}},
		{"jeq #0, a, b\n a: ja c\n b:\n c: ret a",
			[]uapi.SockFilter{insn(0x15, 0, 1, 0), insn(0x05, 0, 0, 0), insn(0x16, 0, 0, 0)}},
		{"jeq #0, x\n x: add: ret a", []uapi.SockFilter{insn(0x15, 0, 0, 0), insn(0x16, 0, 0, 0)}},

		{"ret #0x10\n ret #010\n ret #0b11", []uapi.SockFilter{insn(6, 0, 0, 16), insn(6, 0, 0, 8), insn(6, 0, 0, 3)}},
		{"ret #-1\n ret #-2147483648", []uapi.SockFilter{insn(6, 0, 0, 0xffffffff), insn(6, 0, 0, 0x80000000)}},
		{"ret #AF_INET6\n ret #O_CREAT|O_TRUNC|1", []uapi.SockFilter{insn(6, 0, 0, 10), insn(6, 0, 0, 0x241)}},
		{"ret #O_SYNC\n ret #O_TMPFILE\n ret #O_ACCMODE\n ret #IPPROTO_MPTCP",
			[]uapi.SockFilter{insn(6, 0, 0, 0x101000), insn(6, 0, 0, 0x410000), insn(6, 0, 0, 3), insn(6, 0, 0, 262)}},
		{"ret #SOCK_STREAM\n ret #IPPROTO_TCP\n ret #RESOLVE_IN_ROOT\n ret #IOSQE_ASYNC\n ret #IORING_OP_SOCKET",
			[]uapi.SockFilter{insn(6, 0, 0, 1), insn(6, 0, 0, 6), insn(6, 0, 0, 16), insn(6, 0, 0, 16), insn(6, 0, 0, 45)}},
		{"ld [user_data.hi]\n ld [op]\n ld [socket.type]\n ld [connect.v6.3]", []uapi.SockFilter{
			insn(0x20, 0, 0, 4), insn(0x20, 0, 0, 8), insn(0x20, 0, 0, 20), insn(0x20, 0, 0, 36)}},

		{"; only\n// comments /* here\n /* and\n here */ ret /* in */ a // end\n\n", []uapi.SockFilter{insn(0x16, 0, 0, 0)}},
		{"\r\n\tret a\r\n", []uapi.SockFilter{insn(0x16, 0, 0, 0)}},
		{".insn 0xffff 1 2 0xffffffff", []uapi.SockFilter{insn(0xffff, 1, 2, 0xffffffff)}},
		{"", nil},
	}
	for _, r := range rows {
		got, err := Assemble(r.src)
		if err != nil {
			t.Errorf("%q: %v", r.src, err)
		}
		if diff := cmp.Diff(r.want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", r.src, diff)
		}
	}
}

func TestAssembleErrors(t *testing.T) {
	rows := []struct{ src, want string }{
		{"foo", `1:1: expected an instruction or a label, found "foo"`},
		{"ret #1\n  + 1", `2:3: expected an instruction or a label, found "+"`},
		{"ld", `1:3: expected #constant, [offset], M[cell], #len or [x+offset], found end of line`},
		{"ld x", `1:4: expected #constant, [offset], M[cell], #len or [x+offset], found "x"`},
		{"st #1", `1:4: expected M[cell], found "#"`},
		{"ldh #len", `1:5: expected [offset] or [x+offset], found "#"`},
		{"ret x", `1:5: expected #constant or a, found "x"`},
		{"add 1", `1:5: expected #constant or x, found "1"`},
		{"tax x", `1:5: expected end of line, found "x"`},
		{"ret a ret a", `1:7: expected end of line, found "ret"`},
		{"ld [8", `1:6: expected "]", found end of line`},
		{"ld [socket]", `1:5: expected an offset or a field of the context, found "socket"`},
		{"ld [x]", `1:6: expected "+", found "]"`},
		{"ld M[x]", `1:6: expected a cell, found "x"`},
		{"ld []", `1:5: expected an offset, found "]"`},
		{"ldxb 4*14", `1:8: expected "(", found "14"`},
		{"ldxb 4*(14)", `1:9: expected "[", found "14"`},
		{"ld M 3", `1:6: expected "[", found "3"`},
		{"ld #foo", `1:5: expected a number or a constant such as AF_INET, found "foo"`},
		{"ld #INET", `1:5: expected a number or a constant such as AF_INET, found "INET"`},
		{"ld #1|", `1:7: expected a number, found end of line`},
		{"ld #4294967296", `1:5: expected a number, a number up to 4294967295, found "4294967296"`},
		{"ld #-2147483649", `1:6: expected a number, a number up to 2147483648, found "2147483649"`},
		{"ld #0xg", `1:5: expected a number, a number up to 4294967295, found "0xg"`},
		{"ldxb 4*([14]&0xe)", `1:14: expected "0xf", found "0xe"`},
		{"jeq #1", `1:7: expected ",", found end of line`},
		{"jeq #1, 2", `1:9: expected a label or +n, found "2"`},
		{"jeq #1, +256", `1:10: expected a distance, a number up to 255, found "256"`},
		{"jeq #1, away\n ret a", `1:9: expected a defined label, found "away"`},
		{"up: tax\n ja up", `2:5: expected a label further down, found "up": BPF cannot jump back`},
		{"up: jeq x, up", `1:12: expected a label further down, found "up": BPF cannot jump back`},
		{"jeq x, far\n" + strings.Repeat("tax\n", 256) + "far: ret a",
			`1:8: "far" is 256 instructions away; a conditional jump reaches at most 255`},
		{"l: tax\nl: tax", `2:1: label "l" is defined twice`},
		{".insn 0x10000 0 0 0", `1:7: expected a code, a number up to 65535, found "0x10000"`},
		{".insn 1 256 0 0", `1:9: expected jt, a number up to 255, found "256"`},
		{".insn 1 2 3", `1:12: expected k, found end of line`},
		{"ret a /* here", `1:7: expected "*/", found the end of the text`},
		{"ret a\n\tä", `2:2: expected an instruction or a label, found "ä"`},
	}
	for _, r := range rows {
		got, err := Assemble(r.src)
		var asmErr *AsmError
		if !errors.As(err, &asmErr) || got != nil || err.Error() != r.want {
			t.Errorf("%q:\n got %v\nwant %s", r.src, err, r.want)
		}
	}
	if _, err := AssembleLines([]string{"ret a", "", " foo"}); err == nil || err.Error()[:4] != "3:2:" {
		t.Errorf("AssembleLines must count its lines: %v", err)
	}
}

func TestDisassemble(t *testing.T) {
	want := []string{
		"ld [8]", "ld #len", "ldx M[15]", "and #255", "and #0x80000", "jeq #2, +1, +0", "jset x, +0, +255", "ja +3",
		"ld [x+0xfffffff4]", "ldxb 4*([14]&0xf)", "mod x", "neg", "txa", "ret #0xffffffff", "ret a", "st M[16]",
		".insn 0x87 0 0 1", ".insn 0x20 1 0 8", ".insn 0x5c 0 0 7", ".insn 0x05 0 1 3", ".insn 0x1d 1 2 3",
		".insn 0x120 0 0 0", ".insn 0x0e 0 0 0",
	}
	insns, err := AssembleLines(want)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, Disassemble(insns)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestRoundTrip: assembling what was disassembled gives the same bits, for all codes and for random fields.
func TestRoundTrip(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var insns []uapi.SockFilter
	for code := range 1 << 16 {
		insns = append(insns, insn(uint16(code), 0, 0, 0))
	}
	for range 100_000 {
		code := codes[rnd.IntN(len(codes))].code
		in := insn(code, uint8(rnd.Uint32()), uint8(rnd.Uint32()), rnd.Uint32()>>rnd.IntN(32))
		if rnd.IntN(2) == 0 {
			in.Jt, in.Jf = 0, 0
		}
		insns = append(insns, in)
	}
	got, err := AssembleLines(Disassemble(insns))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(insns, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestFields: every named word can be loaded, and is where the context has it.
func TestFields(t *testing.T) {
	for _, f := range Fields() {
		want := []uapi.SockFilter{insn(0x20, 0, 0, f.Off)}
		if diff := cmp.Diff(want, mustAssemble(t, "ld ["+f.Name+"]")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", f.Name, diff)
		}
		if _, err := Check(append(want, insn(6, 0, 0, 0)), uapi.SizeofBPFCtx); err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
}

func FuzzAssemble(f *testing.F) {
	for _, src := range []string{benchmarkProgram, "ldxb 4*([14]&0xf)", "a: b: jeq #-1|2, +1 /* x */", ".insn 1 2 3 4"} {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src string) {
		insns, err := Assemble(src)
		if err != nil {
			var asmErr *AsmError
			if !errors.As(err, &asmErr) || asmErr.Line < 1 || asmErr.Col < 1 {
				t.Fatalf("%q: %v", src, err)
			}
			return
		}
		agree(t, insns, uapi.SizeofBPFCtx, &Context{})
	})
}

// TestAssembleList: instructions stand where their mnemonics do, in whichever line of a list.
func TestAssembleList(t *testing.T) {
	lines := []string{"; nothing", "ld [op]\n  jeq #1, one", "one:", " two: ret #0 /* a\n comment */", "three: ret #1"}
	_, from, err := AssembleList(lines)
	if err != nil || !slices.Equal(from, []int{1, 1, 3, 4}) {
		t.Errorf("the instructions are of the lines %v, %v", from, err)
	}
	_, at, err := AssemblePos(strings.Join(lines, "\n"))
	want := []srcpos.Pos{{Line: 2, Col: 1}, {Line: 3, Col: 3}, {Line: 5, Col: 7}, {Line: 7, Col: 8}}
	if err != nil || !slices.Equal(at, want) {
		t.Errorf("the instructions are at %v, %v", at, err)
	}
}

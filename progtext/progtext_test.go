package progtext_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/progtext"
	"github.com/uringsim/uringsim/srcpos"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// roundTrip holds what is true of all programs: written in any form, and read in it again, it is the same bit by bit.
func roundTrip(t *testing.T, insns []uapi.SockFilter, op uapi.Op) {
	t.Helper()
	for _, f := range progtext.Forms() {
		text, err := f.Write(insns, progtext.Options{Op: &op, Name: "prog"})
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		got, err := f.Read("f", text, progtext.Options{})
		if err != nil {
			t.Fatalf("%s: %v\n%s", f.Name, err, text)
		}
		if !slices.Equal(insns, got) {
			t.Fatalf("%s (-want +got):\n%s\n%s", f.Name, cmp.Diff(insns, got), text)
		}
	}
}

// legal are the codes that a random program has mostly.
var legal = []uint16{0x00, 0x20, 0x28, 0x40, 0x60, 0x80, 0xb1, 0x02, 0x03, 0x04, 0x54, 0x5c, 0x94, 0x84, 0x05, 0x15, 0x1d, 0x25,
	0x35, 0x45, 0x4d, 0x07, 0x87, 0x06, 0x16}

func TestRoundTrip(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	for range 300 {
		insns := make([]uapi.SockFilter, 1+rnd.IntN(40))
		for i := range insns {
			insns[i] = uapi.SockFilter{Code: uint16(rnd.Uint32()), Jt: uint8(rnd.Uint32()), Jf: uint8(rnd.Uint32()), K: rnd.Uint32()}
			if rnd.IntN(5) > 0 {
				insns[i].Code = legal[rnd.IntN(len(legal))]
			}
			if rnd.IntN(2) == 0 {
				insns[i].Jt, insns[i].Jf, insns[i].K = uint8(rnd.IntN(4)), uint8(rnd.IntN(4)), uint32(rnd.IntN(48))
			}
			if rnd.IntN(3) == 0 {
				insns[i].Jt, insns[i].Jf = 0, 0
			}
		}
		roundTrip(t, insns, uapi.Op(rnd.IntN(uapi.IORING_OP_LAST)))
	}
}

func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte{0x20, 0, 0, 0, 16, 0, 0, 0, 0x15, 0, 0, 1, 2, 0, 0, 0, 6, 0, 0, 0, 1, 0, 0, 0}, uint8(uapi.IORING_OP_SOCKET))
	f.Fuzz(func(t *testing.T, raw []byte, op uint8) {
		if insns := uapi.DecodeSockFilters(raw); len(insns) > 0 {
			roundTrip(t, insns, uapi.Op(op%uapi.IORING_OP_LAST))
		}
	})
}

// TestTraceLines: in a trace with an event per line, the instructions are where their event is; those that are bytes
// have no place.
func TestTraceLines(t *testing.T) {
	for _, row := range []struct {
		why, program string
		want         []srcpos.Pos
	}{
		{"assembler", `"insns": ["ld [op]", "ret a"]`, []srcpos.Pos{{Line: 3, Col: 1}, {Line: 3, Col: 1}}},
		{"bytes", `"program": "0600000001000000"`, nil},
	} {
		form, err := progtext.FormOf("trace", "")
		if err != nil {
			t.Fatal(err)
		}
		p, err := form.ReadProgram("f.jsonl", []byte(`{"trace": 1}
{"call": "no_new_privs"}
{"call": "register", "fd": -1, "op": "BPF_FILTER", "arg": {"bpf_filter": {"opcode": "NOP", `+row.program+`}}, "nr": 1}
`), progtext.Options{})
		if err != nil || !slices.Equal(p.At, row.want) {
			t.Errorf("%s: %+v, %v", row.why, p, err)
		}
	}
}

// FuzzRead: no text makes a reader fail in another way than with a place, and what is read can be written.
func FuzzRead(f *testing.F) {
	for _, row := range reads {
		f.Add(row.form, row.text)
	}
	for _, row := range mistakes {
		f.Add(row.form, row.text)
	}
	f.Fuzz(func(t *testing.T, name, text string) {
		form, err := progtext.FormOf(name, "")
		if err != nil {
			return
		}
		p, err := form.ReadProgram("f", []byte(text), progtext.Options{})
		var syntax *trace.SyntaxError
		switch {
		case err == nil:
			if p.At != nil && (len(p.At) != len(p.Insns) || slices.Contains(p.At, srcpos.Pos{})) {
				t.Fatalf("%q: %d instructions are at %v", text, len(p.Insns), p.At)
			}
			roundTrip(t, p.Insns, uapi.IORING_OP_SOCKET)
		case !errors.As(err, &syntax) || syntax.Line < 1 || syntax.Col < 1:
			t.Fatalf("%q: %v", text, err)
		}
	})
}

// reads are texts as people have them. All programs allow AF_INET only.
var reads = []struct{ why, form, array, text string }{
	{"assembler", "asm", "", "ld [socket.family]\njeq #AF_INET, ok\nret #0\nok: ret #1"},
	{"the macros of linux/filter.h, and a file around them", "c", "", `
#include <linux/filter.h>
#define CTX_OFF_FAMILY	16	/* a comment */
#ifdef NOT_DEFINED
#error this isn't C
struct sock_filter other[] = { BPF_STMT(BPF_RET | BPF_K, 7), };
#endif
static int f(struct sock_filter *p, const char *s) { return puts("sock_filter x[] = {"); }
static const struct sock_filter inet_only[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, CTX_OFF_FAMILY),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, 0),
	BPF_STMT(BPF_RET | BPF_K, 1)
};
`},
	{"one of several arrays", "c", "b", `
struct sock_filter a[1] = { BPF_STMT(BPF_RET | BPF_K, 1) };
struct sock_filter b[4] = { {0x20,0,0,16}, {0x15,1,0,2}, {6}, {.code = 6, .k = 1} };`},
	{"macros of the file", "c", "", `
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
# error "not here"
#elif defined(X) || 0
# define FAMILY 99
#else
# define FAMILY (offsetof(struct io_uring_bpf_ctx, socket.family) + 0)
#endif
#define NEXT(x) ((x) ? 0 : \
	1)
#define DENY BPF_STMT(BPF_RET|BPF_K, 0)
#define ALLOW(f) BPF_JUMP(BPF_JMP+BPF_JEQ+BPF_K, (f), NEXT(0), NEXT(1)), DENY, BPF_STMT(BPF_RET+BPF_K, !0)
#define AF_INET (1 << 1)
struct sock_filter f[] = { BPF_STMT(BPF_LD+BPF_W+BPF_ABS, FAMILY), ALLOW(AF_INET) };`},
	{"a compound literal", "c", "", `struct sock_fprog p = { .filter = (struct sock_filter []) {
	(struct sock_filter) BPF_STMT(0x20, ~0xffffffef), BPF_JUMP(0x15, htonl(0x02000000), 1, 0), BPF_STMT(BPF_RET, 5 % 5),
	BPF_STMT(BPF_RET, (__u8)0x101) } };`},
	{"bpf_asm -c", "c", "", "{ 0x20,  0,  0, 0x00000010 },\n{ 0x15,  1,  0, 0x00000002 },\n{ 0x06,  0,  0, 0000000000 },\n{ 0x06,  0,  0, 0x00000001 },\n"},
	{"elements in braces", "c", "", "{{ 0x20,  0,  0, 16 }, { 21, 1, 0, 2 }, {6, 0, 0, 0}, {6, 0, 0, 1}};"},
	{"tcpdump -ddd", "decimal", "", "4\n32 0 0 16\n21 1 0 2\n6 0 0 0\n6 0 0 1\n"},
	{"bpf_asm", "decimal", "", "4,32 0 0 16,21 1 0 2,6 0 0 0,6 0 0 1,\n"},
	{"bytes", "raw", "", "\x20\x00\x00\x00\x10\x00\x00\x00\x15\x00\x01\x00\x02\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x00\x06\x00\x00\x00\x01\x00\x00\x00"},
	{"bytes in hexadecimal", "hex", "", "2000000010000000 15 00 01 00 02 00 00 00\n06000000 00000000\n0600000001000000"},
	{"Go", "go", "", `package main

import "golang.org/x/net/bpf"

const family = 8 << 1

func f() {
	prog := []bpf.RawInstruction{{Op: 0x20, K: family}, {unix.BPF_JMP | unix.BPF_JEQ, uint8(1), 0, unix.AF_INET}, {Op: 6}, {Op: 6, K: 1}}
}`},
	{"a literal of Go", "go", "", `[...]uapi.SockFilter{{Code: 0x20, K: 0x10}, {Code: 0x15, Jt: 1, K: 2}, {Code: 6}, {Code: 6, K: 1}}`},
	{"JSON", "json", "", `[{"code": 32, "k": "0x10"}, {"code": 21, "jt": 1, "k": 2}, {"code": 6}, {"code": 6, "k": 1}]`},
	{"a trace", "trace", "", `{"trace": 1, "events": [{"call": "setup", "entries": 1}, {"call": "register", "fd": 3, "op": "BPF_FILTER", "nr": 1,
		"arg": {"bpf_filter": {"opcode": "SOCKET", "insns": ["ld [16]", "jeq #2, +1, +0", "ret #0", "ret #1"]}}}]}`},
}

func TestRead(t *testing.T) {
	want := []uapi.SockFilter{{Code: 0x20, K: 16}, {Code: 0x15, Jt: 1, K: 2}, {Code: 6}, {Code: 6, K: 1}}
	seen := map[string]bool{}
	for _, row := range reads {
		seen[row.form] = true
		form, err := progtext.FormOf(row.form, "")
		if err != nil {
			t.Fatal(err)
		}
		got, err := form.Read("f", []byte(row.text), progtext.Options{Name: row.array})
		if err != nil {
			t.Errorf("%s: %v", row.why, err)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.why, diff)
		}
	}
	for _, f := range progtext.Forms() {
		if !seen[f.Name] {
			t.Errorf("no row reads %s", f.Name)
		}
	}
}

var mistakes = []struct{ why, form, text, want string }{
	{"nothing", "asm", "", "f:1:1: found no instructions"},
	{"assembler", "asm", "ret #1\nret 1", `f:2:5: expected #constant or a, found "1"`},
	{"half an instruction", "raw", "\x06\x00\x00", "f:1:1: found 3 bytes, expected a multiple of 8"},
	{"no digit", "hex", "0600\n00g0", `f:2:3: found "g0", expected a byte in hexadecimal`},
	{"half a byte", "hex", "060", `f:1:3: found "0", expected a byte in hexadecimal`},
	{"half an instruction in hexadecimal", "hex", "0600", "f:1:5: found 2 bytes, expected a multiple of 8"},
	{"a code that is too wide", "decimal", "1\n65536 0 0 0", `f:2:1: found "65536", expected a decimal number of 16 bits`},
	{"less than the count", "decimal", "2\n6 0 0 0\n", "f:3:1: found 1 instructions and 0 more numbers, expected 2 instructions"},
	{"half an instruction in decimals", "decimal", "1\n6 0", "f:2:4: found 0 instructions and 2 more numbers, expected 1 instructions"},
	{"an unknown key", "json", `[{"code": 6, "kk": 1}]`, `f:1:14: 0/kk: unknown key`},
	{"a k that is too wide", "json", `[{"code": 6, "k": 4294967296}]`, "does not fit"},
	{"two registrations", "trace", `{"trace": 1, "events": []}`, "f:1:1: found 0 registrations of programs, expected one, or one for the opcode"},

	{"several arrays", "c", "struct sock_filter a[] = {{6}};\nstruct sock_filter b[] = {{6}};",
		"f:2:8: found 2 arrays of instructions, expected one or its name: a, b"},
	{"an unknown name", "c", "BPF_STMT(BPF_RET,\n NOPE)", `f:2:2: "NOPE" is neither a known constant nor defined here`},
	{"an unknown name in a macro", "c", "#define X NOPE\n{6, 0, 0, X}", `f:2:11: "NOPE" is neither`},
	{"a jump that is too far", "c", "BPF_JUMP(0x15, 1, 256, 0)", "f:1:19: jt is 256, which does not fit in 8 bits"},
	{"a negative code", "c", "{ -1 }", "f:1:3: code is -1, which does not fit in 16 bits"},
	{"five members", "c", "{ 6, 0, 0, 1, 2 }", `f:1:15: expected "}", found "2"`},
	{"an unknown member", "c", "{ .kk = 2 }", `f:1:4: struct sock_filter has no member "kk"`},
	{"an unknown member of the context", "c", "{ 0x20, 0, 0, offsetof(struct io_uring_bpf_ctx, fd) }", `f:1:49: struct io_uring_bpf_ctx has no member "fd"`},
	{"too few arguments", "c", "BPF_STMT(6)", "f:1:1: BPF_STMT takes 2 arguments, found 1"},
	{"no end of arguments", "c", "BPF_STMT(6, 1", `f:1:1: expected ")" behind the arguments of BPF_STMT`},
	{"an open condition", "c", "{6}\n#if 1\n", `f:2:1: expected "#endif", found the end of the text`},
	{"no condition", "c", "#else\n", `f:1:2: found "#else" without "#if"`},
	{"an open comment", "c", "{6} /*", `f:1:5: expected "*/", found the end of the text`},
	{"an open string", "c", "{6} \"\n", `f:1:5: expected ",", found "\""`},
	{"a number that C would cut off", "c", "{6, 0, 0, 0xffffffff + 1}", "f:1:22: 0x100000000 does not fit in 32 bits"},
	{"a sign that matters", "c", "{6, 0, 0, -1 > 0xffffffff}", `f:1:14: cannot tell what ">" gives for a negative number`},
	{"a shift by a lot", "c", "{6, 0, 0, 1 << 32}", "f:1:13: found a shift by 32, expected at most 31"},
	{"a division by 0", "c", "{6, 0, 0, 1 / 0}", "f:1:13: found a division by 0"},
	{"macros without end", "c", "#define A B B\n#define B C C\n#define C D D D D D D D D\n#define D A\n{6, 0, 0, A}", `f:5:11: "A" is neither`},
	{"text", "c", "hello", `f:1:1: expected "{", found "hello"`},

	{"no Go", "go", "package p\nvar x = [", "f:2:10: not Go: expected operand, found 'EOF'"},
	{"no array", "go", "package p\nvar x = 1", "f:1:1: found no array of instructions"},
	{"a variable", "go", "var x = []bpf.RawInstruction{{Op: y}}", `f:1:35: "y" is neither a known constant nor defined here`},
	{"a negative number", "go", "[]bpf.RawInstruction{{Op: 1 - 2}}", "f:1:27: code is -1, which does not fit in 16 bits"},
	{"another call", "go", "[]bpf.RawInstruction{{Op: f(1)}}", "f:1:27: expected a number or a constant such as unix.AF_INET"},
	{"an instruction of another type", "go", "[]bpf.RawInstruction{x}", "f:1:22: expected an instruction in braces"},
	{"a constant that never ends", "go", "package p\nconst a = a\nvar x = []bpf.RawInstruction{{a}}", "f:2:11: expressions are nested too deeply"},
}

func TestReadErrors(t *testing.T) {
	for _, row := range mistakes {
		form, err := progtext.FormOf(row.form, "")
		if err != nil {
			t.Fatal(err)
		}
		got, err := form.Read("f", []byte(row.text), progtext.Options{})
		if err == nil || got != nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s:\n got %v %v\nwant %s", row.why, got, err, row.want)
		}
	}
}

func TestIsC(t *testing.T) {
	for _, row := range []struct {
		why, text string
		want      bool
	}{
		{"an array among functions", "int f(void) { return 1; }\nstruct sock_filter x[] = { {6} };", true},
		{"functions", "int f(struct sock_filter *x) { return 1; }", false},
		{"nothing that counts", "#if 0\nstruct sock_filter x[] = { {6} };\n#endif", false},
		{"not C", "/*", false},
	} {
		if got := progtext.IsC([]byte(row.text)); got != row.want {
			t.Errorf("%s: got %v", row.why, got)
		}
	}
}

// TestBounded: definitions that would become endless are refused, in short time.
func TestBounded(t *testing.T) {
	var macros, consts strings.Builder
	for i := range 60 {
		next := string(rune('A'+i/10)) + string(rune('0'+i%10))
		after := string(rune('A'+(i+1)/10)) + string(rune('0'+(i+1)%10))
		macros.WriteString("#define X" + next + " X" + after + " X" + after + "\n")
		consts.WriteString("const X" + next + " = X" + after + " | X" + after + "\n")
	}
	for _, row := range []struct{ form, text, want string }{
		{"c", macros.String() + "{XA0}", "expands to too much"},
		{"c", "#define F(x) x\n{6, 0, 0, " + strings.Repeat("F(", 1<<15) + strings.Repeat(")", 1<<15) + "}", "F is nested too deeply"},
		{"c", strings.Repeat(";", 1<<21+1), "the text is too long"},
		{"c", "{6, 0, 0, " + strings.Repeat("(", 1000) + "}", "nested too deeply"},
		{"c", "{6, 0, 0, " + strings.Repeat("-", 1000) + "}", "nested too deeply"},
		{"c", "{6, 0, 0, " + strings.Repeat("(int)", 1000) + "}", "nested too deeply"},
		{"go", "package p\n" + consts.String() + "var x = []bpf.RawInstruction{{XA0}}", "nested too deeply"},
	} {
		form, err := progtext.FormOf(row.form, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := form.Read("f", []byte(row.text), progtext.Options{}); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("got %.200v, want %s", err, row.want)
		}
	}
}

func TestListing(t *testing.T) {
	socket, open, connect := uapi.IORING_OP_SOCKET, uapi.IORING_OP_OPENAT2, uapi.IORING_OP_CONNECT
	for _, row := range []struct {
		why  string
		op   *uapi.Op
		text string
		want string
	}{
		{"fields and constants", &socket, "ld [16]\njeq #2, +2\njeq #10, +1\nret #0\nld [20]\njeq #1, +0, +1\nret #1\nret #0", `
     ld [16]         ; socket.family
     jeq #2, L4      ; AF_INET
     jeq #10, L4     ; AF_INET6
     ret #0          ; deny
L4:  ld [20]         ; socket.type
     jeq #1, L6, L7  ; SOCK_STREAM
L6:  ret #1          ; allow
L7:  ret #0          ; deny`},
		{"without an opcode", nil, "ld [16]\nld [8]\nand #0xff\njeq #45, +0, +1\nret a\nret #0", `
     ld [16]
     ld [8]           ; op
     and #255
     jeq #45, L4, L5  ; SOCKET
L4:  ret a
L5:  ret #0           ; deny`},
		{"bits", &open, "ld [16]\njset #0x242, +1\nand #3\njeq #2, +5\nld [8]\njset #0x200, +0, +1\nret #1", `
     ld [16]            ; open.flags
     jset #578, L3      ; RDWR|CREAT|TRUNC
     and #3             ; WRONLY|RDWR
L3:  jeq #2, +5
     ld [8]             ; op
     jset #512, L6, +1  ; IO_DRAIN
L6:  ret #1             ; allow`},
		{"addresses", &connect, "ld [20]\njeq #0xbb01, +0, +1\nld [24]\njgt #0x100007f, +0, +0", `
     ld [20]              ; connect.port
     jeq #0xbb01, L2, L3  ; 443
L2:  ld [24]              ; connect.v4 or connect.v6.0
L3:  jgt #0x100007f, +0`},
	} {
		insns, err := cbpfvm.Assemble(row.text)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(row.want, "\n"+strings.Join(progtext.Listing(insns, row.op), "\n")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.why, diff)
		}
	}
}

package policy

import (
	"os"
	"strings"
	"testing"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/uapi"
)

func TestErrorsOfC(t *testing.T) {
	expected(t, "testdata/errors.cbodies", func(file string, text []byte) (*Policy, error) {
		return ParseC(file, text, nil)
	})
}

// TestC: functions in C say the same as policies in text.
func TestC(t *testing.T) {
	for _, row := range []struct{ why, file, text string }{
		{"a function with its head", "socket.c",
			`default allow
			allow SOCKET if family in (AF_INET, AF_INET6) and type == SOCK_STREAM and protocol in (0, IPPROTO_TCP)
			deny SOCKET`},
		{"a body with ifs within each other", "open.c",
			`default allow
			deny OPENAT, OPENAT2 if flags & (O_WRONLY|O_RDWR|O_CREAT) != 0 and resolve & RESOLVE_BENEATH == 0
			deny OPENAT, OPENAT2 if flags & (O_WRONLY|O_RDWR|O_CREAT) != 0 and (mode & 0111 != 0 or flags >= 0x100000000)
			allow OPENAT, OPENAT2 if flags & ~(O_ACCMODE|O_CREAT|O_CLOEXEC) == 0
			deny OPENAT, OPENAT2`},
		{"numbers in network order", "connect.c",
			`default allow
			require kernel >= 7.2 for CONNECT
			allow CONNECT if addr in 10.0.0.0/8 and port in (443, 1024-65535)
			deny CONNECT if addr in 10.0.0.0/8
			allow CONNECT if addr == 127.0.0.1 or sqe_flags & IOSQE_IO_LINK != 0 and user_data < 16
			deny CONNECT`},
	} {
		c, err := ParseC(row.file, []byte(readFile(t, "testdata/"+row.file)), nil)
		if err != nil {
			t.Fatal(err)
		}
		witness(t, c)
		text, err := Parse("f", []byte(row.text))
		if err != nil {
			t.Fatal(err)
		}
		same(t, row.why, c, text)
		again, err := Parse("f", []byte(c.String()))
		if err != nil {
			t.Fatalf("%s: %v in\n%s", row.why, err, c)
		}
		same(t, row.why+", as text", c, again)
	}
}

// same fails if two policies decide differently on a context at which one of them may change its mind.
func same(t *testing.T, why string, a, b *Policy) {
	t.Helper()
	for op := range uapi.Op(uapi.IORING_OP_LAST) {
		for _, pair := range [][2]*Policy{{a, b}, {b, a}} {
			for _, ctx := range contexts(t, pair[0], op) {
				if pair[0].Allows(op, &ctx) != pair[1].Allows(op, &ctx) {
					t.Fatalf("%s: %s, context %x: one allows, one denies\n%s\n%s", why, op, ctx[:], a, b)
				}
			}
		}
	}
}

// TestOpcodeOfC: a function that looks at nothing of one opcode is for the one that is named.
func TestOpcodeOfC(t *testing.T) {
	op := func(o uapi.Op) *uapi.Op { return &o }
	for _, row := range []struct {
		why, text string
		op        *uapi.Op
		want      string
	}{
		{"named", "return ctx->user_data == 1;", op(uapi.IORING_OP_NOP), "NOP"},
		{"open is two opcodes", "return ctx->open.flags == 0;", nil, "OPENAT, OPENAT2"},
		{"but may be one", "return ctx->open.flags == 0;", op(uapi.IORING_OP_OPENAT2), "OPENAT2"},
		{"named wrongly", "return ctx->open.flags == 0;", op(uapi.IORING_OP_READ),
			"f:1:13: found ctx->open in a function for READ, which has no such arguments"},
	} {
		p, err := ParseC("f", []byte(row.text), row.op)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = strings.TrimPrefix(p.Rules[len(p.Rules)-1].String(), "deny ")
			if _, err := p.Compile(Options{Kernels: []kernel.Release{kernel.V7_3}}); err != nil {
				t.Errorf("%s: %v", row.why, err)
			}
		}
		if got != row.want {
			t.Errorf("%s: got %q, want %q", row.why, got, row.want)
		}
	}
}

// FuzzParseC: whatever the text, there is an error or a policy whose text reads as the same.
func FuzzParseC(f *testing.F) {
	for _, file := range []string{"errors.cbodies", "socket.c", "open.c", "connect.c"} {
		text, err := os.ReadFile("testdata/" + file)
		if err != nil {
			f.Fatal(err)
		}
		for _, block := range strings.Split(string(text), "---\n") {
			f.Add(block)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParseC("f", []byte(text), nil)
		if err != nil {
			return
		}
		again, err := Parse("f", []byte(p.String()))
		if err != nil {
			t.Fatalf("%q becomes\n%s: %v", text, p, err)
		}
		if len(text) < 300 {
			same(t, text, p, again)
		}
	})
}

package request_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/uringsim/uringsim/request"
	"github.com/uringsim/uringsim/trace"
)

var rows = []struct{ why, text, want string }{
	{"an opcode alone", `nop`, `{"opcode":"NOP"}`},
	{"the kernel's name", `IORING_OP_NOP`, `{"opcode":"NOP"}`},
	{"names of constants", `socket family=AF_INET type=SOCK_STREAM|CLOEXEC protocol=6`,
		`{"opcode":"SOCKET","fd":"INET","off":"STREAM|CLOEXEC","len":"TCP"}`},
	{"aliases of constants", `openat x flags=O_RDWR|O_SYNC`, `{"opcode":"OPENAT","addr":{"path":"x"},"open_flags":"RDWR|DSYNC|__O_SYNC"}`},
	{"a family that is rare", `socket family=AF_CAN type=SOCK_RAW`, `{"opcode":"SOCKET","fd":29,"off":"RAW"}`},
	{"fields of the SQE", `SOCKET fd=2 off=1 user_data=0x10 sqe_flags=ASYNC`,
		`{"opcode":"SOCKET","fd":"INET","off":"STREAM","user_data":16,"flags":"ASYNC"}`},
	{"a path", `openat path="/etc/a b" flags=O_RDWR|O_CREAT mode=0o600 dfd=-100`,
		`{"opcode":"OPENAT","addr":{"path":"/etc/a b"},"open_flags":"RDWR|CREAT","len":384,"fd":-100}`},
	{"a path without its name", `openat /etc/passwd`, `{"opcode":"OPENAT","addr":{"path":"/etc/passwd"}}`},
	{"no path", `openat flags=O_RDONLY`, `{"opcode":"OPENAT","open_flags":0,"addr":{"path":"file"}}`},
	{"a path by address", `openat addr=0`, `{"opcode":"OPENAT","addr":0}`},
	{"open_how", `openat2 x flags=O_PATH resolve=IN_ROOT|BENEATH`,
		`{"opcode":"OPENAT2","addr":{"path":"x"},"addr2":{"open_how":{"flags":"PATH","resolve":"BENEATH|IN_ROOT"}},"len":24}`},
	{"open_how by default", `openat2`, `{"opcode":"OPENAT2","addr":{"path":"file"},"addr2":{"open_how":{}},"len":24}`},
	{"an address", `connect 10.0.0.1:443`, `{"opcode":"CONNECT","addr":{"sockaddr":"10.0.0.1:443"},"addr2":16}`},
	{"an IPv6 address", `connect addr=[::1]:80 fd=5`, `{"opcode":"CONNECT","addr":{"sockaddr":"[::1]:80"},"addr2":28,"fd":5}`},
	{"a path as an address", `bind unix:/tmp/x`, `{"opcode":"BIND","addr":{"sockaddr":"unix:/tmp/x"},"addr2":9}`},
	{"two paths", `renameat oldpath=a newpath=b`,
		`{"opcode":"RENAMEAT","addr":{"path":"a"},"addr2":{"path":"b"}}`},
	{"JSON", ` {"opcode": "CONNECT", "addr": {"sockaddr": "1.2.3.4:5"}, "off": 16}`,
		`{"opcode":"CONNECT","addr":{"sockaddr":"1.2.3.4:5"},"off":16}`},
	{"bytes", `"` + strings.Repeat("00", 64) + `"`, `"` + strings.Repeat("00", 64) + `"`},
}

func TestParse(t *testing.T) {
	for _, row := range rows {
		r, err := request.Parse("f", row.text)
		if err != nil {
			t.Errorf("%s: %v", row.why, err)
			continue
		}
		got, err := json.Marshal(r.SQE)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(row.want, string(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.why, diff)
		}
	}
}

func TestReader(t *testing.T) {
	const text = `# a comment

nop -> allow
  openat x   →  deny
connect unix:->deny->EFAULT
{"opcode": 0} -> allow
context ` + "0000000000000000 2d00000000000000 02000000010000000600000000000000 0000000000000000 -> deny"
	in := request.NewReader(strings.NewReader(text), "f")
	var got []request.Request
	for {
		r, err := in.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if r.Context != nil && r.Context.Word(8) != 45 {
			t.Errorf("the context is %x", *r.Context)
		}
		got = append(got, request.Request{Text: r.Text, Want: r.Want, Line: r.Line})
	}
	want := []request.Request{{Text: "nop", Want: "allow", Line: 3}, {Text: "openat x", Want: "deny", Line: 4},
		{Text: "connect unix:->deny", Want: "EFAULT", Line: 5}, {Text: `{"opcode": 0}`, Want: "allow", Line: 6},
		{Text: text[strings.Index(text, "context"):strings.LastIndex(text, " ->")], Want: "deny", Line: 7}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

var mistakes = []struct{ why, text, want string }{
	{"nothing but what is expected", "-> allow", "f:1:1: found nothing, expected a request"},
	{"an unknown opcode", "dance", `f:1:1: found "dance", expected an opcode such as socket or openat, an SQE in JSON, or context`},
	{"an unknown argument", "socket domain=2",
		`f:1:8: SOCKET has no argument "domain"; it has sqe_flags, family, type, protocol, and the fields of struct io_uring_sqe`},
	{"the opcode twice", "socket opcode=2", `f:1:8: SOCKET has no argument "opcode"`},
	{"no argument", "socket AF_INET", `f:1:8: found "AF_INET", expected argument=value`},
	{"an unknown constant", "socket family=AF_NOPE", `f:1:15: found "AF_NOPE", expected a number or a name such as AF_VSOCK`},
	{"a number that is too wide", "openat x mode=4294967296", "does not fit in 32 bits"},
	{"twice", "openat a b", "f:1:10: addr is given twice"},
	{"twice under two names", "socket family=1 fd=2", "f:1:17: fd is given twice"},
	{"no address", "connect nowhere", `f:1:9: found sockaddr "nowhere", expected one such as 127.0.0.1:80, [::1]:80 or unix:PATH`},
	{"an open quotation mark", `openat "x`, `f:1:8: found "\"x", expected a closing quotation mark`},
	{"an unknown expectation", "nop -> maybe", `f:1:8: found "maybe", expected allow, deny or the name of an errno`},
	{"no JSON", `  {"opcode": }`, "f:1:14: not JSON"},
	{"an unknown field", `{"opcode": 1, "nope": 2}`, `an SQE has no field "nope"`},
	{"a short context", "context 00ff", `f:1:9: found "00ff", expected 40 bytes in hexadecimal`},
}

func TestParseErrors(t *testing.T) {
	for _, row := range mistakes {
		_, err := request.Parse("f", row.text)
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s:\n got %v\nwant %s", row.why, err, row.want)
		}
	}
}

func TestLongLine(t *testing.T) {
	in := request.NewReader(strings.NewReader("nop\nopenat "+strings.Repeat("x", 2<<20)), "f")
	if _, err := in.Next(); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Next(); err == nil || err.Error() != "f:2:1: the line has more than 1048576 bytes" {
		t.Errorf("got %v", err)
	}
}

// FuzzParse: what is no request has a place, and what is one can be written and read again.
func FuzzParse(f *testing.F) {
	for _, row := range rows {
		f.Add(row.text)
	}
	for _, row := range mistakes {
		f.Add(row.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := request.Parse("f", text)
		var syntax *trace.SyntaxError
		switch {
		case err != nil:
			if !errors.As(err, &syntax) || syntax.Line < 1 || syntax.Col < 1 {
				t.Fatalf("%q: %v", text, err)
			}
		case r.SQE != nil:
			b, err := json.Marshal(r.SQE)
			if err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			if _, err := request.Parse("f", string(b)); err != nil {
				t.Fatalf("%q is %s: %v", text, b, err)
			}
		}
	})
}

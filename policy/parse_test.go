package policy

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// reader reads one of the forms.
type reader func(file string, text []byte) (*Policy, error)

// TestErrors holds every block of the files of mistakes to the messages in it, both ways: what is found must be
// expected, and what is expected must be found.
func TestErrors(t *testing.T) {
	expected(t, "testdata/errors.policies", Parse)
}

// expected reads the blocks of a file between lines of dashes. "### column: message" stands at the end of the line
// where the mistake is.
func expected(t *testing.T, file string, read reader) {
	t.Helper()
	text := readFile(t, file)
	_, text, _ = strings.Cut(text, "in front.\n") // the head of the file
	for i, block := range strings.Split(text, "---\n") {
		var want []string
		var lines []string
		for n, line := range strings.Split(strings.TrimSuffix(block, "\n"), "\n") {
			before, message, ok := strings.Cut(line, "###")
			if ok {
				want = append(want, fmt.Sprintf("f:%d:%s", n+1, strings.TrimSpace(message)))
			}
			lines = append(lines, strings.TrimRight(before, " "))
		}
		source := strings.TrimRight(strings.Join(lines, "\n"), "\n")
		got := "no error"
		p, err := read("f", []byte(source))
		if err == nil {
			_, err = p.Compile(Options{})
		}
		var syntax *trace.SyntaxError
		if errors.As(err, &syntax) {
			got = fmt.Sprintf("f:%d:%d: %s", syntax.Line, syntax.Col, syntax.Msg)
		} else if err != nil {
			got = err.Error()
		}
		if len(want) != 1 || got != want[0] {
			t.Errorf("%s, block %d\n%s\n got %s\nwant %s", file, i+1, source, got, strings.Join(want, "\n     "))
		}
	}
}

func readFile(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), "\r\n", "\n")
}

// corpus are the policies of testdata.
func corpus(t *testing.T) map[string]*Policy {
	t.Helper()
	files, err := filepath.Glob("testdata/*.policy")
	if err != nil || len(files) < 5 {
		t.Fatalf("found %d policies: %v", len(files), err)
	}
	all := map[string]*Policy{}
	for _, file := range files {
		p, err := Parse(file, []byte(readFile(t, file)))
		if err != nil {
			t.Fatal(err)
		}
		all[file] = p
	}
	return all
}

// TestCorpus: what the policies of testdata say, their programs do, on every way through them.
func TestCorpus(t *testing.T) {
	for file, p := range corpus(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			witness(t, p)
			witnessPlan(t, p)
			if _, err := p.Compile(Options{}); err != nil {
				t.Error(err)
			}
			again, err := Parse(file, []byte(p.String()))
			if err != nil {
				t.Fatal(err)
			}
			if p.String() != again.String() {
				t.Errorf("written:\n%s\nread again:\n%s", p, again)
			}
		})
	}
}

// TestForms: the same policy may be written in several ways.
func TestForms(t *testing.T) {
	const head = "default deny\nrequire kernel >= 7.2 for CONNECT\n"
	for _, row := range []struct{ why, a, b string }{
		{"opcodes by number, full name and case", "allow NOP, READ, SOCKET", "ALLOW 0, ioring_op_read, Socket"},
		{"constants by case and number", "allow SOCKET if family == AF_INET", "allow socket IF FAMILY == 2"},
		{"numbers of any base", "allow READ if user_data in (16, 8, 5)", "allow READ if user_data in (0x10, 010, 0b101)"},
		{"a condition over several lines", "allow READ if user_data == 1 or user_data == 2",
			"allow READ if\n  user_data == 1 # the first\n  or\n user_data == 2"},
		{"& binds more tightly than ==", "allow OPENAT if flags & O_CREAT == 0", "allow OPENAT if (flags & O_CREAT) == 0"},
		{"and binds more tightly than or", "allow NOP if user_data == 1 or user_data == 2 and sqe_flags == 0",
			"allow NOP if user_data == 1 or (user_data == 2 and sqe_flags == 0)"},
		{"not binds more tightly than and", "allow NOP if not user_data == 1 and sqe_flags == 0",
			"allow NOP if (not user_data == 1) and sqe_flags == 0"},
		{"all bits but some", "allow OPENAT2 if resolve & ~RESOLVE_IN_ROOT == 0",
			"allow OPENAT2 if resolve & 0xffffffffffffffef == 0"},
		{"a constant of several bits", "allow OPENAT if flags & O_ACCMODE == O_RDONLY", "allow OPENAT if flags & 3 == 0"},
		{"one address", "allow CONNECT if addr == 10.0.0.1", "allow CONNECT if addr == 10.0.0.1/32"},
		{"no register call", "allow register none\nallow NOP", "allow register none\nallow 0"},
		{"flags as submitted", "allow submitted sqe_flags IO_LINK, ASYNC\nallow NOP",
			"allow submitted sqe_flags 0x14\nallow NOP"},
	} {
		var text [2]string
		for i, body := range []string{row.a, row.b} {
			p, err := Parse("f", []byte(head+body))
			if err != nil {
				t.Fatalf("%s: %v", row.why, err)
			}
			text[i] = p.String()
		}
		if text[0] != text[1] {
			t.Errorf("%s:\n%s\n%s", row.why, text[0], text[1])
		}
	}
}

// TestKernels: what a policy needs of kernels.
func TestKernels(t *testing.T) {
	const needy = "default deny\nallow CONNECT if port == 443"
	for _, row := range []struct {
		why, text string
		kernels   []kernel.Release
		want      string
	}{
		{"all targets show CONNECT", needy, []kernel.Release{kernel.V7_2, kernel.V7_3}, ""},
		{"one target does not", needy, []kernel.Release{kernel.V7_1, kernel.V7_2}, "on 7.1: write"},
		{"a quirk was mended", needy, []kernel.Release{kernel.V7_1.Without(kernel.NoConnectPayload)}, ""},
		{"it requires what the target lacks", "default deny\nrequire kernel >= 7.2 for CONNECT\nallow CONNECT",
			[]kernel.Release{kernel.V7_1},
			"f:2:27: the policy requires kernel >= 7.2 for CONNECT, but is to be compiled for 7.1"},
		{"no filters", "default deny", []kernel.Release{kernel.V6_19}, "f: tasks cannot register filters on 6.19"},
		{"sockets show everywhere", "default deny\nallow SOCKET if family == AF_INET", nil, ""},
	} {
		p, err := Parse("f", []byte(row.text))
		if err != nil {
			t.Fatalf("%s: %v", row.why, err)
		}
		if _, err = p.Compile(Options{Kernels: row.kernels}); row.want == "" && err != nil ||
			row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)) {
			t.Errorf("%s: got %v, want %q", row.why, err, row.want)
		}
	}
}

// TestTooLong: a program that no kernel takes is an error, and finding out does not take long.
func TestTooLong(t *testing.T) {
	var text strings.Builder
	text.WriteString("default deny\nallow READ if user_data in (1")
	for i := range 20_000 {
		fmt.Fprintf(&text, ", %d", uint64(i)*0x100000003)
	}
	text.WriteString(")")
	p, err := Parse("f", []byte(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Compile(Options{}); err == nil || !strings.Contains(err.Error(), "not 1 to 4096") {
		t.Errorf("got %v", err)
	}
}

// TestFar: jumps further than a conditional jump reaches.
func TestFar(t *testing.T) {
	var text strings.Builder
	text.WriteString("default deny\nallow READ if (user_data in (1")
	for i := range 700 {
		fmt.Fprintf(&text, ", %d", 3*i+4)
	}
	text.WriteString(") or user_data & 0xff0000000000 == 0x120000000000) and sqe_flags & IOSQE_ASYNC == 0")
	p, err := Parse("f", []byte(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	g, root := decide(p, uapi.IORING_OP_READ)
	hops := 0
	insns, _ := emit(g.prune(root))
	for _, in := range insns {
		if in.Code == ja {
			hops++
		}
	}
	if hops == 0 {
		t.Error("found no ja: the program is not long enough for this test")
	}
	witness(t, p)
}

// TestReach: the first of many comparisons jumps as far as a conditional jump reaches, and one further.
func TestReach(t *testing.T) {
	for n := uint32(240); n < 270; n++ {
		text := "default deny\nallow SOCKET if protocol == 0"
		for v := uint32(1); v < n; v++ {
			text += fmt.Sprintf(" or protocol == %d", 3*v)
		}
		p, err := Parse("f", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		g, root := decide(p, uapi.IORING_OP_SOCKET)
		insns, _ := emit(g.prune(root))
		prog, checkErr := cbpfvm.Check(insns, uapi.SizeofBPFCtx)
		if checkErr != nil {
			t.Fatal(checkErr)
		}
		for v := range 3*n + 3 {
			var ctx cbpfvm.Context
			ctx.SetWord(uapi.BPFCtxPDU+8, v)
			if got := prog.Run(&ctx) != 0; got != p.Allows(uapi.IORING_OP_SOCKET, &ctx) {
				t.Fatalf("%d comparisons, protocol %d: got %v", n, v, got)
			}
		}
	}
}

// FuzzParse: whatever the text, there is an error, or a policy that reads itself again and whose programs do what it
// says.
func FuzzParse(f *testing.F) {
	for _, block := range strings.Split(readFuzzSeeds(f), "---\n") {
		f.Add(block)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Parse("f", []byte(text))
		if err != nil {
			return
		}
		again, err := Parse("f", []byte(p.String()))
		if err != nil || again.String() != p.String() {
			t.Fatalf("%q is written as %q, which reads as %v, %v", text, p, again, err)
		}
		if plan, err := p.Compile(Options{}); err == nil && len(plan.Filters) < 20 && len(text) < 400 {
			witness(t, p)
		}
	})
}

func readFuzzSeeds(f *testing.F) string {
	f.Helper()
	text, err := os.ReadFile("testdata/errors.policies")
	if err != nil {
		f.Fatal(err)
	}
	return string(text)
}

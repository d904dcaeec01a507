package source_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/source"
	"github.com/uringsim/uringsim/uapi"
)

// plans are those that programs are written for.
func plans(t *testing.T) map[string]*plan.Plan {
	t.Helper()
	asm := func(text string) []uapi.SockFilter {
		insns, err := cbpfvm.Assemble(text)
		if err != nil {
			t.Fatal(err)
		}
		return insns
	}
	filters := []plan.Filter{
		{Op: uapi.IORING_OP_SOCKET, Flags: uapi.IO_URING_BPF_FILTER_SZ_STRICT, PDUSize: 12, Why: "line 3",
			Insns: asm("ld [16]\n jeq #AF_INET, +0, +1\n ret #1\n ret #0")},
		{Op: uapi.IORING_OP_NOP, Flags: uapi.IO_URING_BPF_FILTER_DENY_REST, Insns: asm("ret #0xffffffff")},
	}
	return map[string]*plan.Plan{
		"empty":           {Name: "nothing"},
		"filters":         {Name: "a.policy", Filters: filters},
		"nothing allowed": {Name: "b", Restrictions: []uapi.Restriction{}},
		"both": {Name: "c", Filters: filters, Restrictions: []uapi.Restriction{
			{Opcode: uapi.IORING_RESTRICTION_REGISTER_OP, Value: uint8(uapi.IORING_REGISTER_BPF_FILTER)},
			{Opcode: uapi.IORING_RESTRICTION_SQE_OP, Value: uint8(uapi.IORING_OP_SOCKET)},
			{Opcode: uapi.IORING_RESTRICTION_SQE_FLAGS_ALLOWED, Value: uapi.IOSQE_ASYNC}}},
		"names that end comments": {Name: "x */ } \n#error y\\", Filters: []plan.Filter{
			{Op: uapi.IORING_OP_READ, Insns: asm("ret #1"), Why: "*/ #error \r\n } \\"}}},
	}
}

// TestNumbers reads the numbers of all registrations back from the text.
func TestNumbers(t *testing.T) {
	languages := []struct {
		name                       string
		write                      func(*plan.Plan) ([]byte, error)
		insn, filter, restrictions string
	}{
		{"C", source.C, `(?m)^\t\{ (0x[0-9a-f]+), (\d+), (\d+), (0x[0-9a-f]+) \},`,
			`(?m)^\t\{ (\d+), (\d+), (\d+), filter_\d+, COUNT`, `\.opcode = (\d+), \.sqe_op = (\d+)`},
		{"Go", source.Go, `\{Code: (0x[0-9a-f]+), Jt: (\d+), Jf: (\d+), K: (0x[0-9a-f]+)\}`,
			`\{opcode: (\d+), flags: (\d+), pduSize: (\d+), insns`, `\{kind: (\d+), value: (\d+)\}`},
	}
	for name, p := range plans(t) {
		var want []string
		for _, r := range p.Restrictions {
			want = append(want, fmt.Sprint("restriction ", []uint64{uint64(r.Opcode), uint64(r.Value)}))
		}
		for _, f := range p.Filters {
			want = append(want, fmt.Sprint("filter ", []uint64{uint64(f.Op), uint64(f.Flags), uint64(f.PDUSize)}))
		}
		for _, f := range p.Filters {
			for _, in := range f.Insns {
				want = append(want, fmt.Sprint("insn ", []uint64{uint64(in.Code), uint64(in.Jt), uint64(in.Jf), uint64(in.K)}))
			}
		}
		for _, l := range languages {
			text, err := l.write(p)
			if err != nil {
				t.Fatalf("%s, %s: %v", name, l.name, err)
			}
			got := numbers(t, "restriction", l.restrictions, text)
			got = append(got, numbers(t, "filter", l.filter, text)...)
			got = append(got, numbers(t, "insn", l.insn, text)...)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, %s (-plan +text)\n%s", name, l.name, diff)
			}
		}
	}
}

// numbers are those that an expression finds in a text.
func numbers(t *testing.T, what, expr string, text []byte) (found []string) {
	t.Helper()
	for _, m := range regexp.MustCompile(expr).FindAllStringSubmatch(string(text), -1) {
		var values []uint64
		for _, s := range m[1:] {
			v, err := strconv.ParseUint(s, 0, 64)
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, v)
		}
		found = append(found, fmt.Sprint(what, " ", values))
	}
	return found
}

// TestGo compiles what is written in Go, and lets vet look at it.
func TestGo(t *testing.T) {
	dir := t.TempDir()
	for _, file := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join("..", file))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, file), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, p := range plans(t) {
		text, err := source.Go(p)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		sub := filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))
		if err := os.Mkdir(sub, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(sub, "policy.go"), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	vet := exec.Command("go", "vet", "./...")
	vet.Dir = dir
	vet.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0", "GOFLAGS=-mod=mod", "GOPROXY=off")
	if out, err := vet.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestComments: a name from outside stays within its comment.
func TestComments(t *testing.T) {
	text, err := source.C(plans(t)["names that end comments"])
	if err != nil {
		t.Fatal(err)
	}
	outside := regexp.MustCompile(`(?s)/\*.*?\*/`).ReplaceAllString(string(text), "")
	if !strings.Contains(string(text), "#error") || strings.Contains(outside, "#error") {
		t.Errorf("a name is to be found in comments, and nowhere else:\n%s", text)
	}
}

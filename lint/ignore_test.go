package lint_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/lint"
	"github.com/uringsim/uringsim/load"
	"github.com/uringsim/uringsim/srcpos"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// ignoreRows are texts of which some say what is meant, and what is found of half-of-64-bit and async-set-by-prep in
// them, and what of unused-ignore: the rule, its line, and the reason if it is ignored.
var ignoreRows = []struct{ why, form, text, want string }{
	{"nothing is meant", "asm", "ld [user_data]\njeq #7, ok\nret #0\nok: ret #1", "half-of-64-bit 1"},
	{"behind the instruction", "asm", "ld [user_data] ; uringsim:ignore half-of-64-bit: it is ours\njeq #7, ok\nret #0\nok: ret #1",
		"half-of-64-bit 1 (it is ours)"},
	{"in the line before", "asm", "//uringsim:ignore half-of-64-bit: ours\nld [user_data]\njeq #7, ok\nret #0\nok: ret #1",
		"half-of-64-bit 2 (ours)"},
	{"behind the instruction before", "asm", "ld #1 ; uringsim:ignore half-of-64-bit: ours\nld [user_data]\njeq #7, ok\nret #0\nok: ret #1",
		"half-of-64-bit 2, unused-ignore 1"},
	{"two lines before", "asm", "; uringsim:ignore half-of-64-bit: ours\n\nld [user_data]\njeq #7, ok\nret #0\nok: ret #1",
		"half-of-64-bit 3, unused-ignore 1"},
	{"behind the mistake", "asm", "ld [user_data]\njeq #7, ok\nret #0\nok: ret #1\n; uringsim:ignore half-of-64-bit: ours",
		"half-of-64-bit 1, unused-ignore 5"},
	{"for the whole file", "asm", "ld [user_data]\njeq #7, ok\nret #0\nok: ret #1\n; uringsim:ignore-file half-of-64-bit: ours",
		"half-of-64-bit 1 (ours)"},
	{"another rule", "asm", "ld [user_data] /* uringsim:ignore always-denies: no: yes */\njeq #7, ok\nret #0\nok: ret #1",
		"half-of-64-bit 1, unused-ignore 1"},
	{"several before one line", "policy", "default deny\n# uringsim:ignore half-of-64-bit: a\n  # uringsim:ignore async-set-by-prep: b\n" +
		"allow RENAMEAT if sqe_flags & IOSQE_ASYNC == 0 and user_data & 7 == 1",
		"half-of-64-bit 4 (a), async-set-by-prep 4 (b)"},
	{"no comment of the form", "policy", "default deny\nallow RENAMEAT if # ; uringsim:ignore async-set-by-prep: b\n" +
		"  sqe_flags & IOSQE_ASYNC == 0", "async-set-by-prep 3"},
	{"in C", "c", "struct sock_filter f[] = {\n\t{32}, /* uringsim:ignore half-of-64-bit: \"ours\" */ {21, 0, 1, 7},\n{6, 0, 0, 1}, {6}};",
		`half-of-64-bit 2 ("ours")`},
	{"in front of it", "c", "struct sock_filter f[] = {\n/* uringsim:ignore half-of-64-bit: ours */ {32}, {21, 0, 1, 7},\n" +
		"{6, 0, 0, 1}, {6}};", "half-of-64-bit 2 (ours)"},
	{"alone, in C", "c", "struct sock_filter f[] = {\n /* uringsim:ignore half-of-64-bit: ours */ \n{32}, {21, 0, 1, 7},\n" +
		"{6, 0, 0, 1}, {6}};", "half-of-64-bit 3 (ours)"},
	{"in Go", "go", "[]bpf.RawInstruction{\n\t//uringsim:ignore half-of-64-bit: ours\r\n\t{32, 0, 0, 0}, {21, 0, 1, 7},\n{6, 0, 0, 1}, {Op: 6}}",
		"half-of-64-bit 3 (ours)"},
	{"in a function", "function", "if (ctx->user_data & 7) // uringsim:ignore half-of-64-bit: ours\n return 0;\nreturn 1;",
		"half-of-64-bit 1 (ours)"},
	{"the remark of a filter", "plan", `{"plan": 1, "filters": [
{"opcode": "NOP", "why": "uringsim:ignore half-of-64-bit: ours", "insns": [
  "ld [user_data]", "jeq #7, ok", "ret #0", "ok: ret #1"]},
{"opcode": "NOP", "insns": ["ld [user_data]", "jeq #7, ok", "ret #0", "ok: ret #1"]},
{"opcode": "READ", "why": "uringsim:ignore half-of-64-bit: ours", "insns": ["ret #1"]}]}`,
		"half-of-64-bit 3 (ours), half-of-64-bit 4, unused-ignore 5"},
	{"for all filters", "plan", `{"plan": 1, "filters": [
{"opcode": "NOP", "why": "uringsim:ignore-file half-of-64-bit: ours", "insns": ["ret #0"]},
{"opcode": "NOP", "insns": ["ld [user_data]", "jeq #7, ok", "ret #0", "ok: ret #1"]}]}`, "half-of-64-bit 3 (ours)"},
	{"no reason", "asm", "\n  ; uringsim:ignore half-of-64-bit:\nret #1",
		`f:2:3: found no reason, expected "uringsim:ignore half-of-64-bit: REASON"`},
	{"nothing behind the rule", "asm", "ret #1 // uringsim:ignore always-allows",
		`f:1:8: found no reason, expected "uringsim:ignore always-allows: REASON"`},
	{"no rule", "policy", "default deny # uringsim:ignored", `f:1:14: found "uringsim:ignored", expected "uringsim:ignore RULE: REASON"`},
	{"no such rule", "c", "struct sock_filter f[] = {{6}}; /* uringsim:ignore half: x */",
		`f:1:33: there is no rule "half"; uringsim lint --rules lists them`},
	{"a remark without a reason", "plan", "{\"plan\": 1, \"filters\": [\n{\"opcode\": 0, \"why\": \"uringsim:ignore always-allows\", \"insns\": [\"ret #1\"]}]}",
		`f:2:1: filters/0/why: found no reason, expected "uringsim:ignore always-allows: REASON"`},
}

func TestIgnores(t *testing.T) {
	for _, row := range ignoreRows {
		if got := ignored(t, row.form, row.text, lint.Options{}); got != row.want {
			t.Errorf("%s: found %s, want %s\n%s", row.why, got, row.want, row.text)
		}
	}
}

// ignored is what the rules of ignoreRows find in a text, or why it cannot be read.
func ignored(t *testing.T, name, text string, o lint.Options) string {
	t.Helper()
	form, err := load.FormOf(name, "")
	if err != nil {
		t.Fatal(err)
	}
	op := uapi.Op(uapi.IORING_OP_NOP)
	p, err := load.Text("f", []byte(text), load.Options{Form: name, Op: &op})
	if err != nil {
		t.Fatal(err)
	}
	comments, err := lint.Comments("f", []byte(text), form.Comments)
	if err != nil {
		return err.Error()
	}
	remarks, err := lint.Remarks("f", p)
	if err != nil {
		return err.Error()
	}
	o.Ignores, o.Releases = append(comments, remarks...), []kernel.Release{kernel.V7_2, kernel.V7_3}
	found, err := lint.Run(p, o)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, f := range found {
		if f.Rule != "half-of-64-bit" && f.Rule != "async-set-by-prep" && f.Rule != "unused-ignore" {
			continue
		}
		text := fmt.Sprintf("%s %d", f.Rule, f.At[0].Line)
		if f.Ignored != "" {
			text += " (" + f.Ignored + ")"
		}
		if f.Counts() != (f.Severity != lint.Note && f.Ignored == "") || len(f.Releases) != 2 {
			t.Errorf("%+v is counted wrongly", f)
		}
		list = append(list, text)
	}
	return strings.Join(list, ", ")
}

// TestUnusedIgnore: what is disabled is not called unused, and unused-ignore can be disabled.
func TestUnusedIgnore(t *testing.T) {
	const text = "ret #0 ; uringsim:ignore half-of-64-bit: ours"
	for _, row := range []struct{ disabled, want string }{
		{"always-denies", "unused-ignore 1"}, {"half-of-64-bit", ""}, {"unused-ignore", ""},
	} {
		if got := ignored(t, "asm", text, lint.Options{Disabled: []string{row.disabled}}); got != row.want {
			t.Errorf("without %s: found %q, want %q", row.disabled, got, row.want)
		}
	}
}

// FuzzComments: what is ignored has a rule, a reason, and a comment of the form where it says it is.
func FuzzComments(f *testing.F) {
	marks := []string{"#", ";", "//", "/*"}
	for _, row := range ignoreRows {
		f.Add(row.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		found, err := lint.Comments("f", []byte(text), marks)
		var syntax *trace.SyntaxError
		if err != nil && !errors.As(err, &syntax) {
			t.Fatalf("%q: %v", text, err)
		}
		at := func(line, col int) string { return strings.Split(text, "\n")[line-1][col-1:] }
		if err != nil {
			found = []lint.Ignore{{Rule: "a rule", Reason: "a reason", At: srcpos.Pos{Line: syntax.Line, Col: syntax.Col}}}
		}
		for _, g := range found {
			begins := func(mark string) bool { return strings.HasPrefix(at(g.At.Line, g.At.Col), mark) }
			if g.Rule == "" || g.Reason == "" || !slices.ContainsFunc(marks, begins) {
				t.Fatalf("%q: found %+v", text, g)
			}
		}
	})
}

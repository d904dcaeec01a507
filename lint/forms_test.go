package lint_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/lint"
	"github.com/uringsim/uringsim/load"
	"github.com/uringsim/uringsim/srcpos"
	"github.com/uringsim/uringsim/uapi"
)

// writtenRows are texts in all forms with a mistake that the rule finds: where » stands first, and then where « do,
// which are other places that came together in it. Without marks no place is known.
var writtenRows = []struct{ why, form, rule, text string }{
	{"behind a label", "asm", "half-of-64-bit", `; a filter

start: »ld [user_data]
 jeq #7, ok
ret #0
ok: ret #1`},
	{"of the program, that is its first instruction", "asm", "always-denies", `; nothing
»ld [op]
and #0x80
jeq #0x80, ok
ret #0
ok: ret #1`},
	{"bytes have no lines", "raw", "half-of-64-bit", "\x20\x00\x00\x00\x00\x00\x00\x00\x15\x00\x00\x01\x07\x00\x00\x00" +
		"\x06\x00\x00\x00\x01\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x00"},
	{"nor have these", "hex", "half-of-64-bit", `2000000000000000
1500000107000000
0600000001000000
0600000000000000`},
	{"the first number", "decimal", "half-of-64-bit", `4
 »32 0 0 0
21 0 1 7
6 0 0 1
6 0 0 0`},
	{"a macro, where it is used", "c", "half-of-64-bit", `#include <linux/filter.h>
#define LOW BPF_STMT(BPF_LD | BPF_ABS, 0)
struct sock_filter f[] = {
	»LOW,
	BPF_JUMP(BPF_JMP | BPF_JEQ, 7, 0, 1),
	{6, 0, 0, 1}, {6}};`},
	{"an element", "c", "always-allows", `struct sock_filter f[] = {
/* all */ »{6, 0, 0, 1}};`},
	{"an element", "go", "half-of-64-bit", `package p

var f = []bpf.RawInstruction{
	»{Op: 0x20},
	{0x15, 0, 1, 7}, {6, 0, 0, 1}, {Op: 6},
}`},
	{"an element of a text that is only this", "go", "always-allows", `[]bpf.RawInstruction{
»{6, 0, 0, 1}}`},
	{"an object", "json", "half-of-64-bit", `[
  »{"code": 32}, {"code": 21, "jf": 1, "k": 7},
  {"code": 6, "k": 1}, {"code": 6}]`},
	{"a string", "trace", "half-of-64-bit", `{"trace": 1, "events": [{"call": "no_new_privs"},
{"call": "register", "fd": -1, "op": "BPF_FILTER", "nr": 1, "arg": {"bpf_filter": {"opcode": "NOP", "insns": [
	"; first",
	»"ld [user_data]", "jeq #7, ok", "ret #0", "ok: ret #1"]}}}]}`},
	{"a string", "plan", "half-of-64-bit", `{"plan": 1, "filters": [{"opcode": "READ", "insns": []},
 {"opcode": "NOP", "insns": [
"; first", »"ld [0]",
"jeq #7, ok", "ret #0", "ok: ret #1"]}]}`},
	{"the filter", "plan", "always-allows", `{"plan": 1, "filters": [
 »{"opcode": "NOP",
 "insns": ["ret #1"]}]}`},
	{"the list", "plan", "list-denies-all", `{"plan": 1,
 "name": "p", »"restrictions": []}`},
	{"the plan as a whole", "plan", "known-bypass", `{"plan": 1, "filters": [{"opcode": "NOP", "insns": ["ret #0"]}]}`},
	{"the filters that deny", "plan", "sibling-left-open", `{"plan": 1, "filters": [{"opcode": "POLL_ADD", "insns": ["ret #1"]},
»{"opcode": "READ", "insns": ["ret #0"]},
«{"opcode": "READV", "insns": ["ret #0"]}]}`},
	{"the test, in a rule of several lines", "policy", "open-flags-equality", `default deny
allow NOP, READ # and
allow OPENAT if user_data == 1 and
  »flags == O_CREAT`},
	{"a load, which serves all tests of its word", "policy", "async-set-by-prep", `default deny
allow RENAMEAT if »sqe_flags & IOSQE_IO_LINK == 0 and
  «sqe_flags & IOSQE_ASYNC == 0`},
	{"tests that became one instruction", "policy", "async-set-by-prep", `default deny
allow RENAMEAT if
  sqe_flags & IOSQE_IO_LINK == 0 and »sqe_flags & IOSQE_ASYNC == 0 or
  sqe_flags & IOSQE_IO_LINK != 0 and «sqe_flags & IOSQE_ASYNC == 0`},
	{"the rules for the opcode", "policy", "always-denies", `default deny
allow NOP,
  »MKDIRAT if sqe_flags & IOSQE_ASYNC == 0 and user_data == 1
allow «MKDIRAT if sqe_flags & IOSQE_ASYNC == 0 and user_data == 2`},
	{"no rule, but a filter", "policy", "always-allows", `require kernel >= 7.2 for CONNECT
»default allow`},
	{"a limit", "policy", "list-denies-flags", `default deny
allow NOP
  »allow submitted sqe_flags none`},
	{"the member", "oci", "async-set-by-prep", `{"linux": {"ioUring": {"defaultAction": "deny",
"ops": ["IORING_OP_NOP", "IORING_OP_RENAMEAT"],
  »"deniedSqeFlags": ["IOSQE_ASYNC"]}}}`},
	{"the rules, in the order in which they decide", "oci", "always-denies", `{"defaultAction": "deny", "ops": [
  "IORING_OP_NOP",
  «"IORING_OP_RENAMEAT"],
  »"deniedSqeFlags": ["IOSQE_ASYNC"]}`},
	{"the comparison", "function", "open-flags-equality", `int f(struct io_uring_bpf_ctx *ctx)
{
	if (ctx->open.resolve == 1)
		return 1;
	return »ctx->open.flags != (O_WRONLY | O_CREAT);
}`},
}

// marked takes the marks out of a text, and gives their places.
func marked(text string) (plain string, at []srcpos.Pos) {
	var others []srcpos.Pos
	for {
		i := strings.IndexAny(text, "»«")
		if i < 0 {
			return text, append(at, others...)
		}
		first := strings.HasPrefix(text[i:], "»")
		text = text[:i] + text[i+len("»"):]
		if p := srcpos.Of([]byte(text), i); first {
			at = append(at, p)
		} else {
			others = append(others, p)
		}
	}
}

// TestWritten: in every form a finding is where its author wrote it.
func TestWritten(t *testing.T) {
	seen := map[string]bool{}
	for _, row := range writtenRows {
		seen[row.form] = true
		text, want := marked(row.text)
		op := uapi.Op(uapi.IORING_OP_NOP)
		p, err := load.Text("file", []byte(text), load.Options{Form: row.form, Op: opFor(row.form, &op)})
		if err != nil {
			t.Errorf("%s: %s: %v", row.form, row.why, err)
			continue
		}
		found, err := lint.Run(p, lint.Options{Releases: []kernel.Release{kernel.V7_0, kernel.V7_3}})
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(found, func(f lint.Finding) bool { return f.Rule == row.rule })
		if i < 0 {
			t.Errorf("%s: %s: %s finds nothing", row.form, row.why, row.rule)
		} else if !slices.Equal(found[i].At, want) {
			t.Errorf("%s: %s: %s finds it at %v, want %v\n%s", row.form, row.why, row.rule, found[i].At, want, row.text)
		}
	}
	for _, f := range load.Forms() {
		if !seen[f.Name] {
			t.Errorf("the form %s needs a row", f.Name)
		}
	}
}

// opFor is the opcode, for forms that do not say it themselves.
func opFor(form string, op *uapi.Op) *uapi.Op {
	if form == "function" {
		return nil
	}
	return op
}

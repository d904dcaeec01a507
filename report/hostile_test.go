package report_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// hostile are names that would do something if they were not escaped.
var hostile = []struct{ name, why string }{
	{"plain", "a name like others"},
	{`<script>alert(1)</script>`, "an element in text"},
	{`</title></style></svg></main><img src=x onerror=alert(1)>`, "an element behind the end of others"},
	{`" onload="alert(1)" x="`, "an attribute behind the end of another"},
	{`' autofocus onfocus='alert(1)`, "the same in single quotes"},
	{"`${alert(1)}`", "a template of a script"},
	{"javascript:alert(1)", "what must not be a link"},
	{"{{.Release}}{{template \"trace\" .}}", "a template of ours"},
	{"<!-- ", "a comment that does not end"},
	{"]]> <![CDATA[ ", "other ends"},
	{"&lt;b&gt; &#60;b&#62;", "text that is escaped already"},
	{"a\x00b\x07c\u202egnp.exe\u2066", "characters that nobody sees, or that turn others around"},
	{"\ufeff\u200b\U000e0041", "others"},
	{strings.Repeat("W", 5000), "a name that is far too long"},
	{strings.Repeat("\u0301", 400), "marks without a letter"},
	{"", "no name"},
}

// hostileTrace uses a name wherever a trace has one.
func hostileTrace(name string) string {
	q := func(s string) string {
		b, err := json.Marshal(s)
		if err != nil {
			panic(err) // it is a string
		}
		return string(b)
	}
	return fmt.Sprintf(`{"trace": 1, "name": %[1]s, "why": %[1]s, "source": %[1]s, "cause": %[1]s, "events": [
{"call": "no_new_privs", "why": %[1]s},
{"call": "register", "fd": -1, "op": "BPF_FILTER", "nr": 1, "arg": {"bpf_filter":
  {"opcode": "OPENAT", "insns": ["ld [user_data]", "ret #0"]}}},
{"call": "fork", "child": %[2]s},
{"task": %[2]s, "call": "setup", "ring": %[3]s, "entries": 4},
{"task": %[2]s, "call": "register", "fd": 3, "op": "BPF_FILTER", "nr": 1, "arg": {"bpf_filter":
  {"opcode": "NOP", "insns": ["ret #0"]}}},
{"task": %[2]s, "call": "enter", "fd": 3, "ring": %[3]s, "sqes": [{"opcode": "NOP"},
  {"opcode": "OPENAT", "addr": {"path": %[4]s}}, {"opcode": "NOP", "flags": "IOSQE_IO_LINK"}, {"opcode": 200}]},
{"task": %[2]s, "call": "open", "path": %[4]s},
{"task": %[2]s, "call": "exit"}
]}`, q(name), q("task "+name), q("ring "+name), q("/"+strings.ReplaceAll(name, "\x00", "")))
}

// checkHostile is true of pages on any names: they are text, and nothing else.
func checkHostile(t *testing.T, name string) {
	t.Helper()
	page := pageOfText(t, "trace.json", hostileTrace(name))
	doc := check(t, page)
	if n := len(elements(doc, "section")); n != 3 {
		t.Errorf("%d sections", n)
	}
	var drawn int
	for _, n := range elements(doc, "g") {
		if attr(n, "id") == "" {
			drawn++
		}
	}
	if drawn != 8 {
		t.Errorf("%d calls are drawn, want 8", drawn)
	}
	for n := range doc.Descendants() {
		if n.Type == html.CommentNode {
			t.Errorf("the page has a comment: %q", n.Data)
		}
		for _, a := range n.Attr {
			if strings.Contains(a.Val, "alert") {
				t.Errorf("%s=%q", a.Key, a.Val)
			}
		}
	}
}

// TestText: names stand on the page as they are, unless they are too long.
func TestText(t *testing.T) {
	page := pageOfText(t, "trace.json", hostileTrace("<i>&"))
	if !strings.Contains(page, "task &lt;i&gt;&amp;") {
		t.Error("a name is not on the page as it is")
	}
	page = pageOfText(t, "trace.json", hostileTrace(strings.Repeat("W", 5000)))
	if strings.Contains(page, strings.Repeat("W", 400)) {
		t.Error("a long name is on the page as it is")
	}
}

// FuzzPage: everything in a trace is text on the page.
func FuzzPage(f *testing.F) {
	for _, row := range hostile {
		f.Add(row.name)
	}
	f.Fuzz(checkHostile)
}

package report_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/report"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// TestCompare: the results that are not the same everywhere, each with the quirks that make it.
func TestCompare(t *testing.T) {
	tr, err := trace.ReadFile(recorded + "exec-after-setup.json")
	if err != nil {
		t.Fatal(err)
	}
	var columns []report.Column
	for _, r := range []kernel.Release{kernel.V6_19, kernel.V7_0, kernel.V7_1} {
		outcomes, err := report.Play(tr, r, nil)
		if err != nil {
			t.Fatal(err)
		}
		columns = append(columns, report.Column{Release: r, Outcomes: outcomes})
	}
	got := report.Compare(tr, columns)
	noFilter := []kernel.Quirk{kernel.NoBPFFilter, kernel.NoTaskRestrictions}
	want := report.Table{
		Releases: []kernel.Release{kernel.V6_19, kernel.V7_0, kernel.V7_1},
		Rows: []report.Row{
			{Event: 2, Task: "init", Call: "register BPF_FILTER fd=-1 NOP",
				Cells: []report.Cell{{"EINVAL", 0}, {"0", -1}, {"0", -1}}},
			{Event: 4, Task: "init", Call: "NOP  user_data=1", Request: 1,
				Cells: []report.Cell{{"0", 0}, {"EACCES", -1}, {"EACCES", -1}}},
			{Event: 7, Task: "init", Call: "NOP  user_data=2", Request: 1,
				Cells: []report.Cell{{"0", 0}, {"0", 1}, {"EACCES", -1}}},
		},
		Same:  6,
		Notes: [][]kernel.Quirk{noFilter, {kernel.RestrictionsLostOnExec}},
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b kernel.Release) bool { return a == b })); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// attrs are the values of an attribute of all elements of a name and class, in their order.
func attrs(doc *html.Node, name, class, key string) []string {
	var values []string
	for _, n := range elements(doc, name) {
		if attr(n, "class") == class {
			values = append(values, attr(n, key))
		}
	}
	return values
}

// TestTimeline: calls stand in the rows of their tasks and rings, which begin and end where they do.
func TestTimeline(t *testing.T) {
	doc := check(t, pageOfText(t, "trace.json", `{"trace": 1, "events": [
{"call": "setup", "entries": 4, "ring": "first"},
{"call": "fork", "child": "a task with a long name"},
{"task": "a task with a long name", "call": "setup", "entries": 0},
{"task": "a task with a long name", "call": "enter", "fd": 3, "sqes": [{"opcode": "NOP"}, {"opcode": 200}]},
{"task": "a task with a long name", "call": "exit"},
{"call": "reap", "ring": "first", "wait": 0}
]}`))
	const init, child, ring = "33", "99", "66" // the middle of rows
	rows := []struct {
		name, class, key string
		want             []string
		why              string
	}{
		{"line", "life", "y1", []string{init, child}, "tasks in the order in which they came"},
		{"line", "life", "x1", []string{"120", "162"}, "the second begins at the fork, which is call 2"},
		{"line", "life", "x2", []string{"288", "246"}, "and ends where it exits"},
		{"line", "ringlife", "y1", []string{ring}, "the ring stands below the task that made it"},
		{"line", "ringlife", "x1", []string{"134"}, "and begins with its setup"},
		{"line", "fork", "y2", []string{child}, "the fork leads to the child"},
		{"text", "letters allowed", "y", []string{init, init, child, child, init}, "calls in the rows of their tasks"},
		{"text", "letters refused", "y", []string{child}, "a ring of no entries is refused"},
		{"path", "m allowed", "transform", []string{"", "translate(218 75)"}, "of two requests, below each other"},
		{"path", "m refused", "transform", []string{"", "translate(218 58)"}, "what was refused is first; the other is the legend"},
	}
	for _, r := range rows {
		if diff := cmp.Diff(r.want, attrs(doc, r.name, r.class, r.key)); diff != "" {
			t.Errorf("%s: %s of %s (-want +got):\n%s", r.why, r.key, r.class, diff)
		}
	}
	if !strings.Contains(text(doc), "a task with a…") {
		t.Error("a long name is not cut")
	}
}

// TestUnknown: what cannot be carried out on another release is not known there; on the page's own it is an error.
func TestUnknown(t *testing.T) {
	const rewind = `{"trace": 1, "events": [
{"call": "setup", "entries": 4, "flags": "NO_SQARRAY|SQ_REWIND", "ring": "new"},
{"call": "reap", "ring": "new", "wait": 0}]}`
	page := pageOfText(t, "trace.json", rewind)
	doc := check(t, page)
	found := false
	for _, row := range elements(doc, "tr") {
		cells := elements(row, "td")
		if len(cells) == 7 && text(cells[0]) == "calls that are not known" {
			found = true
			if text(cells[1]) != "1" || text(cells[6]) != "0" {
				t.Errorf("6.19, which has no SQ_REWIND, does not know %s calls, and 7.3 %s", text(cells[1]), text(cells[6]))
			}
		}
	}
	if !found {
		t.Error("the summary does not have calls that are not known")
	}
	in := open(t, "trace.json", rewind)
	var failed *trace.EventError
	if err := report.New(kernel.V6_19).Add("trace.json", in); !errors.As(err, &failed) || failed.Number != 2 {
		t.Errorf("got %v, want an error of event 2", err)
	}
}

// TestSyntax: a trace that cannot be read to its end is an error.
func TestSyntax(t *testing.T) {
	in := open(t, "trace.jsonl", "{\"trace\": 1}\n{\"call\": \"dance\"}\n")
	var syntax *trace.SyntaxError
	if err := report.New(kernel.V7_3).Add("trace.jsonl", in); !errors.As(err, &syntax) || syntax.Line != 2 {
		t.Errorf("got %v, want an error of line 2", err)
	}
}

// open is a trace that is written out.
func open(t *testing.T, name, text string) *trace.Reader {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := trace.OpenFile(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close() })
	return in
}

// TestFates: where requests have the same user_data, a CQE is not taken for that of another.
func TestFates(t *testing.T) {
	sqe := func(fields ...trace.SQEField) trace.SQE { return trace.SQE{Fields: fields} }
	field := func(name string, v uint64) trace.SQEField {
		return trace.SQEField{Name: name, Value: trace.Pointer{Num: v}}
	}
	tr := trace.Trace{Events: []trace.Event{
		{Task: trace.InitTask, Args: &trace.SetupArgs{Entries: 4, Flags: uapi.IORING_SETUP_SUBMIT_ALL}},
		{Task: trace.InitTask, Args: &trace.EnterArgs{FD: 3, SQEs: []trace.SQE{
			sqe(field("opcode", 200)), sqe(field("opcode", 0)), sqe(field("opcode", 0), field("user_data", 1))}}},
	}}
	outcomes, err := report.Play(&tr, kernel.V7_3, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"EINVAL  init: opcode must exist [Linux: io_uring/io_uring.c:io_init_req]", "allowed", "0  allowed"}
	if diff := cmp.Diff(want, report.Fates(&outcomes[1])); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

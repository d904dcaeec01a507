package report_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/uringsim/uringsim/kernel"
)

// long is a trace of a task that forks and denies itself many things, as long as wanted, a line for each event.
func long(rounds int) string {
	var b strings.Builder
	b.WriteString(`{"trace": 1, "name": "long"}
{"call": "setup", "entries": 64}
`)
	for i := range rounds {
		fmt.Fprintf(&b, `{"call": "fork", "child": "c%d"}
{"task": "c%[1]d", "call": "register", "fd": -1, "op": "BPF_FILTER", "nr": 1, "arg": {"bpf_filter": {`+
			`"opcode": "NOP", "insns": ["ld [user_data]", "jeq #7, +0, +1", "ret #1", "ret #0"]}}}
{"task": "c%[1]d", "call": "setup", "entries": 64, "flags": "SUBMIT_ALL", "ring": "r%[1]d"}
{"task": "c%[1]d", "call": "enter", "fd": 4, "ring": "r%[1]d", "sqes": [%s{"opcode": "NOP", "user_data": 7}]}
{"task": "c%[1]d", "call": "exit"}
`, i, strings.Repeat(`{"opcode": "NOP", "user_data": 5000},`, 24))
	}
	return b.String()
}

// TestLimits: a long trace is counted as a whole, and the page does not grow with it.
func TestLimits(t *testing.T) {
	short, whole := pageOfText(t, "long.jsonl", long(210)), pageOfText(t, "long.jsonl", long(230))
	check(t, short)
	doc := check(t, whole)
	if more := len(whole) - len(short); more > 1<<10 {
		t.Errorf("the page has %d bytes for 1051 calls, and %d for 1151", len(short), len(whole))
	}
	said := text(doc)
	for _, want := range []string{
		"1151 calls (0 refused), 5750 requests (5520 refused)",
		"The timeline has 600 calls of this trace; 551 more are only counted. One page has no more than 600.",
		"720 more refusals have reasons that are not listed: one page has no more than 200 reasons.",
		"5 more requests",
		"more results are not the same on all releases: one page has no more than 300 of them.",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if n := len(elements(doc, "figure")); n != 25 {
		t.Errorf("%d drawings of 24 calls, want 25", n)
	}
}

// TestLimitOfFilters: what is not listed is said.
func TestLimitOfFilters(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"trace": 1}` + "\n")
	for i := range 4 {
		fmt.Fprintf(&b, `{"call": "register", "fd": -1, "op": "BPF_FILTER", "nr": 1, "arg": {"bpf_filter": {`+
			`"opcode": "NOP", "insns": [%s"ret #%d"]}}}`+"\n", strings.Repeat(`"ld [0]",`, 4000), i+1)
	}
	doc := check(t, pageOfText(t, "filters.jsonl", b.String()))
	const want = "Filters that are not listed: 2. One page has no more than 10000 instructions."
	if !strings.Contains(text(doc), want) {
		t.Errorf("the page does not say %q", want)
	}
}

// TestLimitOfTraces: traces beyond the limit are in the summary only.
func TestLimitOfTraces(t *testing.T) {
	file := filepath.Join(t.TempDir(), "one.json")
	if err := os.WriteFile(file, []byte(`{"trace": 1, "events": [{"call": "setup", "entries": 4}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	var files []string
	for range 103 {
		files = append(files, file)
	}
	doc := check(t, pageOf(t, kernel.V7_3, files...))
	if n := len(elements(doc, "section")); n != 102 {
		t.Errorf("%d sections, want 100 traces, the summary and the filters", n)
	}
	said := text(doc)
	if want := "This page has the first 100 traces; 3 more are only counted here."; !strings.Contains(said, want) {
		t.Errorf("the page does not say %q", want)
	}
	if counts := elements(elements(doc, "tbody")[0], "td"); text(counts[0]) != "calls" || text(counts[6]) != "103" {
		t.Errorf("the summary begins %q and has %q on 7.3, want 103 calls", text(counts[0]), text(counts[6]))
	}
}

// TestEmpty: a trace without events, and a page without traces.
func TestEmpty(t *testing.T) {
	doc := check(t, pageOfText(t, "empty.json", `{"trace": 1, "events": []}`))
	if said := text(doc); !strings.Contains(said, "No calls.") || !strings.Contains(said, "Nothing.") ||
		!strings.Contains(said, "No filter was registered.") {
		t.Errorf("the page says %q", said)
	}
	check(t, pageOf(t, kernel.V7_3))
}

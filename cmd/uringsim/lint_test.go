package main

import (
	"bytes"
	"testing"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/uringsim/uringsim/lint"
	"github.com/uringsim/uringsim/uapi"
)

// TestSARIF holds the log to the schema of SARIF 2.1.0, which would notice a wrong word.
func TestSARIF(t *testing.T) {
	op := uapi.Op(uapi.IORING_OP_NOP)
	found := []lint.Finding{
		{Rule: "unreachable", Severity: lint.Note, Op: &op, Insn: 1, Line: "ld [8]", Message: "m", Releases: []string{"7.3"}},
		{Rule: "list-denies-all", Severity: lint.Warning, Filter: -1, Insn: -1, Message: "m",
			Releases: []string{"7.2", "7.3"}},
	}
	var text bytes.Buffer
	if err := printSARIF(&text, []linted{{"a.json", found}, {"b.json", nil}}); err != nil {
		t.Fatal(err)
	}
	log, err := sarif.FromBytes(text.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	run := log.Runs[0]
	// The log leaves these out, which the reader takes for empty.
	run.Language, run.Tool.Driver.Language, run.NewlineSequences = "en-US", "en-US", []string{"\n"}
	if err := log.Validate(); err != nil {
		t.Error(err)
	}
	result := run.Results[0]
	if got, want := *result.Message.Text, "m (1: ld [8]); on 7.3"; got != want {
		t.Errorf("the message is %q, want %q", got, want)
	}
	result.WithLevel("bad")
	if log.Validate() == nil {
		t.Error("a level that does not exist passes")
	}
}

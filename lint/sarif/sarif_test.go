package sarif

import (
	"bytes"
	"testing"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/uringsim/uringsim/lint"
	"github.com/uringsim/uringsim/srcpos"
	"github.com/uringsim/uringsim/uapi"
)

// TestSARIF holds the log to the schema of SARIF 2.1.0, which would notice a wrong word.
func TestSARIF(t *testing.T) {
	op := uapi.Op(uapi.IORING_OP_NOP)
	found := []lint.Finding{
		{Rule: "unreachable", Severity: lint.Note, Op: &op, Insn: 1, Text: "ld [8]", Message: "m", Releases: []string{"7.3"},
			At: []srcpos.Pos{{Line: 3, Col: 5}, {Line: 4, Col: 6}}, Ignored: "it is meant"},
		{Rule: "list-denies-all", Severity: lint.Warning, Filter: -1, Insn: -1, Message: "m",
			Releases: []string{"7.2", "7.3"}},
	}
	text := []byte("\n\n[ü,1]\n//////\n")
	var out bytes.Buffer
	if err := Write(&out, []File{{"a.json", text, found}, {"b.json", nil, nil}}); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(out.Bytes(), []byte(": null")) {
		t.Errorf("SARIF knows no null:\n%s", &out)
	}
	log, err := sarif.FromBytes(out.Bytes())
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
	region := result.Locations[0].PhysicalLocation.Region
	if *region.StartLine != 3 || *region.StartColumn != 4 || // behind one character of two bytes
		*result.RelatedLocations[0].PhysicalLocation.Region.StartLine != 4 {
		t.Errorf("it is at %v and %v", region, result.RelatedLocations)
	}
	if s := result.Suppressions; len(s) != 1 || *s[0].Kind != "inSource" || *s[0].Justification != "it is meant" {
		t.Errorf("the suppressions are %v", s)
	}
	second := run.Results[1]
	if region := second.Locations[0].PhysicalLocation.Region; *region.StartLine != 1 || second.Suppressions != nil {
		t.Errorf("the second is at %v, suppressed by %v", region, second.Suppressions)
	}
	result.WithLevel("bad")
	if log.Validate() == nil {
		t.Error("a level that does not exist passes")
	}
}

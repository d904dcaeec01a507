// Package sarif writes what lint found as SARIF 2.1.0, which code hosts show next to the files.
package sarif

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/owenrumney/go-sarif/v2/sarif"

	"github.com/uringsim/uringsim/lint"
	"github.com/uringsim/uringsim/srcpos"
)

// File is a text and what was found in it.
type File struct {
	Name     string
	Text     []byte
	Findings []lint.Finding
}

// Write writes a log.
func Write(w io.Writer, all []File) error {
	const home = "https://github.com/uringsim/uringsim"
	run := sarif.NewRunWithInformationURI("uringsim", home).WithColumnKind("unicodeCodePoints")
	for _, r := range lint.Rules() {
		run.AddRule(r.ID).WithDescription(r.Title).WithHelpURI(home + "/blob/main/docs/lint.md#" + r.ID).
			WithTextHelp(r.Doc + "\n\nWhat it misses: " + r.Misses).
			WithDefaultConfiguration(sarif.NewReportingConfiguration().WithLevel(r.Severity.String()))
	}
	for _, l := range all {
		lines := srcpos.LinesOf(l.Text)
		location := func(at srcpos.Pos) *sarif.Location {
			start := lines[at.Line-1]
			return locationOf(l.Name, at.Line, 1+utf8.RuneCount(l.Text[start:start+at.Col-1]))
		}
		for _, f := range l.Findings {
			text := f.Message
			if f.Text != "" {
				text += fmt.Sprintf(" (%d: %s)", f.Insn, f.Text)
			}
			text += "; on " + strings.Join(f.Releases, ", ")
			result := run.CreateResultForRule(f.Rule).WithLevel(f.Severity.String()).WithMessage(sarif.NewTextMessage(text))
			at := f.At
			if len(at) == 0 {
				at = []srcpos.Pos{{Line: 1, Col: 1}} // code hosts show nothing without a line
			}
			result.AddLocation(location(at[0]).
				WithLogicalLocations([]*sarif.LogicalLocation{sarif.NewLogicalLocation().WithFullyQualifiedName(f.Place())}))
			for _, other := range at[1:] {
				result.AddRelatedLocation(location(other))
			}
			if f.Ignored != "" {
				result.AddSuppression(sarif.NewSuppression("inSource").WithJustifcation(f.Ignored))
			}
		}
	}
	log, err := sarif.New(sarif.Version210)
	if err != nil {
		return err
	}
	log.AddRun(run)
	var text bytes.Buffer
	if err := log.PrettyWrite(&text); err != nil {
		return err
	}
	_, err = w.Write(nulls.ReplaceAll(text.Bytes(), nil))
	return err
}

// nulls are what the library writes for the parts of a suppression that are not given. SARIF knows no null.
var nulls = regexp.MustCompile(`(?m)^ *"\w+": null,\n`)

// locationOf is a place in a file.
func locationOf(file string, line, column int) *sarif.Location {
	return sarif.NewLocationWithPhysicalLocation(sarif.NewPhysicalLocation().
		WithArtifactLocation(sarif.NewSimpleArtifactLocation(file)).
		WithRegion(sarif.NewRegion().WithStartLine(line).WithStartColumn(column)))
}

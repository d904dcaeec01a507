package uringsim_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// TestReportLimits keeps the list of what a report has room for.
func TestReportLimits(t *testing.T) {
	limit := regexp.MustCompile(`(?m)^\tmax\w+ += ([0-9_]+) +// (.*)$`)
	var out strings.Builder
	rows := limit.FindAllStringSubmatch(readFile(t, "report/report.go"), -1)
	for _, m := range rows {
		fmt.Fprintf(&out, "- %s %s\n", strings.ReplaceAll(m[1], "_", " "), m[2])
	}
	if len(rows) < 10 {
		t.Fatalf("found %d limits", len(rows))
	}
	generated(t, "docs/report.md", "limits", out.String())
}

package uringsim_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/lint"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// TestLintRules keeps docs/lint.md. Each rule has an example, which is what it finds in the trace that shows it.
func TestLintRules(t *testing.T) {
	var table, sections strings.Builder
	table.WriteString("| rule | severity | |\n|---|---|---|\n")
	for _, r := range lint.Rules() {
		fmt.Fprintf(&table, "| [%s](#%[1]s) | %s | %s |\n", r.ID, r.Severity, r.Title)
		fmt.Fprintf(&sections, "\n### %s\n\n", r.ID)
		sections.WriteString(wrap(sentence(r.Title)+". "+r.Doc, "") + "\n")
		sections.WriteString(wrap("What it misses: "+strings.ToLower(r.Misses[:1])+r.Misses[1:], "") + "\n")
		sections.WriteString(lintExample(t, &r))
	}
	generated(t, "docs/lint.md", "plan", "```json\n"+readFile(t, "lint/testdata/plans/late.json")+"```\n")
	generated(t, "docs/lint.md", "policy", "```\n"+readFile(t, "lint/testdata/plans/save.policy")+"```\n")
	generated(t, "docs/lint.md", "remark", "```json\n"+readFile(t, "lint/testdata/plans/meant.json")+"```\n")
	generated(t, "docs/lint.md", "rules", table.String())
	generated(t, "docs/lint.md", "sections", strings.TrimSpace(sections.String())+"\n")

	var ways strings.Builder
	ways.WriteString("| denied | and open | why |\n|---|---|---|\n")
	for _, r := range lint.Routes() {
		fmt.Fprintf(&ways, "| %s | %s | %s |\n", opNames(r.Guarded), opNames(r.Open), r.Why)
	}
	generated(t, "docs/lint.md", "routes", ways.String())

	var programs strings.Builder
	programs.WriteString("| program | needs | without it |\n|---|---|---|\n")
	for _, r := range lint.Runtimes() {
		fmt.Fprintf(&programs, "| %s | %s | %s |\n", r.Name, opNames(r.Ops), r.Effect)
	}
	generated(t, "docs/lint.md", "runtimes", programs.String())
}

// lintExample is what the rule finds in what its trace registers.
func lintExample(t *testing.T, r *lint.Rule) string {
	t.Helper()
	if r.Trace == "" {
		return "Shown under [what is meant](#what-is-meant).\n"
	}
	tr, err := trace.ReadFile(r.TraceFile())
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.OfEvents(tr.Events)
	if err != nil {
		t.Fatal(err)
	}
	name := strings.TrimSuffix(filepath.Base(r.TraceFile()), ".json")
	f := mostSevere(t, p, r)
	text := fmt.Sprintf("Shown by [%s](../%s). On %s, ", name, r.TraceFile(), f.Releases[0])
	if f.Filter >= 0 {
		text += f.Place()
	} else {
		text += "as a whole"
	}
	if f.Text != "" {
		text += " (`" + f.Text + "`)"
	}
	return wrap(text+": "+f.Message+".", "")
}

// mostSevere is what the rule finds in the plan on the newest release on which it is as severe as the rule can be.
func mostSevere(t *testing.T, p *plan.Plan, r *lint.Rule) lint.Finding {
	t.Helper()
	var worst *lint.Finding
	releases := kernel.Measured()
	for i := len(releases) - 1; i >= 0; i-- {
		found, err := lint.Run(p, lint.Options{Releases: releases[i : i+1]})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			if f.Rule == r.ID && (worst == nil || f.Severity > worst.Severity) {
				worst = &f
			}
		}
	}
	if worst == nil {
		t.Fatalf("%s finds nothing in %s", r.ID, r.TraceFile())
	}
	return *worst
}

func opNames(ops []uapi.Op) string {
	var names []string
	for _, op := range ops {
		names = append(names, op.String())
	}
	return strings.Join(names, ", ")
}

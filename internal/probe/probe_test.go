package probe

import (
	"slices"
	"testing"

	"github.com/uringsim/uringsim/internal/judge/judgetest"
	"github.com/uringsim/uringsim/kernel"
)

// check fails for answers that are wrong, and for those that are missing though the release can show them.
func check(t *testing.T, r kernel.Release, report *Report) {
	t.Helper()
	for _, f := range report.Findings {
		if f.Answer != Unknown && (f.Answer == Has) != r.Has(f.Quirk) {
			t.Errorf("%s %s %s, by event %d of %s", r.Name, f.Answer, f.Quirk, f.Event, f.Trace)
		}
		if f.Answer == Unknown && f.Why == "" || f.Answer != Unknown && f.Event == 0 {
			t.Errorf("%s: a finding without a reason: %+v", r.Name, f)
		}
	}
}

// TestModels: every release is known from what it does, and every quirk of it that is switched.
func TestModels(t *testing.T) {
	for _, r := range kernel.Releases {
		report, err := Run(judgetest.Model{Release: r})
		if err != nil {
			t.Fatal(err)
		}
		check(t, r, report)
		if report.As != r {
			t.Errorf("%s was taken for %s", r.Name, report.As.Name)
		}
	}
	for q, row := range kernel.Quirks {
		base := []kernel.Release{kernel.V7_1, kernel.V7_3}[q%2]
		r := base.With(kernel.Quirk(q))
		if base.Has(kernel.Quirk(q)) {
			r = base.Without(kernel.Quirk(q))
		}
		report, err := Run(judgetest.Model{Release: r})
		if err != nil {
			t.Fatal(err)
		}
		check(t, r, report)
		if row.TraceFile() != "" && report.As != r {
			t.Errorf("%s was taken for %s", r.Name, report.As.Name)
		}
	}
}

// TestUnknown: what cannot be told on a measured release is what no trace shows, and what does not show under its quirks.
func TestUnknown(t *testing.T) {
	for _, r := range kernel.Measured() {
		report, err := Run(judgetest.Model{Release: r})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range report.Findings {
			row := kernel.Quirks[f.Quirk]
			hidden := row.TraceFile() == "" || slices.ContainsFunc(row.Under, r.Has)
			if hidden != (f.Answer == Unknown) {
				t.Errorf("%s: %s %s, but it does not show under %v: %s", r.Name, f.Answer, f.Quirk, row.Under, f.Why)
			}
		}
	}
}

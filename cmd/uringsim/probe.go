package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/uringsim/uringsim/internal/judge"
	"github.com/uringsim/uringsim/internal/probe"
	"github.com/uringsim/uringsim/kernel"
)

// probeLine is what was found out about a quirk, as JSON.
type probeLine struct {
	Type   string       `json:"type"`
	Kernel string       `json:"kernel"`
	Quirk  string       `json:"quirk"`
	Answer probe.Answer `json:"answer"`
	Trace  string       `json:"trace,omitzero"`
	Event  int          `json:"event,omitzero"`
	Why    string       `json:"why,omitzero"`
}

// probeSummary is the release that a kernel is like, as JSON.
type probeSummary struct {
	Type   string `json:"type"`
	Kernel string `json:"kernel"`
	As     string `json:"as"`
}

// printProbe tells which quirks the running kernel or a guest's has.
func (o *kernelsOptions) printProbe(ctx context.Context, out *printer) error {
	report, err := o.askProbe(ctx)
	if err != nil {
		return err
	}
	if out.json {
		for _, f := range report.Findings {
			out.line(probeLine{"quirk", report.Version, f.Quirk.String(), f.Answer, f.Trace, f.Event, f.Why})
		}
		out.line(probeSummary{"summary", report.Version, report.As.Name})
		return nil
	}
	fmt.Fprintf(out.w, "kernel %s\n\n", report.Version)
	w := tabwriter.NewWriter(out.w, 0, 0, 2, ' ', 0)
	for _, f := range report.Findings {
		text := kernel.Quirks[f.Quirk].What
		if f.Answer == probe.Unknown {
			text = f.Why
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", f.Answer, f.Quirk, text)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out.w, "\nas far as these traces tell, it does what --kernel %s does\n", report.As.Name)
	return nil
}

// askProbe asks the kernel.
func (o *kernelsOptions) askProbe(ctx context.Context) (*probe.Report, error) {
	var report *probe.Report
	err := askReal(ctx, o.guest, exitSkip, func(j judge.Judge) error {
		r, err := probe.Run(j)
		if err != nil {
			return &statusError{exitSystem, err}
		}
		report = r
		return nil
	})
	return report, err
}

package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

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

func probeCommand() *cobra.Command {
	var asJSON bool
	var asked target
	c := &cobra.Command{
		Use:   "probe",
		Short: "Tell which quirks a real kernel has, and which release it is like",
		Long: `probe tells which quirks a kernel has, by trying and not by its version: tasks of their own play the traces
that show the quirks, and the model with a quirk or the one without it does the same. The last line names the release, with
quirks switched, that the kernel is like, for --kernel of the other commands.

The exit status is 77 if io_uring cannot be used here: on systems other than Linux on amd64, and where it is absent or
forbidden.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return printProbe(cmd.Context(), newPrinter(cmd.OutOrStdout(), asJSON, false), asked)
		},
	}
	p := &parsed[target]{to: &asked, kind: "KERNEL", parse: parseReal}
	c.Flags().Var(p.set(running), "kernel",
		"kernel to ask: live, the running one, or an image, such as ./vmlinuz, which is booted")
	completeWith(c, "kernel", cobra.FixedCompletions([]string{running}, cobra.ShellCompDirectiveDefault))
	jsonFlag(c, &asJSON)
	return c
}

// printProbe tells which quirks the kernel has.
func printProbe(ctx context.Context, out *printer, asked target) error {
	report, err := askProbe(ctx, asked)
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
func askProbe(ctx context.Context, asked target) (*probe.Report, error) {
	var report *probe.Report
	err := asked.ask(ctx, exitSkip, func(j judge.Judge) error {
		r, err := probe.Run(j)
		if err != nil {
			return system(err)
		}
		report = r
		return nil
	})
	return report, err
}

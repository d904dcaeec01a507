package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/uringsim/uringsim/kernel"
)

func kernelsCommand() *cobra.Command {
	var asJSON, payloads bool
	c := &cobra.Command{
		Use:   "kernels [[BEFORE] RELEASE]",
		Short: "List the releases that are modelled, and the quirks in which they differ",
		Long: `kernels lists the releases that are modelled, and the quirks in which they differ.

With a release, it tells what changed with it, why that matters to a sandbox, and which trace shows it; with two, what
changed from one to the other.

With --payloads, it lists what filters can load from their context: for each opcode with arguments that a filter can
see, which fields, where, and on which releases.`,
		Args:              cobra.MaximumNArgs(2),
		ValidArgsFunction: completeReleases(),
		RunE: func(cmd *cobra.Command, releases []string) error {
			out := newPrinter(cmd.OutOrStdout(), asJSON, false)
			switch {
			case payloads && len(releases) > 0:
				return fmt.Errorf("found release %q, which --payloads does not take: it lists all", releases[0])
			case payloads:
				return printPayloads(out)
			case len(releases) > 0:
				return printChanges(out, releases)
			}
			return printQuirks(out)
		},
	}
	jsonFlag(c, &asJSON)
	c.Flags().BoolVar(&payloads, "payloads", false, "list what filters see of each opcode")
	return c
}

// printQuirks lists releases and quirks.
func printQuirks(out *printer) error {
	if out.json {
		for _, row := range kernel.Quirks {
			out.line(struct {
				Quirk string   `json:"quirk"`
				On    []string `json:"on"`
				Where string   `json:"where"`
				What  string   `json:"what"`
				Else  string   `json:"else"`
				Why   string   `json:"why"`
				Trace string   `json:"trace,omitzero"`
			}{row.Name, row.On, row.Where, row.What, row.Else, row.Why, row.TraceFile()})
		}
		return nil
	}
	for _, r := range kernel.Releases {
		fmt.Fprintln(out.w, r)
	}
	fmt.Fprintln(out.w)
	w := tabwriter.NewWriter(out.w, 0, 0, 2, ' ', 0)
	for _, row := range kernel.Quirks {
		fmt.Fprintf(w, "%s\t%s\t%s\n", row.Name, strings.Join(row.On, " "), row.What)
	}
	return w.Flush()
}

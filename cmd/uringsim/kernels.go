package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/uringsim/uringsim/kernel"
)

// kernelsOptions are the flags of kernels.
type kernelsOptions struct {
	json     bool
	payloads bool
}

func kernelsCommand() *cobra.Command {
	var o kernelsOptions
	c := &cobra.Command{
		Use:   "kernels",
		Short: "List the releases that are modelled and their quirks",
		Long: `kernels lists the releases that are modelled, and the quirks in which they differ.

With --payloads, it lists what filters can load from their context: for each opcode with arguments that a filter can
see, which fields, where, and on which releases.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := newPrinter(cmd.OutOrStdout(), o.json, false)
			if o.payloads {
				return printPayloads(out)
			}
			return printQuirks(out)
		},
	}
	c.Flags().BoolVar(&o.json, "json", false, "print one JSON object a line (docs/json.md)")
	c.Flags().BoolVar(&o.payloads, "payloads", false, "list what filters see of each opcode")
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
				Why   string   `json:"why"`
			}{row.Name, row.On, row.Where, row.What, row.Why})
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

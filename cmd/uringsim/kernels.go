package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"

	"github.com/uringsim/uringsim/kernel"
)

func kernelsCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "kernels",
		Short: "List the releases that are modelled and their quirks",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := cmd.OutOrStdout()
			if asJSON {
				for _, row := range kernel.Quirks {
					b, err := json.Marshal(struct {
						Quirk string   `json:"quirk"`
						On    []string `json:"on"`
						Where string   `json:"where"`
						What  string   `json:"what"`
						Why   string   `json:"why"`
					}{row.Name, row.On, row.Where, row.What, row.Why})
					if err != nil {
						return err
					}
					fmt.Fprintf(out, "%s\n", b)
				}
				return nil
			}
			for _, r := range kernel.Releases {
				fmt.Fprintln(out, r)
			}
			fmt.Fprintln(out)
			w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
			for _, row := range kernel.Quirks {
				fmt.Fprintf(w, "%s\t%s\t%s\n", row.Name, strings.Join(row.On, " "), row.What)
			}
			return w.Flush()
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a line (docs/json.md)")
	return c
}

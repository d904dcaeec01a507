package main

import (
	"errors"
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
	probe    bool
	guest    *string // vmlinuz, set by the vm command; nil without it
}

func kernelsCommand() *cobra.Command { return newKernelsCommand(nil) }

// newKernelsCommand is kernels, or as a subcommand of vm what of it asks a kernel.
func newKernelsCommand(guest *string) *cobra.Command {
	o := kernelsOptions{guest: guest}
	c := &cobra.Command{
		Use:   "kernels [[BEFORE] RELEASE]",
		Short: "List the releases that are modelled and their quirks",
		Long: `kernels lists the releases that are modelled, and the quirks in which they differ.

With a release, it tells what changed with it, why that matters to a sandbox, and which trace shows it; with two, what
changed from one to the other.

With --payloads, it lists what filters can load from their context: for each opcode with arguments that a filter can
see, which fields, where, and on which releases.

With --probe, it tells which quirks the running kernel has, by trying and not by its version: tasks of their own play
the traces that show the quirks, and the model with a quirk or the one without it does the same. The exit status is 77
if io_uring cannot be used here: on systems other than Linux on amd64, and where it is absent or forbidden.`,
		Args: cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, releases []string) error {
			out := newPrinter(cmd.OutOrStdout(), o.json, false)
			switch {
			case len(releases) > 0 && (o.probe || o.payloads || o.guest != nil):
				return fmt.Errorf("found release %q, which --probe and --payloads do not take", releases[0])
			case len(releases) > 0:
				return printChanges(out, releases)
			case o.probe:
				return o.printProbe(cmd.Context(), out)
			case o.guest != nil:
				return errors.New("kernels asks a guest for nothing but --probe")
			case o.payloads:
				return printPayloads(out)
			}
			return printQuirks(out)
		},
	}
	c.Flags().BoolVar(&o.json, "json", false, "print one JSON object a line (docs/json.md)")
	c.Flags().BoolVar(&o.probe, "probe", false, "tell which quirks the running kernel has")
	if guest == nil {
		c.Flags().BoolVar(&o.payloads, "payloads", false, "list what filters see of each opcode")
		c.MarkFlagsMutuallyExclusive("payloads", "probe")
	}
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

package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/uringsim/uringsim/internal/bench"
)

func benchCommand() *cobra.Command {
	var turns int
	var slice time.Duration
	var json bool
	c := &cobra.Command{
		Use:   "bench",
		Short: "Measure the model against the running kernel",
		Long: `bench measures how fast the model is, in one run with what it is compared with: NOP requests through io_uring of the
running kernel, without a filter, and through the model with 0 to 16 filters, from the bytes of SQEs to those of CQEs;
and filters on golang.org/x/net/bpf's VM and on our own engine.

All take turns, and what counts are the ratios: of each turn to the base of the group in the same turn, the smallest,
the middle and the largest. Nanoseconds are those of this machine. Where io_uring cannot be used, the model without
filters is the base.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if turns < 1 || slice <= 0 {
				return fmt.Errorf("found %d turns of %v, expected 1 or more of a time above 0", turns, slice)
			}
			requests, unavailable := bench.Requests()
			results, err := bench.Measure(append(requests, bench.Engines()...), turns, slice)
			if err != nil {
				return &statusError{exitSystem, err}
			}
			out := newPrinter(cmd.OutOrStdout(), json, false)
			if json {
				for _, r := range results {
					out.line(benchLine{"bench", r.Group, r.Name, r.Base, spreadLine(r.Ratio), spreadLine(r.Nanoseconds)})
				}
				return out.finish(true)
			}
			if unavailable != nil {
				fmt.Fprintf(cmd.OutOrStdout(), "the running kernel takes no part: %v\n", unavailable)
			}
			return printBench(cmd.OutOrStdout(), results)
		},
	}
	c.Flags().IntVar(&turns, "turns", 15, "how often each is measured")
	c.Flags().DurationVar(&slice, "slice", 20*time.Millisecond, "how long each turn of each takes")
	c.Flags().BoolVar(&json, "json", false, "print one JSON object a line (docs/json.md)")
	return c
}

// benchLine is a line of bench --json.
type benchLine struct {
	Type  string     `json:"type"`
	Group string     `json:"group"`
	Name  string     `json:"name"`
	Base  bool       `json:"base,omitzero"`
	Ratio spreadLine `json:"ratio"`
	Ns    spreadLine `json:"ns"`
}

type spreadLine struct {
	Min    float64 `json:"min"`
	Median float64 `json:"median"`
	Max    float64 `json:"max"`
}

func printBench(w io.Writer, results []bench.Result) error {
	group := ""
	for _, r := range results {
		if r.Group != group {
			group = r.Group
			fmt.Fprintf(w, "%-42s%8s%8s%8s%12s\n", group, "min", "median", "max", "ns here")
		}
		ratio := fmt.Sprintf("%8s%8s%8s", "", "1", "")
		if !r.Base {
			ratio = fmt.Sprintf("%8.2f%8.2f%8.2f", r.Ratio.Min, r.Ratio.Median, r.Ratio.Max)
		}
		if _, err := fmt.Fprintf(w, "  %-40s%s%12.1f\n", r.Name, ratio, r.Nanoseconds.Median); err != nil {
			return err
		}
	}
	return nil
}

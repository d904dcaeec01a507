package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/uringsim/uringsim/internal/bench"
)

// benchOptions are the flags of bench.
type benchOptions struct {
	turns  int
	slice  time.Duration
	engine string
	plot   string
	json   bool
}

func benchCommand() *cobra.Command {
	var o benchOptions
	c := &cobra.Command{
		Use:   "bench",
		Short: "Measure the model against the running kernel",
		Long: `bench measures how fast the model is, in one run with what it is compared with: NOP requests through io_uring of the
running kernel, without a filter, and through the model with 0 to 16 filters, from the bytes of SQEs to those of CQEs;
SOCKETs under a filter, which need not run again where they look alike to it; and filters on golang.org/x/net/bpf's VM,
on our own engine, and as they are explained.

All take turns, and what counts are the ratios: of each turn to the base of the group in the same turn, the smallest,
the middle and the largest. Nanoseconds are those of this machine. Where io_uring cannot be used, the model without
filters is the base.

With --plot, stacks of up to 64 filters and straight lines of up to 4096 instructions are measured as well, and drawn
with the straight lines that come nearest (docs/speed.md).`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.OutOrStdout()) },
	}
	f := c.Flags()
	f.IntVar(&o.turns, "turns", 75, "measure each `N` times")
	f.DurationVar(&o.slice, "slice", 4*time.Millisecond, "`TIME` that each turn of each takes")
	choiceFlag(c, &o.engine, "engine", "ENGINE", "all", "run filters on this engine only: fast, xnet or all",
		append(engineNames(), "all"))
	f.StringVar(&o.plot, "plot", "", "draw the cost of filters and instructions to `FILE`, as SVG")
	jsonFlag(c, &o.json)
	return c
}

func (o *benchOptions) run(w io.Writer) error {
	if o.turns < 1 || o.slice <= 0 {
		return fmt.Errorf("found %d turns of %v, expected 1 or more of a time above 0", o.turns, o.slice)
	}
	subjects, unavailable := bench.Requests()
	subjects = append(subjects, bench.Engines()...)
	if o.plot != "" {
		subjects = append(subjects, bench.Curves()...)
	}
	if o.engine != "all" {
		subjects = bench.Only(o.engine, subjects)
	}
	results, err := bench.Measure(subjects, o.turns, o.slice)
	if err != nil {
		return system(err)
	}
	if o.plot != "" {
		if err := writeFile(o.plot, func(w io.Writer) error { return bench.Plot(w, results) }); err != nil {
			return err
		}
	}
	out := newPrinter(w, o.json, false)
	if o.json {
		for _, r := range results {
			out.line(benchLine{"bench", r.Group, r.Name, r.Base, r.Engine, r.Batch, r.Filters, r.Instructions,
				spreadLine(r.Ratio), spreadLine(r.Nanoseconds)})
		}
		return out.finish(true)
	}
	if unavailable != nil {
		fmt.Fprintf(w, "the running kernel takes no part: %v\n", unavailable)
	}
	return bench.Print(w, results)
}

// benchLine is a line of bench --json.
type benchLine struct {
	Type         string     `json:"type"`
	Group        string     `json:"group"`
	Name         string     `json:"name"`
	Base         bool       `json:"base,omitzero"`
	Engine       string     `json:"engine,omitzero"`
	Batch        int        `json:"batch,omitzero"`
	Filters      int        `json:"filters,omitzero"`
	Instructions int        `json:"instructions,omitzero"`
	Ratio        spreadLine `json:"ratio"`
	Ns           spreadLine `json:"ns"`
}

type spreadLine struct {
	Min    float64 `json:"min"`
	Median float64 `json:"median"`
	Max    float64 `json:"max"`
}

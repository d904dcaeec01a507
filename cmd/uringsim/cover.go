package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/cover"
	"github.com/uringsim/uringsim/sim"
)

// coverOptions are the flags of commands that tell how much of filters was exercised.
type coverOptions struct {
	on      bool
	html    string
	min     float64
	profile *cover.Profile // nil if nothing is counted
}

func (o *coverOptions) flags(c *cobra.Command) {
	f := c.Flags()
	f.BoolVar(&o.on, "cover", false, "list how often each instruction of the filters ran, and which ways jumps took")
	f.StringVar(&o.html, "cover-html", "", "write the same to `FILE`, as a page")
	f.Float64Var(&o.min, "cover-min", 0, "fail if less than `PERCENT` of instructions and branches were exercised")
}

// wanted tells whether something is to be counted.
func (o *coverOptions) wanted() bool { return o.on || o.html != "" || o.min != 0 }

// start begins to count if that is wanted.
func (o *coverOptions) start() error {
	if o.min < 0 || o.min > 100 {
		return fmt.Errorf("--cover-min is %v, expected a percentage", o.min)
	}
	if o.wanted() {
		o.profile = cover.New()
	}
	return nil
}

// observer is the profile as a kernel takes it, also if there is none.
func observer(p *cover.Profile) sim.FilterObserver {
	if p == nil {
		return nil
	}
	return p
}

// coverLine is the coverage of a filter as JSON.
type coverLine struct {
	Type          string          `json:"type"`
	Opcode        string          `json:"opcode"`
	Registrations int             `json:"registrations"`
	Runs          uint64          `json:"runs"`
	Allowed       uint64          `json:"allowed"`
	Percent       float64         `json:"percent"`
	Instructions  []coverInsnLine `json:"instructions"`
}

type coverInsnLine struct {
	Insn  string  `json:"insn"`
	Hits  uint64  `json:"hits"`
	True  *uint64 `json:"true,omitzero"` // of a conditional jump
	False *uint64 `json:"false,omitzero"`
}

// finish prints what was counted; it is false if that is less than wanted.
func (o *coverOptions) finish(out *printer) (bool, error) {
	if o.profile == nil {
		return true, nil
	}
	report := o.profile.Report()
	if o.html != "" {
		if err := writeFile(o.html, report.WriteHTML); err != nil {
			return false, err
		}
	}
	switch {
	case out.json:
		printCoverLines(out, &report)
	case o.on:
		if err := report.Write(out.w); err != nil {
			return false, err
		}
	}
	total := report.Total()
	if total.Percent() >= o.min {
		return true, nil
	}
	fmt.Fprintf(os.Stderr, "uringsim: coverage is %s, expected at least %v%%\n", total, o.min)
	return false, nil
}

func printCoverLines(out *printer, report *cover.Report) {
	for i := range report.Filters {
		f := &report.Filters[i]
		l := coverLine{Type: "cover", Opcode: f.Op.String(), Registrations: f.Registrations, Runs: f.Runs, Allowed: f.Allowed,
			Percent: f.Total().Percent()}
		for pc, text := range cbpfvm.Disassemble(f.Insns) {
			insn := coverInsnLine{Insn: text, Hits: f.Hits[pc]}
			if f.Conditional(pc) {
				insn.False, insn.True = &f.Ways[pc][0], &f.Ways[pc][1]
			}
			l.Instructions = append(l.Instructions, insn)
		}
		out.line(l)
	}
}

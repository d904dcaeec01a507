package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/load"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/symbolic"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// planFlags say how to read files with plans, and for which releases.
type planFlags struct {
	kernel string
	form   string
	op     string
}

func (o *planFlags) add(c *cobra.Command) {
	var forms []string
	for _, f := range load.Forms() {
		forms = append(forms, f.Name)
	}
	f := c.Flags()
	f.StringVar(&o.kernel, "kernel", "7.3", "release to reason about, or all that have filters")
	f.StringVar(&o.form, "form", "", "form of the files ("+strings.Join(forms, ", ")+"), if their names do not tell")
	f.StringVar(&o.op, "op", "", "opcode that a bare program is for")
}

// releases are those of --kernel.
func (o *planFlags) releases() ([]kernel.Release, error) {
	if o.kernel == "all" {
		return symbolic.Releases(), nil
	}
	k, err := kernel.Parse(o.kernel)
	if err == nil && !symbolic.HasFilters(k) {
		err = fmt.Errorf("--kernel: %s has no filters for tasks", k)
	}
	return []kernel.Release{k}, err
}

// load reads a file.
func (o *planFlags) load(file string) (*plan.Plan, error) {
	options := load.Options{Form: o.form}
	if o.op != "" {
		n, err := uapi.Ops.Parse(o.op)
		if err != nil {
			return nil, fmt.Errorf("--op: %w", err)
		}
		if n >= uapi.IORING_OP_LAST {
			return nil, fmt.Errorf("--op: there is no opcode %d", n)
		}
		op := uapi.Op(n)
		options.Op = &op
	}
	return load.File(file, options)
}

// registered plays the events that register a plan. The error is what the release refuses.
func registered(file string, p *plan.Plan, k kernel.Release) (*trace.Player, error) {
	player := trace.NewPlayer(sim.New(k), k.Name)
	events := p.Events(trace.InitTask)
	for i := range events {
		o, err := player.Play(&events[i])
		if err != nil {
			return nil, &statusError{exitInput, fmt.Errorf("%s: %w", file, err)}
		}
		if o.Why != nil {
			what := "the restrictions"
			if i -= len(events) - len(p.Filters); i >= 0 {
				what = fmt.Sprintf("filter %d", i+1)
			}
			return nil, &statusError{exitInput, fmt.Errorf("%s: Linux %s refuses %s: %w", file, k.Name, what, o.Why)}
		}
	}
	return player, nil
}

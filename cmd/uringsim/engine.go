package main

import (
	"github.com/spf13/cobra"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/sim"
)

// engineOption is the flag of commands that run filters.
type engineOption struct{ engine cbpfvm.Engine }

func (o *engineOption) flag(c *cobra.Command) {
	c.Flags().TextVar(&o.engine, "engine", cbpfvm.Fast,
		"run filters on our own engine (fast) or on golang.org/x/net/bpf's VM (xnet)")
	var names []string
	for _, e := range cbpfvm.Engines() {
		names = append(names, e.String())
	}
	complete(c, "engine", names)
}

// onEngine makes models run filters on the engine.
func (o *engineOption) onEngine() sim.Option { return sim.WithEngine(o.engine) }

package main

import (
	"github.com/spf13/cobra"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/sim"
)

// engineOption is the flag of commands that run filters.
type engineOption struct{ engine cbpfvm.Engine }

func (o *engineOption) flag(c *cobra.Command) {
	p := &parsed[cbpfvm.Engine]{to: &o.engine, kind: "ENGINE", parse: func(text string) (e cbpfvm.Engine, err error) {
		err = e.UnmarshalText([]byte(text))
		return e, err
	}}
	c.Flags().Var(p.set(cbpfvm.Fast.String()), "engine",
		"run filters on our own engine, fast, or on xnet, golang.org/x/net/bpf's VM")
	complete(c, "engine", engineNames())
}

func engineNames() (names []string) {
	for _, e := range cbpfvm.Engines() {
		names = append(names, e.String())
	}
	return names
}

// onEngine makes models run filters on the engine.
func (o *engineOption) onEngine() sim.Option { return sim.WithEngine(o.engine) }

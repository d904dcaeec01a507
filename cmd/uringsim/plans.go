package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/verdict"
)

// planFlags say which plan to reason about, and for which releases.
type planFlags struct {
	inputOptions
	releases []kernel.Release
}

func (o *planFlags) add(c *cobra.Command) {
	o.flags(c)
	filteringFlag(c, &o.releases)
}

// registered plays the events that register a plan. The error is what the release refuses.
func registered(file string, p *plan.Plan, k kernel.Release) (*trace.Player, error) {
	return registerOn(sim.New(k), k, file, p)
}

// takes tells whether a release takes a plan. The error is what it refuses.
func takes(file string, p *plan.Plan, k kernel.Release) error {
	_, err := registered(file, p, k)
	return err
}

// isRefused tells a plan that a release refuses from one that says nothing.
func isRefused(err error) bool {
	var why *verdict.Refusal
	return errors.As(err, &why)
}

// registerOn has the first task of a kernel register a plan.
func registerOn(sys trace.System, k kernel.Release, file string, p *plan.Plan) (*trace.Player, error) {
	player := trace.NewPlayer(sys, k.Name)
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

package eval

import (
	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/request"
)

// Causes finds the quirks that make releases answer differently.
type Causes struct {
	Plan   *plan.Plan
	Engine cbpfvm.Engine

	switched map[string]*Evaluator // by release and the quirk that it is without
}

// Of is the quirk without which the release would answer otherwise; false if none alone makes the difference.
func (c *Causes) Of(k kernel.Release, r *request.Request, verdict string) (kernel.Quirk, bool, error) {
	for _, q := range k.Quirks() {
		a, err := c.without(k, q).Ask(r)
		if err != nil {
			return 0, false, err
		}
		if a.Verdict != verdict && a.Verdict != NoPlan {
			return q, true, nil
		}
	}
	return 0, false, nil
}

// without is the release without the quirk.
func (c *Causes) without(k kernel.Release, q kernel.Quirk) *Evaluator {
	release := k.Without(q)
	e := c.switched[release.Name]
	if e == nil {
		e = &Evaluator{Plan: c.Plan, Release: release, Engine: c.Engine, MaxChildren: 10} // there are many of them
		if c.switched == nil {
			c.switched = map[string]*Evaluator{}
		}
		c.switched[release.Name] = e
	}
	return e
}

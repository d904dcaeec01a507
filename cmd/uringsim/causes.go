package main

import (
	"fmt"
	"slices"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/report"
	"github.com/uringsim/uringsim/request"
)

// causes finds the quirks that make releases answer differently, and keeps a note of each.
type causes struct {
	plan     *plan.Plan
	engine   cbpfvm.Engine
	notes    []string
	switched map[string]*evaluator // by release and the quirk that it is without
}

// mark is a reference to the note on the quirk without which the release would answer otherwise; "" if there is none.
func (c *causes) mark(k kernel.Release, r *request.Request, verdict string) (string, error) {
	for _, q := range k.Quirks() {
		without := k.Without(q)
		e := c.switched[without.Name]
		if e == nil {
			e = &evaluator{plan: c.plan, release: without, engine: c.engine, maxChildren: 10} // there are many of them
			c.switched[without.Name] = e
		}
		a, err := e.answer(r)
		if err != nil {
			return "", err
		}
		if a.verdict == verdict || a.verdict == noPlan {
			continue
		}
		note := quirkNote(q)
		i := slices.Index(c.notes, note)
		if i < 0 {
			i = len(c.notes)
			c.notes = append(c.notes, note)
		}
		return " (" + report.NoteName(i) + ")", nil
	}
	return "", nil
}

// print explains the marks.
func (c *causes) print(out *printer) {
	for n, note := range c.notes {
		fmt.Fprintf(out.w, "(%s) %s", report.NoteName(n), note)
	}
}

// quirkNote is a quirk as notes on tables tell of it.
func quirkNote(q kernel.Quirk) string {
	row := kernel.Quirks[q]
	return fmt.Sprintf("%s\n    Linux: %s  quirk: %s\n", row.What, row.Where, row.Name)
}

package main

import (
	"fmt"
	"slices"

	"github.com/uringsim/uringsim/eval"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/report"
	"github.com/uringsim/uringsim/request"
)

// causes keeps a note of each quirk that makes releases answer differently.
type causes struct {
	eval.Causes
	notes []string
}

// mark is a reference to the note on the quirk without which the release would answer otherwise; "" if there is none.
func (c *causes) mark(k kernel.Release, r *request.Request, verdict string) (string, error) {
	q, found, err := c.Of(k, r, verdict)
	if !found {
		return "", err
	}
	note := quirkNote(q)
	i := slices.Index(c.notes, note)
	if i < 0 {
		i = len(c.notes)
		c.notes = append(c.notes, note)
	}
	return " (" + report.NoteName(i) + ")", nil
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

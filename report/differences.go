package report

import (
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/trace"
)

// differences is the Table of a trace that is not kept whole, within the limits of the page.
type differences struct {
	Table
	Left      int           // rows left out
	Explained bool          // whether all differences were looked into
	kept      []trace.Event // to replay
}

// add compares the outcomes of an event.
func (d *differences) add(e *trace.Event, on []kernel.Release, outcomes []*trace.Outcome, left *limits) {
	d.Releases = on
	rows, same := differing(outcomes)
	d.Same += same
	shown := min(len(rows), left.rows)
	left.rows -= shown
	d.Left += len(rows) - shown
	for _, row := range rows[:shown] {
		row.Task, row.Call = clean(row.Task), clean(row.Call)
		d.Rows = append(d.Rows, row)
	}
	if len(d.kept) < maxKept && left.replayed > 0 {
		d.kept = append(d.kept, *e)
	}
}

// explain finds the notes, and drops the events that were kept for that.
func (d *differences) explain(left *limits, options []sim.Option) {
	if n := len(d.Rows); n > 0 {
		d.kept = d.kept[:min(len(d.kept), d.Rows[n-1].Event)]
	}
	d.Explained, left.replayed = d.Table.explain(&trace.Trace{Events: d.kept}, left.replayed, options)
	d.kept = nil
}

// Quirks returns the table rows of a note's quirks.
func (d *differences) Quirks(note []kernel.Quirk) []kernel.Row {
	var rows []kernel.Row
	for _, q := range note {
		rows = append(rows, kernel.Quirks[q])
	}
	return rows
}

package report

import (
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/trace"
)

// partings are the Table of a trace that is not kept, as far as limits go.
type partings struct {
	Table
	Left      int  // rows that are not there
	Explained bool // the notes are complete
	kept      []trace.Event
}

// add adds an event.
func (p *partings) add(e *trace.Event, on []kernel.Release, outcomes []*trace.Outcome, left *limits) {
	p.Releases = on
	rows, same := parting(outcomes)
	p.Same += same
	shown := min(len(rows), left.rows)
	left.rows -= shown
	p.Left += len(rows) - shown
	for _, row := range rows[:shown] {
		row.Task, row.Call = clean(row.Task), clean(row.Call)
		p.Rows = append(p.Rows, row)
	}
	if len(p.kept) < maxKept && left.replayed > 0 {
		p.kept = append(p.kept, *e)
	}
}

// explain finds the notes, and forgets the trace.
func (p *partings) explain(left *limits, options []sim.Option) {
	if n := len(p.Rows); n > 0 {
		p.kept = p.kept[:min(len(p.kept), p.Rows[n-1].Event)]
	}
	p.Explained, left.replayed = p.Table.explain(&trace.Trace{Events: p.kept}, left.replayed, options)
	p.kept = nil
}

// Quirks are the rows of a note's quirks.
func (p *partings) Quirks(note []kernel.Quirk) []kernel.Row {
	var rows []kernel.Row
	for _, q := range note {
		rows = append(rows, kernel.Quirks[q])
	}
	return rows
}

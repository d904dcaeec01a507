package report

import (
	"math"
	"slices"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/trace"
)

// unlimited lets causes replay as often as it takes.
const unlimited = math.MaxInt

// causes finds the quirks that make releases differ, by replaying the trace without them.
type causes struct {
	trace  *trace.Trace
	table  *Table
	budget int               // how many more events may be replayed
	played map[string][]bool // by release with quirks switched: for each row, whether the result is another then
}

// explain gives the rows their notes, replaying no more events than the budget. It is false if it had to end before all
// were looked at; what is left of the budget comes back.
func (t *Table) explain(tr *trace.Trace, budget int) (all bool, left int) {
	why := causes{tr, t, budget, map[string][]bool{}}
	for r := range t.Rows {
		row := &t.Rows[r]
		if row.Event > len(tr.Events) {
			return false, why.budget
		}
		for column := range t.Releases {
			quirks, known := why.of(r, column)
			if !known {
				return false, why.budget
			}
			if quirks != nil {
				row.Cells[column].Note = t.note(quirks)
			}
		}
	}
	return true, why.budget
}

// note is the index of a note.
func (t *Table) note(quirks []kernel.Quirk) int {
	same := func(other []kernel.Quirk) bool { return slices.Equal(quirks, other) }
	if i := slices.IndexFunc(t.Notes, same); i >= 0 {
		return i
	}
	t.Notes = append(t.Notes, quirks)
	return len(t.Notes) - 1
}

// of is the one quirk, or else the two, without which the release would give another result. It is not known if that
// takes more than the budget.
func (c *causes) of(row, column int) (quirks []kernel.Quirk, known bool) {
	all := c.table.Releases[column].Quirks()
	for i := range all {
		if differs, ok := c.differs(row, column, all[i]); differs || !ok {
			return all[i : i+1], ok
		}
	}
	for i, a := range all {
		for _, b := range all[i+1:] {
			if differs, ok := c.differs(row, column, a, b); differs || !ok {
				return []kernel.Quirk{a, b}, ok
			}
		}
	}
	return nil, true
}

// differs tells whether the release gives another result without the quirks, and whether that is known.
func (c *causes) differs(row, column int, quirks ...kernel.Quirk) (differs, known bool) {
	without := c.table.Releases[column]
	for _, q := range quirks {
		without = without.Without(q)
	}
	rows, ok := c.played[without.Name]
	if !ok {
		if c.budget < len(c.trace.Events) {
			return false, false
		}
		c.budget -= len(c.trace.Events)
		rows = c.play(without, column)
		c.played[without.Name] = rows
	}
	return rows[row], true
}

// play compares the rows of a release with what it gives without quirks. After an event that cannot be carried out
// without them, nothing is known to differ.
func (c *causes) play(without kernel.Release, column int) []bool {
	differs := make([]bool, len(c.table.Rows))
	sys := sim.New(without)
	defer sys.Close()
	p := trace.NewPlayer(sys, c.table.Releases[column].Name)
	row := 0
	for i := range c.trace.Events {
		o, err := p.Play(&c.trace.Events[i])
		if err != nil {
			break
		}
		texts := cells(&o)
		for ; row < len(differs) && c.table.Rows[row].Event == o.Number; row++ {
			r := &c.table.Rows[row]
			differs[row] = r.Request >= len(texts) || texts[r.Request] != r.Cells[column].Text
		}
	}
	return differs
}

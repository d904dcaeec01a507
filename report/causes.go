package report

import (
	"iter"
	"math"
	"slices"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// unlimited is a budget for any number of replays.
const unlimited = math.MaxInt

// causes finds the quirks that make releases differ, by replaying the trace without them.
type causes struct {
	trace   *trace.Trace
	table   *Table
	options []sim.Option
	cost    int               // of one replay of the trace
	budget  int               // for further replays
	played  map[string][]bool // by name of a release with quirks switched off: for each row, whether the result changes
}

// explain adds notes to the rows by replays that cost no more than the budget. It reports whether that was enough to
// look into all rows, and returns the rest of the budget.
func (t *Table) explain(tr *trace.Trace, budget int, options []sim.Option) (all bool, left int) {
	why := causes{trace: tr, table: t, options: options, budget: budget, played: map[string][]bool{}}
	for i := range tr.Events {
		why.cost += cost(&tr.Events[i])
	}
	found := make([][][]kernel.Quirk, len(t.Rows)) // by row and column
	for r := range found {
		found[r] = make([][]kernel.Quirk, len(t.Releases))
	}
	all = why.find(found, one) && why.find(found, two)
	for r := range t.Rows {
		for column, quirks := range found[r] {
			if quirks != nil {
				t.Rows[r].Cells[column].Note = t.note(quirks)
			}
		}
	}
	return all, why.budget
}

// cost estimates what it costs to replay an event. One unit is about the time of a call, a request or two filter
// instructions.
func cost(e *trace.Event) int {
	switch a := e.Args.(type) {
	case *trace.EnterArgs:
		return 1 + len(a.SQEs)
	case *trace.RegisterArgs:
		if o := a.Arg.Object; o != nil && o.BPFFilter != nil {
			return 1 + (len(o.BPFFilter.Insns)+len(o.BPFFilter.Program)/uapi.SizeofSockFilter)/2
		}
	}
	return 1
}

// note returns the index of a note, which it adds if it is new.
func (t *Table) note(quirks []kernel.Quirk) int {
	same := func(other []kernel.Quirk) bool { return slices.Equal(quirks, other) }
	if i := slices.IndexFunc(t.Notes, same); i >= 0 {
		return i
	}
	t.Notes = append(t.Notes, quirks)
	return len(t.Notes) - 1
}

// one yields each quirk by itself.
func one(quirks []kernel.Quirk) iter.Seq[[]kernel.Quirk] {
	return func(yield func([]kernel.Quirk) bool) {
		for i := range quirks {
			if !yield(quirks[i : i+1]) {
				return
			}
		}
	}
}

// two yields each pair of quirks.
func two(quirks []kernel.Quirk) iter.Seq[[]kernel.Quirk] {
	return func(yield func([]kernel.Quirk) bool) {
		for i, a := range quirks {
			for _, b := range quirks[i+1:] {
				if !yield([]kernel.Quirk{a, b}) {
					return
				}
			}
		}
	}
}

// find looks for the first set of quirks without which a release gives another result, for every cell that has none
// yet. It reports whether the budget and the events that were kept sufficed.
func (c *causes) find(found [][][]kernel.Quirk, sets func([]kernel.Quirk) iter.Seq[[]kernel.Quirk]) bool {
	for row := range found {
		if c.table.Rows[row].Event > len(c.trace.Events) {
			return false
		}
		for column, k := range c.table.Releases {
			if found[row][column] != nil {
				continue
			}
			for quirks := range sets(k.Quirks()) {
				differs, known := c.differs(row, column, quirks)
				if !known {
					return false
				}
				if differs {
					found[row][column] = quirks
					break
				}
			}
		}
	}
	return true
}

// differs reports whether a cell changes without the quirks, and whether the budget sufficed to know that.
func (c *causes) differs(row, column int, quirks []kernel.Quirk) (differs, known bool) {
	without := c.table.Releases[column]
	for _, q := range quirks {
		without = without.Without(q)
	}
	rows, ok := c.played[without.Name]
	if !ok {
		if c.budget < c.cost {
			return false, false
		}
		c.budget -= c.cost
		rows = c.play(without, column)
		c.played[without.Name] = rows
	}
	return rows[row], true
}

// play replays a release without quirks and compares the results with its column. After an event that cannot be carried
// out without them, no row counts as changed.
func (c *causes) play(without kernel.Release, column int) []bool {
	differs := make([]bool, len(c.table.Rows))
	sys := sim.New(without, c.options...)
	defer sys.Close()
	p := trace.NewPlayerOf(sys, &c.trace.Header, c.table.Releases[column].Name)
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

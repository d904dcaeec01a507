package report

import "slices"

// Dimensions of the drawing, in CSS pixels unless stated otherwise.
const (
	bandCalls = 24 // number of columns
	nameWidth = 120
	cellWidth = 28
	rowHeight = 26
	markStep  = 17 // between the marks for requests of one call
	headRoom  = 20 // for the numbers of the calls
	maxName   = 14 // characters shown of a name
)

// band is one page-wide strip of the timeline: columns are calls, rows are tasks and rings.
type band struct {
	Trace         int // ID of the section
	First, Last   int // numbers of calls
	Width, Height int
	Columns       []*bandColumn
	Rows          []*bandRow
	Forks         []fork
}

// bandColumn is the column of a call.
type bandColumn struct {
	*call
	X     int // left edge
	Mid   int // middle
	Y     int // middle of the call's mark
	Marks []*mark
}

// mark stands for all requests of a call that have the same Class.
type mark struct {
	X, Y  int
	Class Class
	Path  string
	Count int // how many; shown if more than one
}

// bandRow is the row of a task or a ring.
type bandRow struct {
	Name   string // shortened to fit
	Full   string // the whole name
	Ring   bool
	Top, Y int // upper edge and middle
	Height int
	X1, X2 int // where its life begins and ends
	stack  int // greatest number of marks above each other
}

// fork is a line from a parent to its child.
type fork struct{ X, Y1, Y2 int }

// CellWidth is the width of a column.
func (b *band) CellWidth() int { return cellWidth }

// Left is the left edge of the call's mark.
func (c *bandColumn) Left() int { return c.Mid - 10 }

// Top is the upper edge of the call's mark.
func (c *bandColumn) Top() int { return c.Y - 9 }

// CountX is where the text with the count begins.
func (m *mark) CountX() int { return m.X + 8 }

// Bands lays out the timeline.
func (s *section) Bands() []*band {
	t := &s.Timeline
	var bands []*band
	born, dead := t.lives()
	for calls := range slices.Chunk(t.Calls, bandCalls) {
		b := &band{Trace: s.ID, First: calls[0].Number, Last: calls[len(calls)-1].Number}
		b.rows(calls)
		b.place(calls, born, dead)
		b.columns(calls)
		bands = append(bands, b)
	}
	return bands
}

// lives returns the numbers of the calls that make each task and ring, and of the calls that end tasks.
func (t *timeline) lives() (born, dead map[rowName]int) {
	born, dead = map[rowName]int{}, map[rowName]int{}
	for i := range t.Calls {
		c := &t.Calls[i]
		switch {
		case c.Child != "":
			born[rowName{c.Child, false}] = c.Number
		case c.Kind == "setup" && c.Ring != "":
			born[rowName{c.Ring, true}] = c.Number
		case c.Kind == "exit" && c.Class == Allowed:
			dead[rowName{c.Task, false}] = c.Number
		}
	}
	return born, dead
}

// rowName identifies a row.
type rowName struct {
	name string
	ring bool
}

// rows adds rows for the tasks and rings of the calls. A ring goes below the first task that uses it.
func (b *band) rows(calls []call) {
	for i := range calls {
		c := &calls[i]
		at := b.need(rowName{c.Task, false}, len(b.Rows))
		if c.Ring != "" {
			for at++; at < len(b.Rows) && b.Rows[at].Ring; at++ {
			}
			row := b.Rows[b.need(rowName{c.Ring, true}, at)]
			row.stack = max(row.stack, len(c.byClass))
		}
		if c.Child != "" {
			b.need(rowName{c.Child, false}, len(b.Rows))
		}
	}
}

// need returns the index of a row, which it inserts at index at if there is none.
func (b *band) need(n rowName, at int) int {
	if i := slices.IndexFunc(b.Rows, func(r *bandRow) bool { return r.Full == n.name && r.Ring == n.ring }); i >= 0 {
		return i
	}
	row := bandRow{Name: n.name, Full: n.name, Ring: n.ring, stack: 1}
	if short := []rune(n.name); len(short) > maxName {
		row.Name = string(short[:maxName-1]) + "…"
	}
	b.Rows = slices.Insert(b.Rows, at, &row)
	return at
}

// place lays out the rows from top to bottom.
func (b *band) place(calls []call, born, dead map[rowName]int) {
	b.Width = nameWidth + len(calls)*cellWidth
	y := headRoom
	for _, r := range b.Rows {
		r.Top, r.Height = y, max(rowHeight, r.stack*markStep+6)
		r.Y = y + r.Height/2
		y += r.Height
		r.X1, r.X2 = nameWidth, b.Width
		for i := range calls {
			mid := nameWidth + i*cellWidth + cellWidth/2
			if n := calls[i].Number; n == born[rowName{r.Full, r.Ring}] {
				r.X1 = mid
			} else if n == dead[rowName{r.Full, r.Ring}] {
				r.X2 = mid
			}
		}
	}
	b.Height = y + 4
}

func (b *band) row(name string, ring bool) *bandRow {
	return b.Rows[slices.IndexFunc(b.Rows, func(r *bandRow) bool { return r.Full == name && r.Ring == ring })]
}

// columns lays out the calls.
func (b *band) columns(calls []call) {
	for i := range calls {
		c := &calls[i]
		x := nameWidth + i*cellWidth
		task := b.row(c.Task, false)
		col := &bandColumn{call: c, X: x, Mid: x + cellWidth/2, Y: task.Y}
		if c.Child != "" {
			b.Forks = append(b.Forks, fork{col.Mid, task.Y, b.row(c.Child, false).Y})
		}
		if c.Ring != "" && len(c.byClass) > 0 {
			ring := b.row(c.Ring, true)
			col.Marks = marks(c, col.Mid, ring.Y)
		}
		b.Columns = append(b.Columns, col)
	}
}

// marks lays out the marks for the requests of a call, centred around y.
func marks(c *call, x, y int) []*mark {
	var list []*mark
	for _, row := range classes {
		if n := c.byClass[row.Class]; n > 0 {
			list = append(list, &mark{X: x, Y: y + len(list)*markStep, Class: row.Class, Path: row.Path, Count: n})
		}
	}
	for i := range list {
		list[i].Y -= (len(list) - 1) * markStep / 2
		if list[i].Count > 1 {
			list[i].X -= 6 // to make room for the count
		}
	}
	return list
}

package report

import (
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/trace"
)

// Column is what became of a trace on one release.
type Column struct {
	Release  kernel.Release
	Outcomes []trace.Outcome
}

// Table lists the calls and requests of a trace whose results differ between releases.
type Table struct {
	Releases []kernel.Release
	Rows     []Row
	Same     int              // results that are the same on all releases
	Notes    [][]kernel.Quirk // the causes of differences: one quirk, or two that make a difference only together
}

// Row compares one call or request on all releases.
type Row struct {
	Event   int // number of the event in the trace, from 1
	Task    string
	Call    string // the call or request, in words
	Request int    // number of the request in the call, from 1; 0 is the call itself
	Cells   []Cell
}

// Cell is a result on one release.
type Cell struct {
	Text string
	Note int // index in Table.Notes, or -1
}

// Play replays a trace on a release. If watch is not nil it is told about filters. The options are those of the model.
// Errors are *trace.EventError.
func Play(t *trace.Trace, r kernel.Release, watch sim.FilterObserver, options ...sim.Option) ([]trace.Outcome, error) {
	sys := sim.New(r, options...)
	defer sys.Close()
	if watch != nil {
		sys.ObserveFilters(watch)
	}
	p := trace.NewPlayerOf(sys, &t.Header, r.Name)
	var outcomes []trace.Outcome
	for i := range t.Events {
		o, err := p.Play(&t.Events[i])
		if err != nil {
			return nil, err
		}
		outcomes = append(outcomes, o)
	}
	return outcomes, nil
}

// Compare finds where releases differ, and which quirks are the cause, by replaying the trace on models with these
// options.
func Compare(t *trace.Trace, columns []Column, options ...sim.Option) Table {
	var table Table
	for _, c := range columns {
		table.Releases = append(table.Releases, c.Release)
	}
	outcomes := make([]*trace.Outcome, len(columns))
	for event := range t.Events {
		for i := range columns {
			outcomes[i] = &columns[i].Outcomes[event]
		}
		rows, same := differing(outcomes)
		table.Rows, table.Same = append(table.Rows, rows...), table.Same+same
	}
	table.explain(t, unlimited, options)
	return table
}

// differing returns a row for each result of an event that differs between releases, and how many do not.
func differing(outcomes []*trace.Outcome) (differ []Row, same int) {
	for _, row := range rowsOf(outcomes) {
		if slices.ContainsFunc(row.Cells, func(c Cell) bool { return c.Text != row.Cells[0].Text }) {
			differ = append(differ, row)
		} else {
			same++
		}
	}
	return differ, same
}

// rowsOf returns the rows of an event and its requests. Releases may see different numbers of requests.
func rowsOf(outcomes []*trace.Outcome) []Row {
	longest, n := 0, 0
	texts := make([][]string, len(outcomes))
	for i, o := range outcomes {
		texts[i] = cells(o)
		if len(texts[i]) > n {
			longest, n = i, len(texts[i])
		}
	}
	o := outcomes[longest]
	rows := make([]Row, n)
	for r := range rows {
		rows[r] = Row{Event: o.Number, Task: o.Event.Task, Request: r}
		if r == 0 {
			rows[r].Call = Describe(o.Event)
		} else {
			q := o.Requests[r-1]
			rows[r].Call = RequestName(q.Opcode, q.UserData)
		}
		for _, text := range texts {
			c := Cell{"-", -1}
			if r < len(text) {
				c.Text = text[r]
			}
			rows[r].Cells = append(rows[r].Cells, c)
		}
	}
	return rows
}

// cells returns the results of an event on one release: of the call, then of each request.
func cells(o *trace.Outcome) []string {
	if o.Unmodelled != "" {
		return []string{"unmodelled"}
	}
	rows := []string{o.Got.Ret.String() + wrote(o.Got.Wrote)}
	all := answersOf(o)
	for i := range o.Requests {
		rows = append(rows, all.verdict(&o.Requests[i]))
	}
	return rows
}

// verdict returns the result of a request as far as io_uring decides it.
func (a answers) verdict(q *trace.Request) string {
	if q.Issued && (q.Note != "" || a.shared(q) && q.Why == nil) {
		return "allowed" // what it returned then is not io_uring's decision
	}
	for _, c := range a.of(q) {
		if !c.Known {
			return trace.Ret(c.Res).String()
		}
	}
	if q.Why != nil {
		return q.Why.Errno.String()
	}
	return "-" // its CQE comes later, or never
}

// wrote summarizes what a call wrote back.
func wrote(runs []trace.Wrote) string {
	var all []byte
	for _, w := range runs {
		all = append(all, w.Bytes...)
	}
	switch {
	case len(all) == 0:
		return ""
	case len(all) <= 4:
		return fmt.Sprintf(" [%x]", all)
	}
	return fmt.Sprintf(" [%d bytes, %08x]", len(all), crc32.ChecksumIEEE(all))
}

// NoteName returns the label of a note: a, b, c and so on.
func NoteName(n int) string {
	if n < 26 {
		return string(rune('a' + n))
	}
	return fmt.Sprint(n)
}

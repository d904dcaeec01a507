package main

import (
	"fmt"
	"hash/crc32"
	"slices"
	"text/tabwriter"

	"github.com/uringsim/uringsim/cover"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/trace"
)

// onAll replays files on every release and prints where the results part.
func onAll(out *printer, files []string, o *replayOptions) error {
	ok := true
	for _, file := range files {
		t, err := trace.ReadFile(file)
		if err != nil {
			return err
		}
		columns, err := playAll(out, file, t, o.profile)
		if err != nil {
			return inFile(file, err)
		}
		printTable(out, file, t, columns)
		for _, c := range columns {
			ok = c.run.end() && ok
		}
	}
	covered, err := o.finish(out)
	if err != nil {
		return err
	}
	return out.finish(ok && covered)
}

// column is a trace's outcomes on one release.
type column struct {
	release  kernel.Release
	outcomes []trace.Outcome
	run      *run
}

func playAll(out *printer, file string, t *trace.Trace, profile *cover.Profile) ([]column, error) {
	var columns []column
	for _, r := range kernel.Releases {
		outcomes, err := play(t, r, t.ResultsOf(r.Name), profile)
		if err != nil {
			return nil, err
		}
		c := column{r, outcomes, &run{printer: out, file: file, kernel: r.Name,
			sum: summary{Type: "summary", File: file, Kernel: r.Name}}}
		for i := range outcomes {
			if out.json || !outcomes[i].OK() {
				c.run.event(&outcomes[i])
			} else {
				quiet := *out
				quiet.quiet = true
				c.run.printer = &quiet
				c.run.event(&outcomes[i])
				c.run.printer = out
			}
		}
		columns = append(columns, c)
	}
	return columns, nil
}

// play replays a trace on a release, with the results that were recorded under the name.
func play(t *trace.Trace, r kernel.Release, recorded string, profile *cover.Profile) ([]trace.Outcome, error) {
	sys := sim.New(r)
	if profile != nil {
		sys.ObserveFilters(profile)
	}
	p := trace.NewPlayer(sys, recorded)
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

// cell is what the table shows of a call or of a request.
type cell struct{ text string }

// verdictOf is the result of a request as far as io_uring decides it.
func verdictOf(q *trace.Request, cqes []trace.CQE) string {
	if q.Issued && q.Note != "" {
		return "allowed" // what it then gave is another matter
	}
	for _, c := range cqes {
		if c.UserData == q.UserData && !c.Known {
			return trace.Ret(c.Res).String()
		}
	}
	if q.Why != nil {
		return q.Why.Errno.String()
	}
	return "-" // its CQE comes later, or never
}

// cells are the rows of an event: the call, and each of its requests.
func cells(o *trace.Outcome) []cell {
	if o.Unmodelled != "" {
		return []cell{{"unmodelled"}}
	}
	rows := []cell{{o.Got.Ret.String() + wrote(o.Got.Wrote)}}
	for _, q := range o.Requests {
		rows = append(rows, cell{verdictOf(&q, o.CQEs)})
	}
	return rows
}

// wrote is what a call wrote back, in short.
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

// printTable prints the rows in which releases differ, and why.
func printTable(out *printer, file string, t *trace.Trace, columns []column) {
	if out.json || out.quiet {
		return
	}
	fmt.Fprintf(out.w, "%s\n", file)
	if t.Name != "" {
		fmt.Fprintf(out.w, "%s\n", t.Name)
	}
	w := tabwriter.NewWriter(out.w, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "  #\ttask\tcall")
	for _, c := range columns {
		fmt.Fprintf(w, "\t%s", c.release.Name)
	}
	fmt.Fprintln(w)
	var notes []string
	same := 0
	for i := range t.Events {
		for _, row := range tableRows(columns, i) {
			if row.same() {
				same++
				continue
			}
			fmt.Fprintf(w, "%3d\t%s\t%s", i+1, t.Events[i].Task, row.name)
			for c := range columns {
				fmt.Fprintf(w, "\t%s", row.cells[c].text+row.mark(t, columns, i, c, &notes))
			}
			fmt.Fprintln(w)
		}
	}
	_ = w.Flush() // to a printer that does not report errors
	fmt.Fprintf(out.w, "%d results are the same on all releases\n", same)
	for n, note := range notes {
		fmt.Fprintf(out.w, "(%s) %s", noteName(n), note)
	}
}

// tableRow is a call or request on all releases.
type tableRow struct {
	name  string
	index int // 0 is the call, then its requests
	cells []cell
}

func (r *tableRow) same() bool {
	for _, c := range r.cells {
		if c.text != r.cells[0].text {
			return false
		}
	}
	return true
}

func tableRows(columns []column, event int) []tableRow {
	longest, n := 0, 0
	perColumn := make([][]cell, len(columns))
	for i, c := range columns {
		perColumn[i] = cells(&c.outcomes[event])
		if len(perColumn[i]) > n {
			longest, n = i, len(perColumn[i])
		}
	}
	o := &columns[longest].outcomes[event]
	rows := make([]tableRow, n)
	for r := range rows {
		rows[r] = tableRow{name: describe(o.Event), index: r}
		if r > 0 {
			q := o.Requests[r-1]
			rows[r].name = "  " + requestName(q.Opcode, q.UserData)
		}
		for _, cs := range perColumn {
			c := cell{text: "-"}
			if r < len(cs) {
				c = cs[r]
			}
			rows[r].cells = append(rows[r].cells, c)
		}
	}
	return rows
}

// mark is a reference to the note that explains a cell, if quirks of the release make the difference.
func (r *tableRow) mark(t *trace.Trace, columns []column, event, col int, notes *[]string) string {
	var note string
	for _, q := range r.cause(t, columns[col].release, event, r.cells[col].text) {
		if note != "" {
			note += "    "
		}
		note += quirkNote(q)
	}
	if note == "" {
		return ""
	}
	i := slices.Index(*notes, note)
	if i < 0 {
		i = len(*notes)
		*notes = append(*notes, note)
	}
	return " (" + noteName(i) + ")"
}

// cause is the one quirk, or else the two, without which the release would give another result.
func (r *tableRow) cause(t *trace.Trace, k kernel.Release, event int, text string) []kernel.Quirk {
	differs := func(without kernel.Release) bool {
		outcomes, err := play(t, without, t.ResultsOf(k.Name), nil)
		if err != nil || event >= len(outcomes) {
			return false
		}
		cs := cells(&outcomes[event])
		return r.index >= len(cs) || cs[r.index].text != text
	}
	quirks := k.Quirks()
	for _, q := range quirks {
		if differs(k.Without(q)) {
			return []kernel.Quirk{q}
		}
	}
	for i, a := range quirks {
		for _, b := range quirks[i+1:] {
			if differs(k.Without(a).Without(b)) {
				return []kernel.Quirk{a, b}
			}
		}
	}
	return nil
}

// noteName is a, b, c and so on.
func noteName(n int) string {
	if n < 26 {
		return string(rune('a' + n))
	}
	return fmt.Sprint(n)
}

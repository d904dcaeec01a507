package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/uringsim/uringsim/cover"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/report"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/trace"
)

// onSeveral replays a trace on several releases and prints where the results part.
func onSeveral(out *printer, stdin io.Reader, file string, on []kernel.Release, profile *cover.Profile,
	engine sim.Option) (bool, error) {
	t, err := readTrace(file, stdin)
	if err != nil {
		return false, err
	}
	columns, runs, err := playOn(on, out, file, t, profile, engine)
	if err != nil {
		return false, inFile(file, err)
	}
	printTable(out, file, t, columns, engine)
	ok := true
	for _, r := range runs {
		ok = r.end() && ok
	}
	return ok, nil
}

// playOn replays a trace on releases, and prints what programs want to know and what differs from the trace.
func playOn(on []kernel.Release, out *printer, file string, t *trace.Trace, profile *cover.Profile,
	engine sim.Option) ([]report.Column, []*run, error) {
	var columns []report.Column
	var runs []*run
	for _, r := range on {
		outcomes, err := report.Play(t, r, observer(profile), engine)
		if err != nil {
			return nil, nil, err
		}
		run := &run{printer: out, file: file, kernel: r.Name, sum: summary{Type: "summary", File: file, Kernel: r.Name}}
		for i := range outcomes {
			if out.json || !outcomes[i].OK() {
				run.event(&outcomes[i])
			} else {
				quiet := *out
				quiet.quiet = true
				run.printer = &quiet
				run.event(&outcomes[i])
				run.printer = out
			}
		}
		columns, runs = append(columns, report.Column{Release: r, Outcomes: outcomes}), append(runs, run)
	}
	return columns, runs, nil
}

// printTable prints the rows in which releases differ, and why.
func printTable(out *printer, file string, t *trace.Trace, columns []report.Column, options ...sim.Option) {
	if out.json || out.quiet {
		return
	}
	fmt.Fprintf(out.w, "%s\n", file)
	if t.Name != "" {
		fmt.Fprintf(out.w, "%s\n", t.Name)
	}
	table := report.Compare(t, columns, options...)
	w := tabwriter.NewWriter(out.w, 0, 0, 2, ' ', 0)
	if len(table.Rows) > 0 {
		fmt.Fprintf(w, "  #\ttask\tcall\t%s\n", strings.Join(releaseNames(table.Releases), "\t"))
	}
	for _, row := range table.Rows {
		call := row.Call
		if row.Request > 0 {
			call = "  " + call
		}
		fmt.Fprintf(w, "%3d\t%s\t%s", row.Event, row.Task, call)
		for _, c := range row.Cells {
			fmt.Fprintf(w, "\t%s", c.Text+mark(c.Note))
		}
		fmt.Fprintln(w)
	}
	_ = w.Flush() // to a printer that does not report errors
	on := "all releases"
	if len(table.Releases) < len(kernel.Releases) {
		on = strings.Join(releaseNames(table.Releases), ", ")
	}
	fmt.Fprintf(out.w, "%d results are the same on %s\n", table.Same, on)
	for n, quirks := range table.Notes {
		var notes []string
		for _, q := range quirks {
			notes = append(notes, quirkNote(q))
		}
		fmt.Fprintf(out.w, "(%s) %s", report.NoteName(n), strings.Join(notes, "    "))
	}
}

// mark is a reference to a note; "" if there is none.
func mark(note int) string {
	if note < 0 {
		return ""
	}
	return " (" + report.NoteName(note) + ")"
}

package cover

import (
	"fmt"
	"html/template"
	"io"

	"github.com/uringsim/uringsim/progtext"
)

// line is an instruction as listings show it.
type line struct {
	Text      string
	Hits      uint64
	Ways      string // of a conditional jump, how often it was true and false
	Uncovered string // what was not exercised; "" if nothing is missing
}

// lines is the listing of a filter.
func (f *Filter) lines() []line {
	var list []line
	for pc, text := range progtext.Listing(f.Insns, &f.Op) {
		l := line{Text: text, Hits: f.Hits[pc]}
		switch ways := f.Ways[pc]; {
		case l.Hits == 0:
			l.Uncovered = "never ran"
		case f.Conditional(pc):
			l.Ways = fmt.Sprintf("%d/%d", ways[1], ways[0])
			if ways[1] == 0 {
				l.Uncovered = "never true"
			} else if ways[0] == 0 {
				l.Uncovered = "never false"
			}
		}
		list = append(list, l)
	}
	return list
}

// String is as in "3 of 4 (75.0%)".
func (s Share) String() string { return fmt.Sprintf("%d of %d (%.1f%%)", s.Covered, s.Of, s.Percent()) }

// Title is the filter's opcode and what happened to it.
func (f *Filter) Title() string {
	return fmt.Sprintf("filter for %s: registered %s, ran %s, allowed %d", f.Op, times(uint64(f.Registrations)),
		times(f.Runs), f.Allowed)
}

func times(n uint64) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// Write prints a listing: how often each instruction ran, how often conditions were true and false, and what was never
// exercised.
func (f *Filter) Write(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%s\ninstructions %s, branches %s\n", f.Title(), f.Instructions(), f.Branches())
	if err != nil {
		return err
	}
	for _, l := range f.lines() {
		mark := " "
		if l.Uncovered != "" {
			mark = "!"
		}
		if _, err := fmt.Fprintf(w, "%s %6d %9s  %s\n", mark, l.Hits, l.Ways, l.Text); err != nil {
			return err
		}
	}
	return nil
}

// Write prints a listing of each filter, and the share of all.
func (r *Report) Write(w io.Writer) error {
	for i := range r.Filters {
		if err := r.Filters[i].Write(w); err != nil {
			return err
		}
	}
	of := "1 filter"
	if n := len(r.Filters); n != 1 {
		of = fmt.Sprintf("%d filters", n)
	}
	_, err := fmt.Fprintf(w, "coverage of %s: %s\n", of, r.Total())
	return err
}

// WriteHTML writes the same as a page that needs nothing else.
func (r *Report) WriteHTML(w io.Writer) error {
	type filter struct {
		*Filter
		Lines []line
	}
	data := struct {
		Total   Share
		Filters []filter
	}{Total: r.Total()}
	for i := range r.Filters {
		data.Filters = append(data.Filters, filter{&r.Filters[i], r.Filters[i].lines()})
	}
	return page.Execute(w, data)
}

var page = template.Must(template.New("page").Parse(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Coverage of filters</title>
<style>
:root { color-scheme: light dark; --line: #d0d0d0; --bad: #ffe3e0; --badtext: #a01010 }
@media (prefers-color-scheme: dark) { :root { --line: #404040; --bad: #4a1c1a; --badtext: #ffb0a8 } }
body { font: 16px/1.4 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem }
.wide { overflow-x: auto; border: 1px solid var(--line); border-radius: .3rem }
table { border-collapse: collapse; font: .85rem/1.5 ui-monospace, monospace; width: 100% }
th { text-align: left; border-bottom: 1px solid var(--line) }
th, td { padding: .1rem .6rem; white-space: pre } .n { text-align: right }
.missing { background: var(--bad) } .missing td:last-child { color: var(--badtext) }
</style>
</head>
<body>
<h1>Coverage of filters: {{.Total}}</h1>
{{range .Filters}}<section>
<h2>{{.Title}}</h2>
<p>Instructions {{.Instructions}}, branches {{.Branches}}</p>
<div class="wide"><table>
<thead><tr><th class="n">ran</th><th class="n">true/false</th><th>instruction</th><th>missing</th></tr></thead>
<tbody>
{{range .Lines}}<tr{{if .Uncovered}} class="missing"{{end}}><td class="n">{{.Hits}}</td><td class="n">{{.Ways}}</td>` +
	`<td>{{.Text}}</td><td>{{.Uncovered}}</td></tr>
{{end}}</tbody>
</table></div>
</section>
{{else}}<p>No filter was registered.</p>
{{end}}</body>
</html>
`))

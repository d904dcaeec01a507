package cover

import (
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/uringsim/uringsim/internal/page"
	"github.com/uringsim/uringsim/progtext"
)

// line is an instruction as listings show it.
type line struct {
	Text      string
	Hits      uint64
	Ways      string // for a conditional jump: how often it was true and false
	Uncovered string // what was not exercised, or ""
}

// lines returns the listing of a filter.
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

// String returns a text such as "3 of 4 (75.0%)".
func (s Share) String() string { return fmt.Sprintf("%d of %d (%.1f%%)", s.Covered, s.Of, s.Percent()) }

// Title returns the filter's opcode and a summary of its counts.
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

// Write writes a listing: how often each instruction ran, how often conditions were true and false, and what was never
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

// Write writes a listing of each filter, and the total.
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

// WriteHTML writes the same as an HTML page.
func (r *Report) WriteHTML(w io.Writer) error { return document.Execute(w, r) }

// Table returns the listing as part of an HTML page.
func (f *Filter) Table() (template.HTML, error) {
	var b strings.Builder
	err := listing.Execute(&b, struct {
		*Filter
		Lines []line
	}{f, f.lines()})
	return template.HTML(b.String()), err
}

var listing = template.Must(template.New("listing").Parse(`<p>Instructions {{.Instructions}}, branches {{.Branches}}</p>
<div class="wide" tabindex="0" role="region" aria-label="Listing: {{.Title}}"><table>
<thead><tr><th class="n" scope="col">ran</th><th class="n" scope="col">true/false</th><th scope="col">instruction</th>` +
	`<th scope="col">missing</th></tr></thead>
<tbody>
{{range .Lines}}<tr{{if .Uncovered}} class="missing"{{end}}><td class="n">{{.Hits}}</td><td class="n">{{.Ways}}</td>` +
	`<td>{{.Text}}</td><td>{{.Uncovered}}</td></tr>
{{end}}</tbody>
</table></div>
`))

var document = page.New(`{{define "title"}}Coverage of filters{{end}}
{{define "main"}}<h1>Coverage of filters: {{.Total}}</h1>
{{range .Filters}}<section>
<h2>{{.Title}}</h2>
{{.Table}}</section>
{{else}}<p>No filter was registered.</p>
{{end}}{{end}}`)

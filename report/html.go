package report

import (
	_ "embed"
	"fmt"
	"io"

	"github.com/uringsim/uringsim/cover"
	"github.com/uringsim/uringsim/internal/page"
	"github.com/uringsim/uringsim/kernel"
)

//go:embed report.html
var body string

var document = page.New(body)

// Write writes the page as one self-contained HTML document. Errors are those of w.
func (p *Page) Write(w io.Writer) error {
	return document.Execute(w, p.view())
}

// view is the page as the template sees it.
type view struct {
	Release     kernel.Release
	Traces      int
	Left        int // traces without a section
	On          []kernel.Release
	Summary     []summaryRow
	Sections    []*section
	Filters     []*cover.Filter
	LeftFilters int // filters without a listing
	MaxListed   int
	Coverage    cover.Share
	Classes     []shape
	Letters     []letter
}

// summaryRow counts one thing on each release.
type summaryRow struct {
	What string
	Of   bool // whether it is a part of the number above
	N    []int
}

func (p *Page) view() *view {
	v := &view{Release: p.release, Traces: p.traces, Left: p.traces - len(p.sections), On: p.on, Sections: p.sections,
		Classes: classes, Letters: letters, MaxListed: maxListed}
	v.Summary = p.summary()
	report := p.profile.Report()
	v.Coverage = report.Total()
	listed := 0
	for i := range report.Filters {
		f := &report.Filters[i]
		if listed+len(f.Insns) > maxListed {
			v.LeftFilters++
			continue
		}
		listed += len(f.Insns)
		v.Filters = append(v.Filters, f)
	}
	return v
}

// summary returns the rows of the table at the top.
func (p *Page) summary() []summaryRow {
	var rows []summaryRow
	add := func(what string, of bool, n func(*counts) int) {
		row := summaryRow{What: what, Of: of}
		for i := range p.counts {
			row.N = append(row.N, n(&p.counts[i]))
		}
		rows = append(rows, row)
	}
	add("calls", false, func(c *counts) int { return c.events })
	add("refused", true, func(c *counts) int { return c.calls })
	add("requests", false, func(c *counts) int { return c.requests })
	add("refused", true, func(c *counts) int { return c.refused })
	if by := kinds(p.counts); by != nil {
		add("refusals with a reason", false, func(c *counts) int { return c.told() })
		for _, k := range by {
			add(fmt.Sprintf("%s: %s", k.Stage, k.Errno), true, func(c *counts) int { return c.reasons[k] })
		}
	}
	add("results on record", false, func(c *counts) int { return c.compared })
	add("that differ", true, func(c *counts) int { return c.differ })
	add("calls that are not known", false, func(c *counts) int { return c.unmodelled })
	return rows
}

// NoteName returns the label of a note.
func (d *differences) NoteName(n int) string { return NoteName(n) }

// SameText says how many results are not in the table because they do not differ.
func (d *differences) SameText() string {
	if d.Same == 1 {
		return "1 result is the same on all releases."
	}
	return fmt.Sprintf("%d results are the same on all releases.", d.Same)
}

// MaxCalls is the limit for one page.
func (s *section) MaxCalls() int { return maxCalls }

// MaxReasons is the limit for one page.
func (s *section) MaxReasons() int { return maxReasons }

// MaxRows is the limit for one page.
func (s *section) MaxRows() int { return maxRows }

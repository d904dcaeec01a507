package bench

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"strconv"

	"github.com/uringsim/uringsim/cbpfvm"
)

//go:embed plot.svg
var drawing string

var plotTemplate = template.Must(template.New("plot").Parse(drawing))

// Plot draws the results for Curves as SVG: what stacked filters and executed instructions cost on each engine, with
// fitted straight lines. It uses the fastest turns, since slower ones also measure what else the machine did.
func Plot(w io.Writer, results []Result) error {
	panels := []*panel{
		{Title: "Stacked filters", Across: "filters on SOCKET, each the cover letter's", Up: "ns for a request",
			at: func(l *Label) int { return l.Filters }},
		{Title: "Executed instructions", Across: "instructions of a straight line", Up: "ns for a run",
			at: func(l *Label) int { return l.Instructions }},
	}
	for i, group := range []string{byFilters, byInstructions} {
		panels[i].X, panels[i].Y = marginLeft+i*(panelWidth+marginLeft+marginRight), marginTop
		if err := panels[i].draw(group, results); err != nil {
			return err
		}
	}
	return plotTemplate.Execute(w, panels)
}

// Sizes of the drawing, in CSS pixels. plot.svg has those of the whole.
const (
	panelWidth, panelHeight = 340, 240
	marginLeft, marginRight = 70, 30
	marginTop               = 80
)

// panel is one diagram. Its coordinates are pixels from its upper left corner.
type panel struct {
	Title, Across, Up string
	X, Y              int
	Curves            []*curve
	Columns, Rows     []tick
	at                func(*Label) int

	most point // the largest coordinates
}

// curve is what was measured of an engine.
type curve struct {
	Class  string // class in the style of plot.svg
	Name   string
	Line   Line
	Dots   []point
	From   point // ends of the straight line
	To     point
	Legend int // position of its line in the legend
}

type point struct{ X, Y float64 }

// tick is a number on an axis.
type tick struct {
	At   float64
	Text string
}

// draw places the measurements of a group.
func (p *panel) draw(group string, results []Result) error {
	for _, e := range cbpfvm.Engines() {
		var measured []point
		for _, r := range results {
			if r.Group == group && r.Engine == e.String() {
				measured = append(measured, point{float64(p.at(&r.Label)), r.Nanoseconds.Min})
			}
		}
		if len(measured) < 2 {
			continue
		}
		for _, m := range measured {
			p.most.X, p.most.Y = max(p.most.X, m.X), max(p.most.Y, m.Y)
		}
		p.Curves = append(p.Curves, &curve{Class: e.String(), Name: e.String(), Line: fit(measured), Dots: measured,
			Legend: 18*len(p.Curves) - 32})
	}
	if p.Curves == nil {
		return fmt.Errorf("found no measurements of %s, expected 2 or more on an engine", group)
	}
	p.Columns, p.Rows = ticks(&p.most.X), ticks(&p.most.Y)
	for i := range p.Columns {
		p.Columns[i].At = p.place(point{p.Columns[i].At, 0}).X
	}
	for i := range p.Rows {
		p.Rows[i].At = p.place(point{0, p.Rows[i].At}).Y
	}
	for _, c := range p.Curves {
		last := c.Dots[len(c.Dots)-1].X
		c.From, c.To = p.place(point{0, c.Line.At(0)}), p.place(point{last, c.Line.At(last)})
		for i := range c.Dots {
			c.Dots[i] = p.place(c.Dots[i])
		}
	}
	return nil
}

// place returns where a point is in the panel.
func (p *panel) place(at point) point {
	round := func(v float64) float64 { return math.Round(v*10) / 10 }
	return point{round(at.X / p.most.X * panelWidth), round(panelHeight - at.Y/p.most.Y*panelHeight)}
}

// ticks returns round numbers from 0 up to most or the next one above it, to which it sets most.
func ticks(most *float64) []tick {
	step := math.Pow(10, math.Floor(math.Log10(*most)))
	for _, part := range []float64{2, 2.5, 2} { // 5, 2 and 1 times a power of ten
		if *most/step >= 4 {
			break
		}
		step /= part
	}
	var all []tick
	for n := 0; ; n++ {
		at := float64(n) * step
		all = append(all, tick{at, strconv.FormatFloat(at, 'g', 6, 64)})
		if at >= *most {
			*most = at
			return all
		}
	}
}

// Line is a straight line: the cost of n things, and how well it fits.
type Line struct {
	Start, Each float64 // ns
	R2          float64 // coefficient of determination; 1 means that all points are on the line
}

// At returns the value of the line at n.
func (l Line) At(n float64) float64 { return l.Start + l.Each*n }

// fit returns the line that fits the points best, by least squares.
func fit(points []point) Line {
	n := float64(len(points))
	var sx, sy, sxx, sxy float64
	for _, p := range points {
		sx, sy, sxx, sxy = sx+p.X, sy+p.Y, sxx+p.X*p.X, sxy+p.X*p.Y
	}
	l := Line{Each: (n*sxy - sx*sy) / (n*sxx - sx*sx)}
	l.Start = (sy - l.Each*sx) / n
	var off, spread float64
	for _, p := range points {
		off += (p.Y - l.At(p.X)) * (p.Y - l.At(p.X))
		spread += (p.Y - sy/n) * (p.Y - sy/n)
	}
	l.R2 = 1 - off/spread
	return l
}

package bench

import (
	"encoding/xml"
	"io"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestFit: points on a line give the line, and others say how far they are off.
func TestFit(t *testing.T) {
	l := fit([]point{{0, 5}, {1, 7}, {10, 25}})
	if math.Abs(l.Start-5) > 1e-9 || math.Abs(l.Each-2) > 1e-9 || math.Abs(l.R2-1) > 1e-9 {
		t.Errorf("a line of 5+2n is %+v", l)
	}
	if l := fit([]point{{0, 0}, {1, 0}, {2, 3}}); math.Abs(l.Each-1.5) > 1e-9 || math.Abs(l.R2-0.75) > 1e-9 {
		t.Errorf("(0,0), (1,0), (2,3) is %+v", l)
	}
}

func TestTicks(t *testing.T) {
	for _, row := range []struct {
		most float64
		want string
	}{
		{4096, "0 1000 2000 3000 4000 5000"},
		{64, "0 10 20 30 40 50 60 70"},
		{1.3, "0 0.2 0.4 0.6 0.8 1 1.2 1.4"},
		{2500, "0 500 1000 1500 2000 2500"},
		{10, "0 2 4 6 8 10"},
	} {
		most, got := row.most, []string{}
		for _, k := range ticks(&most) {
			got = append(got, k.Text)
		}
		if s := strings.Join(got, " "); s != row.want || most < row.most {
			t.Errorf("up to %v: %s, want %s", row.most, s, row.want)
		}
	}
}

// results are of Curves, with a cost of 10 ns and 2 for each filter or instruction, and half of that on the fast
// engine.
func results() []Result {
	var all []Result
	for _, s := range Curves() {
		n := s.Filters
		if s.Group == byInstructions {
			n = s.Instructions
		}
		ns := 10 + 2*float64(n)
		if s.Engine == "fast" {
			ns /= 2
		}
		all = append(all, Result{Label: s.Label, Nanoseconds: Spread{ns, ns, ns}})
	}
	return all
}

func TestPlot(t *testing.T) {
	var out strings.Builder
	if err := Plot(&out, results()); err != nil {
		t.Fatal(err)
	}
	dots := 0
	for d := xml.NewDecoder(strings.NewReader(out.String())); ; {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, &out)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "circle" {
			dots++
		}
	}
	if legends := 4; dots != len(Curves())+legends {
		t.Errorf("%d dots, want one for each of %d measurements, and in the legends", dots, len(Curves()))
	}
	for _, want := range []string{"xnet: 2 ns each, r² = 1.0000", "fast: 1 ns each, r² = 1.0000",
		`<text class="row" x="-6" y="0" dy="4">140</text>`, `<text class="column" x="340" y="258">5000</text>`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the drawing lacks %s:\n%s", want, &out)
		}
	}
	var one strings.Builder
	if err := Plot(&one, slices.DeleteFunc(results(), func(r Result) bool { return r.Engine == "xnet" })); err != nil ||
		strings.Contains(one.String(), "xnet:") || !strings.Contains(one.String(), "fast: 1 ns each") {
		t.Errorf("one engine: %v\n%s", err, &one)
	}
	if strings.Contains(out.String(), "<script") || strings.Count(out.String(), "http") != 1 {
		t.Error("the drawing needs something from elsewhere")
	}
	if err := Plot(io.Discard, nil); err == nil || !strings.Contains(err.Error(), "found no measurements") {
		t.Errorf("nothing was measured: %v", err)
	}
}

// TestCommittedPlot: the drawing that docs/speed.md shows has both engines, and lines that fit.
func TestCommittedPlot(t *testing.T) {
	text, err := os.ReadFile("../../docs/speed.svg")
	if err != nil {
		t.Fatal(err)
	}
	legends := regexp.MustCompile(`(fast|xnet): [0-9.]+ ns each, r² = ([0-9.]+)`).FindAllStringSubmatch(string(text), -1)
	if len(legends) != 4 {
		t.Errorf("found the legends %q, expected 2 for each engine", legends)
	}
	for _, l := range legends {
		if r2, err := strconv.ParseFloat(l[2], 64); err != nil || r2 < 0.98 {
			t.Errorf("%q is no straight line", l[0])
		}
	}
}

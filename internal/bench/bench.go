// Package bench measures the model against the running kernel, and the engines of filters against each other. Machines
// are noisy, so the subjects take turns, and what counts are the ratios within a turn.
package bench

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// Label says what is measured. Numbers that do not apply are 0.
type Label struct {
	Group        string // subjects of a group are compared with its base
	Name         string
	Base         bool
	Engine       string // that runs filters; "" if none does
	Batch        int    // requests per call
	Filters      int    // filters in the stack
	Instructions int    // instructions that a run executes, of the program as it was registered
}

// Subject is work that can be repeated.
type Subject struct {
	Label
	Units int // requests or runs per call of Do
	Do    func() error
}

// Spread summarizes the values of several turns.
type Spread struct{ Min, Median, Max float64 }

// Result is what was measured of a subject.
type Result struct {
	Label
	Nanoseconds Spread // per request or run, on this machine
	Ratio       Spread // to the base of the group in the same turn
}

// Measure lets the subjects take turns of about the given time each. Groups without a base have ratios of 0.
func Measure(subjects []Subject, turns int, slice time.Duration) ([]Result, error) {
	return clock(time.Now).measure(subjects, turns, slice)
}

// clock tells the time.
type clock func() time.Time

func (c clock) measure(subjects []Subject, turns int, slice time.Duration) ([]Result, error) {
	times := make([]int, len(subjects))
	for i := range subjects {
		n, err := c.calibrate(&subjects[i], slice)
		if err != nil {
			return nil, fmt.Errorf("%s, %s: %w", subjects[i].Group, subjects[i].Name, err)
		}
		times[i] = n
	}
	took := make([][]float64, len(subjects)) // ns per unit, by subject and turn
	for range turns {
		for i := range subjects {
			d, err := c.run(&subjects[i], times[i])
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", subjects[i].Group, subjects[i].Name, err)
			}
			took[i] = append(took[i], float64(d.Nanoseconds())/float64(times[i]*subjects[i].Units))
		}
	}
	results := make([]Result, len(subjects))
	for i := range subjects {
		s := &subjects[i]
		results[i] = Result{Label: s.Label, Nanoseconds: spread(took[i])}
		base := slices.IndexFunc(subjects, func(b Subject) bool { return b.Base && b.Group == s.Group })
		if base < 0 {
			continue
		}
		ratios := make([]float64, turns)
		for turn := range ratios {
			ratios[turn] = took[i][turn] / took[base][turn]
		}
		results[i].Ratio = spread(ratios)
	}
	return results, nil
}

// calibrate finds how often the work can be repeated in the given time.
func (c clock) calibrate(s *Subject, slice time.Duration) (int, error) {
	for n := 1; ; n *= 2 {
		d, err := c.run(s, n)
		if err != nil {
			return 0, err
		}
		if d >= slice/8 {
			return max(1, int(float64(n)*float64(slice)/float64(d))), nil
		}
	}
}

func (c clock) run(s *Subject, times int) (time.Duration, error) {
	start := c()
	for range times {
		if err := s.Do(); err != nil {
			return 0, err
		}
	}
	return c().Sub(start), nil
}

// Only removes subjects that run on engines other than the named one. If a group loses its base, its first subject
// becomes the base.
func Only(engine string, subjects []Subject) []Subject {
	var kept []Subject
	for _, s := range subjects {
		if s.Engine != "" && s.Engine != engine {
			continue
		}
		s.Base = s.Base || !slices.ContainsFunc(kept, func(other Subject) bool { return other.Group == s.Group })
		kept = append(kept, s)
	}
	return kept
}

// Print writes a table of results, by group.
func Print(w io.Writer, results []Result) error {
	group := ""
	for _, r := range results {
		if r.Group != group {
			group = r.Group
			fmt.Fprintf(w, "%-48s%8s%8s%8s%12s\n", group, "min", "median", "max", "ns here")
		}
		ratio := fmt.Sprintf("%8s%8s%8s", "", "1", "")
		if !r.Base {
			ratio = fmt.Sprintf("%8.2f%8.2f%8.2f", r.Ratio.Min, r.Ratio.Median, r.Ratio.Max)
		}
		if _, err := fmt.Fprintf(w, "  %-46s%s%12.1f\n", r.Name, ratio, r.Nanoseconds.Median); err != nil {
			return err
		}
	}
	return nil
}

func spread(values []float64) Spread {
	sorted := slices.Sorted(slices.Values(values))
	return Spread{sorted[0], sorted[len(sorted)/2], sorted[len(sorted)-1]}
}

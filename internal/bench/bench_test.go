package bench

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestMeasure: ratios are taken within a turn, so that a machine that gets slower does not show in them.
func TestMeasure(t *testing.T) {
	var now time.Time
	slowness := time.Millisecond
	work := func(share time.Duration) func() error {
		return func() error {
			now = now.Add(share * slowness)
			if share == 3 { // the last of a turn
				slowness *= 2
			}
			return nil
		}
	}
	c := clock(func() time.Time { return now })
	got, err := c.measure([]Subject{
		{Group: "g", Name: "one", Base: true, Units: 10, Do: work(1)},
		{Group: "alone", Name: "two", Units: 1, Do: work(2)},
		{Group: "g", Name: "three", Units: 10, Do: work(3)},
	}, 3, time.Nanosecond)
	if err != nil {
		t.Fatal(err)
	}
	want := []Result{
		{"g", "one", true, Spread{2e5, 4e5, 8e5}, Spread{1, 1, 1}},
		{"alone", "two", false, Spread{4e6, 8e6, 16e6}, Spread{}},
		{"g", "three", false, Spread{6e5, 12e5, 24e5}, Spread{3, 3, 3}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	broken := errors.New("broken")
	_, err = Measure([]Subject{{Group: "g", Name: "x", Units: 1, Do: func() error { return broken }}}, 1, 1)
	if !errors.Is(err, broken) || err.Error() != "g, x: broken" {
		t.Errorf("got %v", err)
	}
}

// TestSubjects carries each out once: they say themselves if their results are wrong.
func TestSubjects(t *testing.T) {
	requests, unavailable := Requests()
	if unavailable != nil {
		t.Logf("without the running kernel: %v", unavailable)
	}
	bases := map[string]int{}
	for _, s := range append(requests, Engines()...) {
		if err := s.Do(); err != nil {
			t.Errorf("%s, %s: %v", s.Group, s.Name, err)
		}
		if s.Base {
			bases[s.Group]++
		} else {
			bases[s.Group] += 0
		}
	}
	for group, n := range bases {
		if n != 1 {
			t.Errorf("%s has %d bases", group, n)
		}
	}
}

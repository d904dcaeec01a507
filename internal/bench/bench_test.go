package bench

import (
	"errors"
	"slices"
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
		{Label: Label{Group: "g", Name: "one", Base: true}, Units: 10, Do: work(1)},
		{Label: Label{Group: "alone", Name: "two"}, Units: 1, Do: work(2)},
		{Label: Label{Group: "g", Name: "three"}, Units: 10, Do: work(3)},
	}, 3, time.Nanosecond)
	if err != nil {
		t.Fatal(err)
	}
	want := []Result{
		{Label{Group: "g", Name: "one", Base: true}, Spread{2e5, 4e5, 8e5}, Spread{1, 1, 1}},
		{Label{Group: "alone", Name: "two"}, Spread{4e6, 8e6, 16e6}, Spread{}},
		{Label{Group: "g", Name: "three"}, Spread{6e5, 12e5, 24e5}, Spread{3, 3, 3}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	broken := errors.New("broken")
	_, err = Measure([]Subject{{Label: Label{Group: "g", Name: "x"}, Units: 1, Do: func() error { return broken }}}, 1, 1)
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
	all := slices.Concat(requests, Engines(), Curves())
	oneBase(t, all)
	oneBase(t, Only("fast", all))
}

// oneBase fails if a subject cannot be carried out, or a group has not one base.
func oneBase(t *testing.T, subjects []Subject) {
	t.Helper()
	bases := map[string]int{}
	for _, s := range subjects {
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

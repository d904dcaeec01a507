package record

import (
	"slices"
	"testing"
	"time"

	"github.com/uringsim/uringsim/trace"
)

// TestOrder: what others do while a message is sent comes behind that, unless it takes too long or is too much.
func TestOrder(t *testing.T) {
	event := func(name string) *trace.Event { return &trace.Event{Task: name} }
	a, b := &task{name: "a"}, &task{name: "b"}
	rows := []struct {
		why  string
		do   func(o *order)
		want []string
	}{
		{"nobody sends", func(o *order) { o.emit(event("1")); o.ended(a, event("2")) }, []string{"1", "2"}},
		{"one gets it before the sender is back",
			func(o *order) {
				o.sends(a)
				o.emit(event("1"))
				o.ended(b, event("2"))
				o.ended(a, event("3"))
				o.emit(event("4"))
			},
			[]string{"3", "1", "2", "4"}},
		{"two send", func(o *order) { o.sends(a); o.sends(b); o.ended(b, event("1")); o.ended(a, event("2")) },
			[]string{"2", "1"}},
		{"the sender waits", func(o *order) {
			o.sends(a)
			o.since = o.since.Add(-2 * longestSend)
			o.emit(event("1"))
			o.ended(a, event("2"))
		}, []string{"1", "2"}},
	}
	for _, r := range rows {
		var got []string
		o := &order{out: func(e *trace.Event) { got = append(got, e.Task) }}
		r.do(o)
		if !slices.Equal(got, r.want) {
			t.Errorf("%s: %v, want %v", r.why, got, r.want)
		}
	}
	n := 0
	o := &order{out: func(*trace.Event) { n++ }}
	o.sends(a)
	o.since = time.Now().Add(time.Hour)
	for range mostBehind {
		o.emit(event("1"))
	}
	if n != mostBehind {
		t.Errorf("%d of %d events are written", n, mostBehind)
	}
}

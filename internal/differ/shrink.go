package differ

import (
	"reflect"

	"github.com/go-json-experiment/json"

	"github.com/uringsim/uringsim/trace"
)

// Shrink makes a trace smaller as long as still holds: fewer events, requests, fields, instructions and bytes. It asks
// at most budget times.
func Shrink(t *trace.Trace, budget int, still func(*trace.Trace) bool) *trace.Trace {
	s := &shrinker{best: t, budget: budget, still: still}
	for again := true; again && s.budget > 0; {
		again = false
		for size := len(s.best.Events) / 2; size >= 1; size /= 2 {
			again = s.dropEvents(size) || again
		}
		for i := 0; i < len(s.best.Events); i++ {
			again = s.simplify(i) || again
		}
	}
	return s.best
}

type shrinker struct {
	best   *trace.Trace
	budget int
	still  func(*trace.Trace) bool
}

// try keeps the candidate if it still holds.
func (s *shrinker) try(candidate *trace.Trace) bool {
	if s.budget <= 0 {
		return false
	}
	s.budget--
	if !s.still(candidate) {
		return false
	}
	s.best = candidate
	return true
}

// dropEvents leaves out runs of events, the last ones first.
func (s *shrinker) dropEvents(size int) bool {
	any := false
	for end := len(s.best.Events); end > 0; end -= size {
		start := max(end-size, 0)
		if end > len(s.best.Events) {
			continue
		}
		c := &trace.Trace{Header: s.best.Header}
		c.Events = append(append(c.Events, s.best.Events[:start]...), s.best.Events[end:]...)
		any = s.try(c) || any
	}
	return any
}

// simplify makes the arguments of one event smaller, one change at a time.
func (s *shrinker) simplify(event int) bool {
	any := false
	for step := 0; ; {
		c := clone(s.best)
		if event >= len(c.Events) || !change(reflect.ValueOf(c.Events[event].Args).Elem(), &step) {
			return any
		}
		taken := -step - 1 // change counts down to the one that it made
		if s.try(c) {
			any = true
			step = taken
		} else {
			step = taken + 1
		}
	}
}

// change makes the change with the number *n in v, and tells whether there is one. It leaves -n-1 in *n.
func change(v reflect.Value, n *int) bool {
	w := walker{wanted: *n}
	w.value(v)
	*n = -*n - 1
	return w.made
}

// walker counts the changes that a value allows, and makes one of them.
type walker struct {
	wanted, seen int
	made         bool
}

// here makes the change if it is its turn.
func (w *walker) here(make func()) {
	if !w.made && w.seen == w.wanted {
		make()
		w.made = true
	}
	w.seen++
}

func (w *walker) value(v reflect.Value) {
	if w.made || !v.CanSet() || v.IsZero() {
		return
	}
	switch v.Kind() {
	case reflect.String: // names have to stay
	case reflect.Slice:
		w.slice(v)
	case reflect.Struct:
		for i := range v.NumField() {
			w.value(v.Field(i))
		}
	case reflect.Pointer:
		if !mustStay(v) {
			w.here(func() { v.SetZero() })
		}
		if v.Elem().IsValid() && v.Elem().CanSet() {
			w.value(v.Elem())
		}
	default:
		w.here(func() { v.SetZero() })
	}
}

// mustStay tells pointers without which the event cannot be written any more.
func mustStay(v reflect.Value) bool {
	_, object := v.Interface().(*trace.Object)
	return object || v.Type().Elem().Kind() == reflect.Slice
}

// slice leaves out halves, then single elements, and then makes elements smaller. Programs lose whole instructions.
func (w *walker) slice(v reflect.Value) {
	unit := 1
	if _, ok := v.Interface().(trace.Bytes); ok && v.Len()%8 == 0 {
		unit = 8
	}
	n := v.Len()
	for size := n / 2 / unit * unit; size >= unit; size = size / 2 / unit * unit {
		for start := 0; start+size <= n; start += size {
			w.here(func() { v.Set(reflect.AppendSlice(v.Slice3(0, start, start), v.Slice(start+size, n))) })
		}
	}
	if n == unit {
		w.here(func() { v.Set(v.Slice(0, 0)) })
	}
	if v.Type().Elem().Kind() != reflect.Uint8 && !w.made {
		for i := range n {
			w.value(v.Index(i))
		}
	}
}

// clone is a deep copy.
func clone(t *trace.Trace) *trace.Trace {
	b, err := json.Marshal(t)
	if err != nil {
		panic(err) // what was read can be written
	}
	var c trace.Trace
	if err := json.Unmarshal(b, &c); err != nil {
		panic(err)
	}
	return &c
}

package trace_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/uringsim/uringsim/srcpos"
	"github.com/uringsim/uringsim/trace"
)

// TestPlaces: a member begins with its name, an element with itself.
func TestPlaces(t *testing.T) {
	const text = "{\"a\": 1,\n \"b\" : [ {\"c\": []},\n  \"x\" , [2]],\n \"\\u0064\": {}}\n"
	pos := func(line, col int) srcpos.Pos { return srcpos.Pos{Line: line, Col: col} }
	b := trace.Place{Pos: pos(2, 2), Elements: []trace.Place{
		{Pos: pos(2, 10), Members: map[string]trace.Place{"c": {Pos: pos(2, 11)}}},
		{Pos: pos(3, 3)},
		{Pos: pos(3, 9), Elements: []trace.Place{{Pos: pos(3, 10)}}}}}
	for _, row := range []struct {
		why  string
		path []string
		want trace.Place
	}{
		{"all", nil, trace.Place{Pos: pos(1, 1), Members: map[string]trace.Place{"a": {Pos: pos(1, 2)}, "b": b, "d": {Pos: pos(4, 2)}}}},
		{"a member", []string{"b"}, b},
		{"an element", []string{"b", "2"}, b.Elements[2]},
		{"within both", []string{"b", "0", "c"}, b.Elements[0].Members["c"]},
		{"no such member", []string{"c"}, trace.Place{}},
		{"no such element", []string{"b", "3"}, trace.Place{}},
		{"within a number", []string{"a", "0"}, trace.Place{}},
	} {
		if diff := cmp.Diff(row.want, trace.Places([]byte(text), row.path...)); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", row.why, diff)
		}
	}
}

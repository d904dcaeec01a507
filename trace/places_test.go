package trace_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/uringsim/uringsim/srcpos"
	"github.com/uringsim/uringsim/trace"
)

// TestPlaces: a member begins with its name, an element with itself, and both but once.
func TestPlaces(t *testing.T) {
	const text = "{\"a\": 1,\n \"b\" : [ {\"c\": []},\n  \"x\" , [2]],\n \"bc\": {}}\n"
	for _, row := range []struct {
		why, under string
		want       map[string]srcpos.Pos
	}{
		{"all", "", map[string]srcpos.Pos{"": {Line: 1, Col: 1}, "/a": {Line: 1, Col: 2}, "/b": {Line: 2, Col: 2},
			"/b/0": {Line: 2, Col: 10}, "/b/0/c": {Line: 2, Col: 11}, "/b/1": {Line: 3, Col: 3}, "/b/2": {Line: 3, Col: 9},
			"/b/2/0": {Line: 3, Col: 10}, "/bc": {Line: 4, Col: 2}}},
		{"what is within one", "/b/0/", map[string]srcpos.Pos{"/b/0/c": {Line: 2, Col: 11}}},
		{"nothing", "/c", map[string]srcpos.Pos{}},
	} {
		if diff := cmp.Diff(row.want, trace.Places([]byte(text), row.under)); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", row.why, diff)
		}
	}
}

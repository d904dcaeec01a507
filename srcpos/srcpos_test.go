package srcpos_test

import (
	"slices"
	"testing"

	"github.com/uringsim/uringsim/srcpos"
)

// TestPos: both ways to a place agree on every byte, and places are in the order of the bytes.
func TestPos(t *testing.T) {
	for _, text := range []string{"", "a", "\n", "ab\nc\n\n\tdé\r\nf"} {
		lines := srcpos.LinesOf([]byte(text))
		var all []srcpos.Pos
		for off := range len(text) + 1 {
			got := lines.Pos(off)
			if want := srcpos.Of([]byte(text), off); got != want {
				t.Errorf("%q: byte %d is at %v by its lines, and at %v", text, off, got, want)
			}
			all = append(all, got)
		}
		if !slices.IsSortedFunc(all, srcpos.Pos.Compare) {
			t.Errorf("%q: the places are %v", text, all)
		}
	}
	if got := srcpos.Of([]byte("ab\ncd"), 4).String(); got != "2:2" {
		t.Errorf("the last byte is at %s, want 2:2", got)
	}
}

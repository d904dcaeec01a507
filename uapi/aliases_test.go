package uapi

import (
	"strings"
	"testing"
)

// TestAliases: an alias belongs to a family that does not have its name, and stands for one number only.
func TestAliases(t *testing.T) {
	families := []*Family{AddressFamilies, SocketTypes, Protocols, OpenFlags}
	seen := map[string]bool{}
	for _, r := range Aliases {
		if seen[r.Name] {
			t.Errorf("%s stands there twice", r.Name)
		}
		seen[r.Name] = true
		known := false
		for _, f := range families {
			if _, twice := f.byName[r.Name]; twice {
				t.Errorf("%s is a name of %s*, and no alias", r.Name, f.Prefix)
			}
			known = known || strings.HasPrefix(r.Name, f.Prefix)
		}
		if !known || r.Value > 1<<32-1 {
			t.Errorf("%s = %d is of no family, or has more than 32 bits", r.Name, r.Value)
		}
	}
}

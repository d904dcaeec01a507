package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/uringsim/uringsim/internal/live"
	"github.com/uringsim/uringsim/kernel"
)

// TestProbeHere asks the running kernel, if it can be asked; the exit status says so if not.
func TestProbeHere(t *testing.T) {
	var out bytes.Buffer
	root := rootCommand()
	root.SetArgs([]string{"probe"})
	root.SetOut(&out)
	err := root.Execute()
	if _, cannot := live.HasFilters(); cannot != nil {
		if err == nil || status(err) != exitSkip {
			t.Errorf("%v is no reason for %v, want exit status %d", cannot, err, exitSkip)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range kernel.Quirks {
		if !strings.Contains(out.String(), row.Name) {
			t.Errorf("nothing is said about %s", row.Name)
		}
	}
}

package uringsim_test

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// TestCI runs the steps of the job in docs/ci.md: all succeed.
func TestCI(t *testing.T) {
	bin := build(t, "uringsim.exe", "./cmd/uringsim")
	steps := regexp.MustCompile(`(?m)^ +- run: uringsim (.*)$`).FindAllStringSubmatch(readFile(t, "docs/ci.md"), -1)
	if len(steps) < 4 {
		t.Fatalf("docs/ci.md has %d steps", len(steps))
	}
	for _, step := range steps {
		command, _, toFile := strings.Cut(step[1], " > ")
		out, err := exec.Command(bin, strings.Fields(command)...).CombinedOutput()
		if err != nil || toFile && len(out) == 0 {
			t.Errorf("%s: %v\n%s", command, err, out)
		}
	}
}

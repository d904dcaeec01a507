package differ_test

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/uringsim/uringsim/gen"
	"github.com/uringsim/uringsim/internal/differ"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/opdef"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/verdict"
)

// TestReachSteps looks whether generated traces make every check of every prep function fail, in every way it can.
func TestReachSteps(t *testing.T) {
	seen := map[opdef.Exit]bool{}
	for _, name := range []string{"prep", "register", "mixed"} {
		k, _ := gen.KindOf(name)
		for seed := range uint64(560) {
			tr := k.Trace(seed)
			for _, r := range []kernel.Release{kernel.V7_3, kernel.Measured()[seed%4]} {
				requests(tr, r, func(q *trace.Request) {
					if q.Why != nil && q.Why.Stage == verdict.Prep {
						seen[opdef.Exit{Op: q.Opcode, Doc: q.Why.Why, Errno: q.Why.Errno}] = true
					}
				})
			}
		}
	}
	for _, exit := range opdef.Exits() {
		switch reason := differ.UnreachedSteps[exit.String()]; {
		case !seen[exit] && reason == "":
			t.Errorf("no generated trace gives %s", exit)
		case seen[exit] && reason != "":
			t.Errorf("generated traces give %s", exit)
		}
	}
}

// requests plays a trace on the model, and visits what became of its requests.
func requests(tr *trace.Trace, r kernel.Release, visit func(*trace.Request)) {
	p := trace.NewPlayer(sim.New(r), r.Name)
	for i := range tr.Events {
		o, err := p.Play(&tr.Events[i])
		if err != nil {
			return
		}
		for j := range o.Requests {
			visit(&o.Requests[j])
		}
	}
}

// forTests are files that refuse something, but not in calls of generated traces.
var forTests = map[string]string{
	"sim/issuer.go": "it places what an Issuer opens, where nothing is recorded",
	"sim/memory.go": "it is an Issuer",
	"sim/seen.go":   "it judges what logs tell of calls, which generated traces do not have",
}

var (
	profileLine = regexp.MustCompile(`^github\.com/uringsim/uringsim/(\S+):(\d+)\.\d+,(\d+)\.\d+ \d+ (\d+)$`)
	errorExit   = regexp.MustCompile(`\b[rR]efuse\(.*uapi\.E[A-Z0-9]+|return .*uapi\.E[A-Z0-9]+|Unmodelled: "`)
)

// TestReachExits looks whether generated traces come to every place of the model that refuses something, by Go's
// measure of coverage.
func TestReachExits(t *testing.T) {
	dir := t.TempDir()
	model := "./bpffilter,./cbpfvm,./mm,./opdef,./register,./sim,./tctx,./internal/differ/outcomes"
	run := func(name string, args ...string) {
		cmd := exec.Command(name, args...)
		cmd.Dir, cmd.Env = "../..", append(os.Environ(), "GOCOVERDIR="+dir)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", cmd, err, out[max(0, len(out)-2000):])
		}
	}
	run("go", "build", "-cover", "-coverpkg="+model, "-o", filepath.Join(dir, "outcomes"), "./internal/differ/outcomes")
	for _, r := range kernel.Releases {
		few, many := []string{r.Name, "1", "60"}, []string{r.Name, "1", "240"}
		for _, k := range gen.Kinds {
			if k.Name == "check" || k.Name == "prep" { // they are long, and are alike
				few = append(few, k.Name)
			} else {
				many = append(many, k.Name)
			}
		}
		run(filepath.Join(dir, "outcomes"), few...)
		run(filepath.Join(dir, "outcomes"), many...)
	}
	profile := filepath.Join(dir, "profile")
	run("go", "tool", "covdata", "textfmt", "-i="+dir, "-o="+profile)
	unreached := exits(t, profile)
	for exit := range unreached {
		if differ.UnreachedExits[exit] == "" {
			t.Errorf("no generated trace comes to %s", exit)
		}
	}
	for exit := range differ.UnreachedExits {
		if !unreached[exit] {
			t.Errorf("generated traces come to %s, or it is no more", exit)
		}
	}
}

// exits are the lines that refuse something and were not run, after their file.
func exits(t *testing.T, profile string) map[string]bool {
	t.Helper()
	b, err := os.ReadFile(profile)
	if err != nil {
		t.Fatal(err)
	}
	source := map[string][]string{}
	found := map[string]bool{}
	for in := bufio.NewScanner(bytes.NewReader(b)); in.Scan(); {
		m := profileLine.FindStringSubmatch(in.Text())
		if m == nil || m[4] != "0" {
			continue
		}
		if source[m[1]] == nil {
			text, err := os.ReadFile(filepath.Join("../..", m[1]))
			if err != nil {
				t.Fatal(err)
			}
			source[m[1]] = strings.Split(string(text), "\n")
		}
		var first, last int
		if _, err := fmt.Sscan(m[2], &first); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscan(m[3], &last); err != nil {
			t.Fatal(err)
		}
		for _, line := range source[m[1]][first-1 : last] {
			if forTests[m[1]] == "" && errorExit.MatchString(line) {
				found[m[1]+": "+strings.TrimSpace(line)] = true
			}
		}
	}
	return found
}

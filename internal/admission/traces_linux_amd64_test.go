package admission

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/uringsim/uringsim/internal/live"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/trace"
)

// playTrace plays a trace on the kernel that it finds, and writes down what is not as recorded on 7.3: a block for each
// event.
func playTrace() error {
	tr, err := trace.ReadFile(os.Getenv("URINGSIM_TEST_TRACE"))
	if err != nil {
		return err
	}
	k, err := live.Open(live.Options{})
	if err != nil {
		return err
	}
	defer k.Close()
	player := trace.NewPlayer(k, kernel.V7_3.Name)
	var out []string
	for i := range tr.Events {
		o, err := player.Play(&tr.Events[i])
		if err != nil {
			out = append(out, fmt.Sprintf("event %d: %v", i+1, err))
			break
		}
		if o.Diff != "" {
			diff := strings.ReplaceAll(o.Diff, "\u00a0", " ") // of which cmp uses one or the other
			out = append(out, fmt.Sprintf("event %d: %s", i+1, diff))
		}
	}
	return os.WriteFile(os.Getenv("URINGSIM_TEST_RESULT"), []byte(strings.Join(out, blocks)), 0o600)
}

// blocks stands between two blocks of what playTrace writes.
const blocks = "\x00"

// notAsRecorded are traces that are played otherwise under run, where neither a Gap says so nor the host does the same
// alone.
var notAsRecorded = map[string]string{
	"chain-two-chains":      "CQEs of a denied chain come before those of another chain that goes on later",
	"drain-denied-in-chain": "a stand-in for a request that is refused while the ring drains waits for the drain",

	"sqpoll-maker-ends": thread,
	"sqpoll-closed":     thread,

	"query":                           query,
	"blind-ops-list-allows":           query,
	"deny-rest-leaves-register-calls": query,
	"client-program":                  network,
	"client-program-denied":           network,
}

const (
	thread  = "no thread of a ring goes on when the task has, or counts in its process"
	query   = "QUERY tells of the host, but for the number of register opcodes"
	network = "the result of a connection is up to the network"
)

// TestTraces plays the traces of this repository on the host's kernel under the admission of 7.3, where they should
// give what they gave on a real one. It takes a minute or two, and is run where URINGSIM_TRACES is set.
func TestTraces(t *testing.T) {
	if os.Getenv("URINGSIM_TRACES") == "" {
		t.Skip("URINGSIM_TRACES is not set")
	}
	if err := Available(); err != nil {
		t.Skip(err)
	}
	files, err := filepath.Glob("../../testdata/kernel/*.json")
	if err != nil || len(files) < 100 {
		t.Fatal(len(files), err)
	}
	result := filepath.Join(t.TempDir(), "result")
	t.Setenv("URINGSIM_TEST_PROGRAM", "trace")
	t.Setenv("URINGSIM_TEST_RESULT", result)
	played := func(run error) []string {
		text, err := os.ReadFile(result)
		if err = errors.Join(run, err); err != nil {
			t.Fatal(err)
		}
		if len(text) == 0 {
			return nil
		}
		return strings.Split(string(text), blocks)
	}
	same, told, host := 0, 0, 0
	for _, file := range files {
		t.Setenv("URINGSIM_TEST_TRACE", file)
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		var s Summary
		under := func() []string {
			var err error
			s, err = Run(Options{Command: []string{os.Args[0]}, Kernel: sim.New(kernel.V7_3)})
			return played(err)
		}
		alone := func() []string { return played(exec.Command(os.Args[0]).Run()) }
		tries := raceAttempts
		if notAsRecorded[name] != "" {
			tries = attempts
		}
		got := under()
		switch {
		case len(got) == 0:
			same++
		case len(s.Gaps) > 0:
			told++
		case asAlone(tries, got, under, alone):
			host++
		case notAsRecorded[name] != "":
			t.Logf("%s: %s", name, notAsRecorded[name])
		default:
			t.Errorf("%s is played otherwise than on %s: %s", name, kernel.V7_3.Name, got)
		}
	}
	t.Logf("%d traces: %d as on %s, %d with a gap that is told, %d as on this kernel alone", len(files), same,
		kernel.V7_3.Name, told, host)
}

// raceAttempts is how often a trace may be played otherwise, until that counts: on a machine of several processors
// some CQEs come in an order that one alone always gives, or seldom.
const raceAttempts = 30

// asAlone tells whether a trace of which got was not as recorded may be played so under run: each block of one time
// under run is one of those of the times alone.
func asAlone(tries int, got []string, under, alone func() []string) bool {
	known := map[string]bool{}
	unknown := func(block string) bool { return !known[block] }
	var all [][]string
	for range tries {
		all = append(all, got)
		for _, block := range alone() {
			known[block] = true
		}
		if slices.ContainsFunc(all, func(got []string) bool { return !slices.ContainsFunc(got, unknown) }) {
			return true
		}
		got = under()
	}
	return false
}

package uringsim_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// worker is a command of docs/fleet.md that an engine runs, with what the engine tells each of four workers.
type worker struct {
	engine  string
	command []string
	env     func(i int) []string // nil if it does the work of all
}

// fleetWorkers are those of the document.
func fleetWorkers(t *testing.T) []worker {
	t.Helper()
	const file = "docs/fleet.md"
	var words [2][]string
	args := regexp.MustCompile(`(?m)^ +args: (.*)$`).FindStringSubmatch(blocks(t, file, "yaml")[0])
	if err := json.Unmarshal([]byte(args[1]), &words[0]); err != nil {
		t.Fatal(err)
	}
	var job struct {
		ContainerProperties struct{ Command []string }
	}
	if err := json.Unmarshal([]byte(blocks(t, file, "json")[0]), &job); err != nil {
		t.Fatal(err)
	}
	for _, word := range job.ContainerProperties.Command {
		words[1] = append(words[1], strings.TrimPrefix(word, "/data/"))
	}
	shell := blocks(t, file, "sh")
	return []worker{
		{"xargs", []string{"sh", "-c", shell[0]}, nil},
		{"Kubernetes", append([]string{"uringsim"}, words[0]...), func(i int) []string {
			return []string{fmt.Sprint("JOB_COMPLETION_INDEX=", i)}
		}},
		{"AWS Batch", words[1], func(i int) []string {
			return []string{fmt.Sprint("AWS_BATCH_JOB_ARRAY_INDEX=", i), "AWS_BATCH_JOB_ARRAY_SIZE=4"}
		}},
		{"Slurm", []string{"sh", "-c", shell[1]}, func(i int) []string {
			return []string{fmt.Sprint("SLURM_ARRAY_TASK_ID=", i), "SLURM_ARRAY_TASK_COUNT=4", "SLURM_ARRAY_TASK_MIN=0",
				"SLURM_ARRAY_TASK_MAX=3"}
		}},
	}
}

// TestFleetWorkers: the workers of the document, with the environment that engines give, make what one replay makes.
func TestFleetWorkers(t *testing.T) {
	bin := filepath.Dir(build(t, "uringsim", "./cmd/uringsim"))
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	data := t.TempDir()
	if err := os.CopyFS(filepath.Join(data, "docs/examples/fleet"), os.DirFS("docs/examples/fleet")); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(data, os.DirFS("docs/examples/fleet")); err != nil { // the list and the policy
		t.Fatal(err)
	}
	run := func(env []string, command ...string) string {
		c := exec.Command(command[0], command[1:]...)
		c.Dir, c.Env = data, append(os.Environ(), env...)
		var messages strings.Builder
		c.Stderr = &messages
		out, err := c.Output()
		if err != nil {
			t.Fatalf("%q: %v\n%s", command, err, messages.String())
		}
		return string(out)
	}
	run(nil, "uringsim", "try", "-q", "--exit-zero", "web.policy", "--kernel", "all", "--files-from",
		"traces.txt", "--summary", "whole.json")
	want := readFile(t, filepath.Join(data, "whole.json"))
	for _, w := range fleetWorkers(t) {
		if err := os.RemoveAll(filepath.Join(data, "sums")); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(filepath.Join(data, "sums"), 0o755); err != nil {
			t.Fatal(err)
		}
		if w.env == nil {
			run(nil, w.command...)
		}
		merge := []string{"uringsim", "merge", "--exit-zero"}
		for i := range 4 {
			if w.env != nil {
				run(w.env(i), w.command...)
			}
			merge = append(merge, fmt.Sprintf("sums/%d.json", i))
		}
		if diff := cmp.Diff(want, run(nil, merge...)); diff != "" {
			t.Errorf("%s (-one replay +sum):\n%s", w.engine, diff)
		}
	}
}

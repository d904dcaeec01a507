package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFleet: however the traces are divided, ordered and done at the same time, the sum is the summary of all of them,
// byte by byte.
func TestFleet(t *testing.T) {
	traces, err := filepath.Glob("../../testdata/kernel/*.json")
	if err != nil || len(traces) < 100 {
		t.Fatal(len(traces), err)
	}
	log := "../../testdata/logs/client.jsonl"
	traces = append(traces[:40], log)
	random := rand.New(rand.NewPCG(1, 2))
	dir := t.TempDir()
	for _, verb := range [][]string{{"replay"}, {"try", "../../docs/examples/client.policy"}} {
		run := func(to string, jobs int, args ...string) string {
			random.Shuffle(len(traces), func(i, k int) { traces[i], traces[k] = traces[k], traces[i] })
			to = filepath.Join(dir, to)
			args = append(args, "--exit-zero", "--kernel", "all", "--jobs", fmt.Sprint(jobs), "--summary", to)
			mustRunSilently(t, slices.Concat(verb, args, traces))
			return to
		}
		want, err := os.ReadFile(run("all.json", 1))
		if err != nil {
			t.Fatal(err)
		}
		for _, of := range []int{2, 5} {
			merge := []string{"merge", "--exit-zero", "-o", filepath.Join(dir, "sum.json")}
			for _, i := range random.Perm(of) {
				merge = append(merge, run(fmt.Sprintf("%d.json", i), 1+i, "--shard", fmt.Sprintf("%d/%d", i, of)))
			}
			mustRunSilently(t, merge)
			got, err := os.ReadFile(filepath.Join(dir, "sum.json"))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("%s, %d shards (-all +sum):\n%s", verb, of, diff)
			}
		}
	}
}

func mustRunSilently(t *testing.T, args []string) {
	t.Helper()
	root := rootCommand()
	root.SetOut(io.Discard)
	root.SetArgs(args)
	if err := root.Execute(); err != nil {
		t.Fatal(args, err)
	}
}

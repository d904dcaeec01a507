package fleet_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/uringsim/uringsim/fleet"
)

func TestParseShard(t *testing.T) {
	rows := []struct {
		why, text string
		env       string // NAME=VALUE, with spaces between
		want      fleet.Shard
		err       string
	}{
		{why: "the first of all", text: "0/3", want: fleet.Shard{Index: 0, Of: 3}},
		{why: "the last", text: "2/3", want: fleet.Shard{Index: 2, Of: 3}},
		{why: "all", text: "0/1", want: fleet.Shard{Index: 0, Of: 1}},
		{why: "indexes begin with 0", text: "3/3", err: `3/3: found index "3", expected 0 to 2`},
		{why: "nothing is below the first", text: "-1/3", err: `-1/3: found index "-1", expected 0 to 2`},
		{why: "no shards at all", text: "0/0", err: `0/0: found "0" shards, expected 1 to 1048576`},
		{why: "more than anybody has", text: "0/1048577", err: `0/1048577: found "1048577" shards, expected 1 to 1048576`},
		{why: "no number", text: "a/b", err: `a/b: found "b" shards, expected 1 to 1048576`},
		{why: "one number", text: "3", err: `found "3", expected I/N, auto or auto/N`},
		{why: "nowhere", text: "auto", err: "auto: found none of JOB_COMPLETION_INDEX, AWS_BATCH_JOB_ARRAY_INDEX, " +
			"SLURM_ARRAY_TASK_ID in the environment; use I/N"},
		{why: "Kubernetes does not tell how many", text: "auto", env: "JOB_COMPLETION_INDEX=1",
			err: "auto: a Kubernetes Indexed Job does not tell the number of workers; use auto/N"},
		{why: "but may be told", text: "auto/4", env: "JOB_COMPLETION_INDEX=1", want: fleet.Shard{Index: 1, Of: 4}},
		{why: "told wrongly", text: "auto/4", env: "JOB_COMPLETION_INDEX=4", err: `auto/4: found index "4", expected 0 to 3`},
		{why: "AWS Batch tells", text: "auto", env: "AWS_BATCH_JOB_ARRAY_INDEX=9 AWS_BATCH_JOB_ARRAY_SIZE=10",
			want: fleet.Shard{Index: 9, Of: 10}},
		{why: "where it does not", text: "auto", env: "AWS_BATCH_JOB_ARRAY_INDEX=9",
			err: "auto: an AWS Batch array job does not tell the number of workers; use auto/N"},
		{why: "Slurm, --array=0-4", text: "auto", env: slurm(3, 5, 0, 4), want: fleet.Shard{Index: 3, Of: 5}},
		{why: "Slurm, --array=1-5", text: "auto", env: slurm(3, 5, 1, 5), want: fleet.Shard{Index: 2, Of: 5}},
		{why: "Slurm, --array=1,3,7", text: "auto", env: slurm(3, 3, 1, 7),
			err: "auto: found a Slurm job array with 3 workers and " +
				"indexes from 1 to 7, expected one for each index; use auto/N"},
		{why: "the same task once more, --array=3", text: "auto/5", env: slurm(3, 1, 3, 3), want: fleet.Shard{Index: 3, Of: 5}},
		{why: "a variable that is no number", text: "auto", env: "SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_COUNT=2",
			err: `auto: SLURM_ARRAY_TASK_MIN: found "", expected a number`},
		{why: "two engines", text: "auto", env: "JOB_COMPLETION_INDEX=1 " + slurm(3, 5, 0, 4),
			err: "auto: found both " +
				"JOB_COMPLETION_INDEX and SLURM_ARRAY_TASK_ID in the environment, expected one of them; use I/N"},
	}
	for _, r := range rows {
		env := map[string]string{}
		for _, v := range strings.Fields(r.env) {
			name, value, _ := strings.Cut(v, "=")
			env[name] = value
		}
		got, err := fleet.ParseShard(r.text, func(name string) string { return env[name] })
		if text := fmt.Sprint(err); err != nil && text != r.err || err == nil && (r.err != "" || got != r.want) {
			t.Errorf("%s: %v, %v; want %v, %s", r.why, got, err, r.want, r.err)
		}
	}
}

func slurm(id, count, first, last int) string {
	return fmt.Sprintf("SLURM_ARRAY_TASK_ID=%d SLURM_ARRAY_TASK_COUNT=%d SLURM_ARRAY_TASK_MIN=%d SLURM_ARRAY_TASK_MAX=%d",
		id, count, first, last)
}

// TestShardOf: the shard is what the document says, computed by sha256sum: other programs may rely on it.
func TestShardOf(t *testing.T) {
	for _, r := range []struct {
		name  string
		hash  uint64
		shard int // of 10
	}{
		{"a.jsonl", 0x8d6a6f2da8cffa60, 4},
		{"traces/host-7.jsonl.zst", 0xb31160cf8cdac9da, 6},
		{"", 0xe3b0c44298fc1c14, 2},
	} {
		if want := int(r.hash % 10); want != r.shard || !(fleet.Shard{Index: want, Of: 10}).Has(r.name) {
			t.Errorf("%q is not in shard %d of 10", r.name, want)
		}
	}
}

// oneShard: every trace is in exactly one shard.
func oneShard(t *rapid.T) {
	of := rapid.IntRange(1, 50).Draw(t, "of")
	name := rapid.String().Draw(t, "name")
	in := 0
	for i := range of {
		if (fleet.Shard{Index: i, Of: of}).Has(name) {
			in++
		}
	}
	if in != 1 {
		t.Fatalf("%q is in %d of %d shards", name, in, of)
	}
}

func TestOneShard(t *testing.T) { rapid.Check(t, oneShard) }
func FuzzOneShard(f *testing.F) { f.Fuzz(rapid.MakeFuzz(oneShard)) }

// TestShardsEven: no shard is much larger than others, also if names differ in a number only.
func TestShardsEven(t *testing.T) {
	const of, traces = 16, 16_000
	var in [of]int
	for n := range traces {
		for i := range of {
			if (fleet.Shard{Index: i, Of: of}).Has(fmt.Sprintf("traces/host-%d.jsonl.zst", n)) {
				in[i]++
			}
		}
	}
	for i, n := range in {
		if n < 850 || n > 1150 {
			t.Errorf("shard %d has %d of %d traces", i, n, traces)
		}
	}
}

package fleet_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/uringsim/uringsim/fleet"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/policy"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/trial"
)

func files(t *testing.T, patterns ...string) []string {
	t.Helper()
	var all []string
	for _, p := range patterns {
		some, err := filepath.Glob(p)
		if err != nil || len(some) == 0 {
			t.Fatalf("%s: %d traces, %v", p, len(some), err)
		}
		all = append(all, some...)
	}
	return all
}

func compile(t *testing.T, text string) *plan.Plan {
	t.Helper()
	p, err := policy.Parse("p.policy", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := p.Compile(policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// TestTrials: the sum of single traces says what one report on all of them says.
func TestTrials(t *testing.T) {
	p := compile(t, "default deny\nallow submitted sqe_flags none\nallow NOP, READ, WRITE, CLOSE\n"+
		"allow SOCKET if family == AF_INET\nallow OPENAT if flags & O_CREAT == 0\nallow register FILES, PROBE")
	k := kernel.V7_3
	none, err := fleet.Trials(p, "p.policy", k)
	if err != nil || none.Rejected != nil {
		t.Fatal(err, none.Rejected)
	}
	sum := fleet.Empty("test")
	all := trial.NewReport(p, k)
	single := all
	for _, file := range files(t, "../testdata/kernel/*.json", "../testdata/recorded/*.jsonl.zst", "../testdata/logs/client.jsonl") {
		single = single.Again()
		one := fleet.NewOne(none, file)
		for _, r := range []*trial.Report{all, single} {
			in, err := trace.OpenFile(file)
			if err != nil {
				t.Fatal(err)
			}
			one.Header(&in.Header)
			if err := r.Play(file, in); err != nil {
				t.Fatal(file, err)
			}
			_ = in.Close() // which was only read
		}
		one.Trial(single, 0)
		if err := sum.AddResult(&one.Result); err != nil {
			t.Fatal(err)
		}
	}
	c := &sum.Results[0].Counts
	got := []uint64{c.Requests, c.Requests - c.Refused, c.Denied, c.Cancelled, c.RefusedCalls, c.Undecided, c.Unmodelled}
	want := []uint64{uint64(all.Requests), uint64(all.Admitted), uint64(all.Denied), uint64(all.Cancelled),
		uint64(all.Calls), uint64(all.Undecided), uint64(all.Unknown)}
	if diff := cmp.Diff(want, got); diff != "" || c.Denied < 1000 || c.Undecided == 0 {
		t.Errorf("%s: %d denied, %d undecided (-one report +sum):\n%s", k, c.Denied, c.Undecided, diff)
	}
	if diff := cmp.Diff(countsOf(all), countsOfReasons(sum.Results[0].Reasons)); diff != "" {
		t.Errorf("%s (-one report +sum):\n%s", k, diff)
	}
}

// countsOf is how often each opcode or call is denied, for each part of the policy, and each value.
func countsOf(r *trial.Report) map[string]int {
	m := map[string]int{}
	for _, b := range r.Breaks {
		m[b.Name()+" by "+b.By] += b.Count
		if b.Saw != "" {
			m[b.Name()+" by "+b.By+" with "+b.Saw] += b.Count
		}
	}
	return m
}

func countsOfReasons(reasons []fleet.Reason) map[string]int {
	m := map[string]int{}
	for _, r := range reasons {
		if r.Result != fleet.Denied {
			continue
		}
		name := r.Opcode + r.Call + " by " + r.By
		m[name] += int(r.Count)
		for _, v := range r.Values {
			if r.Stage == "filter" {
				m[name+" with "+v.Text] += int(v.Count)
			}
		}
	}
	return m
}

// TestReplays: every refused request and call, and what differs or is not modelled, has its reason, and the smallest
// place is the example.
func TestReplays(t *testing.T) {
	sum := fleet.Empty("test")
	for _, file := range files(t, "../testdata/kernel/*.json") {
		tr, err := trace.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		one := fleet.NewOne(fleet.Replays(kernel.V7_3), file)
		p := trace.NewPlayer(sim.New(kernel.V7_3), "7.2") // whose results differ now and then
		for i := range tr.Events {
			o, err := p.Play(&tr.Events[i])
			if err != nil {
				t.Fatal(err)
			}
			one.See(&o)
		}
		if err := sum.AddResult(&one.Result); err != nil {
			t.Fatal(err)
		}
	}
	r := &sum.Results[0]
	got := map[string]uint64{}
	for _, reason := range r.Reasons {
		key := string(reason.Result)
		if reason.Opcode == "" {
			key += " call"
		}
		got[key] += reason.Count
		values := reason.OtherValues
		for _, v := range reason.Values {
			values += v.Count
		}
		if len(reason.Values) > 0 && values != reason.Count {
			t.Errorf("%v: its values are %d", reason, values)
		}
		if reason.Traces > reason.Count || reason.Example.Trace == "" {
			t.Errorf("it is in %d traces, %d times: %v", reason.Traces, reason.Count, reason)
		}
	}
	c := &r.Counts
	want := map[string]uint64{"refused": c.Refused, "refused call": c.RefusedCalls, "differs call": c.Differ,
		"unmodelled call": c.Unmodelled}
	for key, n := range want {
		if n == 0 {
			delete(want, key)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" || c.Refused < 100 || c.RefusedCalls < 100 || c.Differ < 5 {
		t.Errorf("%+v (-counts +reasons):\n%s", c, diff)
	}
}

// TestPolicyHash: policies are one if they register the same in the same words, whatever their file is called.
func TestPolicyHash(t *testing.T) {
	a, b := compile(t, "default allow\ndeny NOP"), compile(t, "default allow\ndeny NOP")
	b.Name = "another.policy"
	c := compile(t, "default allow\ndeny READ")
	var hashes []string
	for _, p := range []*plan.Plan{a, b, c} {
		hash, err := fleet.PolicyHash(p)
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, hash)
	}
	if hashes[0] != hashes[1] || hashes[0] == hashes[2] || b.Name != "another.policy" {
		t.Error(hashes)
	}
}

// TestRejected: a release that does not take a policy says what of it.
func TestRejected(t *testing.T) {
	none, err := fleet.Trials(compile(t, "default allow\ndeny NOP"), "p.policy", kernel.V6_19)
	if err != nil || none.Rejected == nil {
		t.Fatal(none, err)
	}
	if got := fmt.Sprint(none.Rejected.What, ": ", none.Rejected.Errno); got != "filter 1, for NOP: EINVAL" {
		t.Error(got)
	}
}

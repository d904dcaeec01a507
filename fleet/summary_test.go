package fleet_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/uringsim/uringsim/fleet"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/trial"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// sizes are how much traces have in common, and how much of it there is.
type sizes struct {
	numbers []int // of groups in a trace
	apart   int   // from where the groups of one trace begin to where those of another may
	by      int   // groups of a part of the policy
}

// some are a few groups, or together more reasons, values or needs than a summary lists, which single traces have or not.
var some = []sizes{{[]int{0, 1, 2, 3, 4, 5}, 1, 1}, {[]int{0, 15}, 15, 1000}, {[]int{60, 130}, 60, 1000}, {[]int{0, 600, 1001}, 300, 1}}

// traced draws the summary of a trace.
func traced(t *rapid.T, name string, size sizes) *fleet.Summary {
	s := fleet.Empty("test")
	for _, k := range []kernel.Release{kernel.V7_2, kernel.V7_3} {
		one := fleet.NewOne(fleet.Result{Policy: "sha256:1", File: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "file"),
			Kernel: k.Name}, name)
		one.Header(&trace.Header{Recording: &trace.Recording{LostSQEs: rapid.Uint64Range(0, 2).Draw(t, "lost")}})
		one.Trial(report(t, k, size), rapid.Uint64Range(0, 9).Draw(t, "events"))
		if rapid.Bool().Draw(t, "bad") {
			one.Fail(fmt.Errorf("%s: bad", name))
		}
		if err := s.AddResult(&one.Result); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// report draws what breaks of a trace.
func report(t *rapid.T, k kernel.Release, size sizes) *trial.Report {
	r := trial.NewReport(nil, k)
	from := rapid.IntRange(0, 3).Draw(t, "from") * size.apart
	n := rapid.SampledFrom(size.numbers).Draw(t, "groups")
	event := rapid.IntRange(1, 3).Draw(t, "event")
	for i := from; i < from+n; i++ {
		r.Denied += 1 + i%2
		at := trial.Place{Event: event + i%2, Request: 1, Task: "init"}
		r.Breaks = append(r.Breaks, &trial.Break{Op: uapi.IORING_OP_CONNECT, By: fmt.Sprint("filter ", i/size.by),
			Saw: fmt.Sprint("port == ", i), Why: verdict.Refuse(verdict.Filter, uapi.EACCES, "a.c:b", "why"), Count: 1 + i%2,
			Cancelled: i % 3, First: []trial.Place{at}, Needs: []string{fmt.Sprint("allow ", i)}, MoreNeeds: i == 44})
	}
	r.Unknown = rapid.IntRange(0, 1).Draw(t, "unknown") * 30
	for i := range min(r.Unknown, 20) {
		r.Doubts = append(r.Doubts, trial.Doubt{Place: trial.Place{Event: i + 1, Task: "init"}, What: fmt.Sprint("what ", i%4)})
	}
	r.Logged = trial.Logged{Allowed: 1, First: []trial.Place{{Event: from + 1, Request: 1, Task: "init"}}}
	return r
}

// sum adds summaries up in their order.
func sum(t *rapid.T, all ...*fleet.Summary) *fleet.Summary {
	s := fleet.Empty("")
	for _, one := range all {
		if err := s.Add(one); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// text is the document of a summary.
func text(t *rapid.T, s *fleet.Summary) string {
	var out bytes.Buffer
	if err := s.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// readAgain is the summary of a document.
func readAgain(t *rapid.T, document string) *fleet.Summary {
	all := fleet.Empty("")
	if err := fleet.Read("s.json", strings.NewReader(document), all.Add); err != nil {
		t.Fatal(err)
	}
	return all
}

// monoid: summaries can be added up in any order and in any groups, an empty one changes nothing, and all shards of
// some traces are the same as these traces.
func monoid(t *rapid.T) {
	var whole []*fleet.Summary
	of := rapid.IntRange(1, 4).Draw(t, "of")
	shards := make([]*fleet.Summary, of)
	for i := range shards {
		shards[i] = fleet.Empty("test")
	}
	var names fleet.Names
	size := rapid.SampledFrom(some).Draw(t, "size")
	for n := range rapid.IntRange(1, 4).Draw(t, "traces") {
		name := fmt.Sprintf("t%d.json", n)
		names.Add(name)
		one := traced(t, name, size)
		whole = append(whole, one)
		for i := range shards {
			if (fleet.Shard{Index: i, Of: of}).Has(name) {
				shards[i] = sum(t, one, shards[i]) // from the last to the first
			}
		}
	}
	for i := range shards {
		shards[i].Divided(names, fleet.Shard{Index: i, Of: of})
	}
	want := text(t, sum(t, whole...))
	addsUp(t, sum(t, whole...))
	same := func(why string, got *fleet.Summary) {
		if diff := cmp.Diff(want, text(t, got)); diff != "" {
			t.Fatalf("%s (-all traces in their order +got):\n%s", why, diff)
		}
	}
	same("read again", readAgain(t, want))
	same("in another order", sum(t, rapid.Permutation(whole).Draw(t, "order")...))
	same("an empty one is added", sum(t, sum(t, whole...), fleet.Empty("test")))
	same("to an empty one", sum(t, fleet.Empty("test"), sum(t, whole...)))
	cut := rapid.IntRange(0, len(whole)).Draw(t, "cut")
	same("in two groups", sum(t, sum(t, whole[:cut]...), sum(t, whole[cut:]...)))
	shards = rapid.Permutation(shards).Draw(t, "shards")
	same("all shards", sum(t, shards...))
	cut = rapid.IntRange(0, of).Draw(t, "cut of shards")
	same("all shards in two groups", sum(t, sum(t, shards[cut:]...), sum(t, shards[:cut]...)))
	if some := sum(t, shards[1:]...); of > 1 && len(some.Parts) != 1 {
		t.Fatalf("a shard is missing, and it does not say so: %v", some.Parts)
	}
}

// addsUp: what is not listed is counted.
func addsUp(t *rapid.T, s *fleet.Summary) {
	for _, r := range s.Results {
		reasons := r.OtherReasons
		for _, q := range r.Reasons {
			reasons += q.Count
			values := q.OtherValues
			for _, v := range q.Values {
				values += v.Count
			}
			if values != q.Count {
				t.Fatalf("the values of a reason are %d, it came up %d times", values, q.Count)
			}
			// Each value of what is denied needs something else.
			if q.Result == fleet.Denied && len(q.Values) > len(q.Needs) && !q.MoreNeeds {
				t.Fatalf("%d values need %d things, and no others", len(q.Values), len(q.Needs))
			}
		}
		if all := r.Counts.Denied + r.Counts.Unmodelled; reasons != all {
			t.Fatalf("there are reasons for %d of %d", reasons, all)
		}
	}
}

func TestMonoid(t *testing.T) { rapid.Check(t, monoid) }
func FuzzMonoid(f *testing.F) { f.Fuzz(rapid.MakeFuzz(monoid)) }

// TestParts: what says which shards are there says which are missing.
func TestParts(t *testing.T) {
	var names fleet.Names
	names.Add("a")
	rows := []struct {
		why    string
		shards []int // of 3
		want   string
	}{
		{"all", []int{0, 1, 2}, ""},
		{"all, in another order", []int{2, 0, 1}, ""},
		{"one is missing", []int{2, 0}, "not all: of 1 trace in 3 shards, 1 missing: 1\n"},
		{"two are missing", []int{1}, "not all: of 1 trace in 3 shards, 2 missing: 0 2\n"},
		{"one is there twice, which is as if others were missing", []int{0, 1, 1, 2},
			"not all: of 1 trace in 3 shards, 2 missing: 0 2\n"},
		{"one is there twice, and another is missing", []int{0, 1, 1}, "not all: of 1 trace in 3 shards, 2 missing: 0 2\n"},
		{"all of two runs", []int{0, 1, 2, 2, 1, 0}, ""},
	}
	for _, r := range rows {
		all := fleet.Empty("test")
		for _, i := range r.shards {
			one := fleet.Empty("test")
			one.Divided(names, fleet.Shard{Index: i, Of: 3})
			if err := all.Add(one); err != nil {
				t.Fatal(err)
			}
		}
		var got strings.Builder
		if all.Text(&got, false); got.String() != r.want {
			t.Errorf("%s: got %q, want %q", r.why, got.String(), r.want)
		}
	}
	other := fleet.Empty("test")
	all := fleet.Empty("test")
	all.Divided(names, fleet.Shard{Index: 0, Of: 2})
	names.Add("b")
	other.Divided(names, fleet.Shard{Index: 1, Of: 2})
	if err := all.Add(other); err != nil || len(all.Parts) != 2 {
		t.Errorf("shards of other traces make a whole: %v, %v", all.Parts, err)
	}
}

// TestManyErrors: all bad traces are counted, and the first ones named, whatever the order.
func TestManyErrors(t *testing.T) {
	const traces = 300
	all, backwards := fleet.Empty("test"), fleet.Empty("test")
	for n := range traces {
		for s, n := range map[*fleet.Summary]int{all: n, backwards: traces - 1 - n} {
			one := fleet.NewOne(fleet.Replays(kernel.V7_3), fmt.Sprintf("%03d.json", n))
			one.Fail(fmt.Errorf("%d", n))
			if err := s.AddResult(&one.Result); err != nil {
				t.Fatal(err)
			}
		}
	}
	if diff := cmp.Diff(all, backwards); diff != "" {
		t.Error(diff)
	}
	e := all.Results[0].Errors
	if e.Count != traces || len(e.First) != 100 || e.First[99] != (fleet.Error{Trace: "099.json", Error: "99"}) {
		t.Errorf("%d errors, %d named, the last %v", e.Count, len(e.First), e.First[len(e.First)-1])
	}
}

// TestCannotAdd: what cannot be added up says why.
func TestCannotAdd(t *testing.T) {
	rejected := func(what string) fleet.Result {
		return fleet.Result{Policy: "sha256:1", Kernel: "7.3", Rejected: &fleet.Rejected{What: what, Errno: "EINVAL", Why: "so"}}
	}
	for _, r := range []struct {
		why  string
		a, b *fleet.Summary
		want string
	}{
		{"other versions judge otherwise", fleet.Empty("uringsim v1"), fleet.Empty("uringsim v2"),
			"found summaries by uringsim v1 and by uringsim v2, which may judge differently"},
		{"one policy cannot be both accepted and not", with(rejected("filter 1")),
			with(fleet.Result{Policy: "sha256:1", Kernel: "7.3"}), "policy sha256:1 on 7.3: found a summary that says " +
				"that filter 1 is refused: EINVAL: so, and another that says that it is accepted"},
	} {
		err := r.a.Add(r.b)
		if err == nil || err.Error() != r.want {
			t.Errorf("%s: got %v, want %s", r.why, err, r.want)
		}
	}
	many := fleet.Empty("test")
	var err error
	for n := 0; err == nil && n < 20_000; n += 9000 {
		more := fleet.Empty("test")
		for i := range 9000 {
			more.Results = append(more.Results, fleet.Result{Policy: fmt.Sprintf("%06d", n+i)})
		}
		err = many.Add(more)
	}
	if err == nil || err.Error() != "found more than 10000 results or parts in all summaries together" {
		t.Errorf("no limit: %v", err)
	}
}

func with(r fleet.Result) *fleet.Summary {
	s := fleet.Empty("test")
	s.Results = []fleet.Result{r}
	return s
}

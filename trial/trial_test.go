package trial_test

import (
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/uringsim/uringsim/gen"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/policy"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/trial"
	"github.com/uringsim/uringsim/uapi"
)

// events are a Source.
type events struct{ rest []trace.Event }

func (e *events) Next() (trace.Event, error) {
	if len(e.rest) == 0 {
		return trace.Event{}, io.EOF
	}
	next := e.rest[0]
	e.rest = e.rest[1:]
	return next, nil
}

// suggest is the tightest policy for a trace.
func suggest(t testing.TB, tr *trace.Trace, k kernel.Release, o trial.Options) *trial.Suggestion {
	t.Helper()
	s := trial.NewSuggester(k, o)
	if err := s.Play("trace", &events{tr.Events}); err != nil {
		t.Fatal(err)
	}
	out, err := s.Suggest()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// report is what a policy breaks of a trace; nil if the release refuses the policy.
func report(t testing.TB, p *policy.Policy, tr *trace.Trace, k kernel.Release) *trial.Report {
	t.Helper()
	registered, err := p.Compile(policy.Options{})
	if err != nil {
		t.Fatalf("%v\n%s", err, p)
	}
	r := trial.NewReport(registered, k)
	var refused *trial.Refused
	if err := r.Play("trace", &events{tr.Events}); errors.As(err, &refused) {
		return nil
	} else if err != nil {
		t.Fatal(err)
	}
	return r
}

// broken counts what a policy breaks.
func broken(t testing.TB, p *policy.Policy, tr *trace.Trace, k kernel.Release) int {
	t.Helper()
	r := report(t, p, tr, k)
	n := 0
	for _, b := range r.Breaks {
		if !b.Always {
			n += b.Count
		}
	}
	return n
}

// checkTight holds a suggestion to its two promises: it breaks nothing of the trace, and without any one of its rules,
// register calls or flags it would.
func checkTight(t *testing.T, tr *trace.Trace, o trial.Options) {
	t.Helper()
	k := kernel.V7_3
	s := suggest(t, tr, k, o)
	again, err := policy.Parse("again", []byte(s.String()))
	if err != nil {
		t.Fatalf("%v in\n%s", err, s)
	}
	if again.String() != s.Policy.String() {
		t.Fatalf("reading the text\n%s\ngives\n%s", s, again)
	}
	if n := broken(t, again, tr, k); n != 0 {
		t.Fatalf("the suggestion breaks %d requests or calls of the trace:\n%s", n, s)
	}
	for what, p := range without(again) {
		if broken(t, p, tr, k) == 0 {
			t.Errorf("%s: nothing breaks without it in\n%s", what, s)
		}
	}
}

// without are policies that lack one thing. Of many rules, a dozen or two are left out in turn, as each policy has to
// be compiled.
func without(p *policy.Policy) map[string]*policy.Policy {
	all := map[string]*policy.Policy{}
	for i := 0; i < len(p.Rules); i += 1 + len(p.Rules)/12 {
		less := *p
		less.Rules = slices.Delete(slices.Clone(p.Rules), i, i+1)
		less.Requires = nil
		for _, q := range p.Requires {
			if slices.ContainsFunc(less.Rules, func(r policy.Rule) bool { return r.Ops[0] == q.Op }) {
				less.Requires = append(less.Requires, q)
			}
		}
		all[p.Rules[i].String()] = &less
	}
	if list := p.Limits.Register; list != nil {
		for i, op := range *list {
			less, rest := *p, slices.Delete(slices.Clone(*list), i, i+1)
			less.Limits.Register = &rest
			all["register "+op.String()] = &less
		}
	}
	if flags := p.Limits.Flags; flags != nil {
		for bit := uint8(1); bit < 0x80; bit <<= 1 {
			if *flags&bit != 0 {
				less, rest := *p, *flags&^bit
				less.Limits.Flags = &rest
				all["flag "+uapi.SQEFlags.FormatFlags(uint64(bit))] = &less
			}
		}
	}
	return all
}

// recorded are the traces of testdata/kernel.
func recorded(t testing.TB) map[string]*trace.Trace {
	t.Helper()
	files, err := filepath.Glob("../testdata/kernel/*.json")
	if err != nil || len(files) < 100 {
		t.Fatalf("%d traces, %v", len(files), err)
	}
	all := map[string]*trace.Trace{}
	for _, file := range files {
		tr, err := trace.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(file), ".json")] = tr
	}
	return all
}

// generalised are ways to make a policy more general, which keep both promises.
var generalised = []trial.Options{{}, {Families: true}, {OpenModes: true}, {HostBits4: 8, HostBits6: 64},
	{HostBits4: 32, HostBits6: 128}, {Container: true, Families: true}}

func TestSuggestTight(t *testing.T) {
	for name, tr := range recorded(t) {
		t.Run(name, func(t *testing.T) {
			checkTight(t, tr, trial.Options{})
			for _, o := range generalised[1:] {
				if suggest(t, tr, kernel.V7_3, o).String() != suggest(t, tr, kernel.V7_3, trial.Options{}).String() {
					checkTight(t, tr, o)
				}
			}
		})
	}
}

// TestSuggestTightPrograms: also of what real programs did.
func TestSuggestTightPrograms(t *testing.T) {
	files, err := filepath.Glob("../testdata/recorded/*.jsonl*")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d recordings, %v", len(files), err)
	}
	for i, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			tr, err := trace.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range []trial.Options{{}, generalised[1+i%5]} {
				checkTight(t, tr, o)
			}
		})
	}
}

func TestSuggestTightGenerated(t *testing.T) {
	for _, kind := range gen.Kinds {
		t.Run(kind.Name, func(t *testing.T) {
			for seed := range uint64(len(generalised)) {
				checkTight(t, kind.Trace(seed), generalised[seed])
			}
		})
	}
}

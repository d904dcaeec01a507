package differ

import (
	"context"
	"errors"
	"testing"

	"github.com/uringsim/uringsim/gen"
	"github.com/uringsim/uringsim/internal/judge"
	"github.com/uringsim/uringsim/internal/judge/judgetest"
	"github.com/uringsim/uringsim/kernel"
)

// mortal is a model that dies of some of the questions, by their number from 0.
type mortal struct {
	judgetest.Model
	asked *int
	dies  map[int]bool
}

func (m mortal) Ask(q judge.Question) (judge.Verdict, error) {
	n := *m.asked
	*m.asked++
	if m.dies[n] {
		return judge.Verdict{}, errors.New("kernel panic")
	}
	kind, _ := gen.KindOf(q.Kind)
	return m.Model.Ask(judge.Question{Trace: kind.Trace(q.Seed)})
}

// TestDeaths: what a kernel dies of, and dies of again once it is booted anew, is a disagreement.
func TestDeaths(t *testing.T) {
	kind, _ := gen.KindOf("enter")
	for _, row := range []struct {
		dies               map[int]bool
		disagree, excluded int
		boots              int
		why                string
	}{
		{nil, 0, 0, 1, "none dies"},
		{map[int]bool{0: true}, 0, 1, 2, "others may have left something"},
		{map[int]bool{1: true, 2: true}, 1, 0, 3, "it was the trace"},
		{map[int]bool{0: true, 2: true}, 1, 1, 3, "a second time is no chance"},
	} {
		asked, boots := 0, 0
		p := Plan{Kernels: []Kernel{{Release: kernel.V7_3}}, Kinds: []gen.Kind{kind}, N: 1, Seed: 1,
			Progress: func(string, ...any) {},
			Boot: func(context.Context, string) (judge.Judge, error) {
				boots++
				return mortal{judgetest.Model{Release: kernel.V7_3}, &asked, row.dies}, nil
			}}
		rows, err := Run(t.Context(), p)
		if err != nil || len(rows) != 1 {
			t.Fatal(row.why, rows, err)
		}
		r := rows[0]
		if r.Disagree != row.disagree || r.Excluded != row.excluded || boots != row.boots ||
			r.Agree != r.Cases-row.disagree-row.excluded {
			t.Errorf("%s: %d disagree, %d excluded and %d agree of %d, after %d boots", row.why, r.Disagree, r.Excluded, r.Agree,
				r.Cases, boots)
		}
	}
}

// TestCauseOf: what groups disagreements depends neither on their numbers nor on the kind of blank that cmp.Diff uses.
func TestCauseOf(t *testing.T) {
	const want = `enter +Ret: s"EACCES", -Ret: N, not N`
	for _, diff := range []string{
		"  trace.Recorded{\n- \tRet: 1,\n+ \tRet: s\"EACCES\",\n  \t... // 4 identical fields\n  }\n",
		"\u00a0\u00a0trace.Recorded{\n-\u00a0\tRet:\u00a02,\n+\u00a0\tRet:\u00a0s\"EACCES\",\n\u00a0\u00a0\t... // 4 identical fields\n\u00a0\u00a0}\n",
	} {
		if got := causeOf(&Finding{Call: "enter", Diff: diff, Why: "EACCES: not 17\n"}); got != want {
			t.Errorf("%q has the cause %q, want %q", diff, got, want)
		}
	}
}

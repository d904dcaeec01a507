package differ

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/uringsim/uringsim/gen"
	"github.com/uringsim/uringsim/internal/judge"
	"github.com/uringsim/uringsim/internal/judge/judgetest"
	"github.com/uringsim/uringsim/kernel"
)

// clerk is a model that keeps the seeds that it is asked of, and cannot play some of the traces.
type clerk struct {
	judgetest.Model
	seeds  []uint64
	cannot func(seed uint64) bool
	enough int // questions, after which it stops for longer than the comparison may take
}

func (c *clerk) Ask(q judge.Question) (judge.Verdict, error) {
	c.seeds = append(c.seeds, q.Seed)
	if c.enough > 0 && len(c.seeds) == c.enough {
		time.Sleep(2 * roundsFor)
	}
	if c.cannot(q.Seed) {
		return judge.Verdict{Err: "it cannot"}, nil
	}
	kind, ok := gen.KindOf(q.Kind)
	if !ok {
		return judge.Verdict{}, errors.New("a trace, where a seed was expected")
	}
	return c.Model.Ask(judge.Question{Trace: kind.Trace(q.Seed)})
}

const roundsFor = 300 * time.Millisecond

// TestRounds: without a limit of time there is one round; with one, rounds of further seeds until it is reached.
func TestRounds(t *testing.T) {
	kind, _ := gen.KindOf("enter")
	kind.Weight = 1
	for _, row := range []struct {
		plan     Plan
		cannot   uint64
		enough   int
		want     []uint64
		disagree int
		why      string
	}{
		{Plan{Seed: 5, N: 2}, 0, 0, []uint64{5, 6}, 0, "one round"},
		{Plan{Seed: 5, N: 2}, 5, 0, []uint64{5, 6}, 1, "a disagreement does not end it"},
		{Plan{Seed: 5, N: 2, First: true}, 5, 0, []uint64{5}, 1, "or does where that is asked for"},
		{Plan{Seed: 5, N: 2, For: roundsFor}, 0, 5, []uint64{5, 6, 7, 8, 9}, 0, "in the midst of the third round time is up"},
		{Plan{Seed: 5, N: 2, For: time.Hour, First: true}, 8, 0, []uint64{5, 6, 7, 8}, 1, "the second round has it"},
	} {
		c := &clerk{Model: judgetest.Model{Release: kernel.V7_3}, enough: row.enough,
			cannot: func(seed uint64) bool { return seed == row.cannot }}
		p := row.plan
		p.Kernels, p.Kinds = []Kernel{{Release: kernel.V7_3}}, []gen.Kind{kind}
		named := 0
		p.Progress = func(format string, _ ...any) {
			if format == disagreesFormat {
				named++
			}
		}
		p.Boot = func(context.Context, string) (judge.Judge, error) { return c, nil }
		rows, err := Run(t.Context(), p)
		if err != nil || len(rows) != 1 {
			t.Fatal(row.why, rows, err)
		}
		if !slices.Equal(c.seeds, row.want) || rows[0].Cases != len(row.want) || rows[0].Disagree != row.disagree ||
			named != row.disagree {
			t.Errorf("%s: seeds %d, want %d; %d cases, %d disagree, %d named", row.why, c.seeds, row.want, rows[0].Cases,
				rows[0].Disagree, named)
		}
	}
}

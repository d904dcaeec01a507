// Package judgetest has a judge for tests that ask one without a real kernel.
package judgetest

import (
	"github.com/uringsim/uringsim/internal/judge"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/trace"
)

// Model is a release of the model in the place of a real kernel. It does not generate traces.
type Model struct{ Release kernel.Release }

// Ask plays the trace of the question. The version is one that nobody knows.
func (m Model) Ask(q judge.Question) (judge.Verdict, error) {
	v := judge.Verdict{Version: "a model"}
	p := trace.NewPlayer(sim.New(m.Release), v.Version)
	for i := range q.Trace.Events {
		o, err := p.Play(&q.Trace.Events[i])
		if err != nil {
			v.Err = err.Error()
			break
		}
		v.Results = append(v.Results, o.Got)
	}
	return v, nil
}

// Close does nothing.
func (Model) Close() error { return nil }

package main

import (
	"context"
	"fmt"
	"io"

	"github.com/uringsim/uringsim/eval"
	"github.com/uringsim/uringsim/internal/dryrun"
	"github.com/uringsim/uringsim/internal/judge"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/request"
	"github.com/uringsim/uringsim/trace"
)

// atATime is how many requests a real kernel is asked about at a time, each in a task of its own.
const atATime = 100

// onReal has a real kernel answer: the running one, or a guest's.
func (o *evalOptions) onReal(ctx context.Context, out *printer, p *plan.Plan, in *request.Reader) error {
	good := false
	err := o.target.ask(ctx, exitSystem, func(j judge.Judge) (err error) {
		good, err = o.askAll(out, j, p, in)
		return err
	})
	if err != nil {
		return err
	}
	return out.finish(good)
}

// askAll asks about all requests. It is false if an answer is not as it should be.
func (o *evalOptions) askAll(out *printer, j judge.Judge, p *plan.Plan, in *request.Reader) (bool, error) {
	s := score{good: true}
	for {
		some, err := nextSome(in)
		if err != nil && err != io.EOF {
			return false, err
		}
		if len(some) > 0 {
			if err := o.ask(out, j, p, some, &s); err != nil {
				return false, err
			}
		}
		if err == io.EOF {
			return s.finish(out), nil
		}
	}
}

// nextSome reads some requests, fewer than atATime with an error.
func nextSome(in *request.Reader) (some []*request.Request, err error) {
	for len(some) < atATime {
		r, err := in.Next()
		if err != nil {
			return some, err
		}
		if r.Context != nil {
			return nil, &statusError{exitInput, fmt.Errorf("line %d: found a context, expected a request: kernels make contexts themselves",
				r.Line)}
		}
		some = append(some, r)
	}
	return some, nil
}

// ask asks about some requests, and the model of the same release as well.
func (o *evalOptions) ask(out *printer, j judge.Judge, p *plan.Plan, some []*request.Request, s *score) error {
	var sqes []*trace.SQE
	for _, r := range some {
		sqes = append(sqes, r.SQE)
	}
	got, err := dryrun.Ask(j, p, sqes)
	if err != nil {
		return system(err)
	}
	release, modelled := kernel.OfVersion(got.Version)
	if o.as != nil {
		release, modelled = *o.as, true
	}
	model := &eval.Evaluator{Plan: p, Release: release, Engine: o.engine}
	for i, r := range some {
		a := eval.Answer{Verdict: eval.NoPlan, Note: got.Refused}
		if got.Refused == "" {
			a = eval.Answer{Verdict: string(got.Answers[i])}
		}
		if modelled {
			m, err := model.Ask(r)
			switch {
			case err != nil:
				return err
			case m.Verdict == a.Verdict:
				a = m // it has the reason, too
			default:
				s.good = false
				a.Note = fmt.Sprintf("the model of %s says %s", release.Name, m.Verdict)
			}
		}
		s.add(r, []eval.Answer{a})
		if out.json {
			out.line(answerLine{Type: "answer", Line: r.Line, Request: r.Text, Kernel: got.Version, Verdict: a.Verdict,
				Want: string(r.Want), Why: jsonWhy(a.Why), Note: a.Note})
			continue
		}
		o.printOne(out, r, &a)
	}
	return nil
}

package main

import (
	"context"
	"io"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/uringsim/uringsim/fleet"
	"github.com/uringsim/uringsim/internal/stream"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/trial"
)

// fleetOptions are the flags of commands that add up what becomes of traces.
type fleetOptions struct {
	summary   string
	maxErrors int
	exitZeroOption
}

func (o *fleetOptions) flags(c *cobra.Command) {
	c.Flags().StringVar(&o.summary, "summary", "", "write what became of all traces to `FILE`, for uringsim merge "+
		"(docs/fleet.md); \"-\" is standard output, and {shard} in the name the I of --shard")
	c.Flags().IntVar(&o.maxErrors, "max-errors", -1, "give up with more bad traces than `N`; -1 is never")
	o.exitZeroOption.flag(c)
}

// exitZeroOption is --exit-zero.
type exitZeroOption struct{ exitZero bool }

func (o *exitZeroOption) flag(c *cobra.Command) {
	c.Flags().BoolVar(&o.exitZero, "exit-zero", false,
		"exit with 0 in place of 1, and of 3 if only traces are bad: for engines that try again after anything else")
}

// exit is what the command ends with.
func (o *exitZeroOption) exit(err error) error {
	if o.exitZero && (err == errMismatch || err == errBadTraces) {
		return nil
	}
	return err
}

// tool names what makes a summary: a version of this module.
func tool() string {
	version := "(devel)"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		version = info.Main.Version
	}
	return "uringsim " + version
}

// fleetRun replays traces for a summary.
type fleetRun struct {
	*manyOptions
	on     []kernel.Release
	policy string     // that is tried; "" if there is none
	plan   *plan.Plan // what it is; nil if there is none

	none    []fleet.Result // for each release, of no traces
	reports []sync.Pool    // of *trial.Report, for each release, if there is a policy
	stdin   io.Reader

	mu  sync.Mutex
	sum *fleet.Summary
}

// run adds up what becomes of the files, and writes it in the end. What is printed are the lines for programs of each
// trace, or the summary.
func (r *fleetRun) run(cmd *cobra.Command, out *printer, all files) error {
	r.stdin, r.sum = cmd.InOrStdin(), fleet.Empty(tool())
	if err := r.start(); err != nil {
		return err
	}
	to := strings.ReplaceAll(r.summary, "{shard}", strconv.Itoa(r.part.Index))
	toStdout := to == stream.Stdin
	if toStdout {
		out.w = io.Discard
	} else if err := mayReplace(to); err != nil {
		return err
	}
	bad := newBadTraces(r.maxErrors)
	if _, err := eachFile(cmd.Context(), out, all, bad, r.jobs, r.file); err != nil {
		return err
	}
	if !out.json {
		r.sum.Text(out.w, out.quiet)
	}
	good := r.sum.OK()
	r.sum.Divided(r.given, r.part)
	var err error
	if toStdout {
		err = system(r.sum.Write(cmd.OutOrStdout()))
	} else {
		err = replaceFile(to, r.sum.Write)
	}
	switch {
	case err != nil:
		return err
	case bad.count > 0:
		return errBadTraces
	case !good:
		return errMismatch
	}
	return nil
}

// start finds out whether releases take the policy.
func (r *fleetRun) start() (err error) {
	r.reports = make([]sync.Pool, len(r.on))
	for i, k := range r.on {
		none := fleet.Replays(k)
		if r.plan != nil {
			if none, err = fleet.Trials(r.plan, r.policy, k); err != nil {
				return err
			}
			r.reports[i].New = func() any { return trial.NewReport(r.plan, k, r.onEngine()) }
		}
		r.none = append(r.none, none)
		if err := r.sum.AddResult(&none); err != nil {
			return err
		}
	}
	return nil
}

// file adds up what becomes of a trace on all releases. The error is the first one.
func (r *fleetRun) file(ctx context.Context, out *printer, file string) (bool, error) {
	if err := bothStdin(file, len(r.on)); err != nil {
		return false, err
	}
	var failed error
	for i := range r.on {
		if r.none[i].Rejected != nil {
			continue
		}
		one := fleet.NewOne(r.none[i], file)
		err := r.trace(ctx, out, i, file, one)
		if err != nil {
			one.Fail(err)
			if failed == nil {
				failed = err
			}
		}
		r.mu.Lock()
		err = r.sum.AddResult(&one.Result)
		r.mu.Unlock()
		if err != nil {
			return false, err
		}
	}
	return failed == nil, failed
}

// trace replays a trace, or has the policy on trial, on one of the releases.
func (r *fleetRun) trace(ctx context.Context, out *printer, on int, file string, one *fleet.One) error {
	if r.plan == nil {
		if !out.json {
			silent := newPrinter(io.Discard, false, true)
			silent.progress = out.progress
			out = silent
		}
		m := model{release: r.on[on], engine: r.engine, one: one}
		_, err := m.replay(ctx, out, file, r.stdin)
		return err
	}
	last := r.reports[on].Get().(*trial.Report)
	a := attempt{release: r.on[on], report: last.Again(), file: file}
	defer r.reports[on].Put(a.report)
	err := a.play(file, r.stdin, out.progress, one)
	a.report.Sort()
	if out.json {
		a.lines(out, r.policy)
	}
	return err
}

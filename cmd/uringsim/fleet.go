package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
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

// fleetOptions are the flags of replay for many traces.
type fleetOptions struct {
	summary   string
	maxErrors int
	exitZeroOption
}

func (o *fleetOptions) flags(c *cobra.Command) {
	c.Flags().StringVar(&o.summary, "summary", "",
		"write what became of all traces to a file, for uringsim merge (docs/fleet.md); \"-\" is standard output, and {shard} "+
			"in the name the I of --shard")
	c.Flags().IntVar(&o.maxErrors, "max-errors", -1, "give up with more bad traces than this (default: never)")
	o.exitZeroOption.flag(c)
}

// exitZeroOption is --exit-zero.
type exitZeroOption struct{ exitZero bool }

func (o *exitZeroOption) flag(c *cobra.Command) {
	c.Flags().BoolVar(&o.exitZero, "exit-zero", false,
		"exit with 0 also if something breaks or differs, or traces are bad: for engines that try again after anything else")
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
	*replayOptions
	on      []kernel.Release
	none    []fleet.Result // for each release, of no traces
	reports []sync.Pool    // of *trial.Report, for each release, if there is a policy
	plan    *plan.Plan     // nil without a policy
	stdin   io.Reader

	mu  sync.Mutex
	sum *fleet.Summary
}

// onFleet adds up what becomes of the files, and writes it in the end. What is printed are the lines for programs of each
// trace, or the summary.
func (o *replayOptions) onFleet(cmd *cobra.Command, out *printer, all files) error {
	r := &fleetRun{replayOptions: o, stdin: cmd.InOrStdin(), sum: fleet.Empty(tool())}
	if err := r.start(); err != nil {
		return err
	}
	o.summary = strings.ReplaceAll(o.summary, "{shard}", strconv.Itoa(o.part.Index))
	toStdout := o.summary == stream.Stdin
	if toStdout {
		out.w = io.Discard
	} else if err := mayReplace(o.summary); err != nil {
		return &statusError{exitSystem, err}
	}
	bad := newBadTraces(o.maxErrors)
	if _, err := eachFile(cmd.Context(), out, all, bad, o.jobs, r.file); err != nil {
		return err
	}
	if !out.json {
		r.sum.Text(out.w, out.quiet)
	}
	good := r.sum.OK()
	r.sum.Divided(o.given, o.part)
	if toStdout {
		if err := r.sum.Write(cmd.OutOrStdout()); err != nil {
			return &statusError{exitSystem, err}
		}
	} else if err := replaceFile(o.summary, r.sum.Write); err != nil {
		return &statusError{exitSystem, err}
	}
	switch {
	case bad.count > 0:
		return errBadTraces
	case !good:
		return errMismatch
	}
	return nil
}

// start finds out what there is to do with each trace, and whether releases take the policy.
func (r *fleetRun) start() error {
	var err error
	if r.on, err = releases(r.kernel); err != nil {
		return err
	}
	if r.policy != "" {
		if r.plan, err = r.load(r.policy); err != nil {
			return err
		}
	}
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

// mayReplace tells before there is much work whether replaceFile will have a place to write to.
func mayReplace(file string) error {
	tmp, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*")
	if err != nil {
		return err
	}
	return errors.Join(tmp.Close(), os.Remove(tmp.Name()))
}

// replaceFile writes a file that nobody sees before it is whole.
func replaceFile(file string, write func(io.Writer) error) error {
	tmp, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	err = write(tmp)
	if err == nil {
		err = tmp.Chmod(0o644)
	}
	if closed := tmp.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), file)
}

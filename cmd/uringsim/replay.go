package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/uringsim/uringsim/cover"
	"github.com/uringsim/uringsim/internal/judge"
	"github.com/uringsim/uringsim/internal/live"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/trace"
)

// replayOptions are the flags of replay.
type replayOptions struct {
	kernel string
	json   bool
	quiet  bool
	live   bool
	record bool
	coverOptions
	guest *string // vmlinuz, set by the vm command; nil without it
}

func replayCommand() *cobra.Command { return newReplayCommand(nil) }

// newReplayCommand is replay on the model, or as a subcommand of vm in a guest.
func newReplayCommand(guest *string) *cobra.Command {
	o := replayOptions{guest: guest}
	c := &cobra.Command{
		Use:   "replay FILE...",
		Short: "Replay traces on the model, and compare with the results in them",
		Long: `replay carries out the calls of a trace and prints one line per event with its result, and for each
request that was refused, why. Results that the trace records are compared (-want +got).

With --kernel all, the table of results that differ between the releases is printed, each with the quirk that makes the
difference. With --live the calls go to the running kernel instead; --record writes its results into the traces.

A kernel is a release (` + kernel.Names() + `), with quirks switched on by +QUIRK and off
by ~QUIRK: 7.2~shared-filters-append-in-place. See uringsim kernels.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error { return o.run(cmd, files) },
	}
	f := c.Flags()
	f.BoolVar(&o.json, "json", false, "print one JSON object a line (docs/json.md)")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "print only what differs, and the summary")
	f.BoolVar(&o.record, "record", false, "write the real kernel's results into the traces")
	if guest == nil {
		f.StringVar(&o.kernel, "kernel", "7.3", "release to model, or all")
		f.BoolVar(&o.live, "live", false, "use the running kernel")
		completeKernels(c)
		o.coverOptions.flags(c)
	}
	return c
}

func (o *replayOptions) run(cmd *cobra.Command, files []string) error {
	out := newPrinter(cmd.OutOrStdout(), o.json, o.quiet)
	if err := o.start(); err != nil {
		return err
	}
	switch {
	case o.wanted() && o.live:
		return errors.New("coverage is known of filters in the model only, and not with --live")
	case o.guest != nil || o.live:
		return o.onReal(cmd.Context(), out, files)
	case o.record:
		return errors.New("--record needs a real kernel: --live, or uringsim vm --kernel VMLINUZ replay --record")
	case o.kernel == "all":
		return onAll(out, files, o)
	}
	r, err := kernel.Parse(o.kernel)
	if err != nil {
		return err
	}
	ok := true
	for _, file := range files {
		good, err := onModel(out, file, r, o.profile)
		if err != nil {
			return err
		}
		ok = ok && good
	}
	covered, err := o.finish(out)
	if err != nil {
		return err
	}
	return out.finish(ok && covered)
}

// onModel replays one file as a stream.
func onModel(out *printer, file string, r kernel.Release, profile *cover.Profile) (bool, error) {
	in, err := trace.OpenFile(file)
	if err != nil {
		return false, err
	}
	defer in.Close()
	sys := sim.New(r)
	if profile != nil {
		sys.ObserveFilters(profile)
	}
	defer sys.Close()
	run := out.start(file, r.Name, r.String(), in.Header)
	p := trace.NewPlayer(sys, in.Header.ResultsOf(r.Name))
	for {
		e, err := in.Next()
		if err == io.EOF {
			return run.end(), nil
		}
		if err != nil {
			return false, err
		}
		got, err := p.Play(&e)
		if err != nil {
			return false, inFile(file, err)
		}
		run.event(&got)
	}
}

// inFile adds the file and line to an error about an event.
func inFile(file string, err error) error {
	var e *trace.EventError
	if errors.As(err, &e) && e.Line > 0 {
		return fmt.Errorf("%s:%d: %w", file, e.Line, err)
	}
	return fmt.Errorf("%s: %w", file, err)
}

// onReal replays on the running kernel or in a guest.
func (o *replayOptions) onReal(ctx context.Context, out *printer, files []string) error {
	var j judge.Judge = judge.Here{}
	if o.guest != nil {
		g, err := judge.Boot(ctx, *o.guest)
		if err != nil {
			return &statusError{exitSystem, err}
		}
		j = g
	} else if has, err := live.HasFilters(); err != nil {
		return &statusError{exitSystem, err}
	} else if !has {
		fmt.Fprintf(os.Stderr, "uringsim: the running kernel %s has no io_uring filters; Linux 7.0 and later have\n", live.Release())
	}
	ok := true
	var unsteady error
	for _, file := range files {
		good, err := o.ask(out, j, file)
		if errors.Is(err, errUnsteady) {
			unsteady = errors.Join(unsteady, err) // the other files can still be recorded
			continue
		}
		if err != nil {
			_ = j.Close() // the first error counts
			return err
		}
		ok = ok && good
	}
	if unsteady != nil {
		_ = j.Close() // the first error counts
		return &statusError{exitSystem, unsteady}
	}
	if err := j.Close(); err != nil {
		return &statusError{exitSystem, err}
	}
	return out.finish(ok)
}

// ask replays one file on a real kernel, and records if wanted.
func (o *replayOptions) ask(out *printer, j judge.Judge, file string) (bool, error) {
	t, err := trace.ReadFile(file)
	if err != nil {
		return false, err
	}
	v, err := j.Ask(judge.Question{Trace: t, Twice: o.record})
	if err == nil && v.Unsteady != "" {
		return false, fmt.Errorf("%s: kernel %s %w (-first +second):\n%s", file, v.Version, errUnsteady, v.Unsteady)
	}
	if err != nil {
		return false, &statusError{exitSystem, fmt.Errorf("%s: %w", file, err)}
	}
	run := out.start(file, v.Release, "real kernel "+v.Version, t.Header)
	run.recording = o.record
	for i, got := range v.Results {
		outcome := trace.Compare(&t.Events[i], i+1, v.Release, got)
		if o.record {
			outcome.Want, outcome.Diff = nil, ""
			t.Events[i].Record(got)
		}
		run.event(&outcome)
	}
	if v.Err != "" {
		return false, &statusError{exitInput, fmt.Errorf("%s: %s", file, v.Err)}
	}
	if o.record {
		if err := save(t, file); err != nil {
			return false, err
		}
	}
	return run.end(), nil
}

// errUnsteady is a trace whose results cannot be recorded.
var errUnsteady = errors.New("gave different results in two runs")

// save writes the trace in place of the file.
func save(t *trace.Trace, file string) error {
	if filepath.Ext(file) == ".jsonl" {
		return fmt.Errorf("%s: recording into .jsonl is not supported; use a .json document", file)
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	if err := t.Write(tmp); err != nil {
		return err
	}
	if err := tmp.Chmod(0o644); err != nil {
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), file)
}

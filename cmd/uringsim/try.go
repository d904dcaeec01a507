package main

import (
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/uringsim/uringsim/fleet"
	"github.com/uringsim/uringsim/internal/stream"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/trial"
)

// tryOptions are the flags of try.
type tryOptions struct {
	inputOptions
	manyOptions
	on []kernel.Release
}

func tryCommand() *cobra.Command {
	var o tryOptions
	c := &cobra.Command{
		Use:   "try POLICY TRACE...",
		Short: "Tell what a policy would break of what programs were recorded to do",
		Long: `try puts a policy, program or plan on trial: what would it deny of these programs if their first task had
registered it before anything else, and what would have to be allowed (docs/impact.md)? The programs go on as they were
recorded, and results are not compared. What is refused without the policy is not counted.

Traces may have any form that uringsim replay reads. One that cannot be read, or carried out, to its end is told of and
counted, and the others go on. For many of them on many machines (docs/fleet.md), --shard looks at one of N parts,
--summary writes what became of all of them, and uringsim merge adds such summaries up.

Exit status: 0 nothing breaks, 1 something does, a verdict is not known, or no release takes the policy, 2 usage, 3 a
policy or a trace that is bad, 4 a list that breaks off, or a summary that cannot be written. With --exit-zero, 1 is 0,
and so is 3 if only traces are bad.
` + aboutKernels,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("no policy")
			}
			return filesFromArgs(c, args[1:])
		},
		RunE: func(cmd *cobra.Command, args []string) error { return o.exit(o.run(cmd, args[0], args[1:])) },
	}
	releasesFlag(c, &o.on)
	o.inputOptions.flags(c)
	o.manyOptions.flags(c)
	return c
}

// run tells what a policy would break of the traces.
func (o *tryOptions) run(cmd *cobra.Command, policy string, traces []string) error {
	if err := o.check(traces); err != nil {
		return err
	}
	if o.summary == "" && cmd.Flags().Changed("jobs") {
		return errors.New("--jobs goes with --summary; without it, traces are tried one after the other")
	}
	p, err := o.load(policy)
	if err != nil {
		return err
	}
	all, err := o.files(traces, cmd.InOrStdin())
	if err != nil {
		return err
	}
	out := newPrinter(cmd.OutOrStdout(), o.json, o.quiet)
	if o.summary != "" {
		r := fleetRun{manyOptions: &o.manyOptions, on: o.on, policy: policy, plan: p}
		return r.run(cmd, out, all)
	}
	var attempts []attempt
	for _, k := range o.on {
		attempts = append(attempts, attempt{release: k, report: trial.NewReport(p, k, o.onEngine())})
	}
	bad := newBadTraces(o.maxErrors)
	if err := attemptAll(attempts, out, cmd.InOrStdin(), all, bad); err != nil {
		return err
	}
	if out.json {
		for _, a := range attempts {
			a.lines(out, policy)
		}
	} else {
		printAttempts(out, policy, attempts)
	}
	return bad.after(out, verdictOf(attempts))
}

// verdictOf is what try ends with: an error unless a release takes the policy, and nothing breaks on those that do.
func verdictOf(attempts []attempt) error {
	accepted := false
	for _, a := range attempts {
		accepted = accepted || a.refused == nil
		if !a.ok() {
			return errMismatch
		}
	}
	if !accepted {
		return errMismatch
	}
	return nil
}

// attempt is a trial on one release.
type attempt struct {
	release kernel.Release
	report  *trial.Report
	refused *trial.Refused // nil if the release takes the policy
	lacks   []string       // what is said of files that do not have everything
	file    string         // of which alone it tells; "" if that is all
}

// ok tells whether nothing breaks or is not known.
func (a *attempt) ok() bool {
	return a.refused != nil || !a.report.Broken() && a.report.Unknown+a.report.Undecided == 0
}

// attemptAll has all attempts play all files. What is wrong with a file is told once.
func attemptAll(attempts []attempt, out *printer, stdin io.Reader, all files, bad *badTraces) error {
	shown := startProgress(all.count, &printer{quiet: true})
	defer shown.stop()
	for {
		file, err := all.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if err := bothStdin(file, len(attempts)); err != nil {
			return err
		}
		var wrong error
		for i := range attempts {
			if err := attempts[i].play(file, stdin, shown, nil); err != nil && wrong == nil {
				wrong = err
			}
		}
		if wrong != nil && !isBadTrace(wrong) {
			return wrong
		}
		if err := bad.tell(out, file, wrong); err != nil {
			return err
		}
		shown.files.Add(1)
	}
	for i := range attempts {
		attempts[i].report.Sort()
	}
	return nil
}

// bothStdin tells whether standard input would have to be read for several releases.
func bothStdin(file string, releases int) error {
	if releases > 1 && file == stream.Stdin {
		return errors.New("--kernel all reads its traces again for each release, which standard input cannot be")
	}
	return nil
}

// play adds a file. What it comes to is also added to one, if that is wanted.
func (a *attempt) play(file string, stdin io.Reader, shown *progress, one *fleet.One) error {
	if a.refused != nil {
		return nil
	}
	in, err := openTrace(file, stdin)
	if err != nil {
		return err
	}
	defer in.Close()
	if text := lacks(file, &in.Header); text != "" && len(a.lacks) < maxLacks {
		a.lacks = append(a.lacks, text)
	}
	events := counted{Reader: in, p: shown}
	err = a.report.Play(file, &events)
	if errors.As(err, &a.refused) {
		return nil
	}
	if one != nil {
		one.Header(&in.Header)
		one.Trial(a.report, events.events)
	}
	return located(file, err)
}

// maxLacks is how many files are named that do not have everything.
const maxLacks = 100

// located adds the file to an error about an event; others have it.
func located(file string, err error) error {
	var e *trace.EventError
	if errors.As(err, &e) {
		return inFile(file, err)
	}
	return err
}

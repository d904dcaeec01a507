package main

import (
	"context"
	"errors"
	"io"
	"runtime"
	"slices"

	"github.com/spf13/cobra"

	"github.com/uringsim/uringsim/internal/stream"
	"github.com/uringsim/uringsim/kernel"
)

// replayOptions are the flags of replay.
type replayOptions struct {
	manyOptions
	coverOptions
	target target
	page   string
	record bool
	as     string // the release whose results a real kernel is held to; "" is that of its version
}

func replayCommand() *cobra.Command {
	var o replayOptions
	c := &cobra.Command{
		Use:   "replay FILE...",
		Short: "Replay traces on the model or a real kernel, and compare with the results in them",
		Long: `replay carries out the calls of a trace and prints one line per event with its result, and for each
request that was refused, why. Results that the trace records are compared (-want +got).

With several releases, the table of results that differ between them is printed, each with the quirk that makes the
difference. Each trace then has to fit into memory; on one release, lines (.jsonl) are replayed as they are read. --html
writes a report for people as well, which tells of one release and compares it with all.

A file may be compressed (.zst, .gz) or packed (docs/pack.md); "-" is standard input, in any of these forms. Several
files are replayed at a time, and their output comes in the order of the files. A trace that cannot be read, or carried
out, to its end is told of and counted, and the others go on; the exit status is 3 in the end.

For many traces on many machines (docs/fleet.md), --shard looks at one of N parts of the files, --summary writes what
became of all of them, and uringsim merge adds such summaries up.

With --kernel live the calls go to the running kernel, and with --kernel ./vmlinuz to that image, in a guest (QEMU). A
real kernel is held to what is recorded of the release of its version, or of --as; --record writes its results into the
traces.

Exit status: 0 all is as it should be, 1 something differs or is not known, 2 usage, 3 a trace that is bad, 4 a kernel
that cannot be asked, a list that breaks off, or a file that cannot be written. With --exit-zero, 1 is 0, and so is 3 if
only traces are bad.
` + aboutKernels,
		Args: filesFromArgs,
		RunE: func(cmd *cobra.Command, files []string) error { return o.exit(o.run(cmd, files)) },
	}
	f := c.Flags()
	targetFlag(c, &o.target)
	choiceFlag(c, &o.as, "as", "RELEASE", "", "release whose recorded results a real kernel is held to",
		releaseNames(kernel.Measured()))
	f.BoolVar(&o.record, "record", false, "write the real kernel's results into the traces")
	f.StringVar(&o.page, "html", "", "write a report for people to `FILE`, as a page (docs/report.md)")
	o.manyOptions.flags(c)
	o.coverOptions.flags(c)
	exclude(c, "as", "record")
	exclude(c, "summary", "cover", "cover-html", "cover-min", "html")
	exclude(c, "html", "files-from", "shard")
	return c
}

// aboutKernels ends the help of commands that take quirks.
const aboutKernels = `
A release may have quirks switched on by +QUIRK and off by ~QUIRK: 7.2~shared-filters-append-in-place is 7.2 with that
mended. uringsim kernels lists releases and quirks.`

func (o *replayOptions) run(cmd *cobra.Command, args []string) error {
	err := o.target.only(cmd, []string{"cover", "cover-html", "cover-min", "html", "summary", "jobs", "engine"},
		[]string{"as", "record"})
	if err = errors.Join(err, o.start(), o.check(args)); err != nil {
		return err
	}
	if o.page != "" && slices.Contains(args, stream.Stdin) {
		return errors.New("--html reads its traces twice, which standard input cannot be")
	}
	out := newPrinter(cmd.OutOrStdout(), o.json, o.quiet)
	all, err := o.files(args, cmd.InOrStdin())
	if err != nil {
		return err
	}
	switch {
	case o.target.real():
		return o.onReal(cmd.Context(), out, cmd.InOrStdin(), all)
	case o.summary != "":
		r := fleetRun{manyOptions: &o.manyOptions, on: o.target.models}
		return r.run(cmd, out, all)
	}
	err = o.onModels(cmd, out, all)
	if o.page == "" || err != nil && !errors.Is(err, errMismatch) {
		return err
	}
	last := o.target.models[len(o.target.models)-1]
	if pageErr := writePage(o.page, last, args, o.onEngine()); pageErr != nil {
		return pageErr
	}
	return err // a mismatch has its page, too
}

// ballastSize is how many bytes are kept and never touched, and so take no memory. A replay has little in use and makes
// garbage for each event; the collector, which waits until there is as much garbage as memory in use, waits for this much
// at least.
const ballastSize = 16 << 20

// onModels replays files on the releases.
func (o *replayOptions) onModels(cmd *cobra.Command, out *printer, all files) error {
	do := o.job(cmd.InOrStdin(), all.count > 0 && 2*all.count <= o.jobs)
	if o.profile != nil {
		o.jobs = 1 // it counts for all files
	}
	ballast := make([]byte, ballastSize)
	bad := newBadTraces(o.maxErrors)
	ok, err := eachFile(cmd.Context(), out, all, bad, o.jobs, do)
	runtime.KeepAlive(ballast)
	if err != nil {
		return err
	}
	covered, err := o.finish(out)
	if err != nil {
		return err
	}
	return bad.after(out, out.finish(ok && covered))
}

// job is what is done with each file on the model; ahead tells whether there is a core for each to read ahead.
func (o *replayOptions) job(stdin io.Reader, ahead bool) job {
	if len(o.target.models) > 1 {
		return func(_ context.Context, out *printer, file string) (bool, error) {
			return onSeveral(out, stdin, file, o.target.models, o.profile, o.onEngine())
		}
	}
	r := o.target.models[0]
	return func(ctx context.Context, out *printer, file string) (bool, error) {
		m := model{release: r, engine: o.engine, profile: o.profile, ahead: ahead}
		// Reasons are for what is printed, or counted. Standard input cannot be read again to get them.
		m.quiet = out.quiet && !out.json && o.profile == nil && file != stream.Stdin
		ok, err := m.replay(ctx, out, file, stdin)
		if errors.Is(err, errReasons) {
			m.quiet = false
			ok, err = m.replay(ctx, out, file, stdin)
		}
		return ok, err
	}
}

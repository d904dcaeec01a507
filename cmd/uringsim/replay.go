package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/cover"
	"github.com/uringsim/uringsim/fleet"
	"github.com/uringsim/uringsim/internal/judge"
	"github.com/uringsim/uringsim/internal/live"
	"github.com/uringsim/uringsim/internal/stream"
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
	page   string
	jobs   int // 0 is as many as there are cores
	engineOption
	coverOptions
	trialOptions
	tracesOptions
	fleetOptions
	guest *string // vmlinuz, set by the vm command; nil without it
	as    string  // the release whose results a real kernel is held to; "" is that of its version
}

func replayCommand() *cobra.Command { return newReplayCommand(nil) }

// newReplayCommand is replay on the model, or as a subcommand of vm in a guest.
func newReplayCommand(guest *string) *cobra.Command {
	o := replayOptions{guest: guest, fleetOptions: fleetOptions{maxErrors: -1}}
	c := &cobra.Command{
		Use:   "replay FILE...",
		Short: "Replay traces on the model, and compare with the results in them",
		Long: `replay carries out the calls of a trace and prints one line per event with its result, and for each
request that was refused, why. Results that the trace records are compared (-want +got).

With --kernel all, the table of results that differ between the releases is printed, each with the quirk that makes the
difference. Each trace then has to fit into memory; on one release, lines (.jsonl) are replayed as they are read. --html
writes a report for people as well, which tells of one release and compares it with all.

A file may be compressed (.zst, .gz) or packed (docs/pack.md); "-" is standard input, in any of these forms.
Several files are replayed at a time, and their output comes in the order of the files. A trace that cannot be read, or
carried out, to its end is told of and counted, and the others go on; the exit status is 3 in the end.

For many traces on many machines (docs/fleet.md), --shard looks at one of N parts of the files, --summary writes what
became of all of them, and uringsim merge adds such summaries up.

With --live the calls go to the running kernel instead; --record writes its results into the traces. It is held to what is
recorded of the release of its version, or of --as.

With --policy, a policy, program or plan is put on trial: what would it deny of these programs if their first task had
registered it before anything else, and what would have to be allowed (docs/impact.md)? The programs go on as they were
recorded, and results are not compared. What is refused without the policy is not counted. The exit status is 1 if
anything breaks, or if a verdict is not known.

Exit status: 0 all is as it should be, 1 something differs, breaks or is not known, 2 usage, 3 a policy or a trace that
is bad, 4 a kernel that cannot be asked, a list that breaks off, or a summary that cannot be written. With --exit-zero, 1
is 0, and so is 3 if only traces are bad.

A kernel is a release (` + kernel.Names() + `), with quirks switched on by +QUIRK and off
by ~QUIRK: 7.2~shared-filters-append-in-place. See uringsim kernels.`,
		Args: filesFromArgs,
		RunE: func(cmd *cobra.Command, files []string) error { return o.exit(o.run(cmd, files)) },
	}
	f := c.Flags()
	f.BoolVar(&o.json, "json", false, "print one JSON object a line (docs/json.md)")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "print only what differs, and the summary")
	f.BoolVar(&o.record, "record", false, "write the real kernel's results into the traces")
	f.StringVar(&o.as, "as", "", "release whose recorded results a real kernel is held to")
	complete(c, "as", releaseNames(kernel.Measured()))
	c.MarkFlagsMutuallyExclusive("as", "record")
	if guest == nil {
		f.StringVar(&o.kernel, "kernel", "7.3", "release to model, or all")
		f.BoolVar(&o.live, "live", false, "use the running kernel")
		f.StringVar(&o.page, "html", "", "write a report for people to a file, as a page (docs/report.md)")
		f.IntVarP(&o.jobs, "jobs", "j", 0, "use so many cores: for a file each, or to read ahead (default: all)")
		completeKernels(c)
		o.engineOption.flag(c)
		o.coverOptions.flags(c)
		f.StringVar(&o.policy, "policy", "", "put this policy on trial, and tell what it would break")
		o.inputOptions.flags(c)
		f.Lookup("form").Usage = "form of the policy; without it, its suffix tells (see uringsim asm --help)"
		f.Lookup("op").Usage = "opcode that a program put on trial is for, such as SOCKET"
		f.Lookup("name").Usage = "name of the program put on trial in a source file with several"
		o.tracesOptions.flags(c)
		o.fleetOptions.flags(c)
		for flag, others := range map[string][]string{
			"policy":     {"live", "record", "cover", "cover-html", "cover-min", "html"},
			"summary":    {"live", "record", "cover", "cover-html", "cover-min", "html"},
			"files-from": {"live", "record", "html"},
			"shard":      {"live", "record", "html"},
		} {
			for _, other := range others {
				c.MarkFlagsMutuallyExclusive(flag, other)
			}
		}
	}
	return c
}

func (o *replayOptions) run(cmd *cobra.Command, files []string) error {
	out := newPrinter(cmd.OutOrStdout(), o.json, o.quiet)
	if err := o.start(); err != nil {
		return err
	}
	if err := errors.Join(o.tracesOptions.check(files), o.checkAs()); err != nil {
		return err
	}
	switch {
	case o.wanted() && o.live:
		return errors.New("coverage is known of filters in the model only, and not with --live")
	case o.page != "" && o.live:
		return errors.New("--html tells of the model only, and not with --live")
	case o.guest != nil || o.live:
		return o.onReal(cmd.Context(), out, cmd.InOrStdin(), files)
	case o.record:
		return errors.New("--record needs a real kernel: --live, or uringsim vm --kernel VMLINUZ replay --record")
	case o.jobs < 0:
		return fmt.Errorf("--jobs is %d, expected a number of files", o.jobs)
	case o.page != "" && slices.Contains(files, stream.Stdin):
		return errors.New("--html reads its traces twice, which standard input cannot be")
	}
	all, err := o.files(files, cmd.InOrStdin())
	if err != nil {
		return err
	}
	switch {
	case o.summary != "":
		return o.onFleet(cmd, out, all)
	case o.policy != "":
		return o.onTrial(out, cmd.InOrStdin(), all)
	}
	err = o.onModels(cmd, out, all)
	if o.page == "" || err != nil && !errors.Is(err, errMismatch) {
		return err
	}
	if pageErr := writePage(o.page, o.kernel, files, o.onEngine()); pageErr != nil {
		return pageErr
	}
	return err // a mismatch has its page, too
}

// checkAs fails if there is nothing to hold a real kernel to.
func (o *replayOptions) checkAs() error {
	names := releaseNames(kernel.Measured())
	switch {
	case o.as == "":
		return nil
	case !o.live && o.guest == nil:
		return errors.New("--as says what a real kernel should be like: --live, or uringsim vm --kernel VMLINUZ replay")
	case !slices.Contains(names, o.as):
		return fmt.Errorf("--as: found %q, of which nothing is recorded, expected %s", o.as, strings.Join(names, ", "))
	}
	return nil
}

// ballastSize is how many bytes are kept and never touched, and so take no memory. A replay has little in use and makes
// garbage for each event; the collector, which waits until there is as much garbage as memory in use, waits for this much
// at least.
const ballastSize = 16 << 20

// onModels replays files on the release, or on all.
func (o *replayOptions) onModels(cmd *cobra.Command, out *printer, all files) error {
	if o.jobs == 0 {
		o.jobs = runtime.GOMAXPROCS(0)
	}
	do, err := o.job(cmd.InOrStdin(), all.count > 0 && 2*all.count <= o.jobs)
	if err != nil {
		return err
	}
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
func (o *replayOptions) job(stdin io.Reader, ahead bool) (job, error) {
	if o.kernel == "all" {
		return func(_ context.Context, out *printer, file string) (bool, error) {
			return onAll(out, stdin, file, o.profile, o.onEngine())
		}, nil
	}
	r, err := kernel.Parse(o.kernel)
	if err != nil {
		return nil, err
	}
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
	}, nil
}

// openTrace opens a trace that may be compressed, or standard input, if there is one.
func openTrace(file string, stdin io.Reader) (*trace.Reader, error) {
	if file == stream.Stdin && stdin == nil {
		return nil, errors.New("found \"-\", expected files: standard input is for replay on the model, without more")
	}
	in, err := stream.Open(file, stdin)
	if err != nil {
		return nil, err
	}
	return trace.NewReader(in, file)
}

// readTrace reads all of a trace.
func readTrace(file string, stdin io.Reader) (*trace.Trace, error) {
	in, err := openTrace(file, stdin)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return in.All()
}

// errReasons says that a quiet kernel gave something that is to be printed, with reasons.
var errReasons = errors.New("something differs or is not modelled")

// model is what traces are replayed on.
type model struct {
	release kernel.Release
	engine  cbpfvm.Engine
	profile *cover.Profile // nil if nothing is counted
	one     *fleet.One     // to which is added what comes out; nil if nothing is added up
	quiet   bool           // there are no reasons, which takes less than half the time
	ahead   bool           // a core has nothing to do but to read ahead
}

// replay replays one trace as a stream. It prints nothing before errReasons.
func (m *model) replay(ctx context.Context, out *printer, file string, stdin io.Reader) (bool, error) {
	in, err := openTrace(file, stdin)
	if err != nil {
		return false, err
	}
	defer in.Close()
	in.Share(true)
	in.AsBytes(m.quiet)
	if m.ahead && isRegular(file) { // others may have no more for now
		in.Ahead()
	}
	sys := sim.New(m.release, sim.WithEngine(m.engine))
	sys.SetQuiet(m.quiet)
	if m.profile != nil {
		sys.ObserveFilters(m.profile)
	}
	defer sys.Close()
	run := out.start(file, m.release.Name, m.release.String(), in.Header)
	if run.one = m.one; run.one != nil {
		run.one.Header(&in.Header)
	}
	p := trace.NewPlayerOf(sys, &in.Header, m.release.Name)
	p.Share(true)
	for ctx.Err() == nil {
		e, err := in.Next()
		if err == io.EOF {
			return run.end(), nil
		}
		if err != nil {
			run.endEarly()
			return false, err
		}
		got, err := p.Play(&e)
		if err != nil {
			run.endEarly()
			return false, inFile(file, err)
		}
		if m.quiet && !got.OK() {
			return false, errReasons
		}
		run.event(&got)
		if file == stream.Stdin {
			out.flush() // what is written may be watched
		}
	}
	return false, errStopped
}

// isRegular tells whether the file is neither a pipe nor a device.
func isRegular(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.Mode().IsRegular()
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
func (o *replayOptions) onReal(ctx context.Context, out *printer, stdin io.Reader, files []string) error {
	if has, err := live.HasFilters(); o.guest == nil && err == nil && !has {
		fmt.Fprintf(os.Stderr, "uringsim: the running kernel %s has no io_uring filters; Linux 7.0 and later have\n", live.Release())
	}
	bad, ok := newBadTraces(o.maxErrors), false
	err := askReal(ctx, o.guest, exitSystem, func(j judge.Judge) (err error) {
		ok, err = o.askAll(out, j, bad, stdin, files)
		return err
	})
	if err != nil {
		return err
	}
	return bad.after(out, out.finish(ok))
}

// askAll replays files on a real kernel. One that it does not play to its end, or not twice the same, does not end the
// others; a kernel that cannot be asked any more does.
func (o *replayOptions) askAll(out *printer, j judge.Judge, bad *badTraces, stdin io.Reader, files []string) (bool, error) {
	ok := true
	for _, file := range files {
		good, err := o.ask(out, j, stdin, file)
		if status(err) == exitSystem {
			return false, err
		}
		if err := bad.tell(out, file, err); err != nil {
			return false, err
		}
		ok = ok && (good || err != nil)
	}
	return ok, nil
}

// ask replays one file on a real kernel, and records if wanted.
func (o *replayOptions) ask(out *printer, j judge.Judge, stdin io.Reader, file string) (bool, error) {
	in, err := openTrace(file, stdin)
	if err != nil {
		return false, err
	}
	defer in.Close()
	if o.record && (file == stream.Stdin || stream.Plain(file) != file || filepath.Ext(file) == ".jsonl" || in.Packed()) {
		return false, fmt.Errorf("%s: recording is only supported into a .json document", file)
	}
	t, err := in.All()
	if err != nil {
		return false, err
	}
	v, err := j.Ask(judge.Question{Trace: t, Twice: o.record})
	if err == nil && v.Unsteady != "" {
		return false, fmt.Errorf("%s: kernel %s gave different results in two runs (-first +second):\n%s", file, v.Version,
			v.Unsteady)
	}
	if err != nil {
		return false, &statusError{exitSystem, fmt.Errorf("%s: %w", file, err)}
	}
	release := cmp.Or(o.as, v.Release)
	run := out.start(file, release, "real kernel "+v.Version, t.Header)
	run.recording = o.record
	for i, got := range v.Results {
		outcome := trace.Compare(&t.Events[i], i+1, release, got)
		if o.record {
			outcome.Want, outcome.Diff = nil, ""
			t.Events[i].Record(got)
		}
		run.event(&outcome)
	}
	if v.Err != "" {
		run.endEarly()
		return false, &statusError{exitInput, fmt.Errorf("%s: %s", file, v.Err)}
	}
	if o.record {
		if err := replaceFile(file, t.Write); err != nil {
			return false, err
		}
	}
	return run.end(), nil
}

package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/uringsim/uringsim/gen"
	"github.com/uringsim/uringsim/internal/differ"
	"github.com/uringsim/uringsim/internal/judge"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/opdef"
	"github.com/uringsim/uringsim/trace"
)

func genCommand() *cobra.Command {
	var kind string
	var seed uint64
	var out outputOption
	c := &cobra.Command{
		Use:   "gen",
		Short: "Generate a trace from a seed",
		Long:  "gen writes the trace of a kind and a seed, the same on every machine. The kinds are:\n\n" + kindList(),
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			k, _ := gen.KindOf(kind)
			var text bytes.Buffer
			err := k.Trace(seed).Write(&text)
			return out.write(cmd, text.Bytes(), err)
		},
	}
	choiceFlag(c, &kind, "kind", "KIND", "mixed", "kind of trace", kindNames())
	c.Flags().Uint64Var(&seed, "seed", 1, "`N` that decides on everything in it")
	out.flag(c)
	return c
}

func kindList() string {
	var b strings.Builder
	for _, k := range gen.Kinds {
		fmt.Fprintf(&b, "  %-9s %s\n", k.Name, k.What)
	}
	return b.String()
}

// diffOptions are the flags of diff.
type diffOptions struct {
	kernels, image  string
	as              kernel.Release
	kinds           []gen.Kind
	seed            uint64
	n, jobs, shrink int
	cpus            int
	limit           time.Duration
	first           bool
	out, corpus     string
	engineOption
	json, outcomes bool
}

func diffCommand() *cobra.Command {
	var o diffOptions
	c := &cobra.Command{
		Use:   "diff --kernels DIR | --kernel VMLINUZ [--as RELEASE]",
		Short: "Compare the model with real kernels on generated traces",
		Long: `diff plays generated traces on the model and on real kernels in guests (QEMU), twice each, and reports where they
disagree, made small. A trace whose two runs differ, and of which the model agrees with one, is excluded and counted.

--kernels names a folder with 7.3/vmlinuz and so on; --kernel a single image, which is compared with the model of the
release --as. docs/kernels.md tells how to go on with a disagreement. uringsim diff-policy compares policies.

Exit status: 0 all agree, 1 something disagrees, 2 usage, 4 a kernel that cannot be asked.
` + aboutKernels,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	f := c.Flags()
	f.StringVar(&o.kernels, "kernels", "", "`DIR` of kernels, RELEASE/vmlinuz, each compared with its release")
	f.StringVar(&o.image, "kernel", "", "one kernel `IMAGE`, compared with --as")
	as := &parsed[kernel.Release]{to: &o.as, kind: "RELEASE", parse: kernel.Parse}
	f.Var(as.set(newest), "as", "release that --kernel is compared with")
	completeWith(c, "as", completeReleases())
	exclude(c, "kernels", "kernel", "as")
	c.MarkFlagsOneRequired("kernels", "kernel")
	o.engineOption.flag(c)
	kinds := &parsed[[]gen.Kind]{to: &o.kinds, kind: "KINDS", parse: gen.ParseKinds}
	f.Var(kinds.set("all"), "kinds", "kinds of traces, with commas between (uringsim gen --help)")
	completeWith(c, "kinds", completeList(append(kindNames(), "all")))
	f.Uint64Var(&o.seed, "seed", 1, "first seed `N`")
	f.IntVar(&o.n, "n", 10, "play `N` traces of the rarest kind; the others get more")
	f.DurationVar(&o.limit, "for", 0, "go on with further seeds, --n of them at a time, for so long a `TIME`: 8h is a night")
	f.BoolVar(&o.first, "first", false, "end at a kernel's first disagreement")
	jobsFlag(c, &o.jobs, "boot so many guests at a time")
	f.IntVar(&o.cpus, "cpus", 1, "boot guests with `N` processors, with which more traces are up to races, and excluded")
	f.IntVar(&o.shrink, "shrink", 3, "make `N` disagreements small, per kernel and kind")
	f.StringVarP(&o.out, "output", "o", "found", "`DIR` for traces that disagree")
	f.StringVar(&o.corpus, "corpus", "", "`DIR` to write the traces to, with the kernels' results, where all agree")
	jsonFlag(c, &o.json)
	f.BoolVar(&o.outcomes, "outcomes", false, "also print how often each outcome came up, and which checks of prep nothing failed")
	return c
}

func (o *diffOptions) run(cmd *cobra.Command) error {
	if o.cpus < 1 {
		return fmt.Errorf("--cpus: found %d, expected 1 or more", o.cpus)
	}
	images, err := o.images()
	if err != nil {
		return err
	}
	start := time.Now()
	plan := differ.Plan{
		Kernels: images, Kinds: o.kinds, Seed: o.seed, N: o.n, For: o.limit, First: o.first,
		Parallel: o.jobs, Shrink: o.shrink, Engine: o.engine,
		Progress: func(format string, args ...any) {
			fmt.Fprintf(os.Stderr, "%5.0fs  %s\n", time.Since(start).Seconds(), fmt.Sprintf(format, args...))
		},
		Boot: func(ctx context.Context, vmlinuz string) (judge.Judge, error) {
			g, err := judge.Boot(ctx, vmlinuz, o.cpus)
			if err != nil {
				return nil, err // not a judge that is a nil guest
			}
			return g, nil
		},
	}
	if o.corpus != "" {
		plan.Corpus = &differ.Corpus{}
	}
	rows, err := differ.Run(cmd.Context(), plan)
	ok := o.report(cmd, rows)
	if err == nil && o.corpus != "" {
		err = plan.Corpus.Write(o.corpus)
	}
	if err != nil {
		return system(err)
	}
	if !ok {
		return errMismatch
	}
	return nil
}

// images are the kernels to compare with.
func (o *diffOptions) images() ([]differ.Kernel, error) {
	if o.image != "" {
		return []differ.Kernel{{Vmlinuz: o.image, Release: o.as}}, nil
	}
	var images []differ.Kernel
	for _, r := range kernel.Measured() {
		file := filepath.Join(o.kernels, r.Name, "vmlinuz")
		if _, err := os.Stat(file); err == nil {
			images = append(images, differ.Kernel{Vmlinuz: file, Release: r})
		}
	}
	if len(images) == 0 {
		return nil, fmt.Errorf("%s has no RELEASE/vmlinuz of %s", o.kernels, kernel.Names())
	}
	return images, nil
}

// rowLine is the JSON of a row.
type rowLine struct {
	Type          string         `json:"type"`
	Kernel        string         `json:"kernel"`
	Release       string         `json:"release"`
	Kind          string         `json:"kind"`
	Cases         int            `json:"cases"`
	Agree         int            `json:"agree"`
	Disagree      int            `json:"disagree"`
	Excluded      int            `json:"excluded"`
	Calls         int            `json:"calls"`
	SQEs          int            `json:"sqes"`
	Registrations int            `json:"registrations"`
	Outcomes      map[string]int `json:"outcomes"`
}

// report prints the table and what was found; it is false if anything disagrees.
func (o *diffOptions) report(cmd *cobra.Command, rows []differ.Row) bool {
	out := newPrinter(cmd.OutOrStdout(), o.json, false)
	w := tabwriter.NewWriter(out.w, 0, 0, 2, ' ', 0)
	if !o.json {
		fmt.Fprintln(w, "kernel\tkind\tcases\tagree\tdisagree\texcluded\tcalls\tSQEs\tregistrations")
	}
	ok := true
	sums := map[string]*differ.Row{}
	var order []string
	for i := range rows {
		r := &rows[i]
		ok = ok && r.Disagree == 0
		if o.json {
			out.line(rowLine{"row", r.Kernel, r.Release, r.Kind, r.Cases, r.Agree, r.Disagree, r.Excluded, r.Stats.Calls,
				r.Stats.SQEs, r.Stats.Registrations, r.Stats.Outcomes})
			continue
		}
		printRow(w, r.Release, r.Kind, r)
		if sums[r.Release] == nil {
			sums[r.Release] = differ.NewRow()
			order = append(order, r.Release)
		}
		sums[r.Release].Add(r)
	}
	for _, release := range order {
		printRow(w, release, "all", sums[release])
	}
	_ = w.Flush() // to a printer that does not report errors
	if o.outcomes && !o.json {
		for _, release := range order {
			printOutcomes(out, release, sums[release].Stats.Outcomes)
		}
		printUnreached(out, sums)
	}
	for i := range rows {
		for j := range rows[i].Found {
			o.found(out, &rows[i], &rows[i].Found[j])
		}
	}
	return ok
}

func printRow(w *tabwriter.Writer, release, kind string, r *differ.Row) {
	fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\n", release, kind, r.Cases, r.Agree, r.Disagree, r.Excluded,
		r.Stats.Calls, r.Stats.SQEs, r.Stats.Registrations)
}

func printOutcomes(out *printer, release string, outcomes map[string]int) {
	fmt.Fprintf(out.w, "\noutcomes on %s\n", release)
	for _, name := range slices.Sorted(maps.Keys(outcomes)) {
		fmt.Fprintf(out.w, "  %8d  %s\n", outcomes[name], name)
	}
}

// printUnreached prints which checks of prep functions no case failed, on any kernel.
func printUnreached(out *printer, sums map[string]*differ.Row) {
	all := differ.NewRow()
	for _, r := range sums {
		all.Add(r)
	}
	unreached := all.Stats.Unreached()
	fmt.Fprintf(out.w, "\n%d of %d ways in which prep fails were not reached\n", len(unreached), len(opdef.Exits()))
	for _, e := range unreached {
		fmt.Fprintf(out.w, "  %v\n", e)
	}
}

// found prints a disagreement and writes its trace.
func (o *diffOptions) found(out *printer, r *differ.Row, f *differ.Found) {
	file := ""
	if f.Small != nil {
		file = filepath.Join(o.out, fmt.Sprintf("%s-%d-%s.json", r.Kind, f.Seeds[0], r.Release))
		if err := writeTrace(f.Small, file); err != nil {
			fmt.Fprintln(os.Stderr, "uringsim:", err)
		}
	}
	if o.json {
		out.line(struct {
			Type    string   `json:"type"`
			Release string   `json:"release"`
			Kind    string   `json:"kind"`
			Cause   string   `json:"cause"`
			Seeds   []uint64 `json:"seeds"`
			Diff    string   `json:"diff"`
			File    string   `json:"file,omitzero"`
		}{"found", r.Release, r.Kind, f.Cause, f.Seeds, f.Finding.Diff, file})
		return
	}
	fmt.Fprintf(out.w, "\n%s %s: %d disagree, first with seed %d, in event %d (-kernel +model)\n%s%s", r.Release, r.Kind, len(f.Seeds),
		f.Seeds[0], f.Finding.Event, indent(f.Finding.Diff), f.Finding.Why)
	if f.Small != nil {
		fmt.Fprintf(out.w, "made small: %s\n", file)
		_ = f.Small.Write(out.w) // to a printer that does not report errors
		fmt.Fprintf(out.w, "go on with: uringsim replay --kernel %s %s\n", r.Release, file)
	}
}

func writeTrace(t *trace.Trace, file string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return writeFile(file, t.Write)
}

func kindNames() (names []string) {
	for _, k := range gen.Kinds {
		names = append(names, k.Name)
	}
	return names
}

package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/uringsim/uringsim/fleet"
	"github.com/uringsim/uringsim/internal/stream"
)

// mergeOptions are the flags of merge.
type mergeOptions struct {
	filesFrom string
	output    string
	text      bool
	quiet     bool
	exitZeroOption
}

func mergeCommand() *cobra.Command {
	var o mergeOptions
	c := &cobra.Command{
		Use:   "merge SUMMARY...",
		Short: "Add up what replays of many traces gave",
		Long: `merge adds up summaries that uringsim replay and try wrote with --summary, in any order, and writes a summary again, or
with --text what people want to know of it. All shards of some traces give what one replay of these traces gives, byte by byte
(docs/fleet.md). A file may have several summaries, one behind the other, and be compressed; "-" is standard input.

Summaries of different versions of uringsim are not added up, as these may judge otherwise.

The exit status is that of a replay of all traces: 0 if nothing breaks, differs or is unknown, 1 if something does, or if
shards are missing, 2 usage, 3 if traces were bad or a summary is, 4 a summary that cannot be written. With --exit-zero, 1
is 0, and so is 3 if only traces were bad.`,
		Args: filesFromArgs,
		RunE: func(cmd *cobra.Command, files []string) error { return o.exit(o.run(cmd, files)) },
	}
	f := c.Flags()
	filesFromFlag(c, &o.filesFrom)
	f.StringVarP(&o.output, "output", "o", stream.Stdin, "`FILE` to write the sum to; \"-\" is standard output")
	f.BoolVar(&o.text, "text", false, "print it for people")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "with --text, print no reasons")
	o.exitZeroOption.flag(c)
	c.MarkFlagsMutuallyExclusive("text", "output")
	return c
}

func (o *mergeOptions) run(cmd *cobra.Command, args []string) error {
	if o.quiet && !o.text {
		return errors.New("--quiet goes with --text")
	}
	from := tracesOptions{filesFrom: o.filesFrom}
	if err := from.check(args); err != nil {
		return err
	}
	all, err := from.files(args, cmd.InOrStdin())
	if err != nil {
		return err
	}
	sum := fleet.Empty("")
	for {
		file, err := all.next()
		if err == io.EOF {
			break
		}
		if err == nil {
			err = addSummaries(sum, file, cmd.InOrStdin())
		}
		if err != nil {
			return err
		}
	}
	if err := o.write(cmd.OutOrStdout(), sum); err != nil {
		return &statusError{exitSystem, err}
	}
	switch {
	case sum.Failed():
		return errBadTraces
	case !sum.OK() || len(sum.Parts) > 0:
		return errMismatch
	}
	return nil
}

// addSummaries adds those of a file.
func addSummaries(sum *fleet.Summary, file string, stdin io.Reader) error {
	in, err := stream.Open(file, stdin)
	if err != nil {
		return err
	}
	defer in.Close()
	return fleet.Read(file, in, func(one *fleet.Summary) error {
		if err := sum.Add(one); err != nil {
			return &statusError{exitInput, fmt.Errorf("%s cannot be added to the summaries before it: %w", file, err)}
		}
		return nil
	})
}

// write writes the sum in the form that is wanted.
func (o *mergeOptions) write(stdout io.Writer, sum *fleet.Summary) error {
	switch {
	case o.text:
		sum.Text(stdout, o.quiet)
		return nil
	case o.output == stream.Stdin:
		return sum.Write(stdout)
	}
	return replaceFile(o.output, sum.Write)
}

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/uringsim/uringsim/fleet"
	"github.com/uringsim/uringsim/internal/stream"
)

// tracesOptions are the flags that say which traces are looked at.
type tracesOptions struct {
	filesFrom string
	shard     string

	part  fleet.Shard
	given fleet.Names // those that were named, in this shard or not
}

func (o *tracesOptions) flags(c *cobra.Command) {
	filesFromFlag(c, &o.filesFrom)
	c.Flags().StringVar(&o.shard, "shard", "",
		"look at part `I/N` of the files, with I from 0; auto, or auto/N, asks the engine that runs the job (docs/fleet.md)")
}

// filesFromFlag is --files-from.
func filesFromFlag(c *cobra.Command, to *string) {
	c.Flags().StringVar(to, "files-from", "", "read the names of more files from `FILE`, one a line; \"-\" is standard input")
}

// filesFromArgs wants files, or --files-from.
func filesFromArgs(c *cobra.Command, args []string) error {
	if c.Flags().Changed("files-from") {
		return nil
	}
	return cobra.MinimumNArgs(1)(c, args)
}

// check finds out which shard it is, and whether standard input is one thing.
func (o *tracesOptions) check(args []string) error {
	o.part = fleet.Shard{Index: 0, Of: 1}
	stdins := 0
	for _, name := range append(slices.Clone(args), o.filesFrom) {
		if name == stream.Stdin {
			stdins++
		}
	}
	switch {
	case stdins > 1:
		return errors.New("found \"-\" twice, expected standard input once")
	case o.shard == "":
		return nil
	case slices.Contains(args, stream.Stdin):
		return errors.New("--shard divides files by their names, which standard input has not")
	}
	var err error
	if o.part, err = fleet.ParseShard(o.shard, os.Getenv); err != nil {
		return fmt.Errorf("--shard: %w", err)
	}
	return nil
}

// files are those of the shard: of the arguments, and then of the list.
func (o *tracesOptions) files(args []string, stdin io.Reader) (files, error) {
	all := listed(args)
	if o.filesFrom != "" {
		list, err := stream.Open(o.filesFrom, stdin)
		if err != nil {
			return files{}, err
		}
		args, lines := all.next, linesOf(o.filesFrom, list)
		all = files{next: func() (string, error) {
			name, err := args()
			if err == io.EOF {
				return lines()
			}
			return name, err
		}}
	}
	if o.part.Of > 1 {
		all.count = 0
	}
	return files{count: all.count, next: func() (string, error) {
		for {
			name, err := all.next()
			if err != nil {
				return "", err
			}
			o.given.Add(name)
			if o.part.Has(name) {
				return name, nil
			}
		}
	}}, nil
}

// linesOf gives the lines of a list of files that are not empty.
func linesOf(file string, list io.ReadCloser) func() (string, error) {
	in := bufio.NewScanner(list)
	n := 0
	return func() (string, error) {
		for in.Scan() {
			n++
			switch name := in.Text(); name {
			case "":
			case stream.Stdin:
				return "", &statusError{exitUsage, fmt.Errorf("%s:%d: found \"-\", expected the name of a file", file, n)}
			default:
				return name, nil
			}
		}
		err := errors.Join(in.Err(), list.Close())
		if err == nil {
			return "", io.EOF
		}
		failed := &statusError{exitSystem, fmt.Errorf("%s: behind line %d: %w", file, n, err)}
		if errors.Is(err, bufio.ErrTooLong) {
			failed.status = exitInput
		}
		return "", failed
	}
}

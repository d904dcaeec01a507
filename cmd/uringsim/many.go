package main

import (
	"errors"
	"runtime"
	"strconv"

	"github.com/spf13/cobra"
)

// manyOptions are the flags of commands that replay traces, many of them if need be.
type manyOptions struct {
	json  bool
	quiet bool
	jobs  int
	engineOption
	tracesOptions
	fleetOptions
}

func (o *manyOptions) flags(c *cobra.Command) {
	jsonFlag(c, &o.json)
	c.Flags().BoolVarP(&o.quiet, "quiet", "q", false, "print only what is not as it should be, and a summary")
	jobsFlag(c, &o.jobs, "use so many cores: for a file each, or to read ahead")
	o.engineOption.flag(c)
	o.tracesOptions.flags(c)
	o.fleetOptions.flags(c)
}

// jobsFlag is -j.
func jobsFlag(c *cobra.Command, to *int, usage string) {
	p := &parsed[int]{to: to, kind: "N", parse: func(text string) (int, error) {
		n, err := strconv.Atoi(text)
		switch {
		case text == "all":
			return runtime.GOMAXPROCS(0), nil
		case err != nil || n < 1:
			return 0, errors.New("expected a number from 1 on, or all")
		}
		return n, nil
	}}
	c.Flags().VarP(p.set("all"), "jobs", "j", usage)
}

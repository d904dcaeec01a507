package main

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/load"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/policy"
	"github.com/uringsim/uringsim/source"
	"github.com/uringsim/uringsim/trace"
)

// compileOptions are the flags of compile.
type compileOptions struct {
	inputOptions
	outputOption
	to      string
	enforce []kernel.Release
}

// compiled is what there is to write: the policy is nil if the file has none.
type compiled struct {
	policy *policy.Policy
	plan   *plan.Plan
}

type compileTarget struct {
	name, doc string
	write     func(compiled) ([]byte, error)
}

// targets are what compile writes.
var targets = []compileTarget{
	{"plan", "the registrations and their programs, as JSON", compiled.writePlan},
	{"c", "a file in C that registers them with liburing", func(c compiled) ([]byte, error) { return source.C(c.plan) }},
	{"go", "a file in Go that registers them", func(c compiled) ([]byte, error) { return source.Go(c.plan) }},
	{"trace", "a trace of the calls that register them", compiled.writeTrace},
	{"oci", "the linux.ioUring object of a container", compiled.writeOCI},
	{"policy", "the text form of policies", compiled.writePolicy},
}

func compileCommand() *cobra.Command {
	var o compileOptions
	var names []string
	long := `compile makes of a policy what a sandbox registers, and checks it on the way: the restrictions, and a
program for each opcode that needs one (docs/policy.md). A policy is a file in our own text form
(.policy), a linux.ioUring object alone or in the configuration of a container (.json), or a filter
function in C (.c). Programs and plans are taken, too.

With --to it writes
`
	for _, t := range targets {
		names = append(names, t.name)
		long += fmt.Sprintf("  %-8s %s\n", t.name, t.doc)
	}
	c := &cobra.Command{
		Use:   "compile POLICY",
		Short: "Compile a policy to filters, and to what registers them",
		Long:  strings.TrimSpace(long),
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := o.compile(args[0])
			return o.write(cmd, text, err)
		},
	}
	choiceFlag(c, &o.to, "to", "FORM", "plan", "what to write: "+strings.Join(names, ", "), names)
	o.flags(c)
	o.outputOption.flag(c)
	c.Flags().Var(releasesValue(&o.enforce), "kernel",
		"releases that are to enforce it: one, some with commas between; all that can, if none is named")
	completeWith(c, "kernel", completeReleases())
	return c
}

// compile reads a file and writes it as the target.
func (o *compileOptions) compile(file string) ([]byte, error) {
	options := o.options()
	options.Kernels = o.enforce
	to := slices.IndexFunc(targets, func(t compileTarget) bool { return t.name == o.to })
	var c compiled
	var text []byte
	input, err := readInput(file)
	if err == nil {
		c.policy, err = load.Policy(file, input, options)
	}
	if err == nil && c.policy == nil && o.enforce != nil {
		return nil, fmt.Errorf("--kernel is for policies, and %s is a program or plan, which stays what it is", file)
	}
	if err == nil {
		c.plan, err = load.Text(file, input, options)
	}
	if err == nil {
		text, err = targets[to].write(c)
	}
	if err != nil {
		return nil, &statusError{exitInput, err}
	}
	return text, nil
}

func (c compiled) writePlan() ([]byte, error) {
	var out bytes.Buffer
	err := c.plan.Write(&out)
	return out.Bytes(), err
}

func (c compiled) writeTrace() ([]byte, error) {
	t := trace.Trace{Header: trace.Header{Name: "what " + c.plan.Name + " registers"}, Events: c.plan.Registration()}
	var out bytes.Buffer
	err := t.Write(&out)
	return out.Bytes(), err
}

// errNoPolicy is for targets that only policies have.
var errNoPolicy = errors.New("the file is a program or a plan, which cannot be turned back into a policy")

func (c compiled) writeOCI() ([]byte, error) {
	if c.policy == nil {
		return nil, errNoPolicy
	}
	return c.policy.OCI()
}

func (c compiled) writePolicy() ([]byte, error) {
	if c.policy == nil {
		return nil, errNoPolicy
	}
	return []byte(c.policy.String()), nil
}

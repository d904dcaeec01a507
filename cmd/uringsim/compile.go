package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/load"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/policy"
	"github.com/uringsim/uringsim/source"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// compileOptions are the flags of compile.
type compileOptions struct {
	to, form, op, kernels string
}

// compiled is what there is to write: the policy is nil if the file has none.
type compiled struct {
	policy *policy.Policy
	plan   *plan.Plan
}

// targets are what compile writes.
var targets = []struct {
	name, doc string
	write     func(compiled) ([]byte, error)
}{
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
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		},
	}
	f := c.Flags()
	f.StringVar(&o.to, "to", "plan", "what to write: "+strings.Join(names, ", "))
	f.StringVar(&o.form, "form", "", "the form of the file, if its name does not tell")
	f.StringVar(&o.op, "op", "", "the opcode that a program or function is for")
	f.StringVar(&o.kernels, "kernel", "", "releases that are to enforce it, with commas between (default all that can)")
	return c
}

// compile reads a file and writes it as the target.
func (o *compileOptions) compile(file string) ([]byte, error) {
	options, err := o.options()
	if err != nil {
		return nil, err
	}
	for _, t := range targets {
		if t.name != o.to {
			continue
		}
		var c compiled
		var text []byte
		if c.policy, err = load.Policy(file, options); err == nil {
			c.plan, err = load.File(file, options)
		}
		if err == nil {
			text, err = t.write(c)
		}
		if err != nil {
			return nil, &statusError{exitInput, err}
		}
		return text, nil
	}
	return nil, fmt.Errorf("unknown target %q; see uringsim compile --help", o.to)
}

func (o *compileOptions) options() (load.Options, error) {
	options := load.Options{Form: o.form}
	if o.op != "" {
		op, err := uapi.Ops.Parse(strings.ToUpper(o.op))
		if err != nil || op >= uapi.IORING_OP_LAST {
			return options, fmt.Errorf("found %q, expected an opcode such as SOCKET", o.op)
		}
		number := uapi.Op(op)
		options.Op = &number
	}
	if o.kernels == "" {
		return options, nil
	}
	for name := range strings.SplitSeq(o.kernels, ",") {
		k, err := kernel.Parse(name)
		if err != nil {
			return options, err
		}
		options.Kernels = append(options.Kernels, k)
	}
	return options, nil
}

func (c compiled) writePlan() ([]byte, error) {
	var out bytes.Buffer
	err := c.plan.Write(&out)
	return out.Bytes(), err
}

func (c compiled) writeTrace() ([]byte, error) {
	t := trace.Trace{Header: trace.Header{Name: "what " + c.plan.Name + " registers"}}
	t.Events = append(t.Events, trace.Event{Args: &trace.NoNewPrivsArgs{}})
	t.Events = append(t.Events, c.plan.Events(trace.InitTask)...)
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

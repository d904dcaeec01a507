package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/uringsim/uringsim/gen"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/load"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/progtext"
	"github.com/uringsim/uringsim/uapi"
)

// inputOptions are the flags of commands that read a program, a policy or a plan.
type inputOptions struct {
	form string
	op   string
	name string
}

func (o *inputOptions) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.form, "form", "", "form of the input; without it, its suffix tells (see uringsim asm --help)")
	f.StringVar(&o.op, "op", "", "opcode that a program is for, such as SOCKET")
	f.StringVar(&o.name, "name", "", "name of the program in a source file with several")
	complete(c, "op", opcodeNames())
	complete(c, "form", formNames())
}

// opcode is the one that --op names, or nil.
func (o *inputOptions) opcode() (*uapi.Op, error) {
	if o.op == "" {
		return nil, nil
	}
	v, err := uapi.Ops.Parse(o.op)
	if err != nil || v >= uapi.IORING_OP_LAST {
		return nil, fmt.Errorf("--op: %q is no opcode such as SOCKET", o.op)
	}
	op := uapi.Op(v)
	return &op, nil
}

// load reads the file.
func (o *inputOptions) load(file string) (*plan.Plan, error) {
	options, err := o.options()
	if err != nil {
		return nil, err
	}
	return load.File(file, options)
}

func (o *inputOptions) options() (load.Options, error) {
	op, err := o.opcode()
	return load.Options{Form: o.form, Op: op, Name: o.name}, err
}

// releases are those that --kernel names: one, or all.
func releases(name string) ([]kernel.Release, error) {
	if name == "all" {
		return kernel.Releases, nil
	}
	r, err := kernel.Parse(name)
	return []kernel.Release{r}, err
}

// kernelFlag is --kernel.
func kernelFlag(c *cobra.Command, to *string) {
	c.Flags().StringVar(to, "kernel", "7.3", "release to model, or all")
	completeKernels(c)
}

func completeKernels(c *cobra.Command) {
	complete(c, "kernel", append([]string{"all"}, releaseNames(kernel.Releases)...))
}

func kindNames() []string {
	names := []string{"all"}
	for _, k := range gen.Kinds {
		names = append(names, k.Name)
	}
	return names
}

// complete lets the shell complete a flag with the words.
func complete(c *cobra.Command, flag string, words []string) {
	completions := cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)
	if err := c.RegisterFlagCompletionFunc(flag, completions); err != nil {
		panic(err) // the flag exists
	}
}

func opcodeNames() []string {
	var names []string
	for _, r := range uapi.Ops.Rows {
		names = append(names, uapi.Op(r.Value).String())
	}
	return names
}

func formNames() []string {
	var names []string
	for _, f := range load.Forms() {
		names = append(names, f.Name)
	}
	return names
}

func programFormNames() []string {
	var names []string
	for _, f := range progtext.Forms() {
		names = append(names, f.Name)
	}
	return names
}

// programForms lists the forms of programs for help texts.
func programForms() string {
	var text strings.Builder
	for _, f := range progtext.Forms() {
		fmt.Fprintf(&text, "  %-9s %-12s %s\n", f.Name, strings.Join(f.Suffixes, " "), f.Doc)
	}
	return text.String()
}

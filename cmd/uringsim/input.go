package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/uringsim/uringsim/internal/stream"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/load"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/progtext"
	"github.com/uringsim/uringsim/uapi"
)

// inputOptions are the flags of commands that read a program, a policy or a plan.
type inputOptions struct {
	form string
	op   *uapi.Op // nil if none is named
	name string
}

func (o *inputOptions) flags(c *cobra.Command) {
	choiceFlag(c, &o.form, "form", "FORM", "",
		"form of the input, such as asm, c or plan; without it, its suffix tells (docs/programs.md)",
		formNames())
	op := &parsed[*uapi.Op]{to: &o.op, kind: "OPCODE", parse: parseOpcode}
	c.Flags().Var(op, "op", "opcode that a program is for, such as SOCKET")
	complete(c, "op", opcodeNames())
	c.Flags().StringVar(&o.name, "name", "", "`NAME` of the program in a source file with several")
}

func parseOpcode(text string) (*uapi.Op, error) {
	v, err := uapi.Ops.Parse(strings.ToUpper(text))
	if err != nil || v >= uapi.IORING_OP_LAST {
		return nil, errors.New("expected an opcode such as SOCKET")
	}
	op := uapi.Op(v)
	return &op, nil
}

// load reads the file, and compiles policies for the releases; without any, for all that can enforce them.
func (o *inputOptions) load(file string, enforce ...kernel.Release) (*plan.Plan, error) {
	text, err := readInput(file)
	if err != nil {
		return nil, err
	}
	options := o.options()
	options.Kernels = enforce
	return load.Text(file, text, options)
}

// readInput is the text of a file, or of standard input.
func readInput(file string) ([]byte, error) {
	if file == stream.Stdin {
		return load.Read(file, os.Stdin)
	}
	return load.ReadFile(file)
}

func (o *inputOptions) options() load.Options {
	return load.Options{Form: o.form, Op: o.op, Name: o.name}
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

package main

import (
	"bytes"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/uringsim/uringsim/internal/stream"
	"github.com/uringsim/uringsim/load"
	"github.com/uringsim/uringsim/progtext"
	"github.com/uringsim/uringsim/uapi"
)

// convertOptions are the flags of asm and disasm.
type convertOptions struct {
	inputOptions
	outputOption
	to        string
	from      string // the form of input whose name does not tell; "" is an error
	otherwise string // the form of output if nothing tells
}

func asmCommand() *cobra.Command {
	o := convertOptions{from: "asm", otherwise: "c"}
	c := &cobra.Command{
		Use:   "asm [FILE]",
		Short: "Assemble a program, or write one in another form",
		Long: `asm reads a program in any of these forms, from the file or the standard input, and writes it in another, or
as an array of C:

` + programForms() + `
What is written can be read back bit by bit the same, and nothing is checked: programs that the kernel refuses can be
written too; uringsim check tells. The assembler is bpf_asm's with names for what filters load and compare, such as
ld [socket.family] and jeq #AF_INET (docs/programs.md). Of C and Go sources, arrays of instructions are read, with the
macros and constants of the file itself; headers are not.`,
	}
	o.setUp(c)
	return c
}

func disasmCommand() *cobra.Command {
	o := convertOptions{otherwise: "asm"}
	c := &cobra.Command{
		Use:   "disasm [FILE]",
		Short: "Disassemble a program, with names for what it loads and compares",
		Long: `disasm reads a program in any form that asm reads, or a policy or plan with several, and writes assembler. With
--op, the words that the program loads and the constants that it compares them with get their names as comments.`,
	}
	o.setUp(c)
	return c
}

func (o *convertOptions) setUp(c *cobra.Command) {
	c.Args = cobra.MaximumNArgs(1)
	c.RunE = func(cmd *cobra.Command, args []string) error { return o.run(cmd, append(args, "-")[0]) }
	o.flags(c)
	choiceFlag(c, &o.to, "to", "FORM", "", "form of the output; without it, the suffix of -o tells", programFormNames())
	o.outputOption.flag(c)
}

func (o *convertOptions) run(cmd *cobra.Command, file string) error {
	to := o.to
	if to == "" && o.file == stream.Stdin {
		to = o.otherwise
	}
	out, err := progtext.FormOf(to, o.file)
	if err != nil {
		return err
	}
	text, err := o.convert(file, out, o.op)
	return o.write(cmd, text, err)
}

// convert reads the input and writes it in the form.
func (o *convertOptions) convert(file string, out *progtext.Form, op *uapi.Op) ([]byte, error) {
	in, formErr := o.input(file)
	if formErr != nil && file != "-" {
		if _, err := load.FormOf(o.form, file); err == nil {
			return o.all(file, out)
		}
	}
	if formErr != nil {
		return nil, formErr
	}
	text, err := readInput(file)
	if err != nil {
		return nil, err
	}
	insns, err := in.Read(file, text, progtext.Options{Op: op, Name: o.name})
	if err != nil {
		return nil, err
	}
	return out.Write(insns, progtext.Options{Op: op, Name: o.name})
}

// input is the form of the program.
func (o *convertOptions) input(file string) (*progtext.Form, error) {
	in, err := progtext.FormOf(o.form, file)
	if err != nil && o.form == "" && o.from != "" {
		return progtext.FormOf(o.from, file)
	}
	return in, err
}

// all writes the filters of a policy or plan one after the other.
func (o *convertOptions) all(file string, out *progtext.Form) ([]byte, error) {
	p, err := o.load(file)
	if err != nil {
		return nil, err
	}
	var all bytes.Buffer
	for i := range p.Filters {
		f := &p.Filters[i]
		text, err := out.Write(f.Insns, progtext.Options{Op: &f.Op, Name: fmt.Sprintf("filter%d", i+1)})
		if err != nil {
			return nil, err
		}
		if out.Name == "asm" {
			fmt.Fprintf(&all, "; filter %d for %s\n", i+1, f.Op)
		}
		all.Write(text)
	}
	return all.Bytes(), nil
}

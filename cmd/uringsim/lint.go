package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/uringsim/uringsim/lint"
	"github.com/uringsim/uringsim/lint/sarif"
	"github.com/uringsim/uringsim/load"
	"github.com/uringsim/uringsim/report"
)

// lintOptions are the flags of lint.
type lintOptions struct {
	planFlags
	disabled []string
	json     bool
	sarif    bool
	rules    bool
}

func lintCommand() *cobra.Command {
	var o lintOptions
	c := &cobra.Command{
		Use:     "lint FILE... | --rules",
		Aliases: []string{"audit"},
		Short:   "Look for mistakes in filters and restrictions",
		Long: `lint looks for mistakes in what a sandbox registers: filters that compare the wrong bytes, look at what is not
there, come too late or leave another way open, and kernels that do not keep to it. docs/lint.md tells of each rule,
and --rules lists them.

A finding says FILE:LINE:COLUMN of what was written: the rule of a policy, the line of a program, the member of a JSON
document. Say in a comment, behind it or in the line before, that it is meant, and why:

  uringsim:ignore RULE: REASON

ignore-file in place of ignore is for the whole file. The remark "why" of a filter in a plan can say the same.

A bare program needs --op. The exit status is 1 if there is a finding of severity warning or error that is not ignored;
notes do not count.

` + aboutKernels,
		Args: func(_ *cobra.Command, files []string) error {
			if (len(files) == 0) != o.rules {
				return errors.New("files, or their absence")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, files []string) error {
			if o.rules {
				return printRules(newPrinter(cmd.OutOrStdout(), o.json, false))
			}
			return o.run(cmd.OutOrStdout(), files)
		},
	}
	f := c.Flags()
	o.add(c)
	f.StringSliceVar(&o.disabled, "disable", nil, "`RULES` to leave out, with commas between")
	completeWith(c, "disable", completeList(ruleNames()))
	jsonFlag(c, &o.json)
	f.BoolVar(&o.sarif, "sarif", false, "print a SARIF 2.1.0 log")
	f.BoolVar(&o.rules, "rules", false, "list the rules")
	exclude(c, "sarif", "json", "rules")
	exclude(c, "rules", "disable", "kernel", "form", "op", "name")
	return c
}

func ruleNames() (names []string) {
	for _, r := range lint.Rules() {
		names = append(names, r.ID)
	}
	return names
}

// run lints the files and prints in the form that was asked for.
func (o *lintOptions) run(w io.Writer, files []string) error {
	var err error
	var all []sarif.File
	bad := false
	for _, file := range files {
		l := sarif.File{Name: file}
		if err := o.lint(&l); err != nil {
			return err
		}
		all = append(all, l)
		bad = bad || slices.ContainsFunc(l.Findings, func(f lint.Finding) bool { return f.Counts() })
	}
	switch {
	case o.sarif:
		err = sarif.Write(w, all)
	case o.json:
		printFindingsJSON(newPrinter(w, true, false), all)
	default:
		printFindings(w, all, len(o.releases))
	}
	if err == nil && bad {
		err = errMismatch
	}
	return err
}

// lint looks for mistakes in a file, and for what it says is meant.
func (o *lintOptions) lint(l *sarif.File) error {
	options := o.options()
	var err error
	if l.Text, err = readInput(l.Name); err != nil {
		return err
	}
	p, err := load.Text(l.Name, l.Text, options)
	if err != nil {
		return err
	}
	form, err := load.FormOf(o.form, l.Name)
	if err != nil {
		return err
	}
	comments, err := lint.Comments(l.Name, l.Text, form.Comments)
	if err != nil {
		return err
	}
	remarks, err := lint.Remarks(l.Name, p)
	if err != nil {
		return err
	}
	l.Findings, err = lint.Run(p, lint.Options{Releases: o.releases, Disabled: o.disabled,
		Ignores: append(comments, remarks...)})
	return err
}

// printFindings is for people and editors. It names releases where a finding does not hold for all that were asked for.
func printFindings(w io.Writer, all []sarif.File, releases int) {
	total, counted, ignored := 0, 0, 0
	for _, l := range all {
		for _, f := range l.Findings {
			if f.Ignored != "" {
				ignored++
				continue
			}
			total++
			if f.Counts() {
				counted++
			}
			printFinding(w, l.Name, &f)
			if len(f.Releases) < releases {
				fmt.Fprintf(w, "    on %s\n", strings.Join(f.Releases, ", "))
			}
		}
	}
	fmt.Fprintf(w, "%s in %s, %d of severity warning or error", report.Number(total, "finding"),
		report.Number(len(all), "file"), counted)
	if ignored > 0 {
		fmt.Fprintf(w, "; %d ignored", ignored)
	}
	fmt.Fprintln(w)
}

// printFinding prints where a finding was written, what it is, and which filter or instruction of the plan it is about.
func printFinding(w io.Writer, file string, f *lint.Finding) {
	if len(f.At) > 0 {
		file += ":" + f.At[0].String()
	}
	fmt.Fprintf(w, "%s: %s: %s [%s]\n", file, f.Severity, f.Message, f.Rule)
	if f.Filter >= 0 {
		text := fmt.Sprintf("%s (%s)", f.Place(), f.Op)
		if f.Text != "" {
			text += ": " + f.Text
		}
		fmt.Fprintf(w, "    %s\n", text)
	}
	if len(f.At) > 1 {
		var others []string
		for _, p := range f.At[1:min(len(f.At), 9)] {
			others = append(others, p.String())
		}
		if more := len(f.At) - 9; more > 0 {
			others = append(others, fmt.Sprintf("and %d more", more))
		}
		fmt.Fprintf(w, "    also from %s\n", strings.Join(others, ", "))
	}
}

// findingLine is a finding as JSON.
type findingLine struct {
	File     string   `json:"file"`
	Rule     string   `json:"rule"`
	Severity string   `json:"severity"`
	Line     int      `json:"line,omitzero"`
	Column   int      `json:"column,omitzero"`
	Also     []column `json:"also,omitzero"`
	Place    string   `json:"place"`
	Opcode   string   `json:"opcode,omitzero"`
	Insn     string   `json:"insn,omitzero"`
	Message  string   `json:"message"`
	Releases []string `json:"releases"`
	Ignored  string   `json:"ignored,omitzero"`
}

// column is a place as JSON.
type column struct {
	Line   int `json:"line"`
	Column int `json:"column"`
}

func printFindingsJSON(out *printer, all []sarif.File) {
	for _, l := range all {
		for _, f := range l.Findings {
			line := findingLine{File: l.Name, Rule: f.Rule, Severity: f.Severity.String(), Place: f.Place(), Insn: f.Text,
				Message: f.Message, Releases: f.Releases, Ignored: f.Ignored}
			for i, at := range f.At {
				if i == 0 {
					line.Line, line.Column = at.Line, at.Col
				} else {
					line.Also = append(line.Also, column{at.Line, at.Col})
				}
			}
			if f.Op != nil {
				line.Opcode = f.Op.String()
			}
			out.line(line)
		}
	}
}

// printRules lists the rules.
func printRules(out *printer) error {
	for _, r := range lint.Rules() {
		if out.json {
			out.line(struct {
				Rule     string `json:"rule"`
				Severity string `json:"severity"`
				Title    string `json:"title"`
				Doc      string `json:"doc"`
				Misses   string `json:"misses"`
				Trace    string `json:"trace,omitzero"`
			}{r.ID, r.Severity.String(), r.Title, r.Doc, r.Misses, r.TraceFile()})
			continue
		}
		fmt.Fprintf(out.w, "%-24s %-8s %s\n", r.ID, r.Severity, r.Title)
	}
	return nil
}

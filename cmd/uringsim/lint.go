package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/owenrumney/go-sarif/v2/sarif"
	"github.com/spf13/cobra"

	"github.com/uringsim/uringsim/lint"
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
		Use:     "lint FILE...",
		Aliases: []string{"audit"},
		Short:   "Look for mistakes in filters and restrictions",
		Long: `lint looks for mistakes in what a sandbox registers: filters that compare the wrong bytes, look at what is not
there, come too late or leave another way open, and kernels that do not keep to it. docs/lint.md tells of each rule,
and --rules lists them.

A bare program needs --op. The exit status is 1 if there is a finding of severity warning or error; notes do not count.

A kernel is a release, with quirks switched on by +QUIRK and off by ~QUIRK: 7.0~restrictions-lost-on-exec for one that
carries that fix. See uringsim kernels.`,
		Args: func(_ *cobra.Command, files []string) error {
			if len(files) == 0 && !o.rules {
				return errors.New("lint needs a file, or --rules")
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
	f.StringSliceVar(&o.disabled, "disable", nil, "rules to leave out")
	f.BoolVar(&o.json, "json", false, "print one JSON object a line (docs/json.md)")
	f.BoolVar(&o.sarif, "sarif", false, "print a SARIF 2.1.0 log")
	f.BoolVar(&o.rules, "rules", false, "list the rules")
	c.MarkFlagsMutuallyExclusive("json", "sarif")
	return c
}

// linted is a file and what was found in it.
type linted struct {
	file     string
	findings []lint.Finding
}

// run lints the files and prints in the form that was asked for.
func (o *lintOptions) run(w io.Writer, files []string) error {
	releases, err := o.releases()
	if err != nil {
		return err
	}
	var all []linted
	bad := false
	for _, file := range files {
		p, err := o.load(file)
		if err != nil {
			return err
		}
		found, err := lint.Run(p, lint.Options{Releases: releases, Disabled: o.disabled})
		if err != nil {
			return err
		}
		all = append(all, linted{file, found})
		bad = bad || slices.ContainsFunc(found, func(f lint.Finding) bool { return f.Severity >= lint.Warning })
	}
	switch {
	case o.sarif:
		err = printSARIF(w, all)
	case o.json:
		printFindingsJSON(newPrinter(w, true, false), all)
	default:
		printFindings(w, all, len(releases))
	}
	if err == nil && bad {
		err = errMismatch
	}
	return err
}

// printFindings is for people. It names releases where a finding does not hold for all that were asked for.
func printFindings(w io.Writer, all []linted, releases int) {
	total, worst := 0, 0
	for _, l := range all {
		for _, f := range l.findings {
			total++
			if f.Severity >= lint.Warning {
				worst++
			}
			fmt.Fprintf(w, "%s: %s: %s: %s [%s]\n", l.file, place(&f), f.Severity, f.Message, f.Rule)
			if f.Line != "" {
				fmt.Fprintf(w, "    %d: %s\n", f.Insn, f.Line)
			}
			if len(f.Releases) < releases {
				fmt.Fprintf(w, "    on %s\n", strings.Join(f.Releases, ", "))
			}
		}
	}
	fmt.Fprintf(w, "%s in %s, %d of severity warning or error\n", report.Number(total, "finding"), report.Number(len(all), "file"), worst)
}

// place says where a finding is, with the opcode that it is about.
func place(f *lint.Finding) string {
	if f.Op == nil {
		return f.Place()
	}
	return f.Place() + " (" + f.Op.String() + ")"
}

// findingLine is a finding as JSON.
type findingLine struct {
	File     string   `json:"file"`
	Rule     string   `json:"rule"`
	Severity string   `json:"severity"`
	Place    string   `json:"place"`
	Opcode   string   `json:"opcode,omitzero"`
	Line     string   `json:"line,omitzero"`
	Message  string   `json:"message"`
	Releases []string `json:"releases"`
}

func printFindingsJSON(out *printer, all []linted) {
	for _, l := range all {
		for _, f := range l.findings {
			line := findingLine{File: l.file, Rule: f.Rule, Severity: f.Severity.String(), Place: f.Place(), Line: f.Line,
				Message: f.Message, Releases: f.Releases}
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
				Trace    string `json:"trace"`
			}{r.ID, r.Severity.String(), r.Title, r.Doc, r.Misses, r.TraceFile()})
			continue
		}
		fmt.Fprintf(out.w, "%-24s %-8s %s\n", r.ID, r.Severity, r.Title)
	}
	return nil
}

// printSARIF prints a log that code hosts show next to the files.
func printSARIF(w io.Writer, all []linted) error {
	const home = "https://github.com/uringsim/uringsim"
	run := sarif.NewRunWithInformationURI("uringsim", home)
	for _, r := range lint.Rules() {
		run.AddRule(r.ID).WithDescription(r.Title).WithHelpURI(home + "/blob/main/docs/lint.md#" + r.ID).
			WithTextHelp(r.Doc + "\n\nWhat it misses: " + r.Misses).
			WithDefaultConfiguration(sarif.NewReportingConfiguration().WithLevel(r.Severity.String()))
	}
	for _, l := range all {
		for _, f := range l.findings {
			text := f.Message
			if f.Line != "" {
				text += fmt.Sprintf(" (%d: %s)", f.Insn, f.Line)
			}
			text += "; on " + strings.Join(f.Releases, ", ")
			where := sarif.NewPhysicalLocation().WithArtifactLocation(sarif.NewSimpleArtifactLocation(l.file)).
				WithRegion(sarif.NewSimpleRegion(1, 1))
			run.CreateResultForRule(f.Rule).WithLevel(f.Severity.String()).WithMessage(sarif.NewTextMessage(text)).
				AddLocation(sarif.NewLocationWithPhysicalLocation(where).
					WithLogicalLocations([]*sarif.LogicalLocation{sarif.NewLogicalLocation().WithFullyQualifiedName(f.Place())}))
		}
	}
	log, err := sarif.New(sarif.Version210)
	if err != nil {
		return err
	}
	log.AddRun(run)
	return log.PrettyWrite(w)
}

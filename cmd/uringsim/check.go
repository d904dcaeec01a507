package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/opdef"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/progtext"
	"github.com/uringsim/uringsim/report"
	"github.com/uringsim/uringsim/srcpos"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/verdict"
)

// checkOptions are the flags of check.
type checkOptions struct {
	inputOptions
	on   []kernel.Release
	json bool
}

func checkCommand() *cobra.Command {
	o := checkOptions{}
	c := &cobra.Command{
		Use:   "check FILE",
		Short: "Tell whether kernels accept a program, policy or plan",
		Long: `check registers the restrictions and filters of a program, policy or plan in their order, as a task with
no_new_privs does for itself, on one release or on several. Of each registration that is refused, it tells the errno, the
rule and the function of the kernel, and the instruction. The exit status is 1 if anything is refused.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error { return o.run(cmd, files[0]) },
	}
	o.flags(c)
	releasesFlag(c, &o.on)
	jsonFlag(c, &o.json)
	return c
}

// registration is what became of one registration on one release.
type registration struct {
	What string
	Why  *verdict.Refusal // nil if it was accepted
	PC   int              // of the instruction that is to blame; -1 if none is
	Insn string           // the instruction in assembler
	At   srcpos.Pos       // where it was written, in File; none if that is not known
	File string
}

// checkLine is a registration as JSON.
type checkLine struct {
	Kernel       string   `json:"kernel"`
	Registration int      `json:"registration"`
	What         string   `json:"what"`
	Accepted     bool     `json:"accepted"`
	Why          *whyLine `json:"why,omitzero"`
	PC           *int     `json:"pc,omitzero"`
	Insn         string   `json:"insn,omitzero"`
	Line         int      `json:"line,omitzero"`
	Column       int      `json:"column,omitzero"`
}

func (o *checkOptions) run(cmd *cobra.Command, file string) error {
	p, err := o.load(file)
	if err != nil {
		return err
	}
	out := newPrinter(cmd.OutOrStdout(), o.json, false)
	t := &trace.Trace{Header: trace.Header{Trace: trace.Version}, Events: p.Registration()}
	var columns []report.Column
	results := make([][]registration, len(o.on))
	ok := true
	for i, r := range o.on {
		outcomes, err := report.Play(t, r, nil)
		if err != nil {
			return err
		}
		columns = append(columns, report.Column{Release: r, Outcomes: outcomes})
		results[i] = registrations(file, p, r, outcomes)
		for _, reg := range results[i] {
			ok = ok && reg.Why == nil
		}
	}
	switch {
	case o.json:
		printCheckLines(out, o.on, results)
	case len(o.on) == 1:
		fmt.Fprintf(out.w, "%s on %s\n", file, o.on[0])
		for n := range results[0] {
			results[0][n].print(out, n+1)
		}
	default:
		printTable(out, file, t, columns)
		printRefusals(out, o.on, results)
	}
	return out.finish(ok)
}

// registrations are what the outcomes say about the parts of the plan.
func registrations(file string, p *plan.Plan, r kernel.Release, outcomes []trace.Outcome) []registration {
	var list []registration
	first := 1 // behind no_new_privs
	if p.Restrictions != nil {
		list = append(list, registration{What: report.Number(len(p.Restrictions), "restriction"),
			Why: outcomes[first].Why, PC: -1})
		first++
	}
	for i := range p.Filters {
		f := &p.Filters[i]
		what := fmt.Sprintf("filter for %s, %s", f.Op, report.Number(len(f.Insns), "instruction"))
		reg := registration{What: what, Why: outcomes[first+i].Why, PC: -1, File: file}
		_, wrong := cbpfvm.Check(f.Insns, opdef.ContextSize(r))
		if reg.Why != nil && wrong != nil && wrong.PC >= 0 && reg.Why.Where == wrong.Func {
			reg.PC, reg.Insn = wrong.PC, strings.TrimSpace(progtext.Listing(f.Insns, &f.Op)[wrong.PC])
			if at := f.InsnAt(wrong.PC); len(at) > 0 {
				reg.At = at[0]
			}
		}
		list = append(list, reg)
	}
	return list
}

// print writes what became of the registration, and the instruction that is to blame.
func (r *registration) print(out *printer, number int) {
	if r.Why == nil {
		fmt.Fprintf(out.w, "%3d  %-42s accepted\n", number, r.What)
		return
	}
	fmt.Fprintf(out.w, "%3d  %-42s %s\n", number, r.What, r.reason())
}

// reason is the errno, the rule and the instruction.
func (r *registration) reason() string {
	if r.PC < 0 {
		return r.Why.Error()
	}
	where := ""
	if r.At != (srcpos.Pos{}) {
		where = r.File + ":" + r.At.String() + ": "
	}
	return fmt.Sprintf("%s\n     %sinstruction %d is %s", r.Why.Error(), where, r.PC, r.Insn)
}

// refusal is a reason, with the registrations and the releases that it is the reason for.
type refusal struct {
	text          string
	registrations []string
	releases      []string
}

// printRefusals prints each reason once.
func printRefusals(out *printer, on []kernel.Release, results [][]registration) {
	var all []refusal
	for i, r := range on {
		var here []refusal
		for n := range results[i] {
			if results[i][n].Why == nil {
				continue
			}
			text := results[i][n].reason()
			at := slices.IndexFunc(here, func(other refusal) bool { return other.text == text })
			if at < 0 {
				at = len(here)
				here = append(here, refusal{text: text})
			}
			here[at].registrations = append(here[at].registrations, fmt.Sprint(n+1))
		}
		for _, f := range here {
			at := slices.IndexFunc(all, func(other refusal) bool {
				return other.text == f.text && slices.Equal(other.registrations, f.registrations)
			})
			if at < 0 {
				at = len(all)
				all = append(all, f)
			}
			all[at].releases = append(all[at].releases, r.Name)
		}
	}
	for _, f := range all {
		fmt.Fprintf(out.w, "refused on %s, registration %s: %s\n", strings.Join(f.releases, ", "),
			strings.Join(f.registrations, ", "), f.text)
	}
}

func printCheckLines(out *printer, on []kernel.Release, results [][]registration) {
	for i, r := range on {
		for n, reg := range results[i] {
			l := checkLine{Kernel: r.Name, Registration: n + 1, What: reg.What, Accepted: reg.Why == nil, Why: jsonWhy(reg.Why),
				Insn: reg.Insn, Line: reg.At.Line, Column: reg.At.Col}
			if reg.PC >= 0 {
				l.PC = &reg.PC
			}
			out.line(l)
		}
	}
}

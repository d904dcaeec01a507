package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/symbolic"
)

// explainOptions are the flags of explain.
type explainOptions struct {
	planFlags
	json bool
}

func explainCommand() *cobra.Command {
	var o explainOptions
	c := &cobra.Command{
		Use:   "explain FILE",
		Short: "Say what filters and restrictions allow, as conditions for each opcode",
		Long: `explain says for each opcode which requests a program, policy or plan allows. It reads nothing but the file:
the conditions hold for every request that can occur, and do not depend on how the program is written. Instructions that
no request comes to are named. Where an answer would be too long or too much work, it says so. See docs/explain.md.

With several releases, those with the same answer are named together.

Exit status: 0 it is explained, 1 a part is not, 2 usage, 3 bad input.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			return o.explain(newPrinter(cmd.OutOrStdout(), o.json, false), files[0])
		},
	}
	o.add(c)
	jsonFlag(c, &o.json)
	return c
}

func (o *explainOptions) explain(out *printer, file string) error {
	p, err := o.load(file)
	if err != nil {
		return err
	}
	var all []symbolic.Explanation
	var on []string
	var refused error // by releases, of which the others are not given up
	ok := true
	for _, k := range o.releases {
		if err := takes(file, p, k); isRefused(err) {
			refused = errors.Join(refused, err)
			continue
		} else if err != nil {
			return err
		}
		on = append(on, k.Name)
		e, err := symbolic.Explain(p, k)
		if err != nil {
			return &statusError{exitInput, err}
		}
		ok = ok && e.Complete()
		if out.json {
			explainLines(out, file, p, &e)
		}
		all = append(all, e)
	}
	if !out.json && len(all) > 0 {
		fmt.Fprintf(out.w, "%s on %s\n%s", file, strings.Join(on, ", "), explainText(p, all))
	}
	if refused != nil {
		return refused
	}
	if !ok {
		return errMismatch
	}
	return nil
}

// sameAnswer is a text that is the same on some releases.
type sameAnswer struct {
	on   []string
	text string
}

func addAnswer(all []sameAnswer, release, text string) []sameAnswer {
	i := slices.IndexFunc(all, func(a sameAnswer) bool { return a.text == text })
	if i < 0 {
		return append(all, sameAnswer{[]string{release}, text})
	}
	all[i].on = append(all[i].on, release)
	return all
}

func printAnswers(out *printer, file string, all []sameAnswer) {
	for i, a := range all {
		if i > 0 {
			fmt.Fprintln(out.w)
		}
		fmt.Fprintf(out.w, "%s on %s\n%s", file, strings.Join(a.on, ", "), a.text)
	}
}

// explainText is a plan explained to people, on one release or several. Opcodes that are decided alike stand together,
// and where releases differ, it says on which ones.
func explainText(p *plan.Plan, all []symbolic.Explanation) string {
	var b, parted strings.Builder
	if flags := all[0].Flags; flags != "" { // the same on all
		fmt.Fprintf(&b, "%s, before anything else\n", flags)
	}
	var remarks []string
	together := map[string][]string{} // opcodes by remark
	for i := range all[0].Ops {
		var answers, dead []sameAnswer
		for j := range all {
			o := &all[j].Ops[i]
			answers = addAnswer(answers, all[j].Kernel, opText(o))
			dead = addAnswer(dead, all[j].Kernel, unreachedText(p, o))
		}
		o := &all[0].Ops[i]
		switch {
		case len(answers) > 1:
			writeParted(&b, answers)
		case o.Verdict == symbolic.Depends:
			b.WriteString(answers[0].text)
		default:
			remark := remarkOf(o)
			if together[remark] == nil {
				remarks = append(remarks, remark)
			}
			together[remark] = append(together[remark], o.Op.String())
		}
		if len(dead) > 1 {
			writeParted(&parted, dead)
		} else {
			parted.WriteString(dead[0].text)
		}
	}
	for _, remark := range remarks {
		b.WriteString(wrapped(fmt.Sprintf("%s: %s", remark, strings.Join(together[remark], ", "))))
	}
	return b.String() + parted.String()
}

// writeParted writes texts that differ between releases, below their names.
func writeParted(b *strings.Builder, answers []sameAnswer) {
	for _, a := range answers {
		if a.text != "" {
			text := strings.ReplaceAll(strings.TrimSpace(a.text), "\n", "\n  ")
			fmt.Fprintf(b, "on %s:\n  %s\n", strings.Join(a.on, ", "), text)
		}
	}
}

// opText is what becomes of the requests of an opcode.
func opText(o *symbolic.OpExplanation) string {
	if o.Verdict == symbolic.Depends {
		return ruleText(o)
	}
	return fmt.Sprintf("%s is %s\n", o.Op, remarkOf(o))
}

// remarkOf says what becomes of all requests of an opcode.
func remarkOf(o *symbolic.OpExplanation) string {
	switch {
	case o.Verdict == symbolic.Allowed && o.Why == "":
		return "allowed, nothing restricts them"
	case o.Verdict == symbolic.TooLong:
		return "not explained, " + o.Why
	}
	return fmt.Sprintf("always %s, %s", o.Verdict, o.Why)
}

// ruleText writes the rules of an opcode, a condition a line.
func ruleText(o *symbolic.OpExplanation) string {
	var b strings.Builder
	verb := "is allowed if "
	if o.Unless {
		verb = "is denied if "
	}
	lead := fmt.Sprintf("%s %s", o.Op, verb)
	for i, rule := range o.Rules {
		if i > 0 {
			lead = strings.Repeat(" ", len(lead)-len("or if ")) + "or if "
		}
		for j, c := range rule {
			if j > 0 {
				lead = strings.Repeat(" ", len(lead)-len("and ")) + "and "
			}
			end := "\n"
			if j < len(rule)-1 {
				end = ",\n"
			}
			b.WriteString(hanging(lead, c.Text) + end)
		}
	}
	return b.String()
}

// unreachedText names instructions that no request comes to.
func unreachedText(p *plan.Plan, o *symbolic.OpExplanation) string {
	var b strings.Builder
	for _, u := range o.Unreached {
		fmt.Fprintf(&b, "no %s comes to these instructions of filter %d:\n", o.Op, u.Filter+1)
		lines := cbpfvm.Disassemble(p.Filters[u.Filter].Insns)
		for _, pc := range u.PCs {
			fmt.Fprintf(&b, "%4d  %s\n", pc, lines[pc])
		}
	}
	return b.String()
}

// wrapped breaks a list into lines of at most 120 columns.
func wrapped(text string) string { return hanging("", text) + "\n" }

// hanging breaks a text into lines of at most 120 columns, and indents them behind the first, which has a lead.
func hanging(lead, text string) string {
	const width = 120
	indent := strings.Repeat(" ", len(lead)+2)
	var b strings.Builder
	b.WriteString(lead)
	column := len(lead)
	for i, word := range strings.Fields(text) {
		switch {
		case i > 0 && column+1+len(word) > width:
			b.WriteString("\n" + indent)
			column = len(indent)
		case i > 0:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}

// The JSON of an explanation; docs/json.md states the keys.
type (
	opLine struct {
		Type      string          `json:"type"` // "opcode"
		File      string          `json:"file"`
		Kernel    string          `json:"kernel"`
		Opcode    string          `json:"opcode"`
		Verdict   string          `json:"verdict"`
		Why       string          `json:"why,omitzero"`
		Flags     string          `json:"flags,omitzero"`
		Unless    bool            `json:"unless,omitzero"`
		Rules     [][]conditionAs `json:"rules,omitzero"`
		Unreached []unreachedAs   `json:"unreached,omitzero"`
	}
	conditionAs struct {
		Field    string      `json:"field"`
		Text     string      `json:"text"`
		Not      bool        `json:"not,omitzero"`
		LowBits  int         `json:"low_bits,omitzero"`
		Ranges   [][2]string `json:"ranges,omitzero"`   // decimal, both ends included
		Patterns [][2]string `json:"patterns,omitzero"` // mask and value, hexadecimal
	}
	unreachedAs struct {
		Filter int   `json:"filter"` // of the plan, from 1
		PCs    []int `json:"pcs"`
	}
)

func explainLines(out *printer, file string, p *plan.Plan, e *symbolic.Explanation) {
	for i := range e.Ops {
		o := &e.Ops[i]
		l := opLine{Type: "opcode", File: file, Kernel: e.Kernel, Opcode: o.Op.String(), Verdict: string(o.Verdict),
			Why: o.Why, Flags: e.Flags, Unless: o.Unless}
		for _, rule := range o.Rules {
			var conditions []conditionAs
			for _, c := range rule {
				conditions = append(conditions, conditionOf(c))
			}
			l.Rules = append(l.Rules, conditions)
		}
		for _, u := range o.Unreached {
			l.Unreached = append(l.Unreached, unreachedAs{u.Filter + 1, u.PCs})
		}
		out.line(l)
	}
}

func conditionOf(c symbolic.Condition) conditionAs {
	as := conditionAs{Field: c.Field, Text: c.Text, Not: c.Not, LowBits: c.LowBits}
	for _, r := range c.Ranges {
		as.Ranges = append(as.Ranges, [2]string{fmt.Sprint(r.From), fmt.Sprint(r.To)})
	}
	for _, p := range c.Patterns {
		as.Patterns = append(as.Patterns, [2]string{"0x" + p.Mask.Text(16), "0x" + p.Value.Text(16)})
	}
	return as
}

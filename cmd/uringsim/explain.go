package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

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
		fmt.Fprintf(out.w, "%s on %s\n%s", file, strings.Join(on, ", "), symbolic.Text(p, all))
	}
	if refused != nil {
		return refused
	}
	if !ok {
		return errMismatch
	}
	return nil
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

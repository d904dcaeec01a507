package symbolic

import (
	"fmt"
	"strings"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/plan"
)

// Text is a plan explained to people, on one release or several. Opcodes that are decided alike stand together,
// and where releases differ, it says on which ones.
func Text(p *plan.Plan, all []Explanation) string {
	var b, parted strings.Builder
	if flags := all[0].Flags; flags != "" { // the same on all
		fmt.Fprintf(&b, "%s, before anything else\n", flags)
	}
	var remarks []string
	together := map[string][]string{} // opcodes by remark
	for i := range all[0].Ops {
		var answers, dead kernel.Answers
		for j := range all {
			o := &all[j].Ops[i]
			answers.Add(all[j].Kernel, opText(o))
			dead.Add(all[j].Kernel, unreachedText(p, o))
		}
		o := &all[0].Ops[i]
		switch {
		case len(answers) > 1:
			writeParted(&b, answers)
		case o.Verdict == Depends:
			b.WriteString(answers[0].Text)
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
			parted.WriteString(dead[0].Text)
		}
	}
	for _, remark := range remarks {
		b.WriteString(wrapped(fmt.Sprintf("%s: %s", remark, strings.Join(together[remark], ", "))))
	}
	return b.String() + parted.String()
}

// writeParted writes texts that differ between releases, below their names.
func writeParted(b *strings.Builder, answers kernel.Answers) {
	for _, a := range answers {
		if a.Text != "" {
			text := strings.ReplaceAll(strings.TrimSpace(a.Text), "\n", "\n  ")
			fmt.Fprintf(b, "on %s:\n  %s\n", a.Releases(), text)
		}
	}
}

// opText is what becomes of the requests of an opcode.
func opText(o *OpExplanation) string {
	if o.Verdict == Depends {
		return ruleText(o)
	}
	return fmt.Sprintf("%s is %s\n", o.Op, remarkOf(o))
}

// remarkOf says what becomes of all requests of an opcode.
func remarkOf(o *OpExplanation) string {
	switch {
	case o.Verdict == Allowed && o.Why == "":
		return "allowed, nothing restricts them"
	case o.Verdict == TooLong:
		return "not explained, " + o.Why
	}
	return fmt.Sprintf("always %s, %s", o.Verdict, o.Why)
}

// ruleText writes the rules of an opcode, a condition a line.
func ruleText(o *OpExplanation) string {
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
func unreachedText(p *plan.Plan, o *OpExplanation) string {
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

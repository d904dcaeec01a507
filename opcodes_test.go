package uringsim_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/uringsim/uringsim/internal/differ"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/opdef"
	"github.com/uringsim/uringsim/uapi"
)

// TestOpcodes keeps docs/opcodes.md, which is made of the rows that the model runs.
func TestOpcodes(t *testing.T) {
	var table, sections strings.Builder
	table.WriteString("| | opcode | ioprio | buffer | IOPOLL | file | 128 bytes | keeps chain | payload |\n" +
		strings.Repeat("|---", 9) + "|\n")
	for op := range uapi.Op(uapi.IORING_OP_LAST) {
		d := opdef.Defs[op]
		fmt.Fprintf(&table, "| %d | %s |", op, opcodeLink(op))
		for _, has := range []bool{d.IOPrio, d.BufferSelect, d.IOPoll, d.NeedsFile, d.Is128, d.KeepsChain} {
			table.WriteString(map[bool]string{true: " × |", false: " |"}[has])
		}
		if span := payloadSpan(op); span != "" {
			table.WriteString(" " + span)
		}
		table.WriteString(" |\n")
		opcodeSection(&sections, op)
	}
	generated(t, "docs/opcodes.md", "head", contextTable(opdef.Head()))
	generated(t, "docs/opcodes.md", "table", table.String())
	generated(t, "docs/opcodes.md", "sections", strings.TrimSpace(sections.String())+"\n")
}

// opcodeLink links to the section of an opcode.
func opcodeLink(op uapi.Op) string { return fmt.Sprintf("[%s](#%s)", op, strings.ToLower(op.String())) }

// payloadSpan says which releases show a payload, "" for none.
func payloadSpan(op uapi.Op) string {
	if opdef.PayloadWhere(op) == "" {
		return ""
	}
	return kernel.Span(func(k kernel.Release) bool { return opdef.PDUSize(k, op) != 0 })
}

// opcodeSection tells of one opcode.
func opcodeSection(out *strings.Builder, op uapi.Op) {
	prep := opdef.Defs[op].Prep
	fmt.Fprintf(out, "\n### %s\n\n", op)
	text := fmt.Sprintf("Opcode %d, `%s`", op, prep.Where)
	twin := slices.IndexFunc(opdef.Defs[:], func(d opdef.Def) bool { return d.Prep == prep })
	if twin < int(op) {
		out.WriteString(wrap(text+", with the steps of "+opcodeLink(uapi.Op(twin))+".", ""))
	} else {
		out.WriteString(wrap(text+":", "") + "\n")
		for i := range prep.Steps {
			out.WriteString(wrap(fmt.Sprintf("%d. %s", i+1, stepText(&prep.Steps[i])), "   "))
		}
	}
	out.WriteString(neverFails(op) + payloadText(op))
}

// stepText is a step with its errnos, what it reads and asks, and which releases have it.
func stepText(s *opdef.Step) string {
	text := code(s.Doc)
	gate, gated := s.Gate()
	if gated {
		text = sentence(kernel.Span(s.On)) + ": " + text
	}
	if len(s.Errnos) > 0 {
		var errnos []string
		for _, e := range s.Errnos {
			errnos = append(errnos, "`"+e.String()+"`")
		}
		text += " → " + strings.Join(errnos, ", ")
	}
	if gated {
		text += " (" + quirkLink(gate) + ")"
	}
	text += "."
	if s.Reads != "" {
		text += " Reads " + code(s.Reads) + "."
	}
	if s.Asks != "" {
		text += " Looks at " + s.Asks + "."
	}
	for _, q := range s.Varies {
		text += " " + varyText(q)
	}
	return text
}

// varyText says how a quirk changes something, and where.
func varyText(q kernel.Quirk) string {
	on := kernel.Span(func(k kernel.Release) bool { return k.Has(q) })
	return fmt.Sprintf("%s: %s (%s).", sentence(on), kernel.Quirks[q].What, quirkLink(q))
}

func quirkLink(q kernel.Quirk) string { return fmt.Sprintf("[%s](kernels.md#%[1]s)", q) }

// neverFails says which errors of the steps the opcode cannot give, since something else is before them.
func neverFails(op uapi.Op) string {
	var reasons []string
	exits := map[string][]string{} // by reason
	for i, s := range opdef.Defs[op].Prep.Steps {
		for _, e := range s.Errnos {
			why := differ.UnreachedSteps[opdef.Exit{Op: op, Doc: s.Doc, Errno: e}.String()]
			if why == "" {
				continue
			}
			if exits[why] == nil {
				reasons = append(reasons, why)
			}
			exits[why] = append(exits[why], fmt.Sprintf("`%s` of step %d", e, i+1))
		}
	}
	var out strings.Builder
	for _, why := range reasons {
		out.WriteString("\n" + wrap(fmt.Sprintf("Never seen: %s, as %s.", strings.Join(exits[why], ", "), why), ""))
	}
	return out.String()
}

// payloadText is what a filter sees of the opcode besides what it sees of all.
func payloadText(op uapi.Op) string {
	if opdef.PayloadWhere(op) == "" {
		return ""
	}
	var out strings.Builder
	text := fmt.Sprintf("Filters see a payload of %d bytes %s (`%s`):",
		opdef.PDUSize(kernel.V7_3, op), payloadSpan(op), opdef.PayloadWhere(op))
	out.WriteString("\n" + wrap(text, "") + "\n" + contextTable(opdef.PayloadFields(op)))
	return out.String()
}

// contextTable lists fields of the filter context.
func contextTable(fields []opdef.ContextField) string {
	var out strings.Builder
	out.WriteString("| field | offset | bytes | |\n|---|---|---|---|\n")
	for _, f := range fields {
		doc := code(f.Doc)
		for _, q := range f.Varies {
			doc += ". " + strings.TrimSuffix(varyText(q), ".")
		}
		fmt.Fprintf(&out, "| `%s` | %d | %d | %s |\n", f.Name, f.Off, f.Size, doc)
	}
	return out.String()
}

var codeWord = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*`)

// code marks the names of fields and constants.
func code(s string) string {
	return codeWord.ReplaceAllStringFunc(s, func(w string) string {
		_, field := uapi.SQEFieldByName(w)
		if strings.Contains(w, "_") || field && !slices.Contains([]string{"flags", "opcode", "level"}, w) {
			return "`" + w + "`"
		}
		return w
	})
}

// TestOpcodesBefore fails if docs/opcodes.md lacks a check that the model makes before the prep function.
func TestOpcodesBefore(t *testing.T) {
	text := readFile(t, "docs/opcodes.md")
	checks := regexp.MustCompile(`refuseInit\(uapi\.(E[A-Z]+), "([^"]+)"\)`).
		FindAllStringSubmatch(readFile(t, "sim/initreq.go"), -1)
	if len(checks) < 8 {
		t.Errorf("found %d checks in sim/initreq.go", len(checks))
	}
	for _, m := range checks {
		row := regexp.MustCompile(`(?m)^\| ` + regexp.QuoteMeta(m[2]) + `[^|]* \| ` + "`" + m[1] + "`" + ` \|$`)
		if !row.MatchString(text) {
			t.Errorf("docs/opcodes.md does not have the check %q with %s", m[2], m[1])
		}
	}
}

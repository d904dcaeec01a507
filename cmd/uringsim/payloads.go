package main

import (
	"fmt"
	"slices"
	"text/tabwriter"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/opdef"
	"github.com/uringsim/uringsim/report"
	"github.com/uringsim/uringsim/uapi"
)

// payloadLine is what filters see of an opcode on a release, as JSON.
type payloadLine struct {
	Kernel  string         `json:"kernel"`
	Opcode  string         `json:"opcode,omitzero"` // absent for what all have
	PDUSize uint8          `json:"pdu_size,omitzero"`
	Fields  []contextField `json:"fields"`
}

// contextField is a field of the filter context, as JSON.
type contextField struct {
	Field  string   `json:"field"`
	Off    int      `json:"off"`
	Size   int      `json:"size"`
	What   string   `json:"what"`
	Quirks []string `json:"quirks,omitzero"`
}

// printPayloads lists the fields of the filter context by opcode and release.
func printPayloads(out *printer) error {
	if out.json {
		for _, k := range kernel.Releases {
			if k.Has(kernel.NoBPFFilter) {
				continue
			}
			out.line(payloadLine{Kernel: k.Name, Fields: contextFields(k, opdef.Head())})
			for op := range uapi.Op(uapi.IORING_OP_LAST) {
				if size := opdef.PDUSize(k, op); size != 0 {
					out.line(payloadLine{k.Name, op.String(), size, contextFields(k, opdef.PayloadFields(op))})
				}
			}
		}
		return nil
	}
	return printPayloadTable(out)
}

func contextFields(k kernel.Release, fields []opdef.ContextField) []contextField {
	var all []contextField
	for _, f := range fields {
		var quirks []string
		for _, q := range f.Varies {
			if k.Has(q) {
				quirks = append(quirks, q.String())
			}
		}
		all = append(all, contextField{f.Name, f.Off, f.Size, f.Doc, quirks})
	}
	return all
}

// printPayloadTable is the same for people.
func printPayloadTable(out *printer) error {
	w := tabwriter.NewWriter(out.w, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "opcode\tfield\toffset\tbytes")
	for _, k := range kernel.Releases {
		fmt.Fprintf(w, "\t%s", k.Name)
	}
	fmt.Fprintln(w, "\twhat")
	var notes []kernel.Quirk
	rows := func(name string, fields []opdef.ContextField, sees func(kernel.Release) bool) {
		for _, f := range fields {
			fmt.Fprintf(w, "%s\t%s\t%d\t%d", name, f.Name, f.Off, f.Size)
			for _, k := range kernel.Releases {
				fmt.Fprintf(w, "\t%s", payloadCell(k, &f, sees(k), &notes))
			}
			fmt.Fprintf(w, "\t%s\n", f.Doc)
			name = ""
		}
	}
	rows("all", opdef.Head(), func(k kernel.Release) bool { return !k.Has(kernel.NoBPFFilter) })
	for op := range uapi.Op(uapi.IORING_OP_LAST) {
		rows(op.String(), opdef.PayloadFields(op), func(k kernel.Release) bool { return opdef.PDUSize(k, op) != 0 })
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(out.w, "x filters see it; - they load 0, or there are no filters")
	for i, q := range notes {
		fmt.Fprintf(out.w, "(%s) %s\n    quirk: %s\n", report.NoteName(i), kernel.Quirks[q].What, q)
	}
	return nil
}

// payloadCell is "x" where filters see the field, with a mark if a quirk changes it.
func payloadCell(k kernel.Release, f *opdef.ContextField, sees bool, notes *[]kernel.Quirk) string {
	if !sees {
		return "-"
	}
	cell := "x"
	for _, q := range f.Varies {
		if !k.Has(q) {
			continue
		}
		i := slices.Index(*notes, q)
		if i < 0 {
			i = len(*notes)
			*notes = append(*notes, q)
		}
		cell += " (" + report.NoteName(i) + ")"
	}
	return cell
}

// Package source writes programs that register a plan: in C with liburing, and in Go with raw system calls.
package source

import (
	"bytes"
	"embed"
	"fmt"
	"go/format"
	"strings"
	"text/template"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/uapi"
)

//go:embed c.tmpl go.tmpl
var files embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"hex": func(v uint32) string { return fmt.Sprintf("%#08x", v) },
	"inc": func(i int) int { return i + 1 },
}).ParseFS(files, "*.tmpl"))

// C returns a C file with a function that registers the plan for the calling task. It needs liburing 2.15.
func C(p *plan.Plan) ([]byte, error) {
	var out bytes.Buffer
	err := templates.ExecuteTemplate(&out, "c.tmpl", describe(p))
	return out.Bytes(), err
}

// Go returns a Go file with a function that registers the plan for the calling thread. It needs golang.org/x/sys.
func Go(p *plan.Plan) ([]byte, error) {
	var out bytes.Buffer
	if err := templates.ExecuteTemplate(&out, "go.tmpl", describe(p)); err != nil {
		return nil, err
	}
	return format.Source(out.Bytes())
}

// description is a plan in the form that the templates need.
type description struct {
	Name         string
	Restricted   bool // whether there is a list of restrictions, which may be empty
	Restrictions []restriction
	Filters      []filter
}

type restriction struct {
	Kind  uint16
	Value uint8
	Note  string
}

type filter struct {
	Op      uapi.Op
	Flags   uint32
	PDUSize uint8
	Note    string
	Insns   []insn
}

type insn struct {
	uapi.SockFilter
	Note string
}

func describe(p *plan.Plan) description {
	d := description{Name: comment(p.Name), Restricted: p.Restrictions != nil}
	for _, r := range p.Restrictions {
		d.Restrictions = append(d.Restrictions, restriction{r.Opcode, r.Value, noteOf(r)})
	}
	for i := range p.Filters {
		f := &p.Filters[i]
		note := f.Op.String()
		if f.Flags != 0 {
			note += " " + uapi.BPFFilterFlags.FormatFlags(uint64(f.Flags))
		}
		if f.Why != "" {
			note += ": " + f.Why
		}
		out := filter{Op: f.Op, Flags: f.Flags, PDUSize: f.PDUSize, Note: comment(note)}
		for k, line := range cbpfvm.Disassemble(f.Insns) {
			out.Insns = append(out.Insns, insn{f.Insns[k], line})
		}
		d.Filters = append(d.Filters, out)
	}
	return d
}

// noteOf says what a restriction is about.
func noteOf(r uapi.Restriction) string {
	kind := uapi.Restrictions.Format(uint64(r.Opcode))
	switch r.Opcode {
	case uapi.IORING_RESTRICTION_REGISTER_OP:
		return kind + " " + uapi.RegisterOp(r.Value).String()
	case uapi.IORING_RESTRICTION_SQE_OP:
		return kind + " " + uapi.Op(r.Value).String()
	}
	return kind + " " + uapi.SQEFlags.FormatFlags(uint64(r.Value))
}

// comment changes a text so that it stays within a comment of one line, in C and in Go.
func comment(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x2028 || r == 0x2029 {
			return ' '
		}
		return r
	}, s)
	s = strings.TrimRight(s, `\`) // it would make the next line part of the comment
	return strings.ReplaceAll(strings.ReplaceAll(s, "*/", "* /"), "??/", "?? /")
}

package plan

import (
	"fmt"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// Version is the version of the document that is written and read.
const Version = 1

// document is a plan in JSON, made of the objects that traces have.
type document struct {
	Plan         int                  `json:"plan"` // Version
	Name         string               `json:"name,omitzero"`
	Restrictions *[]trace.Restriction `json:"restrictions,omitzero"`
	Filters      []registration       `json:"filters,omitzero"`
}

type registration struct {
	Why     string            `json:"why,omitzero"`
	Opcode  trace.OpNum       `json:"opcode" bits:"32"`
	Flags   trace.BPFFlagsNum `json:"flags,omitzero" bits:"32"`
	PDUSize trace.Num32       `json:"pdu_size,omitzero" bits:"8"`
	Insns   []string          `json:"insns"` // assembler, a line each
}

// Write writes the plan as a JSON document.
func (p *Plan) Write(w io.Writer) error {
	doc := document{Plan: Version, Name: p.Name}
	if p.Restrictions != nil {
		entries := trace.Restrictions(p.Restrictions)
		doc.Restrictions = &entries
	}
	for i := range p.Filters {
		f := &p.Filters[i]
		doc.Filters = append(doc.Filters, registration{f.Why, trace.OpNum(f.Op), trace.BPFFlagsNum(f.Flags),
			trace.Num32(f.PDUSize), cbpfvm.Disassemble(f.Insns)})
	}
	text, err := json.Marshal(doc, jsontext.WithIndent("  "))
	if err != nil {
		return err
	}
	_, err = w.Write(append(text, '\n'))
	return err
}

// Read reads a document that Write could have written. Errors are *trace.SyntaxError.
func Read(file string, text []byte) (*Plan, error) {
	var doc document
	if err := trace.Decode(file, text, &doc); err != nil {
		return nil, err
	}
	fail := func(format string, args ...any) (*Plan, error) {
		return nil, &trace.SyntaxError{File: file, Line: 1, Col: 1, Msg: fmt.Sprintf(format, args...)}
	}
	if doc.Plan != Version {
		return fail("found plan version %d, expected \"plan\": %d", doc.Plan, Version)
	}
	p := &Plan{Name: doc.Name}
	if doc.Restrictions != nil {
		p.Restrictions = []uapi.Restriction{}
		for _, r := range *doc.Restrictions {
			p.Restrictions = append(p.Restrictions, r.Entry())
		}
	}
	for i := range doc.Filters {
		f := &doc.Filters[i]
		insns, err := cbpfvm.AssembleLines(f.Insns)
		if err != nil {
			return fail("filters/%d/insns: %v", i, err)
		}
		p.Filters = append(p.Filters, Filter{uapi.Op(f.Opcode), uint32(f.Flags), uint8(f.PDUSize), insns, f.Why})
	}
	return p, nil
}

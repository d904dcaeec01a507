package plan

import (
	"fmt"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/srcpos"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// Version is the version of the document.
const Version = 1

// document is a plan in JSON. It consists of the same objects as traces.
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
	PDUSize trace.Number      `json:"pdu_size,omitzero" bits:"8"`
	Insns   []string          `json:"insns"` // assembler, one line each
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
			trace.Number(f.PDUSize), cbpfvm.Disassemble(f.Insns)})
	}
	text, err := json.Marshal(doc, jsontext.WithIndent("  "))
	if err != nil {
		return err
	}
	_, err = w.Write(append(text, '\n'))
	return err
}

// Read reads a document in the form of Write. Errors are *trace.SyntaxError.
func Read(file string, text []byte) (*Plan, error) {
	var doc document
	if err := trace.Decode(file, text, &doc); err != nil {
		return nil, err
	}
	places := trace.Places(text).Members
	fail := func(at trace.Place, format string, args ...any) (*Plan, error) {
		return nil, &trace.SyntaxError{File: file, Line: at.Line, Col: at.Col, Msg: fmt.Sprintf(format, args...)}
	}
	if doc.Plan != Version {
		return fail(places["plan"], "found plan version %d, expected \"plan\": %d", doc.Plan, Version)
	}
	p := &Plan{Name: doc.Name}
	if doc.Restrictions != nil {
		p.RestrictionsAt = []srcpos.Pos{places["restrictions"].Pos}
		p.Restrictions = []uapi.Restriction{}
		for _, r := range *doc.Restrictions {
			p.Restrictions = append(p.Restrictions, r.Entry())
		}
	}
	for i := range doc.Filters {
		f := &doc.Filters[i]
		here := places["filters"].Elements[i]
		insnPlaces := here.Members["insns"]
		insns, lines, err := cbpfvm.AssembleList(f.Insns)
		if err != nil {
			return fail(insnPlaces, "filters/%d/insns: %v", i, err)
		}
		out := Filter{Op: uapi.Op(f.Opcode), Flags: uint32(f.Flags), PDUSize: uint8(f.PDUSize), Insns: insns, Why: f.Why,
			At: []srcpos.Pos{here.Pos}}
		for _, line := range lines {
			out.InsnsAt = append(out.InsnsAt, []srcpos.Pos{insnPlaces.Elements[line].Pos})
		}
		p.Filters = append(p.Filters, out)
	}
	return p, nil
}

package main

import (
	"strings"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/eval"
	"github.com/uringsim/uringsim/uapi"
)

// indentBy puts something in front of each line.
func indentBy(by, text string) string {
	return by + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n"+by) + "\n"
}

// The JSON of what a filter did; docs/json.md states the keys.
type (
	runLine struct {
		Index  int        `json:"index"`
		Of     int        `json:"of"`
		Origin string     `json:"origin,omitzero"`
		Marker bool       `json:"marker,omitzero"`
		Result uint32     `json:"result"`
		Steps  []stepLine `json:"steps,omitzero"`
	}
	stepLine struct {
		PC   int    `json:"pc"`
		Insn string `json:"insn"`
		A    uint32 `json:"a"`
		X    uint32 `json:"x"`
		Next int    `json:"next"`
		Text string `json:"text"`
	}
)

func jsonRun(r *eval.Run) runLine {
	l := runLine{Index: r.Index, Of: r.Of, Origin: r.Origin, Marker: r.Path == nil}
	if r.Path == nil {
		return l
	}
	l.Result = r.Path.Result
	lines := r.Path.Lines()
	for i, s := range r.Path.Steps {
		insn := cbpfvm.Disassemble([]uapi.SockFilter{s.Insn})[0]
		l.Steps = append(l.Steps, stepLine{s.PC, insn, s.A, s.X, s.Next, strings.TrimSpace(lines[i])})
	}
	return l
}

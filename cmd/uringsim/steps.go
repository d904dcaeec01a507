package main

import (
	"fmt"
	"strings"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// filterRun is a filter that judged a request.
type filterRun struct {
	index, of int // its place in the stack, from 0
	origin    string
	path      *cbpfvm.Path // nil for the deny that DENY_REST left
}

// runsOf are the filters that ran on a request: up to the first that denies.
func runsOf(q *trace.Request) []filterRun {
	var runs []filterRun
	for i, f := range q.Filters {
		run := filterRun{index: i, of: len(q.Filters), origin: f.Origin}
		if f.Program == nil {
			return append(runs, run)
		}
		path := f.Program.Explain(&q.Context)
		run.path = &path
		if runs = append(runs, run); path.Result == 0 {
			break
		}
	}
	return runs
}

// text is what the filter did, step by step.
func (r filterRun) text() string {
	if r.path == nil {
		return fmt.Sprintf("filter %d of %d, the deny that DENY_REST left\n", r.index+1, r.of)
	}
	return fmt.Sprintf("filter %d of %d, %s\n%s", r.index+1, r.of, r.origin, indentBy("  ", r.path.String()))
}

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

func (r filterRun) line() runLine {
	l := runLine{Index: r.index, Of: r.of, Origin: r.origin, Marker: r.path == nil}
	if r.path == nil {
		return l
	}
	l.Result = r.path.Result
	lines := r.path.Lines()
	for i, s := range r.path.Steps {
		insn := cbpfvm.Disassemble([]uapi.SockFilter{s.Insn})[0]
		l.Steps = append(l.Steps, stepLine{s.PC, insn, s.A, s.X, s.Next, strings.TrimSpace(lines[i])})
	}
	return l
}

package uringtest

import (
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// explain says what became of a request that has to be something else, and why.
func explain(sandboxes []*Sandbox, request trace.SQE, a Answer, want Decision) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s is %s, want %s\n    %s\n", a.Opcode, a.Decision, want, shown(request))
	out.WriteString(because(sandboxes, a, want))
	return out.String()
}

// shown is a request as a trace has it.
func shown(request trace.SQE) string {
	text, err := json.Marshal(request)
	if err != nil { // a path that is not UTF-8
		return err.Error()
	}
	return string(text)
}

// because is the check that refused a request, or the way through each filter.
func because(sandboxes []*Sandbox, a Answer, want Decision) string {
	var out strings.Builder
	if a.Why != nil {
		fmt.Fprintf(&out, "    %v\n", a.Why)
	}
	if a.Decision == Invalid || a.Decision == Denied && a.Why.Filter == nil {
		return out.String()
	}
	if len(a.Filters) == 0 {
		fmt.Fprintf(&out, "    no filter is asked about %s\n", a.Opcode)
	}
	for i, f := range a.Filters {
		if f.Program == nil { // DENY_REST, which Why speaks of
			break
		}
		path := f.Program.Explain(&a.Context)
		fmt.Fprintf(&out, "    %s\n", title(sandboxes, a.Opcode, f.Program, i, len(a.Filters)))
		for _, line := range marked(f.Program, path, want) {
			fmt.Fprintf(&out, "      %s\n", line)
		}
		if path.Result == 0 {
			break
		}
	}
	return out.String()
}

// title names a program by its place in the stack, and by its remark in a plan.
func title(sandboxes []*Sandbox, op uapi.Op, program *cbpfvm.Program, i, of int) string {
	text := fmt.Sprintf("filter %d of %d", i+1, of)
	for _, s := range sandboxes {
		for _, index := range s.indexes(op, program.Insns()) {
			if why := s.plan.Filters[index].Why; why != "" {
				return text + " (" + why + ")"
			}
		}
	}
	return text
}

// marked are the lines of a path, with a mark at the branch that decided: the last whose other way leads to what is
// wanted.
func marked(program *cbpfvm.Program, path cbpfvm.Path, want Decision) []string {
	lines := path.Lines()
	can := outcomes(program.Insns())
	for i := len(path.Steps) - 1; i >= 0; i-- {
		step := path.Steps[i]
		for _, next := range nexts(step.Insn, step.PC) {
			if step.Next >= 0 && next != step.Next && can[next].has(want) {
				lines[i] += fmt.Sprintf("  <- %s from %d on", way[want], next)
				return lines
			}
		}
	}
	return lines
}

// way says what the other way of a branch could do.
var way = map[Decision]string{Allowed: "it can be allowed", Denied: "it can be denied"}

// ends says how runs from an instruction on can end.
type ends struct{ allow, deny bool }

func (e ends) has(d Decision) bool { return d == Allowed && e.allow || d == Denied && e.deny }

// Instructions that end a run (include/uapi/linux/bpf_common.h).
const (
	classMask = 0x07
	classRet  = 0x06
	retMask   = 0x18
	retK      = 0x00
	divX      = 0x3c // denies if X is 0
)

// nexts are the instructions that can follow the one at pc: none after a ret, two after a branch.
func nexts(in uapi.SockFilter, pc int) []int {
	skips := cbpfvm.Jumps(in)
	switch {
	case in.Code&classMask == classRet:
		return nil
	case skips == nil:
		skips = []uint32{0}
	}
	var all []int
	for _, skip := range skips {
		all = append(all, pc+1+int(skip))
	}
	return all
}

// outcomes says for each instruction of a checked program how runs that come to it can end, as far as its jumps tell.
func outcomes(insns []uapi.SockFilter) []ends {
	can := make([]ends, len(insns))
	for pc := len(insns) - 1; pc >= 0; pc-- { // jumps lead forward
		in := insns[pc]
		if in.Code&classMask == classRet {
			isConstant := in.Code&retMask == retK
			can[pc] = ends{allow: !isConstant || in.K != 0, deny: !isConstant || in.K == 0}
		}
		for _, next := range nexts(in, pc) {
			can[pc].allow = can[pc].allow || can[next].allow
			can[pc].deny = can[pc].deny || can[next].deny || in.Code == divX
		}
	}
	return can
}

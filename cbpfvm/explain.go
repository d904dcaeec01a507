package cbpfvm

import (
	"fmt"
	"strings"

	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// Path is the path that one run took through a program.
type Path struct {
	Steps  []Step
	Result uint32 // 0 denies
	ctx    Context
}

// Step is one executed instruction.
type Step struct {
	PC   int
	Insn uapi.SockFilter
	A, X uint32 // the registers after it
	Next int    // the index of the next instruction, or -1 at the end
}

// Explain runs the filter as Run does and returns its path. That of the zero Program is empty.
func (p *Program) Explain(ctx *Context) Path {
	path := Path{ctx: *ctx, Steps: make([]Step, 0, min(len(p.raw), 16))}
	m := machine{ctx: ctx, ctxSize: p.ctxSize}
	for len(p.raw) > 0 && !m.ended {
		s := Step{PC: m.pc, Insn: p.raw[m.pc], Next: -1}
		if m.step(s.Insn); !m.ended {
			s.Next = m.pc
		}
		s.A, s.X = m.a, m.x
		path.Steps = append(path.Steps, s)
	}
	path.Result = m.result
	return path
}

// PC returns the index of the instruction that ended the run, or -1 if none ran.
func (p Path) PC() int {
	if len(p.Steps) == 0 {
		return -1
	}
	return p.Steps[len(p.Steps)-1].PC
}

// Loads returns the words of the context that the program read, in order.
func (p Path) Loads() []verdict.Load {
	var loads []verdict.Load
	for _, s := range p.Steps {
		if l, ok := s.Load(); ok {
			loads = append(loads, l)
		}
	}
	return loads
}

// Load returns the word of the context that the instruction read, if it read one.
func (s Step) Load() (verdict.Load, bool) {
	if s.Insn.Code != codes[opLdAbs].code {
		return verdict.Load{}, false
	}
	return verdict.Load{Off: s.Insn.K, Value: s.A}, true
}

// Lines describes the path, one line per step with its effect.
func (p Path) Lines() []string {
	lines := make([]string, len(p.Steps))
	for i, s := range p.Steps {
		lines[i] = strings.TrimRight(fmt.Sprintf("%3d  %-24s %s", s.PC, disassemble(s.Insn), p.effect(s)), " ")
	}
	return lines
}

// String returns Lines as one text.
func (p Path) String() string { return strings.Join(p.Lines(), "\n") }

// effect describes what a step did.
func (p Path) effect(s Step) string {
	o := opByCode[s.Insn.Code]
	switch {
	case s.Next < 0:
		return p.ending(o)
	case o == opLdAbs:
		return fmt.Sprintf("A = 0x%08x  %s", s.A, p.ctx.Describe(s.Insn.K))
	case o == opSt:
		return fmt.Sprintf("M[%d] = 0x%08x", s.Insn.K, s.A)
	case o == opStx:
		return fmt.Sprintf("M[%d] = 0x%08x", s.Insn.K, s.X)
	case o == opLdxImm, o == opLdxMem, o == opLdxLen, o == opTax:
		return fmt.Sprintf("X = 0x%08x", s.X)
	case o == opJa:
		return fmt.Sprintf("to %d", s.Next)
	case codes[o].rule == ruleCond:
		is, _ := s.Holds()
		return fmt.Sprintf("%t, to %d", is, s.Next)
	}
	return fmt.Sprintf("A = 0x%08x", s.A)
}

// Holds tells whether the condition of a conditional jump held, even if both outcomes lead to the same instruction.
func (s Step) Holds() (is, conditional bool) {
	o := opByCode[s.Insn.Code]
	if codes[o].rule != ruleCond {
		return false, false
	}
	v := s.Insn.K
	if onK := withK[o]; onK != 0 {
		o, v = onK, s.X
	}
	return holds(o, s.A, v), true
}

// ending describes how the run ended.
func (p Path) ending(o op) string {
	switch {
	case o == opDivX:
		return "deny, division by X = 0"
	case p.Result == 0:
		return "deny"
	}
	return "allow"
}

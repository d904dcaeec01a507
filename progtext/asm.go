package progtext

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

func readAsm(in input) (*Program, error) {
	insns, at, err := cbpfvm.AssemblePos(string(in.text))
	var asm *cbpfvm.AsmError
	if errors.As(err, &asm) {
		return nil, &trace.SyntaxError{File: in.file, Line: asm.Line, Col: asm.Col, Msg: asm.Msg}
	}
	return &Program{insns, at}, err
}

func writeAsm(out *bytes.Buffer, insns []uapi.SockFilter, o Options) error {
	for _, line := range Listing(insns, o.Op) {
		fmt.Fprintln(out, line)
	}
	return nil
}

// Listing returns the program in assembler, one line per instruction, with labels, and with comments that name the
// fields that it loads and the constants that it compares them with. If op is nil, only fields that all requests have
// are named.
func Listing(insns []uapi.SockFilter, op *uapi.Op) []string {
	lines, labels := labelled(insns)
	notes := comments(insns, op)
	width := 0
	for _, l := range labels {
		width = max(width, len(l))
	}
	column := 0
	for pc := range lines {
		if width > 0 {
			lines[pc] = fmt.Sprintf("%-*s%s", width+2, labels[pc], lines[pc])
		}
		column = max(column, len(lines[pc]))
	}
	for pc := range lines {
		if notes[pc] != "" {
			lines[pc] = fmt.Sprintf("%-*s  ; %s", column, lines[pc], notes[pc])
		}
	}
	return lines
}

// labelled returns the program with labels in place of distances, and for each instruction its label with a colon, if
// it is the target of a jump.
func labelled(insns []uapi.SockFilter) (lines, labels []string) {
	lines, labels = cbpfvm.Disassemble(insns), make([]string, len(insns))
	for pc, in := range insns {
		targets := cbpfvm.Jumps(in)
		if strings.HasPrefix(lines[pc], ".insn") || targets == nil {
			continue
		}
		text, _, _ := strings.Cut(lines[pc], "+")
		for i, skip := range targets {
			if i == 1 && skip == 0 {
				break // it falls through, which is left out
			}
			if i > 0 {
				text += ", "
			}
			if to := uint64(pc) + 1 + uint64(skip); to < uint64(len(insns)) {
				text += fmt.Sprintf("L%d", to)
				labels[to] = fmt.Sprintf("L%d:", to)
			} else {
				text += fmt.Sprintf("+%d", skip) // beyond the end, where there can be no label
			}
		}
		lines[pc] = text
	}
	return lines, labels
}

// held is what the accumulator holds: the word at an offset of the context, masked. The zero held stands for anything.
type held struct {
	off  uint32
	mask uint32
}

// comments returns a comment for each instruction: the field that it loads, or what its constant means for the field in
// the accumulator.
func comments(insns []uapi.SockFilter, op *uapi.Op) []string {
	notes := make([]string, len(insns))
	before := make([]*held, len(insns)) // nil if nothing has reached the instruction yet
	reach := func(pc uint64, h held) {
		switch {
		case pc >= uint64(len(insns)):
		case before[pc] == nil:
			before[pc] = &h
		case *before[pc] != h:
			before[pc] = &held{}
		}
	}
	reach(0, held{})
	for pc, in := range insns {
		if before[pc] == nil {
			continue
		}
		after := before[pc].after(in)
		notes[pc] = before[pc].note(in, op)
		jumps := cbpfvm.Jumps(in)
		if jumps == nil && in.Class() != uapi.BPF_RET {
			jumps = []uint32{0}
		}
		for _, skip := range jumps {
			reach(uint64(pc)+1+uint64(skip), after)
		}
	}
	return notes
}

// after returns what the accumulator holds after the instruction.
func (h held) after(in uapi.SockFilter) held {
	switch in.Class() {
	case uapi.BPF_LD, uapi.BPF_ALU:
		switch in.Code {
		case codeLdAbs:
			return held{in.K, 0xffffffff}
		case codeAndK:
			return held{h.off, h.mask & in.K}
		}
		return held{}
	case uapi.BPF_MISC:
		if in.Code == codeTxa {
			return held{}
		}
	}
	return h
}

// note returns the comment on an instruction, or "".
func (h held) note(in uapi.SockFilter, op *uapi.Op) string {
	field := func(off uint32) *cbpfvm.Field {
		if found := cbpfvm.FieldsAt(off, op); len(found) == 1 && h.mask != 0 {
			return &found[0]
		}
		return nil
	}
	switch {
	case in.Code == codeLdAbs:
		var names []string
		for _, f := range cbpfvm.FieldsAt(in.K, op) {
			names = append(names, f.Name)
		}
		return strings.Join(names, " or ")
	case in.Code == codeRetK && in.K == 0:
		return "deny"
	case in.Code == codeRetK:
		return "allow"
	case in.Code == codeAndK || in.Code == codeJsetK:
		if f := field(h.off); f != nil {
			return f.Bits(in.K)
		}
	case in.Code == codeJeqK || in.Code == codeJgtK || in.Code == codeJgeK:
		if f := field(h.off); f != nil {
			return f.Value(in.K, h.mask)
		}
	}
	return ""
}

// Package plan holds what a sandbox registers with io_uring: restrictions, then filters, in an order that matters.
// Policies compile to a plan, and programs are checked, explained and compared as plans. The package does not know the
// model, so that each can be tested against the other.
package plan

import (
	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/srcpos"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// Plan is registered from top to bottom: first the restrictions, then the filters.
type Plan struct {
	Name         string
	Restrictions []uapi.Restriction // nil means that none are registered; an empty list denies everything
	Filters      []Filter           // for one opcode, the last one registered runs first

	RestrictionsAt []srcpos.Pos // where they are written, as for filters
}

// Filter is the registration of one program: struct io_uring_bpf.
type Filter struct {
	Op      uapi.Op
	Flags   uint32 // IO_URING_BPF_FILTER_*
	PDUSize uint8  // size in bytes of the payload that the program knows
	Insns   []uapi.SockFilter
	Why     string // a remark for people

	// Where it is written, if it was read from a text with lines. Only messages depend on it.
	At      []srcpos.Pos   // the filter as a whole: its object, or the rules of a policy for its opcode
	InsnsAt [][]srcpos.Pos // each instruction: its own place, or the tests of a policy that it stands for; nil means At
}

// InsnAt returns where an instruction is written, or where the filter is if the instruction has no place of its own;
// nil if neither is known. A negative pc stands for the filter, which without a place of its own has that of its first
// instruction.
func (f *Filter) InsnAt(pc int) []srcpos.Pos {
	switch {
	case pc >= 0 && pc < len(f.InsnsAt) && f.InsnsAt[pc] != nil:
		return f.InsnsAt[pc]
	case len(f.At) == 0 && len(f.InsnsAt) > 0:
		return f.InsnsAt[0]
	}
	return f.At
}

// Stack returns the filters that decide on requests of an opcode, as indices into Filters, newest first. Denied says
// that a filter before all of them closed the opcode with DENY_REST, so that they do not matter.
//
// Linux: io_uring/bpf_filter.c:io_register_bpf_filter
func (p *Plan) Stack(op uapi.Op) (filters []int, denied bool) {
	for i, f := range p.Filters {
		switch {
		case f.Op == op:
			filters = append([]int{i}, filters...)
		case f.Flags&uapi.IO_URING_BPF_FILTER_DENY_REST != 0 && len(filters) == 0:
			denied = true
		}
	}
	return filters, denied
}

// object returns the filter as traces write it.
func (f *Filter) object() trace.BPFFilter {
	return trace.BPFFilter{Opcode: trace.OpNum(f.Op), Flags: trace.BPFFlagsNum(f.Flags), PDUSize: trace.Number(f.PDUSize),
		Insns: cbpfvm.Disassemble(f.Insns)}
}

// Events returns the calls with which a task registers the plan for itself. It holds for rings that the task and its
// children make afterwards.
func (p *Plan) Events(task string) []trace.Event {
	var events []trace.Event
	register := func(op uapi.RegisterOp, arg trace.Object, why string) {
		const itself = ^trace.Number(0) // the descriptor -1
		events = append(events, trace.Event{Task: task, Why: why, Args: &trace.RegisterArgs{FD: itself,
			Op: trace.RegisterNum(op), Arg: trace.Pointer{Object: &arg}, Nr: 1}})
	}
	if p.Restrictions != nil {
		entries := trace.Restrictions(p.Restrictions)
		register(uapi.IORING_REGISTER_RESTRICTIONS,
			trace.Object{TaskRestrictions: &trace.TaskRestrictions{Entries: entries}}, "")
	}
	for i := range p.Filters {
		f := p.Filters[i].object()
		register(uapi.IORING_REGISTER_BPF_FILTER, trace.Object{BPFFilter: &f}, p.Filters[i].Why)
	}
	return events
}

// Registration is how a first task without privileges registers the plan.
func (p *Plan) Registration() []trace.Event {
	return append([]trace.Event{{Task: trace.InitTask, Args: &trace.NoNewPrivsArgs{}}}, p.Events(trace.InitTask)...)
}

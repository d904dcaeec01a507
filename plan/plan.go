// Package plan is what a sandbox registers with io_uring: restrictions, then filters, in an order that matters. It is
// what policies compile to, and the form in which programs are checked, explained and compared. It knows nothing of the
// model, which is how the two can judge each other.
package plan

import (
	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/srcpos"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// Plan is registered from top to bottom: the restrictions, and then the filters.
type Plan struct {
	Name         string
	Restrictions []uapi.Restriction // nil registers none; an empty list denies everything
	Filters      []Filter           // of one opcode, the last one registered runs first

	RestrictionsAt []srcpos.Pos // where their author wrote them, as for filters
}

// Filter is one registration of a program: struct io_uring_bpf.
type Filter struct {
	Op      uapi.Op
	Flags   uint32 // IO_URING_BPF_FILTER_*
	PDUSize uint8  // bytes of payload that the program knows
	Insns   []uapi.SockFilter
	Why     string // a remark for people

	// Where its author wrote it, if it was read from a text with lines; nothing but messages depends on it.
	At      []srcpos.Pos   // the filter: its object, or the rules of a policy that speak of its opcode
	InsnsAt [][]srcpos.Pos // of each instruction: itself, or the tests of a policy that became it; nil is At
}

// InsnAt is where an instruction was written, or the whole filter if no place is the instruction's own; nil if no place
// is known. A negative pc is the filter. Without a place of its own, it is where its first instruction is.
func (f *Filter) InsnAt(pc int) []srcpos.Pos {
	switch {
	case pc >= 0 && pc < len(f.InsnsAt) && f.InsnsAt[pc] != nil:
		return f.InsnsAt[pc]
	case len(f.At) == 0 && len(f.InsnsAt) > 0:
		return f.InsnsAt[0]
	}
	return f.At
}

// Stack gives the filters that decide on requests of an opcode, as indexes into Filters and newest first, and whether
// DENY_REST of a filter before all of them denies the opcode whatever they say.
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

// object is the filter as traces write it.
func (f *Filter) object() trace.BPFFilter {
	return trace.BPFFilter{Opcode: trace.OpNum(f.Op), Flags: trace.BPFFlagsNum(f.Flags), PDUSize: trace.Num32(f.PDUSize),
		Insns: cbpfvm.Disassemble(f.Insns)}
}

// Events are the calls by which a task registers the plan for itself: for rings that it makes from then on, and its
// children's.
func (p *Plan) Events(task string) []trace.Event {
	var events []trace.Event
	register := func(op uapi.RegisterOp, arg trace.Object, why string) {
		const itself = ^trace.Num32(0) // the descriptor -1
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

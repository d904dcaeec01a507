package bpffilter

import (
	"fmt"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/mm"
	"github.com/uringsim/uringsim/opdef"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// Set holds the filters of each opcode, newest first. Tasks and rings share it by reference.
//
// Linux: io_uring/bpf_filter.c:struct io_bpf_filters
type Set struct {
	heads  [uapi.IORING_OP_LAST]*filter
	newest uapi.Op // of the last registration
}

// filter is one registered program. Filters are only ever put in front, so a list can be shared from any node on.
type filter struct {
	prog   *cbpfvm.Program
	next   *filter
	origin string
	allows bool // whatever they see, it and those behind it allow it
}

// denyMarker stands in the list of an opcode that DENY_REST denied: always last, never removed.
//
// Linux: io_uring/bpf_filter.c:dummy_filter
var denyMarker = &filter{prog: &cbpfvm.Program{}} // the zero Program denies

const (
	whereImport   = "io_uring/bpf_filter.c:io_bpf_filter_import"
	whereRegister = "io_uring/bpf_filter.c:io_register_bpf_filter"
	whereRun      = "io_uring/bpf_filter.c:__io_uring_run_bpf_filters"
)

// Register adds the filter that struct io_uring_bpf at arg describes. Origin says for explanations who registers it.
//
// Linux: io_uring/bpf_filter.c:io_register_bpf_filter
func (r *Restriction) Register(k kernel.Release, mem *mm.Space, arg uint64, origin string) *verdict.Refusal {
	reg, refusal := importFilter(k, mem, arg)
	if refusal != nil {
		return refusal
	}
	prog, refusal := loadProgram(k, mem, &reg)
	if refusal != nil {
		return refusal
	}
	switch {
	case r.filters == nil:
		r.filters = &Set{}
	case r.cow:
		r.filters = &Set{heads: r.filters.heads, newest: r.filters.newest}
		r.cow = false
	}
	set := r.filters
	set.newest = uapi.Op(reg.Opcode)
	next := set.heads[reg.Opcode]
	allows := prog.AlwaysAllows() && (next == nil || next.allows)
	set.heads[reg.Opcode] = &filter{prog: prog, next: next, origin: origin, allows: allows}
	if reg.Flags&uapi.IO_URING_BPF_FILTER_DENY_REST != 0 {
		for op := range set.heads {
			if set.heads[op] == nil {
				set.heads[op] = denyMarker
			}
		}
	}
	return nil
}

// importFilter reads and checks the registration, and tells the caller the kernel's payload size even if it then fails.
//
// Linux: io_uring/bpf_filter.c:io_bpf_filter_import
func importFilter(k kernel.Release, mem *mm.Space, arg uint64) (reg uapi.BPF, _ *verdict.Refusal) {
	raw := make([]byte, uapi.SizeofBPF)
	if !mem.CopyIn(raw, arg) {
		return reg, verdict.Refuse(verdict.Register, uapi.EFAULT, whereImport, "struct io_uring_bpf must be readable")
	}
	reg = uapi.DecodeBPF(raw)
	if why := badRegistration(k, &reg); why != "" {
		return reg, verdict.Refuse(verdict.Register, uapi.EINVAL, whereImport, why)
	}
	if k.Has(kernel.NoPDUSize) {
		return reg, nil
	}
	size := opdef.PDUSize(k, uapi.Op(reg.Opcode))
	var refusal *verdict.Refusal
	switch strict := reg.Flags&uapi.IO_URING_BPF_FILTER_SZ_STRICT != 0; {
	case reg.PDUSize == size:
	case strict || reg.PDUSize > size:
		why := fmt.Sprintf("pdu_size is %d, the kernel's payload for %s has %d bytes", reg.PDUSize, uapi.Op(reg.Opcode), size)
		refusal = verdict.Refuse(verdict.Register, uapi.EMSGSIZE, whereImport, why)
	}
	reg.PDUSize = size
	if !mem.CopyOut(arg+uapi.BPFFilterOff, reg.Append(nil)[uapi.BPFFilterOff:]) {
		return reg, verdict.Refuse(verdict.Register, uapi.EFAULT, whereImport, "struct io_uring_bpf must be writable")
	}
	return reg, refusal
}

// badRegistration says which field of the registration is wrong, in the kernel's order.
func badRegistration(k kernel.Release, reg *uapi.BPF) string {
	flags := uint32(uapi.IO_URING_BPF_FILTER_DENY_REST | uapi.IO_URING_BPF_FILTER_SZ_STRICT)
	resv := reg.Resv1 != [3]uint8{}
	if k.Has(kernel.NoPDUSize) {
		flags = uapi.IO_URING_BPF_FILTER_DENY_REST
		resv = resv || reg.PDUSize != 0
	}
	switch {
	case reg.CmdType != uapi.IO_URING_BPF_CMD_FILTER:
		return "cmd_type must be IO_URING_BPF_CMD_FILTER"
	case reg.CmdFlags != 0 || reg.Resv != 0:
		return "cmd_flags and resv must be 0"
	case reg.Opcode >= uapi.IORING_OP_LAST:
		return "opcode must exist"
	case reg.Flags&^flags != 0:
		return "flags must be known"
	case resv || reg.Resv2 != [5]uint64{}:
		return "reserved fields must be 0"
	case reg.FilterLen == 0 || reg.FilterLen > uapi.BPF_MAXINSNS:
		return "filter_len must be 1 to 4096"
	}
	return ""
}

// loadProgram copies and checks the instructions.
//
// Linux: net/core/filter.c:bpf_prog_create_from_user
func loadProgram(k kernel.Release, mem *mm.Space, reg *uapi.BPF) (*cbpfvm.Program, *verdict.Refusal) {
	const where = "net/core/filter.c:bpf_prog_create_from_user"
	if reg.FilterPtr == 0 {
		return nil, verdict.Refuse(verdict.Register, uapi.EINVAL, where, "filter_ptr must not be NULL")
	}
	raw := make([]byte, reg.FilterLen*uapi.SizeofSockFilter)
	if !mem.CopyIn(raw, reg.FilterPtr) {
		return nil, verdict.Refuse(verdict.Register, uapi.EFAULT, where, "the instructions must be readable")
	}
	prog, err := cbpfvm.Check(uapi.DecodeSockFilters(raw), opdef.ContextSize(k))
	if err != nil {
		why := fmt.Sprintf("instruction %d: %s", err.PC, err.Why)
		return nil, verdict.Refuse(verdict.Register, uapi.EINVAL, err.Func, why)
	}
	return prog, nil
}

// Run evaluates the filters of a prepared request on an engine. Nil means that all of them allow it. The look is what
// they had of it, nil if there are none.
func (s *Set) Run(on cbpfvm.Engine, ops *opdef.Ops, req *opdef.Request) (*verdict.Refusal, *Look) {
	head := s.heads[req.Opcode]
	if head == nil {
		return nil, nil
	}
	look := &Look{head: head}
	if denied := s.run(on, ops, req, &look.Context); denied != nil {
		return explain(head, denied, &look.Context), look
	}
	return nil, look
}

// Decide is Run without a reason, for the many requests that nobody asks about: what it refuses is always the same. The
// context is the caller's, so that none has to be made.
func (s *Set) Decide(on cbpfvm.Engine, ops *opdef.Ops, req *opdef.Request, ctx *cbpfvm.Context) *verdict.Refusal {
	if s.heads[req.Opcode].allow(on) || s.run(on, ops, req, ctx) == nil {
		return nil
	}
	return denied
}

// allow tells whether the filters of a list allow everything, so that none has to run. The reference always runs.
func (f *filter) allow(on cbpfvm.Engine) bool { return f == nil || f.allows && on == cbpfvm.Fast }

var denied = verdict.Refuse(verdict.Filter, uapi.EACCES, whereRun, "denied by a filter")

// run is the filter that denies a prepared request, nil if none does, and what the filters saw.
//
// Linux: io_uring/bpf_filter.c:__io_uring_run_bpf_filters
func (s *Set) run(on cbpfvm.Engine, ops *opdef.Ops, req *opdef.Request, ctx *cbpfvm.Context) *filter {
	head := s.heads[req.Opcode]
	if head == nil || head == denyMarker {
		return head
	}
	ops.Populate(req, (*[uapi.SizeofBPFCtx]byte)(ctx))
	return head.denies(on, ctx)
}

// denies is the filter that denies, of a list from f on, nil if none does.
func (f *filter) denies(on cbpfvm.Engine, ctx *cbpfvm.Context) *filter {
	for ; f != nil; f = f.next {
		if on.Run(f.prog, ctx) == 0 {
			return f
		}
	}
	return nil
}

// Look is a request as its filters see it. It stays what it was when filters are added.
type Look struct {
	Context cbpfvm.Context
	head    *filter
}

// Each gives the filters of the opcode, newest first, with who registered them; the program is nil for the deny that
// DENY_REST left.
func (l *Look) Each(yield func(p *cbpfvm.Program, origin string) bool) {
	for f := l.head; f != nil; f = f.next {
		prog := f.prog
		if f == denyMarker {
			prog = nil
		}
		if !yield(prog, f.origin) {
			return
		}
	}
}

// explain says which filter of the list denied, and how.
func explain(head, denied *filter, ctx *cbpfvm.Context) *verdict.Refusal {
	step := &verdict.FilterStep{Origin: denied.origin, Marker: denied == denyMarker, PC: -1}
	for f := head; f != nil; f = f.next {
		if f == denied {
			step.Index = step.Of
		}
		step.Of++
	}
	if !step.Marker {
		path := denied.prog.Explain(ctx)
		step.PC, step.Loads = path.PC(), path.Loads()
	}
	r := verdict.Refuse(verdict.Filter, uapi.EACCES, whereRun, step.String())
	r.Filter = step
	return r
}

// Newest is the filter that was registered last.
func (s *Set) Newest() (uapi.Op, *cbpfvm.Program) { return s.newest, s.heads[s.newest].prog }

// Programs are the filters of an opcode, newest first, and whether the deny of DENY_REST comes last.
func (s *Set) Programs(op uapi.Op) (progs []*cbpfvm.Program, denyRest bool) {
	if s == nil {
		return nil, false
	}
	for f := s.heads[op]; f != nil; f = f.next {
		if f == denyMarker {
			return progs, true
		}
		progs = append(progs, f.prog)
	}
	return progs, false
}

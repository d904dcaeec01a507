package policy

import (
	"fmt"
	"strings"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/uapi"
)

// Options say for whom a policy is compiled.
type Options struct {
	// Kernels are the releases that are to enforce the plan. nil is all on which a task can register filters, but for
	// those that the policy itself rules out by "require".
	Kernels []kernel.Release
}

// Compile makes the plan that enforces the policy. Errors are *trace.SyntaxError.
func (p *Policy) Compile(o Options) (*plan.Plan, error) {
	kernels, err := p.kernels(o)
	if err != nil {
		return nil, err
	}
	out := &plan.Plan{Name: p.File, Restrictions: p.restrictions()}
	for op := range uapi.Op(uapi.IORING_OP_LAST) {
		f, err := p.filter(op, kernels)
		if err != nil {
			return nil, err
		}
		if f != nil {
			out.Filters = append(out.Filters, *f)
		}
	}
	if p.Default == Deny {
		denyRest(out)
	}
	return out, nil
}

// denyRest makes the last filter deny what has none. Before it, the opcodes of later filters would be denied for good.
func denyRest(out *plan.Plan) {
	if len(out.Filters) == 0 {
		out.Filters = []plan.Filter{{Op: uapi.IORING_OP_NOP, Insns: emit(newGraph(0).leaf[0]), Why: "nothing is allowed"}}
	}
	out.Filters[len(out.Filters)-1].Flags |= uapi.IO_URING_BPF_FILTER_DENY_REST
}

// kernels are the releases to compile for.
func (p *Policy) kernels(o Options) ([]kernel.Release, error) {
	if o.Kernels == nil {
		var all []kernel.Release
		for _, k := range kernel.Measured() {
			if canFilter(k) && p.requirement(k) == nil {
				all = append(all, k)
			}
		}
		return all, nil
	}
	for _, k := range o.Kernels {
		if !canFilter(k) {
			return nil, fmt.Errorf("%s: a task cannot register filters on %s", p.File, k.Name)
		}
		if r := p.requirement(k); r != nil {
			return nil, errorAt(p.File, r.Pos, "the policy requires kernel >= %s for %s, and is to be compiled for %s",
				r.Kernel.Name, r.Op, k.Name)
		}
	}
	return o.Kernels, nil
}

// requirement is the first that a release does not meet; nil if it meets all.
func (p *Policy) requirement(k kernel.Release) *Require {
	for i := range p.Requires {
		if r := &p.Requires[i]; !payloadOf(r.Op).on(k) {
			return r
		}
	}
	return nil
}

// restrictions are the list that the limits ask for; nil if they ask for none.
func (p *Policy) restrictions() []uapi.Restriction {
	var list []uapi.Restriction
	add := func(kind uint16, value uint8) {
		list = append(list, uapi.Restriction{Opcode: kind, Value: value})
	}
	if l := p.Limits.Register; l != nil {
		for _, op := range *l {
			if op != uapi.IORING_REGISTER_BPF_FILTER {
				add(uapi.IORING_RESTRICTION_REGISTER_OP, uint8(op))
			}
		}
		// The filters come after the list, which on some kernels also binds the task's own calls.
		add(uapi.IORING_RESTRICTION_REGISTER_OP, uint8(uapi.IORING_REGISTER_BPF_FILTER))
	}
	if p.Limits.Flags == nil && p.Limits.Required == 0 {
		return list
	}
	// An entry about flags makes the list one of requests, too: what it does not name is denied.
	for op := range uint8(uapi.IORING_OP_LAST) {
		if _, root := decide(p, uapi.Op(op)); !root.isLeaf() || root.allow {
			add(uapi.IORING_RESTRICTION_SQE_OP, op)
		}
	}
	allowed := uint8(0x7f)
	if p.Limits.Flags != nil {
		allowed = *p.Limits.Flags
	}
	add(uapi.IORING_RESTRICTION_SQE_FLAGS_ALLOWED, allowed)
	if p.Limits.Required != 0 {
		add(uapi.IORING_RESTRICTION_SQE_FLAGS_REQUIRED, p.Limits.Required)
	}
	return list
}

// filter is the registration for an opcode; nil if what happens without one is right.
func (p *Policy) filter(op uapi.Op, kernels []kernel.Release) (*plan.Filter, error) {
	g, root := decide(p, op)
	root = g.prune(root)
	f := &plan.Filter{Op: op, Why: p.why(op)}
	strict := false
	for i := range p.Requires {
		strict = strict || p.Requires[i].Op == op
	}
	for i := range p.Rules {
		r := &p.Rules[i]
		if t := payloadTest(r); r.fits(op) && t != nil {
			strict = true
			if err := p.payloadShows(t, op, kernels); err != nil {
				return nil, err
			}
		}
	}
	if root.isLeaf() && root.allow == (p.Default == Allow) && !strict {
		return nil, nil
	}
	if strict {
		f.Flags, f.PDUSize = uapi.IO_URING_BPF_FILTER_SZ_STRICT, payloadOf(op).size
	}
	f.Insns = emit(root)
	if _, err := cbpfvm.Check(f.Insns, uapi.SizeofBPFCtx); err != nil {
		return nil, fmt.Errorf("%s: the program for %s: %w", p.File, op, err)
	}
	return f, nil
}

// payloadTest is a test of the rule that looks at the payload; nil if none does.
func payloadTest(r *Rule) *Test {
	for _, t := range tests(r.If, nil) {
		if fieldNamed(t.Field).Ops != nil {
			return t
		}
	}
	return nil
}

// payloadShows fails if there are kernels on which a test would see nothing but zeros.
func (p *Policy) payloadShows(t *Test, op uapi.Op, kernels []kernel.Release) error {
	pay := payloadOf(op)
	var blind []string
	for _, k := range kernels {
		if !pay.on(k) {
			blind = append(blind, k.Name)
		}
	}
	if blind == nil {
		return nil
	}
	return errorAt(p.File, t.Pos, "found %q of %s, which filters do not see on %s: write \"require kernel >= %s for %s\", "+
		"or compile for later kernels only", t.Field, op, strings.Join(blind, ", "), pay.since().Name, op)
}

// why names the rules that decide on an opcode.
func (p *Policy) why(op uapi.Op) string {
	var lines []string
	for i := range p.Rules {
		if r := &p.Rules[i]; r.fits(op) {
			lines = append(lines, fmt.Sprint(r.Pos.Line))
		}
	}
	switch len(lines) {
	case 0:
		return "default"
	case 1:
		return "line " + lines[0]
	}
	return "lines " + strings.Join(lines, ", ")
}

package policy

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/uapi"
)

// Options are the options of Compile.
type Options struct {
	// Kernels are the releases that have to enforce the plan. If nil, these are all on which a task can register
	// filters, except those that the policy itself rules out by "require".
	Kernels []kernel.Release
}

// Compile returns the plan that enforces the policy. Errors about a rule are *trace.SyntaxError.
func (p *Policy) Compile(o Options) (*plan.Plan, error) {
	kernels, err := p.kernels(o)
	if err != nil {
		return nil, err
	}
	c := compiler{Policy: p, kernels: kernels, decided: map[string]*node{}}
	out := &plan.Plan{Name: p.File, Restrictions: c.restrictions(), RestrictionsAt: p.LimitsAt}
	for op := range uapi.Op(uapi.IORING_OP_LAST) {
		f, err := c.filter(op)
		if err != nil {
			return nil, err
		}
		if f != nil {
			out.Filters = append(out.Filters, *f)
		}
	}
	// The filters that most kernels refuse come first, so that a kernel refuses the plan before it has part of it.
	slices.SortStableFunc(out.Filters, func(a, b plan.Filter) int { return needs(&b) - needs(&a) })
	if p.Default == Deny {
		denyRest(out, known(p.DefaultAt))
	}
	return out, nil
}

// needs returns the number of releases that have filters and refuse this one because of its payload.
func needs(f *plan.Filter) int {
	n := 0
	for _, k := range kernel.Measured() {
		if canFilter(k) && f.Flags&uapi.IO_URING_BPF_FILTER_SZ_STRICT != 0 && !payloadOf(f.Op).on(k) {
			n++
		}
	}
	return n
}

// compiler compiles a policy for some releases.
type compiler struct {
	*Policy
	kernels []kernel.Release
	decided map[string]*node // graphs by the rules that they stand for
}

// decide returns the pruned graph for an opcode. Opcodes to which the same rules apply share one, unless a rule looks
// at the opcode itself.
func (c *compiler) decide(op uapi.Op) *node {
	var key []byte
	for i := range c.Rules {
		r := &c.Rules[i]
		if !r.fits(op) {
			continue
		}
		key = binary.AppendUvarint(key, uint64(i))
		for _, t := range tests(r.If, nil) {
			if t.Field == "opcode" {
				key = append(binary.AppendUvarint(key, uint64(len(c.Rules))), byte(op))
			}
		}
	}
	n := c.decided[string(key)]
	if n == nil {
		g, root := decide(c.Policy, op)
		n = g.prune(root)
		c.decided[string(key)] = n
	}
	return n
}

// denyRest makes the last filter also deny all opcodes without a filter. An earlier filter must not, since that would
// deny the opcodes of the later ones for good.
func denyRest(out *plan.Plan, at []Pos) {
	if len(out.Filters) == 0 {
		f := plan.Filter{Op: uapi.IORING_OP_NOP, Why: "nothing is allowed", At: at}
		f.Insns, f.InsnsAt = emit(newGraph(0).leaf[0])
		out.Filters = []plan.Filter{f}
	}
	out.Filters[len(out.Filters)-1].Flags |= uapi.IO_URING_BPF_FILTER_DENY_REST
}

// kernels returns the releases to compile for.
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
			return nil, fmt.Errorf("%s: tasks cannot register filters on %s", p.File, k.Name)
		}
		if r := p.requirement(k); r != nil {
			return nil, errorAt(p.File, r.Pos, "the policy requires kernel >= %s for %s, but is to be compiled for %s",
				r.Kernel.Name, r.Op, k.Name)
		}
	}
	return o.Kernels, nil
}

// requirement returns the first requirement that a release does not meet, or nil.
func (p *Policy) requirement(k kernel.Release) *Require {
	for i := range p.Requires {
		if r := &p.Requires[i]; !payloadOf(r.Op).on(k) {
			return r
		}
	}
	return nil
}

// restrictions returns the restrictions that enforce the limits; nil if there are no limits.
func (c *compiler) restrictions() []uapi.Restriction {
	var list []uapi.Restriction
	add := func(kind uint16, value uint8) {
		list = append(list, uapi.Restriction{Opcode: kind, Value: value})
	}
	if l := c.Limits.Register; l != nil {
		for _, op := range *l {
			if op != uapi.IORING_REGISTER_BPF_FILTER {
				add(uapi.IORING_RESTRICTION_REGISTER_OP, uint8(op))
			}
		}
		// The filters are registered after the restrictions, which on some kernels also bind the task's own calls.
		add(uapi.IORING_RESTRICTION_REGISTER_OP, uint8(uapi.IORING_REGISTER_BPF_FILTER))
	}
	if c.Limits.Flags == nil && c.Limits.Required == 0 {
		return list
	}
	// Restrictions on flags make the kernel deny every opcode that the restrictions do not name.
	for op := range uint8(uapi.IORING_OP_LAST) {
		if n := c.decide(uapi.Op(op)); !n.isLeaf() || n.allow {
			add(uapi.IORING_RESTRICTION_SQE_OP, op)
		}
	}
	allowed := uint8(0x7f)
	if c.Limits.Flags != nil {
		allowed = *c.Limits.Flags
	}
	add(uapi.IORING_RESTRICTION_SQE_FLAGS_ALLOWED, allowed)
	if c.Limits.Required != 0 {
		add(uapi.IORING_RESTRICTION_SQE_FLAGS_REQUIRED, c.Limits.Required)
	}
	return list
}

// filter returns the filter for an opcode, or nil if none is needed.
func (c *compiler) filter(op uapi.Op) (*plan.Filter, error) {
	strict, err := c.needsPayload(op)
	if err != nil {
		return nil, err
	}
	root := c.decide(op)
	if root.isLeaf() && root.allow == (c.Default == Allow) && !strict {
		return nil, nil
	}
	f := &plan.Filter{Op: op, Why: c.why(op), At: c.at(op)}
	f.Insns, f.InsnsAt = emit(root)
	if strict {
		f.Flags, f.PDUSize = uapi.IO_URING_BPF_FILTER_SZ_STRICT, payloadOf(op).size
	}
	if _, err := cbpfvm.Check(f.Insns, uapi.SizeofBPFCtx); err != nil {
		return nil, fmt.Errorf("%s: the program for %s: %w", c.File, op, err)
	}
	return f, nil
}

// needsPayload tells whether the policy looks at arguments of the opcode, or requires that filters can see them. It
// fails if there are releases on which they cannot.
func (c *compiler) needsPayload(op uapi.Op) (bool, error) {
	needs := slices.ContainsFunc(c.Requires, func(r Require) bool { return r.Op == op })
	for i := range c.Rules {
		r := &c.Rules[i]
		if t := payloadTest(r); r.fits(op) && t != nil {
			needs = true
			if err := c.payloadShows(t, op); err != nil {
				return false, err
			}
		}
	}
	return needs, nil
}

// payloadTest returns a test of the rule that looks at the payload, or nil.
func payloadTest(r *Rule) *Test {
	for _, t := range tests(r.If, nil) {
		if fieldNamed(t.Field).Ops != nil {
			return t
		}
	}
	return nil
}

// payloadShows fails if there are releases on which a test would only see zeros.
func (c *compiler) payloadShows(t *Test, op uapi.Op) error {
	pay := payloadOf(op)
	var blind []string
	for _, k := range c.kernels {
		if !pay.on(k) {
			blind = append(blind, k.Name)
		}
	}
	if blind == nil {
		return nil
	}
	return errorAt(c.File, t.Pos, "found %q of %s, which filters do not see on %s: "+
		"write \"require kernel >= %s for %s\", or compile for later kernels only",
		t.Field, op, strings.Join(blind, ", "), pay.since().Name, op)
}

// at returns the places of the rules for an opcode, in their order, or that of the default if there are none.
func (p *Policy) at(op uapi.Op) (at []Pos) {
	for i := range p.Rules {
		if r := &p.Rules[i]; r.fits(op) && !slices.Contains(at, r.at(op)) {
			at = append(at, r.at(op))
		}
	}
	if at == nil {
		at = append(at, p.DefaultAt)
	}
	return known(at...)
}

// why names the rules for an opcode.
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

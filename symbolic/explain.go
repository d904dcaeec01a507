package symbolic

import (
	"fmt"
	"math/big"
	"slices"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/uapi"
)

// Verdict is what a plan does with the requests of an opcode.
type Verdict string

// The verdicts.
const (
	Allowed Verdict = "allowed" // all of them
	Denied  Verdict = "denied"  // all of them
	Depends Verdict = "depends" // the rules say which
	TooLong Verdict = "unknown" // it was given up
)

// Explanation is what a plan allows on a release.
type Explanation struct {
	Kernel string
	// Flags say which IOSQE flags the SQEs of all opcodes must and may have, "" if restrictions do not say.
	Flags string
	Ops   []OpExplanation
}

// Complete tells whether nothing was given up.
func (e *Explanation) Complete() bool {
	return !slices.ContainsFunc(e.Ops, func(o OpExplanation) bool { return o.Verdict == TooLong })
}

// OpExplanation is what a plan does with the requests of an opcode. What Flags of the Explanation says comes on top.
type OpExplanation struct {
	Op      uapi.Op
	Verdict Verdict
	Why     string // a remark: who denies, or why it was given up
	// Rules say which requests are allowed, or with Unless which are denied: those of which all conditions of a rule
	// hold.
	Unless bool
	Rules  []Rule
	// Unreached are the instructions that no request of the opcode ever comes to.
	Unreached []Unreached
}

// Rule is a list of conditions on fields of the context.
type Rule []Condition

// Unreached are instructions of a filter that no request comes to.
type Unreached struct {
	Filter int // of the plan, from 0
	PCs    []int
}

// maxRules are the most rules of an opcode.
const maxRules = 64

// Explain says what a plan allows on a release. An error is a plan that the release refuses.
func Explain(p *plan.Plan, k kernel.Release) (Explanation, error) {
	policy, err := NewPolicy(p, k)
	if err != nil {
		return Explanation{}, fmt.Errorf("%s: %w", p.Name, err)
	}
	e := Explanation{Kernel: k.Name, Flags: policy.lists.text()}
	for op := range uapi.Op(uapi.IORING_OP_LAST) {
		e.Ops = append(e.Ops, policy.explain(op, Limit))
	}
	return e, nil
}

// text says what restrictions say of all opcodes.
func (r *restrictions) text() string {
	if !r.active {
		return ""
	}
	names := func(v uint8) string { return uapi.SQEFlags.FormatFlags(uint64(v)) }
	switch more := r.allowed &^ r.required; {
	case r.required == 0 && more == 0:
		return "SQEs may have no flags"
	case r.required == 0:
		return "SQEs may have no flags but " + names(more)
	case more == 0:
		return "SQEs must have the flags " + names(r.required) + " and no others"
	default:
		return "SQEs must have the flags " + names(r.required) + ", and may have none but " + names(more) + " besides"
	}
}

func (p *Policy) explain(op uapi.Op, limit int) OpExplanation {
	e := OpExplanation{Op: op}
	s := &p.stacks[op]
	switch {
	case p.lists.active && !p.lists.ops[op]:
		e.Verdict, e.Why = Denied, "the restrictions do not list it"
		return e
	case s.denied:
		e.Verdict, e.Why = Denied, "DENY_REST"
		return e
	case len(s.progs) == 0:
		e.Verdict = Allowed
		return e
	}
	if !within(func() { p.explainFilters(&e, limit) }) {
		e.Verdict, e.Why = TooLong, "what the filters calculate is too large to decide"
	}
	return e
}

// explainFilters is explain for an opcode that filters decide on.
func (p *Policy) explainFilters(e *OpExplanation, limit int) {
	c := newContexts(newDiagram(limit), p.release, e.Op, byField)
	pass, reached := p.filtered(c, c.occurs)
	e.Unreached = unreached(p.stacks[e.Op].filters, reached)
	switch {
	case pass == never:
		e.Verdict, e.Why = Denied, "the filters deny every request"
		return
	case pass == c.occurs:
		e.Verdict, e.Why = Allowed, "the filters deny no request"
		return
	}
	e.Verdict = Depends
	// What the filters say of contexts that cannot occur, too, is mostly shorter; what prep leaves sometimes makes the
	// difference.
	bare, _ := p.filtered(c, always)
	best, found := 0, false
	for _, f := range []function{bare, c.simplify(bare, c.occurs)} {
		for _, unless := range []bool{false, true} {
			if unless {
				f = c.not(f)
			}
			rules, ok := c.rules(f)
			n := size(rules)
			if unless {
				n += 10 // what is allowed is what people ask for
			}
			if ok && (!found || n < best) {
				e.Rules, e.Unless, best, found = rules, unless, n, true
			}
		}
	}
	if !found {
		e.Verdict, e.Why = TooLong, "what the filters allow has too many parts to say"
	}
}

// size is how long rules are to read.
func size(rules []Rule) (n int) {
	for _, r := range rules {
		for _, c := range r {
			n += 10 + len(c.Text)
		}
	}
	return n
}

func unreached(filters []int, reached [][]function) []Unreached {
	var all []Unreached
	for i, at := range reached {
		var pcs []int
		for pc, f := range at {
			if f == never {
				pcs = append(pcs, pc)
			}
		}
		if pcs != nil {
			all = append(all, Unreached{filters[i], pcs})
		}
	}
	return all
}

// part is a field and the values that it may have.
type part struct {
	f   *field
	set function
}

// rules say in words when f holds. ok is false if that is too long.
func (c *contexts) rules(f function) (rules []Rule, ok bool) {
	ok = true
	var walk func(f function, parts []part)
	walk = func(f function, parts []part) {
		switch {
		case f == never || !ok:
			return
		case f == always:
			rule, fits := c.rule(parts)
			rules = append(rules, rule)
			ok = fits && len(rules) <= maxRules
			return
		}
		field := c.fieldOf(c.nodes[f].variable)
		for _, class := range c.classes(f, field) {
			walk(class.then, append(slices.Clip(parts), part{field, class.set}))
		}
	}
	walk(f, nil)
	return rules, ok
}

// fieldOf is the field that has the variable.
func (c *contexts) fieldOf(variable int32) *field {
	for i := range c.fields {
		if f := &c.fields[i]; int(variable) < f.first+len(f.bits) {
			return f
		}
	}
	return &c.extra
}

// class are the values of a field after which the same function decides.
type class struct {
	then function
	set  function
}

// classes splits the values of the field by what then decides, in the order of the values.
func (c *contexts) classes(f function, in *field) []class {
	end := int32(in.first + len(in.bits))
	done := map[function][]class{}
	var split func(f function) []class
	split = func(f function) []class {
		n := c.nodes[f]
		if n.variable >= end {
			return []class{{f, always}}
		}
		if all, ok := done[f]; ok {
			return all
		}
		c.step()
		var all []class
		add := func(half []class, variable function) {
			for _, h := range half {
				set := c.and(variable, h.set)
				if i := slices.IndexFunc(all, func(o class) bool { return o.then == h.then }); i >= 0 {
					all[i].set = c.or(all[i].set, set)
				} else {
					all = append(all, class{h.then, set})
				}
			}
		}
		bit := c.variable(int(n.variable))
		add(split(n.no), c.not(bit))
		add(split(n.yes), bit)
		done[f] = all
		return all
	}
	return split(f)
}

// rule words the parts.
func (c *contexts) rule(parts []part) (Rule, bool) {
	var rule Rule
	family := int64(-1)
	for _, p := range parts {
		s := c.valueSet(p.f, p.set)
		value := p.f.words.value
		if p.f.words.addr {
			value = addressOf(family)
		}
		condition, ok := s.condition(value)
		if !ok {
			return nil, false
		}
		rule = append(rule, condition)
		if all, ok := s.ranges(p.set); ok && p.f.name == "family" && len(all) == 1 && all[0].From == all[0].To {
			family = int64(all[0].From)
		}
	}
	return rule, true
}

// addressOf is how addresses of a family are written, nil for families without one.
func addressOf(family int64) func(*big.Int) string {
	switch family {
	case uapi.AF_INET:
		return ipv4
	case uapi.AF_INET6:
		return ipv6
	}
	return nil
}

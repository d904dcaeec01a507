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
	Allowed Verdict = "allowed" // it allows all of them
	Denied  Verdict = "denied"  // it denies all of them
	Depends Verdict = "depends" // the rules say which it allows
	TooLong Verdict = "unknown" // too much work to find out
)

// Explanation is what a plan allows on a release.
type Explanation struct {
	Kernel string
	// Flags says which IOSQE_* flags all SQEs must and may have according to the restrictions, "" if they do not say.
	Flags string
	Ops   []OpExplanation
}

// Complete tells whether there is an answer for every opcode.
func (e *Explanation) Complete() bool {
	return !slices.ContainsFunc(e.Ops, func(o OpExplanation) bool { return o.Verdict == TooLong })
}

// OpExplanation is what a plan does with the requests of an opcode. What Explanation.Flags says applies in addition.
type OpExplanation struct {
	Op      uapi.Op
	Verdict Verdict
	Why     string // a remark: who denies them, or why there is no answer
	// Rules say which requests are allowed, or denied if Unless is set: those for which all conditions of some rule hold.
	Unless bool
	Rules  []Rule
	// Unreached are the instructions that no request of the opcode reaches.
	Unreached []Unreached
}

// Rule is a list of conditions on fields of the context, all of which have to hold.
type Rule []Condition

// Unreached are instructions of a filter that no request reaches.
type Unreached struct {
	Filter int // index of the filter in the plan
	PCs    []int
}

// maxRules is the most rules for an opcode.
const maxRules = 64

// Explain returns what a plan allows on a release. It fails if the release refuses the plan.
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

// text describes what restrictions demand of the flags of all opcodes.
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
		e.Verdict, e.Why = Denied, "DENY_REST closed it before it had a filter"
		return e
	case len(s.progs) == 0:
		e.Verdict = Allowed
		return e
	}
	if !within(func() { p.explainFilters(&e, limit) }) {
		e.Verdict, e.Why = TooLong, "what the filters calculate is too complex to decide"
	}
	return e
}

// explainFilters is explain for an opcode that has filters.
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
	// Including contexts that cannot occur, the rules look most like what people wrote. Without these contexts they can be
	// much shorter, but may name values that cannot occur.
	bare, _ := p.filtered(c, always)
	best, found := 0, false
	for i, f := range []function{bare, c.simplify(bare, c.occurs)} {
		for _, unless := range []bool{false, true} {
			if unless {
				f = c.not(f)
			}
			rules, ok := c.rules(f)
			n := size(rules)
			if i > 0 {
				n += n / 2
			}
			if unless {
				n += 10 // people rather want to know what is allowed
			}
			if ok && (!found || n < best) {
				e.Rules, e.Unless, best, found = rules, unless, n, true
			}
		}
	}
	if !found {
		e.Verdict, e.Why = TooLong, "what the filters allow has too many parts to describe"
	}
}

// size estimates how long it takes to read the rules.
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

// rules describes when f holds. It returns false if that takes too many rules.
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

// fieldOf returns the field that has the variable.
func (c *contexts) fieldOf(variable int32) *field {
	for i := range c.fields {
		if f := &c.fields[i]; int(variable) < f.first+len(f.bits) {
			return f
		}
	}
	return &c.extra
}

// class is a set of values of a field after which the same function decides.
type class struct {
	then function
	set  function
}

// classes divides the values of a field by the function that decides after them, in the order of the values.
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

// rule describes the parts in words.
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

// addressOf returns how addresses of the family are written, or nil for families without addresses.
func addressOf(family int64) func(*big.Int) string {
	switch family {
	case uapi.AF_INET:
		return ipv4
	case uapi.AF_INET6:
		return ipv6
	}
	return nil
}

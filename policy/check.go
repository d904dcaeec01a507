package policy

import "github.com/uringsim/uringsim/uapi"

// check refuses rules about fields that their requests do not have, and rules that can never decide because earlier
// ones do.
func (p *Policy) check() error {
	var decided [uapi.IORING_OP_LAST]int // by opcode: the line of the rule that decides on every request; 0 if none does
	for i := range p.Rules {
		r := &p.Rules[i]
		for _, t := range tests(r.If, nil) {
			if err := p.checkFields(r, t); err != nil {
				return err
			}
		}
		if err := p.checkReached(r, &decided); err != nil {
			return err
		}
		for op := range decided {
			if r.If == nil && r.fits(uapi.Op(op)) && decided[op] == 0 {
				decided[op] = r.Pos.Line
			}
		}
	}
	return p.checkRequires()
}

// tests appends all tests of a condition to found.
func tests(c Cond, found []*Test) []*Test {
	switch c := c.(type) {
	case All:
		for _, part := range c {
			found = tests(part, found)
		}
	case Any:
		for _, part := range c {
			found = tests(part, found)
		}
	case Not:
		return tests(c.Cond, found)
	case *Test:
		return append(found, c)
	}
	return found
}

func (p *Policy) checkFields(r *Rule, t *Test) error {
	f := fieldNamed(t.Field)
	if r.Ops == nil && f.Ops != nil {
		return errorAt(p.File, t.Pos, "found %q in a rule for any opcode, expected a field that all requests have", f.Name)
	}
	for _, op := range r.Ops {
		if !f.Has(op) {
			return errorAt(p.File, t.Pos, "found %q, which %s does not have; it has %s", f.Name, op, fieldNames(&op))
		}
	}
	return nil
}

// checkReached refuses a rule if earlier ones decide on all requests of an opcode that it names.
func (p *Policy) checkReached(r *Rule, decided *[uapi.IORING_OP_LAST]int) error {
	for i, op := range r.Ops {
		if line := decided[op]; line != 0 {
			return errorAt(p.File, r.OpsAt[i], "found %s, but the rule in line %d already decides on all such requests", op, line)
		}
	}
	if r.Ops != nil {
		return nil
	}
	for _, line := range decided {
		if line == 0 {
			return nil
		}
	}
	return errorAt(p.File, r.Pos, "found a rule for any opcode, but earlier rules already decide on all requests")
}

// checkRequires refuses requirements that no filter can enforce.
func (p *Policy) checkRequires() error {
	for _, r := range p.Requires {
		pay := payloadOf(r.Op)
		if pay == nil {
			return errorAt(p.File, r.Pos, "found %s, expected an opcode with arguments that filters see: "+
				"only their size makes a kernel refuse a filter", r.Op)
		}
		if since := pay.since(); since.Name != r.Kernel.Name {
			return errorAt(p.File, r.Pos, "found kernel >= %s for %s, expected kernel >= %s: "+
				"that is where its arguments begin to show, and nothing else makes a kernel refuse a filter",
				r.Kernel.Name, r.Op, since.Name)
		}
	}
	return nil
}

package policy

import (
	"fmt"
	"strings"

	"github.com/uringsim/uringsim/uapi"
)

// String returns the policy in the text form. Parse reads it as the same policy.
func (p *Policy) String() string {
	var out strings.Builder
	fmt.Fprintf(&out, "default %s\n", p.Default)
	for _, r := range p.Requires {
		fmt.Fprintf(&out, "require kernel >= %s for %s\n", r.Kernel.Name, r.Op)
	}
	p.Limits.write(&out)
	for i := range p.Rules {
		fmt.Fprintln(&out, p.Rules[i].String())
	}
	return out.String()
}

func (l *Limits) write(out *strings.Builder) {
	if l.Register != nil {
		var names []string
		for _, op := range *l.Register {
			names = append(names, op.String())
		}
		fmt.Fprintf(out, "allow register %s\n", orNone(names))
	}
	if l.Flags != nil {
		fmt.Fprintf(out, "allow submitted sqe_flags %s\n", flagList(*l.Flags))
	}
	if l.Required != 0 {
		fmt.Fprintf(out, "require submitted sqe_flags %s\n", flagList(l.Required))
	}
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// flagList returns IOSQE_* flags separated by commas.
func flagList(flags uint8) string {
	if flags == 0 {
		return "none"
	}
	return strings.ReplaceAll(uapi.SQEFlags.FormatFlags(uint64(flags)), "|", ", ")
}

// String returns the rule in the text form.
func (r *Rule) String() string {
	ops := []string{"any"}
	if r.Ops != nil {
		ops = nil
		for _, op := range r.Ops {
			ops = append(ops, op.String())
		}
	}
	s := r.Action.String() + " " + strings.Join(ops, ", ")
	if r.If != nil {
		s += " if " + r.If.text(levelOr)
	}
	return s
}

// How tightly the operator around a condition binds.
const (
	levelOr = iota
	levelAnd
	levelNot
)

func (c All) text(level int) string { return joined(c, " and ", levelAnd, level) }

func (c Any) text(level int) string { return joined(c, " or ", levelOr, level) }

// joined writes conditions one after the other. It adds parentheses where the operator around them binds more tightly.
func joined(conds []Cond, word string, own, level int) string {
	var parts []string
	for _, c := range conds {
		parts = append(parts, c.text(own+1))
	}
	s := strings.Join(parts, word)
	if level > own || len(parts) < 2 {
		return "(" + s + ")"
	}
	return s
}

func (c Not) text(int) string {
	if t, ok := c.Cond.(*Test); ok && t.Rel == In {
		return t.operand() + " not in " + t.set()
	}
	return "not " + c.Cond.text(levelNot)
}

func (t *Test) text(int) string {
	if t.Rel == In {
		return t.operand() + " in " + t.set()
	}
	return t.operand() + " " + t.Rel.String() + " " + t.value(t.Values[0])
}

// operand returns the field, masked if not all of its bits count.
func (t *Test) operand() string {
	f := fieldNamed(t.Field)
	if f.order == address || t.Mask == f.Bits() {
		return t.Field
	}
	s := f.constant(t.Mask)
	if strings.Contains(s, "|") {
		s = "(" + s + ")"
	}
	return t.Field + " & " + s
}

func (t *Test) set() string {
	var items []string
	for _, v := range t.Values {
		items = append(items, t.value(v))
	}
	if len(items) == 1 {
		return items[0]
	}
	return "(" + strings.Join(items, ", ") + ")"
}

func (t *Test) value(v Value) string {
	f := fieldNamed(t.Field)
	switch {
	case f.order == address && v.Prefix.IsSingleIP():
		return v.Prefix.Addr().String()
	case f.order == address:
		return v.Prefix.String()
	case v.Lo != v.Hi:
		return f.constant(v.Lo) + "-" + f.constant(v.Hi)
	}
	return f.constant(v.Lo)
}

// constant returns a number, by name if one makes sense with the field.
func (f *Field) constant(v uint64) string {
	for _, family := range f.names {
		if family == uapi.OpenFlags || family == uapi.ResolveFlags || family == uapi.SQEFlags {
			return flagNames(family, v)
		}
		for _, r := range family.Rows {
			if r.Value == v {
				return r.Name
			}
		}
	}
	if v > 0xffff {
		return fmt.Sprintf("%#x", v)
	}
	return fmt.Sprint(v)
}

// flagNames returns a number as full names of flags joined by "|".
func flagNames(family *uapi.Family, v uint64) string {
	var names []string
	for _, r := range family.Rows {
		if r.Value != 0 && v&r.Value == r.Value {
			names = append(names, r.Name)
			v &^= r.Value
		}
	}
	if len(names) == 0 && v == 0 {
		return "0"
	}
	if v != 0 {
		names = append(names, fmt.Sprintf("%#x", v))
	}
	return strings.Join(names, "|")
}

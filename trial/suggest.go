package trial

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/opdef"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/policy"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/symbolic"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// Suggester collects what traces show, and makes the tightest policy that allows all of it.
type Suggester struct {
	kernel  kernel.Release
	options Options
	model   []sim.Option

	rules    map[string]*evidence // by text
	flags    map[uint8]*evidence  // by bit of the IOSQE_* flags
	register map[uapi.RegisterOp]*evidence
	ownList  *Place // the first place where a task registers restrictions for itself, or nil
	ringList *Place // the first place where one does so for a ring, or nil
	lost     bool   // whether there were more than maxRules rules
	unknown  int    // events whose outcome the model does not know

	open      map[uapi.Op]int // requests whose arguments were not seen
	maybe     map[uint8]int   // requests with a flag that prep may have added, by its bit
	flagless  int             // requests whose flags were not seen
	undecided int             // requests whose opcode, or whose admission, was not seen
	seenAny   bool            // whether logs were read, which do not have register calls with fd -1
}

// maxRules is the most rules that are kept apart.
const maxRules = 10000

// evidence is where a rule, or an entry of a list, comes from.
type evidence struct {
	rule  policy.Rule
	count map[string]int // by file
}

// NewSuggester returns a Suggester for a release. Rules look at what that release shows to filters. The options at the
// end are for the model.
func NewSuggester(k kernel.Release, o Options, model ...sim.Option) *Suggester {
	return &Suggester{kernel: k, options: o, model: model, rules: map[string]*evidence{}, flags: map[uint8]*evidence{},
		register: map[uapi.RegisterOp]*evidence{}, open: map[uapi.Op]int{}, maybe: map[uint8]int{}}
}

// Play adds what a recorded program does.
func (s *Suggester) Play(file string, in Source) error {
	return Play(in, &plan.Plan{}, s.kernel, func(o *trace.Outcome) { s.see(file, o) }, s.model...)
}

func (s *Suggester) see(file string, o *trace.Outcome) {
	if o.Unmodelled != "" {
		s.unknown++
	}
	if a, ok := o.Event.Args.(*trace.SeenSubmitArgs); ok {
		s.seen(file, a, o)
		return
	}
	if op, blind, ok := registerOp(o.Event); ok && !refused(o) {
		s.seeCall(op, blind, Place{File: file, Event: o.Number, Task: o.Event.Task})
	}
	for i := range o.Requests {
		q := &o.Requests[i]
		if q.Trial == nil {
			continue
		}
		s.add(file, (&seen{q.Opcode, &q.Trial.Context, s.options}).rule(s.kernel), q.Trial.Flags)
	}
}

// add adds a rule for a request that was admitted, and the request's flags.
func (s *Suggester) add(file string, r policy.Rule, flags uint8) {
	text := r.String()
	if s.rules[text] == nil && len(s.rules) >= maxRules {
		s.lost = true
		return
	}
	note(s.rules, text, file).rule = r
	for bit := uint8(1); bit < 0x80; bit <<= 1 {
		if flags&bit != 0 {
			note(s.flags, bit, file)
		}
	}
}

// seeCall adds a register call. Filters can always be added, and restrictions only where there are none yet.
func (s *Suggester) seeCall(op uapi.RegisterOp, blind bool, at Place) {
	switch {
	case op == uapi.IORING_REGISTER_BPF_FILTER:
	case op != uapi.IORING_REGISTER_RESTRICTIONS:
		note(s.register, op, at.File)
	case blind && s.ownList == nil:
		s.ownList = &at
	case !blind && s.ringList == nil:
		s.ringList = &at
	}
}

// note counts one more piece of evidence from a file.
func note[K comparable](m map[K]*evidence, key K, file string) *evidence {
	e := m[key]
	if e == nil {
		e = &evidence{count: map[string]int{}}
		m[key] = e
	}
	e.count[file]++
	return e
}

// maxNamed is how many files of a piece of evidence are named.
const maxNamed = 3

// String returns the count for each of the first files, and for the others together.
func (e *evidence) String() string {
	var parts []string
	files := slices.Sorted(maps.Keys(e.count))
	named := min(len(files), maxNamed)
	for _, file := range files[:named] {
		parts = append(parts, fmt.Sprintf("%d in %s", e.count[file], file))
	}
	more := 0
	for _, file := range files[named:] {
		more += e.count[file]
	}
	if more > 0 {
		parts = append(parts, fmt.Sprintf("%d in %d more", more, len(files)-named))
	}
	return strings.Join(parts, ", ")
}

// Suggestion is a policy, and where each of its rules comes from.
type Suggestion struct {
	Policy   policy.Policy
	Evidence []string // for each rule
	Limits   []string // evidence for the limits
	Notes    []string // what the policy cannot do
}

// Suggest returns the tightest policy that allows what was seen. It fails if that is too large to be enforced.
func (s *Suggester) Suggest() (*Suggestion, error) {
	if s.lost {
		return nil, fmt.Errorf("the tightest policy has more than %d rules; make it more general", maxRules)
	}
	out := &Suggestion{Policy: policy.Policy{File: "suggestion", Default: policy.Deny}}
	for _, e := range s.merged() {
		out.Policy.Rules = append(out.Policy.Rules, e.rule)
		out.Evidence = append(out.Evidence, e.String())
	}
	out.Policy.Requires = s.requires(out.Policy.Rules)
	if s.options.Container {
		out.Notes = append(out.Notes, leftOpen(out.Policy.Rules)...)
	} else {
		s.limit(out)
	}
	if s.ownList != nil {
		out.Notes = append(out.Notes, fmt.Sprintf("%s: it registers restrictions for itself, "+
			"which no task under a policy can.", s.ownList))
	}
	out.Notes = append(out.Notes, s.leftOpen()...)
	if s.unknown > 0 {
		out.Notes = append(out.Notes, fmt.Sprintf("%d events have results that the model does not know.", s.unknown))
	}
	if _, err := out.Policy.Compile(policy.Options{}); err != nil {
		return nil, fmt.Errorf("the tightest policy cannot be enforced; make it more general: %w", err)
	}
	return out, nil
}

// leftOpen says which parts of the rules a linux.ioUring object cannot express.
func leftOpen(rules []policy.Rule) []string {
	notes := []string{"The object of a container leaves flags and register calls open."}
	for _, r := range rules {
		switch op := r.Ops[0]; {
		case op == uapi.IORING_OP_SOCKET:
			notes = append(notes, "The object of a container leaves type and protocol of SOCKET open.")
		case opdef.PayloadWhere(op) != "":
			notes = append(notes, fmt.Sprintf("The object of a container leaves the arguments of %s open.", op))
		}
	}
	return notes
}

// merged returns the rules ordered by opcode. Rules that look at the family alone become one.
func (s *Suggester) merged() []*evidence {
	all := slices.SortedFunc(maps.Values(s.rules), func(a, b *evidence) int {
		return cmp.Or(cmp.Compare(a.rule.Ops[0], b.rule.Ops[0]), compareConds(a.rule.If, b.rule.If))
	})
	var out []*evidence
	for _, e := range all {
		last := len(out) - 1
		if s.open[e.rule.Ops[0]] > 0 && e.rule.If != nil {
			out[last] = out[last].plus(e) // which has no condition, and so comes first
			continue
		}
		if last >= 0 {
			if both, ok := out[last].merge(e); ok {
				out[last] = both
				continue
			}
		}
		out = append(out, e)
	}
	return out
}

// compareConds orders conditions by their values.
func compareConds(a, b policy.Cond) int {
	return slices.CompareFunc(testsOf(a), testsOf(b), func(a, b *policy.Test) int {
		x, y := a.Values[0], b.Values[0]
		return cmp.Or(cmp.Compare(x.Lo, y.Lo), x.Prefix.Addr().Compare(y.Prefix.Addr()))
	})
}

// testsOf returns the tests of a condition that seen.rule made.
func testsOf(c policy.Cond) []*policy.Test {
	switch c := c.(type) {
	case *policy.Test:
		return []*policy.Test{c}
	case policy.All:
		var tests []*policy.Test
		for _, part := range c {
			tests = append(tests, part.(*policy.Test))
		}
		return tests
	}
	return nil
}

// merge returns the evidence for both rules in one, if both only test the family.
func (e *evidence) merge(other *evidence) (*evidence, bool) {
	a, ok := e.rule.If.(*policy.Test)
	b, okToo := other.rule.If.(*policy.Test)
	if !ok || !okToo || e.rule.Ops[0] != other.rule.Ops[0] || a.Field != "family" || b.Field != "family" {
		return nil, false
	}
	both := *a
	both.Rel, both.Values = policy.In, slices.Concat(a.Values, b.Values)
	out := e.plus(other)
	out.rule.If = &both
	return out, true
}

// plus returns the evidence for the rule together with that of another one.
func (e *evidence) plus(other *evidence) *evidence {
	out := &evidence{rule: e.rule, count: maps.Clone(e.count)}
	for file, n := range other.count {
		out.count[file] += n
	}
	return out
}

// requires returns the requirements for rules that look at what older releases do not show to filters.
func (s *Suggester) requires(rules []policy.Rule) []policy.Require {
	var list []policy.Require
	for _, r := range rules {
		op := r.Ops[0]
		since := shownSince(op)
		known := slices.ContainsFunc(list, func(q policy.Require) bool { return q.Op == op })
		if r.If != nil && !known && since.Name != symbolic.Releases()[0].Name {
			list = append(list, policy.Require{Kernel: since, Op: op})
		}
	}
	return list
}

// shownSince returns the first release that shows the arguments of the opcode to filters.
func shownSince(op uapi.Op) kernel.Release {
	all := symbolic.Releases()
	i := slices.IndexFunc(all, func(k kernel.Release) bool { return opdef.PDUSize(k, op) > 0 })
	return all[max(i, 0)]
}

// limit adds the flags and register calls that were seen as limits. They become restrictions, and a ring that has
// restrictions cannot register any of its own.
func (s *Suggester) limit(out *Suggestion) {
	if s.ringList != nil {
		out.Notes = append(out.Notes, fmt.Sprintf("%s: it registers restrictions for a ring, which it could not if the "+
			"policy limited flags and register calls.", s.ringList))
		return
	}
	if s.flagless == 0 {
		var flags uint8
		for bit := range s.flags {
			flags |= bit
		}
		out.Policy.Limits.Flags = &flags
	}
	ops := slices.Sorted(maps.Keys(s.register))
	out.Policy.Limits.Register = &ops
	for _, op := range ops {
		out.Limits = append(out.Limits, fmt.Sprintf("register %s: %s", op, s.register[op]))
	}
	for _, bit := range slices.Sorted(maps.Keys(s.flags)) {
		if s.flagless > 0 {
			break
		}
		out.Limits = append(out.Limits, fmt.Sprintf("%s: %s", uapi.SQEFlags.FormatFlags(uint64(bit)), s.flags[bit]))
	}
}

// String returns the policy in the text form, with the evidence as comments.
func (s *Suggestion) String() string {
	var out strings.Builder
	for _, n := range append(slices.Clone(s.Notes), s.Limits...) {
		fmt.Fprintf(&out, "# %s\n", n)
	}
	head := s.Policy
	head.Rules = nil
	out.WriteString(head.String())
	for i := range s.Policy.Rules {
		fmt.Fprintf(&out, "\n# %s\n%s\n", s.Evidence[i], &s.Policy.Rules[i])
	}
	return out.String()
}

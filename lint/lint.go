// Package lint looks for mistakes in what a sandbox registers with io_uring. A rule is a row: what it means, the trace
// that shows it on real kernels, what it may miss, and the function that looks for it. Wherever that is possible a rule
// decides by running the filter, and says in its finding with which request.
package lint

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/srcpos"
	"github.com/uringsim/uringsim/symbolic"
	"github.com/uringsim/uringsim/uapi"
)

// Severity is how bad a finding is.
type Severity uint8

// The severities. From Warning on, something is allowed that looks forbidden or the other way round.
const (
	Note Severity = iota
	Warning
	Error
)

// String is the name that SARIF has for it, too.
func (s Severity) String() string { return [...]string{"note", "warning", "error"}[s] }

// Rule is one kind of mistake.
type Rule struct {
	ID       string // stable, for the command line
	Title    string
	Severity Severity // of its findings, the highest where they differ
	Doc      string   // what is wrong, and what to do
	Misses   string   // what it does not see, and where it may be wrong
	Trace    string   // the trace in testdata/kernel that shows it; "" if it is about what is ignored
	check    func(*subject)
	anywhere bool // it also looks at releases on which a task can register nothing
}

// TraceFile is the trace that shows on real kernels what the rule is about; "" if it is about no kernel.
func (r *Rule) TraceFile() string {
	if r.Trace == "" {
		return ""
	}
	return "testdata/kernel/" + r.Trace + ".json"
}

// Rules are all rules, in the order of the table.
func Rules() []Rule { return slices.Clone(rules) }

// Finding is a mistake and its place.
type Finding struct {
	Rule     string
	Severity Severity
	Filter   int      // index into the plan's filters, -1 if it is about the plan as a whole
	Op       *uapi.Op // the opcode that it is about; nil if it is about none
	Insn     int      // index of the instruction, -1 if it is about none
	Text     string   // that instruction, disassembled
	Message  string   // what was found, and what to do
	Releases []string // where it is so, of the releases that were asked for

	At      []srcpos.Pos // where its author wrote it; of several, all that came together in it; nil if it is not known
	Ignored string       // why it is meant, if an Ignore says so; "" otherwise
}

// Counts tells whether it is a mistake that nobody says is meant: no note.
func (f *Finding) Counts() bool { return f.Severity >= Warning && f.Ignored == "" }

// Place says where in the plan: "filters/0/insns/3", as in the JSON form of a plan.
func (f *Finding) Place() string {
	switch {
	case f.Filter < 0:
		return "plan"
	case f.Insn < 0:
		return fmt.Sprintf("filters/%d", f.Filter)
	}
	return fmt.Sprintf("filters/%d/insns/%d", f.Filter, f.Insn)
}

// Options say what to look for.
type Options struct {
	Releases []kernel.Release
	Disabled []string // IDs of rules
	Ignores  []Ignore // what is meant
}

// asks tells whether the rule is not disabled.
func (o *Options) asks(rule string) bool { return !slices.Contains(o.Disabled, rule) }

// Run looks for mistakes in a plan. What is found on several releases is one finding. The order is that of the plan,
// and for one place that of the rules; what is ignored and not there comes last. The error is about Options.
func Run(p *plan.Plan, o Options) ([]Finding, error) {
	active, err := o.active()
	if err != nil {
		return nil, err
	}
	var found []Finding
	for _, k := range o.Releases {
		s := newSubject(p, k)
		for _, r := range active {
			if s.rule = r; r.anywhere || takesPlans(k) {
				r.check(s)
			}
		}
		found = merge(found, s.found)
	}
	slices.SortStableFunc(found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Filter, b.Filter), cmp.Compare(ruleIndex(a.Rule), ruleIndex(b.Rule)),
			cmp.Compare(a.Insn, b.Insn))
	})
	return o.ignore(found), nil
}

// takesPlans tells whether a task can register restrictions and filters for itself.
func takesPlans(k kernel.Release) bool {
	return !k.Has(kernel.NoBPFFilter) && !k.Has(kernel.NoTaskRestrictions)
}

// active are the rules that are not disabled and look at plans.
func (o *Options) active() ([]*Rule, error) {
	for _, id := range o.Disabled {
		if ruleIndex(id) < 0 {
			return nil, noRule(id)
		}
	}
	var active []*Rule
	for i := range rules {
		if r := &rules[i]; r.check != nil && o.asks(r.ID) {
			active = append(active, r)
		}
	}
	return active, nil
}

func noRule(id string) error {
	return fmt.Errorf("there is no rule %q; uringsim lint --rules lists them", id)
}

func ruleIndex(id string) int {
	return slices.IndexFunc(rules, func(r Rule) bool { return r.ID == id })
}

// merge adds what was found on one release to what was found on others.
func merge(all, found []Finding) []Finding {
	for _, f := range found {
		i := slices.IndexFunc(all, func(g Finding) bool {
			return g.Rule == f.Rule && g.Filter == f.Filter && g.Insn == f.Insn && g.Message == f.Message
		})
		if i < 0 {
			all = append(all, f)
			continue
		}
		all[i].Releases = append(all[i].Releases, f.Releases...)
	}
	return all
}

// subject is a plan on one release.
type subject struct {
	plan    *plan.Plan
	on      kernel.Release
	filters []*filter
	rule    *Rule // the one that looks
	found   []Finding
}

// filter is one registration of the plan, with what its program does.
type filter struct {
	*plan.Filter
	index int
	view  view
	prog  *cbpfvm.Program // nil if the kernel refuses it

	refusal string             // why it refuses the registration
	why     *cbpfvm.CheckError // why it refuses the program

	*exploration
	verdict   symbolic.Verdict // what it does alone
	unreached []int            // instructions that no request comes to
}

func newSubject(p *plan.Plan, k kernel.Release) *subject {
	s := &subject{plan: p, on: k}
	if !takesPlans(k) {
		return s
	}
	for i := range p.Filters {
		f := &filter{Filter: &p.Filters[i], index: i, exploration: &exploration{}}
		s.filters = append(s.filters, f)
		if f.refusal = badFilter(f.Filter, k); f.refusal != "" {
			continue
		}
		f.view = newView(k, f.Op)
		f.prog, f.why = cbpfvm.Check(f.Insns, uapi.SizeofBPFCtx)
		if f.prog != nil {
			f.exploration = explore(f.prog, f.view)
			f.prove(k)
		}
	}
	return s
}

// prove finds out what is so for all requests.
func (f *filter) prove(k kernel.Release) {
	alone := &plan.Plan{Filters: []plan.Filter{{Op: f.Op, Insns: f.Insns}}}
	e, err := symbolic.Explain(alone, k)
	if err != nil {
		return // checked before
	}
	i := slices.IndexFunc(e.Ops, func(o symbolic.OpExplanation) bool { return o.Op == f.Op })
	f.verdict = e.Ops[i].Verdict
	for _, u := range e.Ops[i].Unreached {
		f.unreached = append(f.unreached, u.PCs...)
	}
	slices.Sort(f.unreached)
}

// about is a finding of the rule that looks, about the plan.
func (s *subject) about(format string, args ...any) *Finding {
	s.found = append(s.found, Finding{Rule: s.rule.ID, Severity: s.rule.Severity, Filter: -1, Insn: -1,
		Message: fmt.Sprintf(format, args...), Releases: []string{s.on.Name}})
	return &s.found[len(s.found)-1]
}

// aboutOp is a finding about what the plan does with an opcode.
func (s *subject) aboutOp(op uapi.Op, format string, args ...any) *Finding {
	found := s.about(format, args...)
	found.Op = &op
	return found
}

// aboutList is a finding about the restrictions.
func (s *subject) aboutList(format string, args ...any) *Finding {
	found := s.about(format, args...)
	found.At = s.plan.RestrictionsAt
	return found
}

// aboutFilter is a finding about one filter.
func (s *subject) aboutFilter(f *filter, format string, args ...any) *Finding {
	found := s.aboutOp(f.Op, format, args...)
	found.Filter, found.At = f.index, f.InsnAt(-1)
	return found
}

// aboutInsn is a finding about one instruction of a filter.
func (s *subject) aboutInsn(f *filter, pc int, format string, args ...any) *Finding {
	found := s.aboutFilter(f, format, args...)
	found.Insn, found.At = pc, f.InsnAt(pc)
	found.Text = cbpfvm.Disassemble(f.Insns[pc : pc+1])[0]
	return found
}

// quoted joins names.
func names(ops []uapi.Op) string {
	var names []string
	for _, op := range ops {
		names = append(names, op.String())
	}
	return strings.Join(names, ", ")
}

// count is a number of things.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

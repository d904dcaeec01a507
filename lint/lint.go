// Package lint finds mistakes in what a sandbox registers with io_uring. Each rule is a row of a table: what it means,
// a trace that shows it on real kernels, what it may miss, and the function that finds it. Wherever possible a rule
// decides by running the filter, and its finding names a request that shows the mistake.
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

// The severities. A Warning or an Error means that something is allowed that looks forbidden, or the other way round.
const (
	Note Severity = iota
	Warning
	Error
)

// String returns the name of the severity, which is also that in SARIF.
func (s Severity) String() string { return [...]string{"note", "warning", "error"}[s] }

// Rule is one kind of mistake.
type Rule struct {
	ID       string // stable name, for the command line
	Title    string
	Severity Severity // the highest of its findings
	Doc      string   // what is wrong, and what to do
	Misses   string   // what it does not find, and where it may be wrong
	Trace    string   // name of the trace in testdata/kernel that shows it; "" if it is not about kernels
	check    func(*subject)
	anywhere bool // whether to check releases on which tasks can register nothing, too
}

// TraceFile returns the file of the trace that shows on real kernels what the rule is about, or "".
func (r *Rule) TraceFile() string {
	if r.Trace == "" {
		return ""
	}
	return "testdata/kernel/" + r.Trace + ".json"
}

// Rules returns all rules, in the order in which they are documented.
func Rules() []Rule { return slices.Clone(rules) }

// Finding is a mistake that was found.
type Finding struct {
	Rule     string
	Severity Severity
	Filter   int      // index of the filter in the plan, or -1
	Op       *uapi.Op // the opcode that it is about, or nil
	Insn     int      // index of the instruction, or -1
	Text     string   // the instruction, disassembled
	Message  string   // what was found, and what to do
	Releases []string // the releases, of those asked for, on which it was found

	At      []srcpos.Pos // all places in the source that it comes from; nil if these are not known
	Ignored string       // the reason why it is intended, or ""
}

// Counts tells whether the finding is more than a note and not marked as intended.
func (f *Finding) Counts() bool { return f.Severity >= Warning && f.Ignored == "" }

// Place returns the place in the plan as a path in its JSON form, such as "filters/0/insns/3".
func (f *Finding) Place() string {
	switch {
	case f.Filter < 0:
		return "plan"
	case f.Insn < 0:
		return fmt.Sprintf("filters/%d", f.Filter)
	}
	return fmt.Sprintf("filters/%d/insns/%d", f.Filter, f.Insn)
}

// Options are what to look for, and where.
type Options struct {
	Releases []kernel.Release
	Disabled []string // IDs of rules
	Ignores  []Ignore // what is intended
}

// asks tells whether the rule is enabled.
func (o *Options) asks(rule string) bool { return !slices.Contains(o.Disabled, rule) }

// Run finds mistakes in a plan. The same mistake on several releases is one finding. Findings are in the order of the
// plan and, at one place, in that of the rules; unused Ignores come last. An error is about the Options.
func Run(p *plan.Plan, o Options) ([]Finding, error) {
	active, err := o.active()
	if err != nil {
		return nil, err
	}
	var found []Finding
	for _, k := range o.Releases {
		s := newSubject(p, k)
		for _, r := range active {
			if s.rule = r; r.anywhere || symbolic.HasFilters(k) {
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

// active returns the enabled rules that look at plans.
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

// merge adds the findings on one release to those on others.
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
	rule    *Rule // the rule that is being checked
	found   []Finding
}

// filter is one registration of the plan, with what its program does.
type filter struct {
	*plan.Filter
	index int
	view  view

	prog    *cbpfvm.Program // nil if the kernel refuses it
	refusal error           // why it does

	*exploration
	verdict   symbolic.Verdict // what it does by itself
	unreached []int            // instructions that no request reaches
}

func newSubject(p *plan.Plan, k kernel.Release) *subject {
	s := &subject{plan: p, on: k}
	if !symbolic.HasFilters(k) {
		return s
	}
	for i := range p.Filters {
		f := &filter{Filter: &p.Filters[i], index: i, exploration: &exploration{}}
		s.filters = append(s.filters, f)
		if f.prog, f.refusal = symbolic.CheckFilter(f.Filter, k); f.prog != nil {
			f.view = newView(k, f.Op)
			f.exploration = explore(f.prog, f.view)
			f.prove(k)
		}
	}
	return s
}

// prove finds out what holds for all requests.
func (f *filter) prove(k kernel.Release) {
	alone := &plan.Plan{Filters: []plan.Filter{{Op: f.Op, Insns: f.Insns}}}
	e, err := symbolic.Explain(alone, k)
	if err != nil {
		return // it was checked before
	}
	i := slices.IndexFunc(e.Ops, func(o symbolic.OpExplanation) bool { return o.Op == f.Op })
	f.verdict = e.Ops[i].Verdict
	for _, u := range e.Ops[i].Unreached {
		f.unreached = append(f.unreached, u.PCs...)
	}
	slices.Sort(f.unreached)
}

// about adds a finding of the current rule about the plan as a whole.
func (s *subject) about(format string, args ...any) *Finding {
	s.found = append(s.found, Finding{Rule: s.rule.ID, Severity: s.rule.Severity, Filter: -1, Insn: -1,
		Message: fmt.Sprintf(format, args...), Releases: []string{s.on.Name}})
	return &s.found[len(s.found)-1]
}

// aboutOp adds a finding about what the plan does with an opcode.
func (s *subject) aboutOp(op uapi.Op, format string, args ...any) *Finding {
	found := s.about(format, args...)
	found.Op = &op
	return found
}

// aboutList adds a finding about the restrictions.
func (s *subject) aboutList(format string, args ...any) *Finding {
	found := s.about(format, args...)
	found.At = s.plan.RestrictionsAt
	return found
}

// aboutFilter adds a finding about one filter.
func (s *subject) aboutFilter(f *filter, format string, args ...any) *Finding {
	found := s.aboutOp(f.Op, format, args...)
	found.Filter, found.At = f.index, f.InsnAt(-1)
	return found
}

// aboutInsn adds a finding about one instruction of a filter.
func (s *subject) aboutInsn(f *filter, pc int, format string, args ...any) *Finding {
	found := s.aboutFilter(f, format, args...)
	found.Insn, found.At = pc, f.InsnAt(pc)
	found.Text = cbpfvm.Disassemble(f.Insns[pc : pc+1])[0]
	return found
}

// names joins the names of opcodes.
func names(ops []uapi.Op) string {
	var names []string
	for _, op := range ops {
		names = append(names, op.String())
	}
	return strings.Join(names, ", ")
}

// count returns a number of things, such as "2 filters".
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

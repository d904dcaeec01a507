package trial

import (
	"cmp"
	"fmt"
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
	"github.com/uringsim/uringsim/verdict"
)

// Report is what a plan would break on a release, summed up over all programs that it was tried on.
type Report struct {
	Kernel kernel.Release

	Requests  int      // requests that were submitted
	Admitted  int      // those that are not refused anyway
	Denied    int      // admitted requests that the plan would deny
	Cancelled int      // admitted requests that the plan allows, but that are cancelled with a denied one
	Calls     int      // register calls that the plan would refuse
	Unknown   int      // events whose outcome the model does not know
	Doubts    []Doubt  // the first of these events, at most maxDoubts
	Breaks    []*Break // what is denied and refused, in groups, in order of their first place

	// SharesFilters says that a program registers filters itself, on a release that adds these to the set of the plan's
	// filters, so that they apply to everybody who shares this set. The report does not know what that breaks.
	SharesFilters bool

	// About requests that were only seen (trace.SeenSubmitArgs).
	Undecided int    // admitted requests for which the verdict depends on what was not seen
	Gaps      []*Gap // these in groups
	Logged    Logged // what the plan says to requests that the kernel denied

	plan    *plan.Plan
	options []sim.Option
	groups  map[string]*Break
	decider *symbolic.Decider // decides on requests that were only seen; made on first use
	filters *symbolic.Decider // the same without the restrictions
	ops     *opdef.Ops
	chains  map[string]*seenChain // by ring
}

// Doubt is an event whose outcome the model does not know.
type Doubt struct {
	Place  Place
	What   string // what is not known
	Denied int    // requests of the event that the plan would deny
}

// Break is a group of requests or register calls that a plan denies for the same reason.
type Break struct {
	Op         uapi.Op
	RegisterOp uapi.RegisterOp
	IsCall     bool // whether it is a register call
	Always     bool // whether every policy would refuse it: restrictions that a task registers for itself

	Saw       string // the values that decided, as a condition; "" if only the opcode or the flags did
	By        string // for requests: the part of the plan that denies them
	Why       *verdict.Refusal
	Count     int
	Cancelled int      // requests that are cancelled with these
	First     []Place  // at most maxPlaces
	Needs     []string // what a policy would have to allow, in its own words; at most maxNeeds
	MoreNeeds bool     // whether there are more
}

// Limits that keep a report readable and small. Beyond maxGroups, groups are not divided by what was seen.
const (
	maxPlaces = 3
	maxNeeds  = 8
	maxDoubts = 20
	maxGroups = 1000
)

// Name returns the opcode.
func (b *Break) Name() string {
	if b.IsCall {
		return "register " + b.RegisterOp.String()
	}
	return b.Op.String()
}

// NewReport returns an empty report. The options are for the model.
func NewReport(p *plan.Plan, k kernel.Release, options ...sim.Option) *Report {
	return &Report{Kernel: k, plan: p, options: options, groups: map[string]*Break{}}
}

// Again returns an empty report on the same plan and release. It shares what r has found out about the plan, so the two
// must not be used at the same time.
func (r *Report) Again() *Report {
	again := NewReport(r.plan, r.Kernel, r.options...)
	again.decider, again.filters, again.ops = r.decider, r.filters, r.ops
	return again
}

// Play adds what the plan breaks of a recorded program. Errors are those of the function Play.
func (r *Report) Play(file string, in Source) error {
	r.chains = nil
	return Play(in, r.plan, r.Kernel, func(o *trace.Outcome) { r.see(file, o) }, r.options...)
}

// Broken tells whether the plan would break anything.
func (r *Report) Broken() bool { return r.Denied+r.Calls > 0 }

func (r *Report) see(file string, o *trace.Outcome) {
	at := Place{File: file, Event: o.Number, Task: o.Event.Task}
	if o.Unmodelled != "" {
		r.doubt(at, o)
		return
	}
	if o.Trial != nil {
		r.call(at, o)
	}
	if a, ok := o.Event.Args.(*trace.SeenSubmitArgs); ok {
		r.seen(at, a, o)
		return
	}
	if op, _, ok := registerOp(o.Event); ok && op == uapi.IORING_REGISTER_BPF_FILTER && !refused(o) {
		r.SharesFilters = len(r.plan.Filters) > 0 && r.Kernel.Has(kernel.SharedFiltersAppendInPlace) || r.SharesFilters
	}
	chains := map[int][]int{}
	for i := range o.Requests {
		q := &o.Requests[i]
		r.Requests++
		if q.Trial != nil {
			r.Admitted++
		}
		chains[q.Chain] = append(chains[q.Chain], i)
	}
	for i := range o.Requests { // in the order of the chains
		if members := chains[i]; members != nil {
			r.chain(at, o.Requests, members)
		}
	}
}

// doubt notes an event whose outcome is not certain.
func (r *Report) doubt(at Place, o *trace.Outcome) {
	d := Doubt{Place: at, What: o.Unmodelled}
	for i := range o.Requests {
		if t := o.Requests[i].Trial; t != nil && t.Denied() {
			d.Denied++
		}
	}
	if r.Unknown++; len(r.Doubts) < maxDoubts {
		r.Doubts = append(r.Doubts, d)
	}
}

// call adds a register call that the plan would refuse.
func (r *Report) call(at Place, o *trace.Outcome) {
	op, blind, _ := registerOp(o.Event)
	r.Calls++
	always := blind && op == uapi.IORING_REGISTER_RESTRICTIONS
	b := r.group(&Break{RegisterOp: op, IsCall: true, Always: always, Why: o.Trial}, at)
	switch {
	case always:
	case op == uapi.IORING_REGISTER_RESTRICTIONS: // any restrictions of the plan make it fail
		b.need("no limits of flags and register calls at all")
	default:
		b.need("allow register " + op.String())
	}
}

// chain adds what the plan breaks of a chain, which may be a single request.
func (r *Report) chain(at Place, requests []trace.Request, members []int) {
	var first *Break
	alive := true // whether the chain survives without the plan
	for _, i := range members {
		q := &requests[i]
		if q.Trial == nil {
			alive = false
			continue
		}
		if q.Trial.Denied() {
			at.Request, at.UserData = i+1, q.UserData
			b := r.deny(at, q)
			if first == nil {
				first = b
			}
		}
	}
	if first == nil || !alive {
		return
	}
	for _, i := range members {
		if q := &requests[i]; !q.Trial.Denied() && q.Note != trace.Cancelled {
			first.Cancelled++
			r.Cancelled++
		}
	}
}

// deny adds a request that the plan denies.
func (r *Report) deny(at Place, q *trace.Request) *Break {
	r.Denied++
	t := q.Trial
	b := &Break{Op: q.Opcode, By: "its restrictions", Why: t.List}
	if t.List == nil {
		b.Why = t.Filter
		b.By, b.Saw = r.filter(q)
	}
	b = r.group(b, at)
	if list := r.listed(q.Opcode); t.Filter != nil || !list {
		rule := (&seen{q.Opcode, &t.Context, Options{}}).rule(r.Kernel)
		b.need(rule.String())
	}
	if t.List != nil {
		r.needFlags(b, t.Flags)
	}
	return b
}

// needFlags adds what a policy would have to allow of an SQE's flags, and tells whether that is anything.
func (r *Report) needFlags(b *Break, flags uint8) bool {
	allowed, required := r.flags()
	if flags&^(allowed|required) != 0 {
		b.need("allow submitted sqe_flags " + names(flags&^(allowed|required)))
	}
	if required&^flags != 0 {
		b.need("allow submitted sqe_flags " + names(required&^flags) + ", and not to require them")
	}
	return flags&^(allowed|required) != 0 || required&^flags != 0
}

// names returns IOSQE_* flags as policies write them.
func names(flags uint8) string {
	return strings.ReplaceAll(uapi.SQEFlags.FormatFlags(uint64(flags)), "|", ", ")
}

// listed tells whether the restrictions allow requests of the opcode.
func (r *Report) listed(op uapi.Op) bool {
	return slices.Contains(r.plan.Restrictions, uapi.Restriction{Opcode: uapi.IORING_RESTRICTION_SQE_OP, Value: uint8(op)})
}

// flags returns the flags that the restrictions allow and require.
func (r *Report) flags() (allowed, required uint8) {
	for _, e := range r.plan.Restrictions {
		switch e.Opcode {
		case uapi.IORING_RESTRICTION_SQE_FLAGS_ALLOWED:
			allowed = e.Value
		case uapi.IORING_RESTRICTION_SQE_FLAGS_REQUIRED:
			required = e.Value
		}
	}
	return allowed, required
}

// filter says which filter denies a request, and what it looked at.
func (r *Report) filter(q *trace.Request) (by, saw string) {
	step := q.Trial.Filter.Filter
	if step.Marker {
		return "no filter for the opcode: the default", ""
	}
	stack, _ := r.plan.Stack(q.Opcode)
	by = r.filterName(stack[step.Index])
	var tests []string
	for _, f := range policy.Fields() {
		loaded := slices.ContainsFunc(step.Loads, func(l verdict.Load) bool { return f.Loaded(l.Off) })
		// The word of the opcode has the flags, too; v4_addr is another name for addr.
		idle := f.Name == "opcode" || f.Name == "v4_addr" || f.Name == "sqe_flags" && f.Value(&q.Trial.Context) == 0
		if loaded && f.Has(q.Opcode) && !idle {
			s := &seen{op: q.Opcode, ctx: &q.Trial.Context}
			tests = append(tests, s.test(&f).String())
		}
	}
	return by, strings.Join(tests, " and ")
}

// filterName returns how a filter of the plan is called.
func (r *Report) filterName(i int) string {
	name := fmt.Sprintf("filter %d", i+1)
	if why := r.plan.Filters[i].Why; why != "" {
		name += " (" + why + ")"
	}
	return name
}

// group returns the group of a break, to which it adds a place.
func (r *Report) group(b *Break, at Place) *Break {
	if len(r.groups) >= maxGroups && r.groups[b.key()] == nil {
		b.Saw = "other values"
	}
	key := b.key()
	known := r.groups[key]
	if known == nil {
		known = b
		r.groups[key] = b
		r.Breaks = append(r.Breaks, b)
	}
	known.Count++
	if len(known.First) < maxPlaces {
		known.First = append(known.First, at)
	}
	return known
}

// key identifies the group of a break.
func (b *Break) key() string { return strings.Join([]string{b.Name(), b.Saw, b.By, b.Why.Why}, "\n") }

// need adds what a policy would have to allow.
func (b *Break) need(text string) {
	switch {
	case slices.Contains(b.Needs, text):
	case len(b.Needs) < maxNeeds:
		b.Needs = append(b.Needs, text)
	default:
		b.MoreNeeds = true
	}
}

// Sort puts the largest groups first.
func (r *Report) Sort() {
	slices.SortStableFunc(r.Breaks, func(a, b *Break) int { return cmp.Compare(b.Count, a.Count) })
	slices.SortStableFunc(r.Gaps, func(a, b *Gap) int { return cmp.Compare(b.Count, a.Count) })
}

package trial

import (
	"slices"
	"strings"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/opdef"
	"github.com/uringsim/uringsim/symbolic"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// Gap is a group of requests whose verdict depends on what the log does not show.
type Gap struct {
	Op      uapi.Op
	Missing string // what was not seen, or why there is no verdict
	Count   int
	First   []Place // at most maxPlaces
}

// Logged counts the requests that the kernel denied (EACCES) when the log was made, by what the plan says to them. If
// the same plan was in force then, it denies all of them.
type Logged struct {
	Denied, Allowed, Undecided int
	First                      []Place // of those that the plan allows, at most maxPlaces
}

// Total returns the number of requests that the kernel denied.
func (l *Logged) Total() int { return l.Denied + l.Allowed + l.Undecided }

// maxChains is the most rings whose chains are followed. If there are more, all chains are forgotten.
const maxChains = 1 << 16

// seenChain is the chain that the last request of a ring belongs to.
type seenChain struct {
	first     *Break // that of the first request that the plan denies
	broken    bool   // whether the kernel refused one of its requests
	passed    int    // requests that the plan allows
	cancelled int    // those of them that are cancelled nevertheless
}

// partly returns what is known of a request that was seen.
func partly(ops *opdef.Ops, k kernel.Release, s *trace.Seen) symbolic.Partial {
	req := opdef.Request{SQE: s.SQE, Opcode: s.SQE.Opcode(), Flags: s.SQE.Flags(), UserData: s.SQE.UserData()}
	p := opdef.Partial{Prep: opdef.Prep{Kernel: k, Req: &req}, Known: s.Bits}
	ctx, known := ops.PopulatePartly(&p, s.Prepared)
	out := symbolic.Partial{Context: cbpfvm.Context(ctx), KnownContext: cbpfvm.Context(known)}
	if !s.Prepared {
		out.Flags, out.KnownFlags = s.SQE.Flags(), s.Bits.Flags()
	}
	return out
}

// seen adds a request that was only seen.
func (r *Report) seen(at Place, a *trace.SeenSubmitArgs, o *trace.Outcome) {
	s, err := a.Seen()
	if err != nil {
		return // cannot happen: the event was played, which checks it
	}
	at.Request, at.UserData = 1, s.SQE.UserData()
	r.Requests++
	chain := r.seenChain(a)
	op, known := s.Opcode()
	v, missing := symbolic.Depends, "the opcode, or it is from a later release"
	if known {
		v, missing = r.decide(op, &s)
	}
	switch want := o.Want; {
	case want == nil:
		r.Admitted++
		r.gap(op, "whether the kernel admitted it", at)
	case want.Ret < 0:
		r.breakChain(chain)
		if want.Ret == trace.Ret(uapi.EACCES.Ret()) {
			r.logged(v, at)
		}
	case v == symbolic.Denied:
		r.Admitted++
		b := r.denySeen(at, op, &s)
		if chain.first == nil {
			chain.first = b
			r.cancelSeen(chain, chain.passed)
		}
	case v == symbolic.Allowed:
		r.Admitted++
		chain.passed++
		r.cancelSeen(chain, 1)
	default:
		r.Admitted++
		r.gap(op, missing, at)
	}
}

// seenChain returns the chain of a request.
func (r *Report) seenChain(a *trace.SeenSubmitArgs) *seenChain {
	chain := r.chains[a.Ring]
	if a.Continue && chain != nil {
		return chain
	}
	if r.chains == nil || len(r.chains) >= maxChains {
		r.chains = map[string]*seenChain{}
	}
	chain = &seenChain{}
	r.chains[a.Ring] = chain
	return chain
}

// cancelSeen counts requests that are cancelled with a request of their chain that the plan denies.
func (r *Report) cancelSeen(c *seenChain, n int) {
	if c.first != nil && !c.broken {
		c.first.Cancelled += n
		c.cancelled += n
		r.Cancelled += n
	}
}

// breakChain takes back these counts for a chain that the kernel broke without the plan.
func (r *Report) breakChain(c *seenChain) {
	if c.broken = true; c.first != nil {
		c.first.Cancelled -= c.cancelled
		r.Cancelled -= c.cancelled
		c.cancelled = 0
	}
}

// decide returns the verdict of the plan, and what it depends on.
func (r *Report) decide(op uapi.Op, s *trace.Seen) (v symbolic.Verdict, missing string) {
	if r.decider == nil {
		if err := r.makeDeciders(); err != nil { // cannot happen: the plan was registered
			return symbolic.TooLong, err.Error()
		}
	}
	p := partly(r.ops, r.Kernel, s)
	v, names := r.decider.Decide(op, &p)
	switch v {
	case symbolic.TooLong:
		return v, "the filters are too complex to decide on a request that is known in part"
	case symbolic.Impossible:
		return v, "no request of this release looks like that"
	}
	return v, "not seen: " + strings.Join(names, ", ")
}

// makeDeciders makes the deciders for requests that were only seen.
func (r *Report) makeDeciders() error {
	filters := *r.plan
	filters.Restrictions = nil
	alone, err := symbolic.NewPolicy(&filters, r.Kernel)
	if err != nil {
		return err
	}
	all, err := symbolic.NewPolicy(r.plan, r.Kernel)
	if err != nil {
		return err
	}
	r.decider, r.filters, r.ops = symbolic.NewDecider(all), symbolic.NewDecider(alone), opdef.On(r.Kernel)
	return nil
}

// denySeen adds a request that the plan denies whatever was not seen of it.
func (r *Report) denySeen(at Place, op uapi.Op, s *trace.Seen) *Break {
	r.Denied++
	b := &Break{Op: op, By: "its restrictions"}
	limits := r.limitsRequests()
	stack, _ := r.plan.Stack(op)
	switch {
	case limits && !r.listed(op):
		b.Why = verdict.Refuse(verdict.Restriction, uapi.EACCES, whereRestricted, "opcode "+op.String()+" is not in the list")
		b.need("allow " + op.String())
		r.needFlags(b, r.certain(op, s))
	case limits && r.needFlags(b, r.certain(op, s)):
		b.Why = verdict.Refuse(verdict.Restriction, uapi.EACCES, whereRestricted, "its flags are not those that are allowed")
		p := partly(r.ops, r.Kernel, s)
		if v, _ := r.filters.Decide(op, &p); v == symbolic.Denied {
			b.need("allow " + op.String())
		}
	default:
		b.Why = verdict.Refuse(verdict.Filter, uapi.EACCES, whereFiltered, "denied by a filter")
		b.need("allow " + op.String())
		switch len(stack) {
		case 0:
			b.By = "no filter for the opcode: the default"
		case 1:
			b.By = r.filterName(stack[0])
		default:
			b.By = "a filter for the opcode"
		}
	}
	needs := b.Needs
	b.Needs = nil
	b = r.group(b, at)
	for _, n := range needs {
		b.need(n)
	}
	return b
}

// certain returns the known flags of the SQE. Flags that prep may have added count if the plan requires them.
func (r *Report) certain(op uapi.Op, s *trace.Seen) uint8 {
	_, required := r.flags()
	sure, maybe := writtenFlags(r.Kernel, op, s)
	return sure | maybe&required
}

// writtenFlags returns the flags that the program certainly wrote, and those that prep or draining may have added.
func writtenFlags(k kernel.Release, op uapi.Op, s *trace.Seen) (sure, maybe uint8) {
	sure = s.SQE.Flags()
	if s.Prepared {
		maybe = sure & opdef.FlagsAdded(k, op)
	}
	return sure &^ maybe, maybe
}

const (
	whereRestricted = "io_uring/io_uring.c:io_check_restriction"
	whereFiltered   = "io_uring/bpf_filter.c:__io_uring_run_bpf_filters"
)

// limitsRequests tells whether the restrictions of the plan apply to requests.
func (r *Report) limitsRequests() bool {
	list := r.plan.Restrictions
	return list != nil && (len(list) == 0 || slices.ContainsFunc(list, func(e uapi.Restriction) bool {
		return e.Opcode != uapi.IORING_RESTRICTION_REGISTER_OP
	}))
}

// logged adds a request that the kernel denied.
func (r *Report) logged(v symbolic.Verdict, at Place) {
	switch v {
	case symbolic.Denied:
		r.Logged.Denied++
	case symbolic.Allowed:
		r.Logged.Allowed++
		if len(r.Logged.First) < maxPlaces {
			r.Logged.First = append(r.Logged.First, at)
		}
	default:
		r.Logged.Undecided++
	}
}

// gap adds a request whose verdict is not known.
func (r *Report) gap(op uapi.Op, missing string, at Place) {
	r.Undecided++
	i := slices.IndexFunc(r.Gaps, func(g *Gap) bool { return g.Op == op && g.Missing == missing })
	if i < 0 {
		i = len(r.Gaps)
		r.Gaps = append(r.Gaps, &Gap{Op: op, Missing: missing})
	}
	g := r.Gaps[i]
	g.Count++
	if len(g.First) < maxPlaces {
		g.First = append(g.First, at)
	}
}

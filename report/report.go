// Package report describes to people what became of traces: in words, as a table that compares releases, and as an HTML
// page.
package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/uringsim/uringsim/cover"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// Limits keep a page readable and its memory bounded. What exceeds them is only counted, and the page says so.
const (
	maxTraces   = 100       // traces with a section of their own
	maxCalls    = 600       // calls in the timelines of all traces together
	maxRequests = 20        // requests of one call that are described in words
	maxRings    = 100_000   // rings whose descriptors are followed
	maxReasons  = 200       // reasons in the lists of all traces together
	maxPlaces   = 20        // calls listed for one reason
	maxContexts = 5         // contexts listed for one reason
	maxSteps    = 100       // steps listed of the filter that denied
	maxRows     = 300       // results in the tables of all traces together
	maxReplayed = 1_000_000 // calls and requests replayed to find out why releases differ, or as much other work
	maxKept     = 5000      // events of one trace that are kept for those replays
	maxListed   = 10_000    // instructions in the listings of filters
	maxSubjects = 100       // calls and opcodes listed for one reason
	maxText     = 300       // characters of a name or remark taken from a trace
)

// Page collects what a page shows. Its memory does not grow with the length of the traces, apart from what the model
// needs and from the filters, each of which is kept once.
type Page struct {
	release  kernel.Release
	on       []kernel.Release // all that are compared
	profile  *cover.Profile
	counts   []counts // by index of on
	traces   int
	sections []*section
	left     limits
	options  []sim.Option
}

// limits is how much more a page has room for.
type limits struct{ calls, reasons, rows, replayed int }

// counts describes the traces on one release.
type counts struct {
	events, calls, requests, refused, compared, differ, unmodelled int

	reasons map[reasonKind]int
}

// reasonKind is what the summary says of a refusal.
type reasonKind struct {
	Stage verdict.Stage
	Errno uapi.Errno
}

// section is the part of a page about one trace.
type section struct {
	ID        int
	File      string
	Name, Why string
	Counts    counts
	Timeline  timeline
	Reasons   reasons
	Table     differences
}

// New returns an empty page about release r, which is compared with all supported releases. The options are those of
// the models.
func New(r kernel.Release, options ...sim.Option) *Page {
	p := &Page{release: r, options: options, on: slices.Clone(kernel.Releases), profile: cover.New(),
		left: limits{maxCalls, maxReasons, maxRows, maxReplayed}}
	if !slices.ContainsFunc(p.on, func(other kernel.Release) bool { return other.Name == r.Name }) {
		p.on = append(p.on, r)
	}
	for range p.on {
		p.counts = append(p.counts, counts{reasons: map[reasonKind]int{}})
	}
	return p
}

// Add replays a trace to its end and adds what became of it. Errors are those of the reader, or *trace.EventError for
// an event that cannot be carried out on the page's release.
func (p *Page) Add(file string, in *trace.Reader) error {
	p.traces++
	s := &section{ID: p.traces, File: clean(file), Name: clean(in.Header.Name), Why: clean(in.Header.Why),
		Counts: counts{reasons: map[reasonKind]int{}}}
	players := p.players(&in.Header)
	defer func() {
		for _, pl := range players {
			_ = pl.sys.Close() // never fails
		}
	}()
	for {
		e, err := in.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if err := p.play(s, &e, players); err != nil {
			return err
		}
	}
	if p.room() {
		s.Table.explain(&p.left, p.options)
		p.sections = append(p.sections, s)
	}
	return nil
}

// room reports whether the trace that is being added still gets a section.
func (p *Page) room() bool { return len(p.sections) < maxTraces }

// player plays a trace on one release.
type player struct {
	*trace.Player
	sys    *sim.Kernel
	main   bool  // whether this is the release the page is about
	failed error // the error that ended the replay, if any
}

func (p *Page) players(h *trace.Header) []*player {
	var all []*player
	for _, r := range p.on {
		pl := &player{sys: sim.New(r, p.options...), main: r.Name == p.release.Name}
		pl.Player = trace.NewPlayerOf(pl.sys, h, r.Name)
		if pl.main {
			pl.sys.ObserveFilters(p.profile)
		}
		all = append(all, pl)
	}
	return all
}

// play plays an event on all releases.
func (p *Page) play(s *section, e *trace.Event, players []*player) error {
	number := s.Counts.events + 1
	outcomes := make([]*trace.Outcome, len(players))
	for i, pl := range players {
		o, err := pl.next(e, number)
		if err != nil {
			return err
		}
		p.counts[i].add(&o)
		outcomes[i] = &o
		if pl.main {
			p.tell(s, &o)
		}
	}
	if p.room() {
		s.Table.add(e, p.on, outcomes, &p.left)
	}
	return nil
}

// next plays an event. After an event that cannot be carried out, the outcome of it and of all later ones is unknown;
// on the main release it is an error instead.
func (pl *player) next(e *trace.Event, number int) (trace.Outcome, error) {
	if pl.failed == nil {
		o, err := pl.Play(e)
		if err == nil || pl.main {
			return o, err
		}
		pl.failed = err
	}
	return trace.Outcome{Event: e, Number: number, Unmodelled: pl.failed.Error()}, nil
}

// tell adds the outcome of an event on the page's release.
func (p *Page) tell(s *section, o *trace.Outcome) {
	s.Counts.add(o)
	if p.room() {
		c := s.Timeline.add(o, &p.left)
		s.Reasons.add(o, c, &p.left)
	}
}

func (c *counts) add(o *trace.Outcome) {
	c.events++
	c.requests += len(o.Requests)
	for i := range o.Requests {
		if why := o.Requests[i].Why; why != nil {
			c.refused++
			c.reasons[reasonKind{why.Stage, why.Errno}]++
		}
	}
	if o.Unmodelled != "" {
		c.unmodelled++
	} else if o.Got.Ret < 0 {
		c.calls++
	}
	if o.Why != nil {
		c.reasons[reasonKind{o.Why.Stage, o.Why.Errno}]++
	}
	if o.Want != nil {
		c.compared++
	}
	if o.Diff != "" {
		c.differ++
	}
}

// told returns how many refusals, of calls and of requests, have a known reason.
func (c *counts) told() int {
	n := 0
	for _, of := range c.reasons {
		n += of
	}
	return n
}

// Text returns the counts in words.
func (c *counts) Text() string {
	text := fmt.Sprintf("%s (%d refused), %s (%d refused); %s compared, %d differ", Number(c.events, "call"), c.calls,
		Number(c.requests, "request"), c.refused, Number(c.compared, "result"), c.differ)
	if c.unmodelled > 0 {
		text += fmt.Sprintf(", %d not modelled", c.unmodelled)
	}
	return text
}

// Number returns a count with its noun, as in "1 event" or "2 events".
func Number(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// kinds returns the kinds that occur on any release, ordered by stage and error.
func kinds(all []counts) []reasonKind {
	var kinds []reasonKind
	for _, c := range all {
		for k := range c.reasons {
			if !slices.Contains(kinds, k) {
				kinds = append(kinds, k)
			}
		}
	}
	slices.SortFunc(kinds, func(a, b reasonKind) int {
		return cmp.Or(cmp.Compare(a.Stage, b.Stage), cmp.Compare(a.Errno.String(), b.Errno.String()))
	})
	return kinds
}

// clean makes text from a trace fit for a page: it cuts long text, and replaces characters that are invisible or that
// change the direction of others.
func clean(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n++; n > maxText {
			b.WriteString("…")
			break
		}
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			b.WriteRune(unicode.ReplacementChar)
		}
	}
	return b.String()
}

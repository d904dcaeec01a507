// Package report tells people what became of traces: in words, as a table of releases, and as a page.
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

// Limits of a page, which keep it readable and memory bounded. What is beyond them is counted, and the page says so.
const (
	maxTraces   = 100       // traces with a section of their own
	maxCalls    = 600       // calls in the timelines of all traces
	maxRequests = 20        // requests of a call, told in words
	maxRings    = 100_000   // rings whose descriptors are followed
	maxReasons  = 200       // reasons in the lists of all traces
	maxPlaces   = 20        // places of a reason
	maxContexts = 5         // contexts of a reason
	maxSteps    = 100       // steps of a filter that denied, for each reason
	maxRows     = 300       // results in the tables of releases of all traces
	maxReplayed = 1_000_000 // calls and requests, or as much work, replayed to find what makes releases part
	maxKept     = 5000      // events of a trace that are kept for that
	maxListed   = 10_000    // instructions in the listings of filters
	maxSubjects = 100       // calls and opcodes that one reason is named for
	maxText     = 300       // characters of a name or of a remark in a trace
)

// Page collects what a page shows. Memory does not grow with the length of traces, apart from that of the model and of
// filters that differ.
type Page struct {
	release  kernel.Release
	on       []kernel.Release // that are compared
	profile  *cover.Profile
	counts   []counts // on each
	traces   int
	sections []*section
	left     limits
	options  []sim.Option
}

// limits are how much more a page may show.
type limits struct{ calls, reasons, rows, replayed int }

// counts are of one release.
type counts struct {
	events, calls, requests, refused, compared, differ, unmodelled int

	reasons map[reasonKind]int
}

// reasonKind is the least that is said of a refusal.
type reasonKind struct {
	Stage verdict.Stage
	Errno uapi.Errno
}

// section is a trace.
type section struct {
	ID        int
	File      string
	Name, Why string
	Counts    counts
	Timeline  timeline
	Reasons   reasons
	Table     partings
}

// New is a page that tells of the release, and of where the others part from it, with options for the models of them.
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

// Add plays a trace to its end. Errors are the reader's, or *trace.EventError for an event that cannot be carried out
// on the page's release.
func (p *Page) Add(file string, in *trace.Reader) error {
	p.traces++
	s := &section{ID: p.traces, File: clean(file), Name: clean(in.Header.Name), Why: clean(in.Header.Why),
		Counts: counts{reasons: map[reasonKind]int{}}}
	players := p.players(&in.Header)
	defer func() {
		for _, pl := range players {
			_ = pl.sys.Close() // it has no errors
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

// room tells whether the trace that is being added gets a section.
func (p *Page) room() bool { return len(p.sections) < maxTraces }

// player plays a trace on one release.
type player struct {
	*trace.Player
	sys    *sim.Kernel
	main   bool  // it is the release that the page tells of
	failed error // why nothing more can be carried out
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

// next is what the event gives. Where an event cannot be carried out, that and those behind it are not known, unless
// that is the main release.
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

// tell adds what an event gave on the page's release.
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

// told is how many refusals have a reason, of calls and of requests.
func (c *counts) told() int {
	n := 0
	for _, of := range c.reasons {
		n += of
	}
	return n
}

// Text is the counts in words.
func (c *counts) Text() string {
	text := fmt.Sprintf("%s (%d refused), %s (%d refused); %s compared, %d differ", Number(c.events, "call"), c.calls,
		Number(c.requests, "request"), c.refused, Number(c.compared, "result"), c.differ)
	if c.unmodelled > 0 {
		text += fmt.Sprintf(", %d not modelled", c.unmodelled)
	}
	return text
}

// Number is a number of things, as in "1 event" or "2 events".
func Number(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// kinds are those that any release has, in order of their stages and errors.
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

// clean is a text of a trace as a page may show it: not too long, and without characters that cannot be seen or that
// change the order of others.
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

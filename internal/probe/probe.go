// Package probe finds out which quirks a real kernel has, by playing the traces that show them and comparing with the
// model with and without each. The kernel's version does not count.
package probe

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/uringsim/uringsim"
	"github.com/uringsim/uringsim/internal/judge"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/trace"
)

// Answer tells whether a kernel has a quirk.
type Answer string

// The answers.
const (
	Has     Answer = "has"
	HasNot  Answer = "has not"
	Unknown Answer = "unknown"
)

// Finding is what was found out about a quirk.
type Finding struct {
	Quirk  kernel.Quirk
	Answer Answer
	Trace  string // the trace that was played, "" if none was
	Event  int    // of the trace, from 1: what told
	Why    string // why it cannot be told
}

// Report is what was found out about a kernel.
type Report struct {
	Version  string         // as uname says
	As       kernel.Release // the release with quirks switched that is nearest to it
	Findings []Finding      // one per quirk, in the order of the table
}

// Run asks the kernel. An error means that it cannot be asked.
func Run(j judge.Judge) (*Report, error) {
	p := prober{played: map[kernel.Quirk]*played{}}
	report := &Report{}
	for q, row := range kernel.Quirks {
		if row.TraceFile() == "" {
			continue
		}
		t, err := read(row.TraceFile())
		if err != nil {
			return nil, err
		}
		v, err := j.Ask(judge.Question{Trace: t, Twice: true})
		if err != nil {
			return nil, err
		}
		report.Version = v.Version
		p.played[kernel.Quirk(q)] = &played{trace: t, verdict: v, agrees: map[kernel.Release][]bool{}}
	}
	_, found := p.fit(p.nearest())
	report.As, report.Findings = p.fit(fewest(found))
	return report, nil
}

// read is an embedded trace, made playable for tasks without privilege: they may filter themselves.
func read(file string) (*trace.Trace, error) {
	text, err := uringsim.Traces.ReadFile(file)
	if err != nil {
		return nil, err
	}
	t, err := trace.Read(bytes.NewReader(text), file)
	if err != nil {
		return nil, err
	}
	first, err := trace.Read(bytes.NewReader([]byte(`{"trace": 1, "events": [{"call": "no_new_privs"}]}`)), file)
	if err != nil {
		return nil, err
	}
	t.Events = append(first.Events, t.Events...)
	return t, nil
}

// prober knows what the kernel gave.
type prober struct {
	played map[kernel.Quirk]*played
}

// played is a trace and what the kernel gave.
type played struct {
	trace   *trace.Trace
	verdict judge.Verdict
	agrees  map[kernel.Release][]bool // what agree said before
}

// agree says for each event whether the model of the release gives what the kernel gave. Where the model cannot go on,
// the rest disagrees.
func (p *played) agree(r kernel.Release) []bool {
	agree := p.agrees[r]
	if agree != nil {
		return agree
	}
	agree = make([]bool, len(p.trace.Events))
	p.agrees[r] = agree
	sys := sim.New(r)
	defer sys.Close()
	player := trace.NewPlayer(sys, r.Name)
	for i := range p.verdict.Results {
		e := p.trace.Events[i]
		got := p.verdict.Results[i]
		got.On = nil
		e.Results = []trace.Recorded{got}
		o, err := player.Play(&e)
		if err != nil {
			break
		}
		agree[i] = o.OK()
	}
	return agree
}

// nearest is the release that agrees with most of what the kernel gave.
func (p *prober) nearest() kernel.Release {
	var best kernel.Release
	most := -1
	for _, r := range kernel.Releases {
		n := 0
		for _, played := range p.played {
			for _, ok := range played.agree(r) {
				if ok {
					n++
				}
			}
		}
		if n > most {
			best, most = r, n
		}
	}
	return best
}

// fewest is the release that has to be switched least to give the answers.
func fewest(found []Finding) kernel.Release {
	var best kernel.Release
	least := len(found) + 1
	for _, k := range kernel.Releases {
		n := 0
		for _, f := range found {
			if f.Answer != Unknown && (f.Answer == Has) != k.Has(f.Quirk) {
				n++
			}
		}
		if n < least {
			best, least = k, n
		}
	}
	return best
}

// fit switches quirks until the model agrees with what the kernel gave, or nothing gets better.
func (p *prober) fit(k kernel.Release) (kernel.Release, []Finding) {
	var findings []Finding
	for range 4 { // a quirk may hide another
		before := k
		findings = nil
		for q := range kernel.Quirks {
			f := p.tell(kernel.Quirk(q), k)
			switch f.Answer {
			case Has:
				k = k.With(f.Quirk)
			case HasNot:
				k = k.Without(f.Quirk)
			}
			findings = append(findings, f)
		}
		if k == before {
			break
		}
	}
	return k, findings
}

// tell looks which of the two models, of a kernel with the quirk and of one without, agrees where they differ.
func (p *prober) tell(q kernel.Quirk, k kernel.Release) Finding {
	f := Finding{Quirk: q, Answer: Unknown}
	played := p.played[q]
	switch {
	case played == nil:
		f.Why = kernel.Quirks[q].Never
		return f
	case played.verdict.Unsteady != "":
		f.Why = "the kernel gave different results in two runs"
		return f
	}
	f.Trace = kernel.Quirks[q].TraceFile()
	with, without := played.agree(k.With(q)), played.agree(k.Without(q))
	neither := 0
	for i := range with {
		switch {
		case with[i] == without[i]:
			if !with[i] && neither == 0 {
				neither = i
			}
			continue
		case f.Answer == Unknown && with[i]:
			f.Answer, f.Event = Has, i
		case f.Answer == Unknown:
			f.Answer, f.Event = HasNot, i
		case (f.Answer == Has) != with[i]:
			return Finding{Quirk: q, Answer: Unknown, Trace: f.Trace,
				Why: fmt.Sprintf("events %d and %d contradict each other", f.Event, i)}
		}
	}
	if f.Answer == Unknown {
		f.Why = untold(q, k, neither, &played.verdict)
	}
	return f
}

// untold is why no event told whether the kernel has the quirk; neither is one in which both models are wrong, if any.
func untold(q kernel.Quirk, k kernel.Release, neither int, v *judge.Verdict) string {
	row := kernel.Quirks[q]
	if i := slices.IndexFunc(row.Under, k.Has); i >= 0 {
		return fmt.Sprintf("it does not show under %s", row.Under[i])
	}
	if neither > 0 {
		return fmt.Sprintf("the kernel does neither in event %d of %s%s", neither, row.TraceFile(), cannot(v))
	}
	return "its trace gives the same with it and without on a kernel like this"
}

// cannot is why a trace could not be played to its end.
func cannot(v *judge.Verdict) string {
	if v.Err == "" {
		return ""
	}
	return ": " + v.Err
}

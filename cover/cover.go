// Package cover measures how much of filters was exercised: which instructions ran, and which outcomes their
// conditional jumps had. A Profile observes a simulated kernel, or is given programs and contexts.
package cover

import (
	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/uapi"
)

// Profile counts what filters do. It is not safe for concurrent use.
//
// It is a sim.FilterObserver:
//
//	profile := cover.New()
//	kernel.ObserveFilters(profile)
type Profile struct {
	filters []*Filter
	byProg  map[*cbpfvm.Program]*Filter
	byText  map[text]*Filter
}

// maxPrograms is the most programs that a profile remembers, so that it does not keep alive those of kernels that are
// gone.
const maxPrograms = 4096

// text identifies a filter: registrations with the same text are the same filter.
type text struct {
	op    uapi.Op
	insns string
}

// Filter is a program with its counts. It is one Filter however often, and by whomever, it is registered for an opcode.
type Filter struct {
	Op            uapi.Op
	Insns         []uapi.SockFilter
	Registrations int
	Runs, Allowed uint64
	Hits          []uint64    // how often each instruction ran
	Ways          [][2]uint64 // how often the condition of each conditional jump was false, and how often true
}

// New returns a Profile without filters.
func New() *Profile {
	return &Profile{byProg: map[*cbpfvm.Program]*Filter{}, byText: map[text]*Filter{}}
}

// Registered makes a filter known, so that it is reported even if it never runs.
func (p *Profile) Registered(op uapi.Op, prog *cbpfvm.Program) { p.filter(op, prog).Registrations++ }

// Ran counts what the program does with the context.
func (p *Profile) Ran(op uapi.Op, prog *cbpfvm.Program, ctx *cbpfvm.Context) {
	f := p.filter(op, prog)
	path := prog.Explain(ctx)
	f.Runs++
	if path.Result != 0 {
		f.Allowed++
	}
	for _, s := range path.Steps {
		f.Hits[s.PC]++
		if holds, conditional := s.Holds(); conditional && holds {
			f.Ways[s.PC][1]++
		} else if conditional {
			f.Ways[s.PC][0]++
		}
	}
}

// filter returns the Filter of a program.
func (p *Profile) filter(op uapi.Op, prog *cbpfvm.Program) *Filter {
	if f := p.byProg[prog]; f != nil && f.Op == op {
		return f
	}
	insns := prog.Insns()
	key := text{op, string(uapi.EncodeSockFilters(insns))}
	f := p.byText[key]
	if f == nil {
		f = &Filter{Op: op, Insns: insns, Hits: make([]uint64, len(insns)), Ways: make([][2]uint64, len(insns))}
		p.byText[key] = f
		p.filters = append(p.filters, f)
	}
	if len(p.byProg) >= maxPrograms {
		clear(p.byProg)
	}
	p.byProg[prog] = f
	return f
}

// Report returns what was counted so far.
func (p *Profile) Report() Report {
	var r Report
	for _, f := range p.filters {
		r.Filters = append(r.Filters, *f)
	}
	return r
}

// Report has all filters, in the order in which they were first seen.
type Report struct{ Filters []Filter }

// Share is a number of things, and how many of them were exercised.
type Share struct{ Covered, Of int }

// Percent returns the percentage that was exercised. Of nothing, it is 100.
func (s Share) Percent() float64 {
	if s.Of == 0 {
		return 100
	}
	return 100 * float64(s.Covered) / float64(s.Of)
}

func (s Share) plus(o Share) Share { return Share{s.Covered + o.Covered, s.Of + o.Of} }

// Instructions returns how many instructions ran at least once.
func (f *Filter) Instructions() Share {
	s := Share{Of: len(f.Hits)}
	for _, n := range f.Hits {
		if n > 0 {
			s.Covered++
		}
	}
	return s
}

// Conditional tells whether an instruction is a conditional jump.
func (f *Filter) Conditional(pc int) bool { return len(cbpfvm.Jumps(f.Insns[pc])) == 2 }

// Branches returns how many outcomes of conditional jumps occurred, of two for each.
func (f *Filter) Branches() Share {
	var s Share
	for pc := range f.Insns {
		if !f.Conditional(pc) {
			continue
		}
		for _, n := range f.Ways[pc] {
			s.Of++
			if n > 0 {
				s.Covered++
			}
		}
	}
	return s
}

// Total returns instructions and branches together.
func (f *Filter) Total() Share { return f.Instructions().plus(f.Branches()) }

// Total returns the total of all filters.
func (r *Report) Total() Share {
	var s Share
	for i := range r.Filters {
		s = s.plus(r.Filters[i].Total())
	}
	return s
}

// Package cover tells how much of filters was exercised: which instructions ran, and which ways conditional jumps took.
// A Profile watches a simulated kernel, or is fed with programs and contexts.
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

// maxPrograms is how many programs a profile remembers, so that it does not keep those of kernels that are gone.
const maxPrograms = 4096

// text is what makes two registrations the same filter.
type text struct {
	op    uapi.Op
	insns string
}

// Filter is a program with its counts. However often it is registered for an opcode, and by whom, it is one Filter.
type Filter struct {
	Op            uapi.Op
	Insns         []uapi.SockFilter
	Registrations int
	Runs, Allowed uint64
	Hits          []uint64    // how often each instruction ran
	Ways          [][2]uint64 // how often the condition of each conditional jump was false, and true
}

// New is a Profile without filters.
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

// filter is the Filter of a program.
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

// Report is what was counted so far.
func (p *Profile) Report() Report {
	var r Report
	for _, f := range p.filters {
		r.Filters = append(r.Filters, *f)
	}
	return r
}

// Report has all filters, in the order in which they came.
type Report struct{ Filters []Filter }

// Share is how many things there are, and how many of them were exercised.
type Share struct{ Covered, Of int }

// Percent is the part that was exercised; of nothing, all was.
func (s Share) Percent() float64 {
	if s.Of == 0 {
		return 100
	}
	return 100 * float64(s.Covered) / float64(s.Of)
}

func (s Share) plus(o Share) Share { return Share{s.Covered + o.Covered, s.Of + o.Of} }

// Instructions are those that ran at least once.
func (f *Filter) Instructions() Share {
	s := Share{Of: len(f.Hits)}
	for _, n := range f.Hits {
		if n > 0 {
			s.Covered++
		}
	}
	return s
}

// Conditional tells whether an instruction is a conditional jump, and so has two ways.
func (f *Filter) Conditional(pc int) bool { return len(cbpfvm.Jumps(f.Insns[pc])) == 2 }

// Branches are the ways of conditional jumps, two of each.
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

// Total is instructions and branches together.
func (f *Filter) Total() Share { return f.Instructions().plus(f.Branches()) }

// Total is that of all filters.
func (r *Report) Total() Share {
	var s Share
	for i := range r.Filters {
		s = s.plus(r.Filters[i].Total())
	}
	return s
}

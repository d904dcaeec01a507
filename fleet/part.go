package fleet

import (
	"cmp"
	"fmt"
	"slices"
)

// Part is a set of traces of which not all shards were added up, or not all equally often.
type Part struct {
	Set    string  `json:"set"`    // which traces: a number made of all their names, whatever their order
	Traces uint64  `json:"traces"` // how many they are
	Of     int     `json:"of"`     // into how many shards they were divided
	Shards []Times `json:"shards"` // those that are there more often than another one
}

// Times says how often a shard was added up, beyond the one that was added up least.
type Times struct {
	Index int    `json:"index"`
	Times uint64 `json:"times"`
}

// Names tells sets of traces apart by their names. The zero Names is that of none.
type Names struct {
	Count uint64
	sum   uint64 // of the hashes of names
}

// Add adds the name of a trace.
func (n *Names) Add(trace string) {
	n.Count++
	n.sum += hash(trace)
}

// Divided notes that the summary is of one shard of all traces.
func (s *Summary) Divided(all Names, shard Shard) {
	one := Part{fmt.Sprintf("%016x", all.sum), all.Count, shard.Of, []Times{{shard.Index, 1}}}
	s.Parts = addParts(s.Parts, []Part{one})
}

// addParts adds up lists of parts. A part of which all shards are there equally often is a whole, and goes: that is what
// makes the sum of all shards the same as the summary of all traces.
func addParts(a, b []Part) []Part {
	sum := merged(a, b, compareParts, func(to, more *Part) {
		to.Shards = merged(to.Shards, more.Shards, compareTimes, func(to, more *Times) { to.Times += more.Times })
	})
	var rest []Part
	for _, p := range sum {
		if p.Shards = beyondLeast(p.Shards, p.Of); len(p.Shards) > 0 {
			rest = append(rest, p)
		}
	}
	return rest
}

func compareParts(a, b *Part) int {
	return cmp.Or(cmp.Compare(a.Set, b.Set), cmp.Compare(a.Traces, b.Traces), cmp.Compare(a.Of, b.Of))
}

func compareTimes(a, b *Times) int { return cmp.Compare(a.Index, b.Index) }

// beyondLeast takes from all shards what the one has that is there least.
func beyondLeast(shards []Times, of int) []Times {
	if len(shards) < of {
		return shards
	}
	least := slices.MinFunc(shards, func(a, b Times) int { return cmp.Compare(a.Times, b.Times) }).Times
	var rest []Times
	for _, s := range shards {
		if s.Times > least {
			rest = append(rest, Times{s.Index, s.Times - least})
		}
	}
	return rest
}

// maxMissing is how many indexes are named.
const maxMissing = 10

// Missing says which shards are not there, or not as often as others: their number, and the first ones.
func (p *Part) Missing() (n int, first []int) {
	most := slices.MaxFunc(p.Shards, func(a, b Times) int { return cmp.Compare(a.Times, b.Times) }).Times
	rest := p.Shards
	for i := range p.Of {
		times := uint64(0)
		if len(rest) > 0 && rest[0].Index == i {
			times, rest = rest[0].Times, rest[1:]
		}
		if times == most {
			continue
		}
		if n++; len(first) < maxMissing {
			first = append(first, i)
		}
	}
	return n, first
}

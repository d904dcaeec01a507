package fleet

import (
	"cmp"
	"fmt"
	"slices"
)

// Part is a set of traces of which some shards were added less often than others, or not at all.
type Part struct {
	Set    string  `json:"set"`    // identifies the set: a hash of all names, in any order
	Traces uint64  `json:"traces"` // number of traces
	Of     int     `json:"of"`     // number of shards
	Shards []Times `json:"shards"` // shards added more often than the rarest one
}

// Times says how much more often a shard was added than the one that was added least.
type Times struct {
	Index int    `json:"index"`
	Times uint64 `json:"times"`
}

// Names identifies a set of traces by their names. The zero Names is the empty set.
type Names struct {
	Count uint64
	sum   uint64 // sum of the hashes of the names
}

// Add adds the name of a trace.
func (n *Names) Add(trace string) {
	n.Count++
	n.sum += hash(trace)
}

// Divided records that the summary is of one shard of all traces.
func (s *Summary) Divided(all Names, shard Shard) {
	one := Part{fmt.Sprintf("%016x", all.sum), all.Count, shard.Of, []Times{{shard.Index, 1}}}
	s.Parts = addParts(s.Parts, []Part{one})
}

// addParts adds up two lists of parts. A part whose shards were all added equally often is complete and is dropped, so
// that the sum of all shards equals the summary of all traces.
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

// beyondLeast subtracts from all shards the count of the one that was added least.
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

// maxMissing is how many missing shards are named.
const maxMissing = 10

// Missing returns how many shards are missing, or were added less often than others, and the first of their indexes.
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

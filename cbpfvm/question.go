package cbpfvm

import (
	"maps"
	"slices"
)

// question is a test or a result of a decision in the form that runs: what follows is reached by pointer.
type question struct {
	yes, no *question
	members uint64
	mask, k uint32
	off     uint8
	how     how
	search  *search // for isOneOf
	code    *flat   // for isCode
}

// search is what follows for each of several keys, which are sorted.
type search struct {
	keys    []uint32
	targets []*question
}

// The kinds that only questions have, and not tests.
const (
	isConstant how = 0x80 + iota // the result is k
	isCode                       // the program is not a decision; its code gives the result
)

// run answers the questions for one context until there is a result.
func (q *question) run(ctx *Context) uint32 {
	for {
		switch {
		case q.how == isIn:
			// Written so that it compiles to jumps, which are predicted; conditional moves would wait for the word.
			if d := q.bits(ctx) - q.k; d < 64 && q.members>>(d&63)&1 != 0 {
				q = q.yes
				continue
			}
			q = q.no
		case q.how == isConstant:
			return q.k
		case q.how == isCode:
			return q.code.run(ctx)
		case q.how == isResult:
			return q.bits(ctx) >> (q.k & 31)
		default:
			q = q.other(q.bits(ctx))
		}
	}
}

// bits returns the bits that the question is about.
func (q *question) bits(ctx *Context) uint32 {
	at := uint(q.off)
	return (uint32(ctx[at+3])<<24 | uint32(ctx[at+2])<<16 | uint32(ctx[at+1])<<8 | uint32(ctx[at])) & q.mask
}

// other returns what follows a question of one of the rarer kinds.
func (q *question) other(v uint32) *question {
	holds := false
	switch q.how {
	case isGreater:
		holds = v > q.k
	case isAtLeast:
		holds = v >= q.k
	case isOneOf:
		if n, found := slices.BinarySearch(q.search.keys, v); found {
			return q.search.targets[n]
		}
	}
	if holds {
		return q.yes
	}
	return q.no
}

// link makes questions of the tests and results, and returns the first.
func (d *decision) link() *question {
	all := make([]question, len(d.tests)+len(d.results))
	to := func(r ref) *question {
		if r < 0 {
			return &all[len(d.tests)+int(^r)]
		}
		return &all[r]
	}
	for i, t := range d.tests {
		q := &all[i]
		*q = question{how: t.how, off: t.off, mask: t.mask, k: t.k, members: t.members}
		switch t.how {
		case isResult:
			continue
		case isEqual:
			q.how, q.members = isIn, 1
		case isOneOf:
			q.search = &search{keys: d.sets[t.set].keys}
			for _, r := range d.sets[t.set].targets {
				q.search.targets = append(q.search.targets, to(r))
			}
		}
		q.yes, q.no = to(t.yes), to(t.no)
	}
	for i, k := range d.results {
		all[len(d.tests)+i] = question{how: isConstant, k: k}
	}
	return to(d.start)
}

// minKeys is the number of comparisons of one value from which a search is faster.
const minKeys = 6

// join combines comparisons of the same value that follow one another into one question.
func (d *decision) join() {
	inside := make([]bool, len(d.tests)) // the test is in a row that an earlier test starts
	for i := range d.tests {
		if next := d.tests[i].no; next >= 0 && d.tests[i].continues(&d.tests[next]) {
			inside[next] = true
		}
	}
	for i := range d.tests {
		if !inside[i] && d.tests[i].how == isEqual {
			d.joinRow(&d.tests[i])
		}
	}
}

// continues tells whether next compares the same value.
func (t *test) continues(next *test) bool {
	return t.how == isEqual && next.how == isEqual && t.off == next.off && t.mask == next.mask
}

// joinRow combines the row of comparisons that starts with the test: either into a search, or neighbours that lead to
// the same and have keys close to each other.
func (d *decision) joinRow(first *test) {
	row := []*test{first}
	targets := map[uint32]ref{}
	for t := first; ; t = row[len(row)-1] {
		if _, before := targets[t.k]; !before {
			targets[t.k] = t.yes
		}
		if t.no < 0 || !t.continues(&d.tests[t.no]) {
			break
		}
		row = append(row, &d.tests[t.no])
	}
	if near(row) < len(row) && len(targets) >= minKeys {
		first.how, first.no, first.set = isOneOf, row[len(row)-1].no, len(d.sets)
		d.sets = append(d.sets, setOf(targets))
		return
	}
	for len(row) > 0 {
		n := near(row)
		row[0].joinNear(row[:n])
		row = row[n:]
	}
}

func setOf(targets map[uint32]ref) set {
	s := set{keys: slices.Sorted(maps.Keys(targets))}
	for _, k := range s.keys {
		s.targets = append(s.targets, targets[k])
	}
	return s
}

// near returns how many comparisons at the start of the row lead to the same, with keys that fit into one isIn.
func near(row []*test) int {
	low, high := row[0].k, row[0].k
	for n, t := range row {
		low, high = min(low, t.k), max(high, t.k)
		if t.yes != row[0].yes || high-low >= 64 {
			return n
		}
	}
	return len(row)
}

// joinNear makes the test, which is the first of the row, stand for all of the row.
func (t *test) joinNear(row []*test) {
	low := t.k
	for _, other := range row {
		low = min(low, other.k)
	}
	for _, other := range row {
		t.members |= 1 << (other.k - low)
	}
	t.how, t.no, t.k = isIn, row[len(row)-1].no, low
}

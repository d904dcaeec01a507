package trial

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/opdef"
	"github.com/uringsim/uringsim/policy"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// seen adds a request that was only seen. If its arguments were not, all requests of its opcode have to be allowed.
func (s *Suggester) seen(file string, a *trace.SeenSubmitArgs, o *trace.Outcome) {
	s.seenAny = true
	q, err := a.Seen()
	op, known := q.Opcode()
	switch {
	case err != nil: // cannot happen: the event was played, which checks it
		return
	case o.Want != nil && o.Want.Ret < 0:
		return // refused without a policy
	case o.Want == nil || !known:
		s.undecided++
		return
	}
	p := partly(opdef.On(s.kernel), s.kernel, &q)
	full := true
	for _, f := range policy.Fields() {
		full = full && (f.Ops == nil || !f.Has(op) || isKnown(&f, &p.KnownContext))
	}
	rule := policy.Rule{Action: policy.Allow, Ops: []uapi.Op{op}}
	switch {
	case full:
		rule = (&seen{op, &p.Context, s.options}).rule(s.kernel)
	case opdef.PDUSize(s.kernel, op) > 0:
		s.open[op]++
	}
	if !q.Has("flags") {
		s.flagless++
	}
	sure, maybe := writtenFlags(s.kernel, op, &q)
	for bit := uint8(1); bit < 0x80; bit <<= 1 {
		if maybe&bit != 0 {
			s.maybe[bit]++
		}
	}
	s.add(file, rule, sure|maybe)
}

// isKnown tells whether all words of the field are known.
func isKnown(f *policy.Field, known *cbpfvm.Context) bool {
	for off := uint32(0); off < uapi.SizeofBPFCtx; off += 4 {
		if f.Loaded(off) && known.Word(off) != math.MaxUint32 {
			return false
		}
	}
	return true
}

// leftOpen says what the policy allows only because too little was seen, and what logs do not have.
func (s *Suggester) leftOpen() (notes []string) {
	add := func(text string, args ...any) { notes = append(notes, fmt.Sprintf(text, args...)) }
	for _, op := range slices.Sorted(maps.Keys(s.open)) {
		add("The arguments of %s are open: they were not seen in %d of its requests.", op, s.open[op])
	}
	for _, bit := range slices.Sorted(maps.Keys(s.maybe)) {
		add("The flag %s is allowed, though the kernel may have added it by itself: it was seen in %d of the requests.",
			uapi.SQEFlags.FormatFlags(uint64(bit)), s.maybe[bit])
	}
	if s.flagless > 0 {
		add("The flags of requests are open: they were not seen in %d of them.", s.flagless)
	}
	if s.seenAny {
		add("Register calls of tasks on themselves are not in logs: the list of register calls may lack some.")
	}
	if s.undecided > 0 {
		add("Of %d of the requests it was not seen whether they were admitted, or what they are: they are left out.",
			s.undecided)
	}
	return notes
}

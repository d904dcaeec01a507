package trace

import (
	"bytes"
	"slices"

	"github.com/uringsim/uringsim/uapi"
)

// NewPlayerOf makes a Player of the trace with this header, on a system that is of the release. A recording is compared
// with what its own kernel gave, as far as that says what the release does.
func NewPlayerOf(sys System, h *Header, release string) *Player {
	p := NewPlayer(sys, h.ResultsOf(release))
	if h.Recording != nil {
		p.lenient = &lenient{elsewhere: h.Recording.Release != release, early: map[string][]CQE{}}
	}
	return p
}

// lenient is what is left open when a recording is compared.
type lenient struct {
	elsewhere bool             // it was made on another release
	early     map[string][]CQE // CQEs of rings that have come, and that it shows later
}

// mostEarly bounds the CQEs of a ring that a recording is expected to show later; of one that lost some, it never does.
const mostEarly = 1 << 12

// known are the results of an event that are told before it is played. A recording has none of a call in which its task
// ended: nothing came then.
func (p *Player) known(want *Recorded) *Recorded {
	if want == nil && p.lenient != nil {
		return &Recorded{}
	}
	return want
}

// withoutEarly takes the CQEs that have come already from what a call knows. A nil lenient leaves all.
func (l *lenient) withoutEarly(c Call) Call {
	if l == nil || len(l.early[ringOf(c)]) == 0 {
		return c
	}
	early := slices.Clone(l.early[ringOf(c)])
	late := func(known []uapi.CQE) []uapi.CQE {
		return slices.DeleteFunc(known, func(real uapi.CQE) bool {
			i := slices.IndexFunc(early, func(c CQE) bool { return c.is(&real) })
			if i >= 0 {
				early = slices.Delete(early, i, i+1)
			}
			return i >= 0
		})
	}
	switch c := c.(type) {
	case Enter:
		c.Known = late(c.Known)
		return c
	case Reap:
		c.Known = late(c.Known)
		return c
	}
	return c
}

// settle gives the CQEs of a ring as the recorder saw them, and whether those are others than got. He looks when a call
// ends, and sees one look later what the kernel posts on the way back to the program. At rings with a submission thread
// he looks when he likes: he may have seen SQEs in one look, and their CQEs in any later one. CQEs that do not fit are
// given as they are.
func (l *lenient) settle(ring string, polled bool, want []CQEOut, got []CQE) (seen []CQE, moved bool) {
	early := l.early[ring]
	if len(early) == 0 && sameCQEs(want, got) {
		return got, false
	}
	rest := slices.Concat(early, got)
	due := len(early) // so many of rest are to be seen now
	if polled {
		due = 0
	}
	for _, w := range want {
		real := w.cqe()
		i := slices.IndexFunc(rest, func(c CQE) bool { return c.is(&real) || c.as(&real) })
		if i < 0 {
			break
		}
		if i < due {
			due--
		}
		c := rest[i]
		c.CQE = real
		seen, rest = append(seen, c), slices.Delete(rest, i, i+1)
	}
	delete(l.early, ring)
	switch {
	case len(seen) < len(want) || due > 0:
		return append(seen, rest...), true
	case len(early) == 0 && len(rest) == 0 && !polled:
		return got, false // in an order that is not possible
	}
	if rest = rest[max(0, len(rest)-mostEarly):]; len(rest) > 0 {
		l.early[ring] = rest
	}
	return seen, true
}

// probes tells whether two answers to a PROBE, as changes of the same bytes, come of kernels that know different numbers
// of opcodes, and are the same for those that both know.
func (l *lenient) probes(before []byte, want, got []Wrote) bool {
	if !l.elsewhere || len(before) < uapi.SizeofProbe {
		return false
	}
	a, b := patched(before, want), patched(before, got)
	if a == nil || b == nil || a[0] == b[0] {
		return false
	}
	n := min(len(a), uapi.SizeofProbe+(int(min(a[0], b[0]))+1)*uapi.SizeofProbeOp)
	return bytes.Equal(a[2:n], b[2:n]) // behind the last opcode, and how many there are
}

// patched are the bytes with changes; nil if those lie outside.
func patched(b []byte, list []Wrote) []byte {
	b = bytes.Clone(b)
	for _, w := range list {
		if w.At < 0 || w.At > len(b) || len(w.Bytes) > len(b)-w.At {
			return nil
		}
		copy(b[w.At:], w.Bytes)
	}
	return b
}

// compare fills in what differs from what was recorded.
func (p *Player) compare(o *Outcome, c Call, before []byte) {
	if o.Want == nil || o.Unmodelled != "" {
		return
	}
	want, got, cqes := *o.Want, o.Got, o.CQEs
	if l := p.lenient; l != nil {
		if ring := ringOf(c); ring != "" {
			var moved bool
			if cqes, moved = l.settle(ring, p.t.threaded(c), want.CQEs, cqes); moved {
				got.CQEs = outs(cqes)
			}
		}
		if e, ok := c.(Enter); ok && e.Flags&uapi.IORING_ENTER_GETEVENTS != 0 && endsWait(want.Ret) && endsWait(got.Ret) {
			got.Ret = want.Ret
		}
		if r, ok := c.(Register); ok && isProbe(r.Op) && l.probes(before, want.Wrote, got.Wrote) {
			want.Wrote = got.Wrote
		}
	}
	o.Diff = diff(want, got, cqes)
}

// endsWait tells whether a result says no more than how a wait ended: by a signal, in time or not. Other threads and the
// speed of the machine decide that.
func endsWait(ret Ret) bool {
	switch int64(ret) {
	case 0, uapi.EINTR.Ret(), uapi.ETIME.Ret():
		return true
	}
	return false
}

// outs are CQEs as results have them.
func outs(cqes []CQE) []CQEOut {
	var list []CQEOut
	for _, c := range cqes {
		list = append(list, cqeOut(c.CQE))
	}
	return list
}

func isProbe(op uint32) bool {
	return uapi.RegisterOp(op&^uapi.IORING_REGISTER_USE_REGISTERED_RING) == uapi.IORING_REGISTER_PROBE
}

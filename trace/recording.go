package trace

import (
	"bytes"
	"slices"

	"github.com/uringsim/uringsim/uapi"
)

// NewPlayerOf returns a Player for the trace with this header, on a system that behaves like the release. For a
// recording of a program it compares with the results of the recording's kernel, as far as these tell what the release
// does.
func NewPlayerOf(sys System, h *Header, release string) *Player {
	p := NewPlayer(sys, h.ResultsOf(release))
	if h.Recording != nil {
		p.lenient = &lenient{elsewhere: h.Recording.Release != release, early: map[string][]CQE{}}
	}
	return p
}

// lenient is the state for comparing with the recording of a program, which leaves more open than a trace of a test.
type lenient struct {
	elsewhere bool             // the recording was made on another release
	early     map[string][]CQE // by ring: CQEs that the system gave and that the recording shows later
}

// mostEarly bounds the CQEs of a ring that are kept in early: if the recorder lost some, they never show.
const mostEarly = 1 << 12

// known returns the results of an event that the system is told before it plays it. A recording has none for a call
// during which its task ended: then nothing came.
func (p *Player) known(want *Recorded) *Recorded {
	if want == nil && p.lenient != nil {
		return &Recorded{}
	}
	return want
}

// withoutEarly removes CQEs that the system gave in an earlier call from those that the call is told. A nil lenient
// removes none.
func (l *lenient) withoutEarly(c Call) Call {
	if l == nil || len(l.early[ringOf(c)]) == 0 {
		return c
	}
	early := slices.Clone(l.early[ringOf(c)])
	late := func(known []uapi.CQE) []uapi.CQE {
		return slices.DeleteFunc(known, func(real uapi.CQE) bool {
			i := slices.IndexFunc(early, func(c CQE) bool { return c.matches(&real) })
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

// settle returns the CQEs of a ring as the recorder saw them, and whether these differ from got. The recorder looks at
// a ring when a call ends, so it sees CQEs that the kernel posts on the way back to the program one look later. Rings
// with a submission thread it polls, so it may see the CQE of a request at any look after that request. CQEs that do
// not match are returned as they are.
func (l *lenient) settle(ring string, polled bool, want []CQEOut, got []CQE) (seen []CQE, moved bool) {
	early := l.early[ring]
	if len(early) == 0 && sameCQEs(want, got) {
		return got, false
	}
	rest := slices.Concat(early, got)
	due := len(early) // this many of rest must be seen now
	if polled {
		due = 0
	}
	for _, w := range want {
		real := w.cqe()
		i := slices.IndexFunc(rest, func(c CQE) bool { return c.matches(&real) || c.mayAnswer(&real) })
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
		return got, false // the order is impossible
	}
	if rest = rest[max(0, len(rest)-mostEarly):]; len(rest) > 0 {
		l.early[ring] = rest
	}
	return seen, true
}

// probes tells whether two answers to a PROBE, given as changes of the same bytes, differ only because their kernels
// know different numbers of opcodes.
func (l *lenient) probes(before []byte, want, got []Wrote) bool {
	if !l.elsewhere || len(before) < uapi.SizeofProbe {
		return false
	}
	a, b := patched(before, want), patched(before, got)
	if a == nil || b == nil || a[0] == b[0] {
		return false
	}
	n := min(len(a), uapi.SizeofProbe+(int(min(a[0], b[0]))+1)*uapi.SizeofProbeOp)
	return bytes.Equal(a[2:n], b[2:n]) // but for the last opcode and the number of opcodes
}

// patched returns b with the changes applied, or nil if they do not lie within b.
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

// compare sets o.Diff if the outcome differs from what was recorded.
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

// endsWait tells whether a result only says how a wait ended: by a signal, by a timeout, or with CQEs. That depends on
// other threads and on the speed of the machine.
func endsWait(ret Ret) bool {
	switch int64(ret) {
	case 0, uapi.EINTR.Ret(), uapi.ETIME.Ret():
		return true
	}
	return false
}

// outs returns CQEs in the form in which results have them.
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

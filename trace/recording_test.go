package trace

import (
	"testing"

	"github.com/uringsim/uringsim/uapi"
)

// TestSettle: a recorder sees some CQEs later than they come, and of a ring with a submission thread all.
func TestSettle(t *testing.T) {
	one, two := cqe(1, 0), cqe(2, -9)
	rows := []struct {
		why          string
		want         [3][]uapi.CQE // in three looks
		got          [3][]CQE
		same, polled bool
	}{
		{"at once", [3][]uapi.CQE{{one}, {two}}, [3][]CQE{{{CQE: one}}, {{CQE: two}}}, true, true},
		{"one look later", [3][]uapi.CQE{{}, {one, two}}, [3][]CQE{{{CQE: one}}, {{CQE: two}}}, true, true},
		{"two looks later", [3][]uapi.CQE{{}, {}, {one}}, [3][]CQE{{{CQE: one}}}, false, true},
		{"in another order", [3][]uapi.CQE{{}, {two, one}}, [3][]CQE{{{CQE: one}, {CQE: two}}, {}}, true, true},
		{"in another order, at once", [3][]uapi.CQE{{two, one}}, [3][]CQE{{{CQE: one}, {CQE: two}}}, false, true},
		{"with another result", [3][]uapi.CQE{{}, {cqe(1, -1)}}, [3][]CQE{{{CQE: one}}, {}}, false, false},
		{"before the model", [3][]uapi.CQE{{one}, {}}, [3][]CQE{{}, {{CQE: one}}}, false, false},
		{"twice", [3][]uapi.CQE{{one}, {one}}, [3][]CQE{{{CQE: one}}, {}}, false, false},
		{"never", [3][]uapi.CQE{{}, {two}}, [3][]CQE{{{CQE: one}}, {{CQE: two}}}, false, true},
	}
	for _, r := range rows {
		for _, polled := range []bool{false, true} {
			l := &lenient{early: map[string][]CQE{}}
			same := true
			for look := range r.want {
				want := CQEResults(r.want[look])
				seen, _ := l.settle("r", polled, want, r.got[look])
				same = same && sameCQEs(want, seen)
			}
			if want := r.same && !polled || r.polled && polled; same != want {
				t.Errorf("%s, with a submission thread %v: %v, want %v", r.why, polled, same, want)
			}
		}
	}
}

// TestEarlyIsNoKnowledge: a CQE that has come is not that of a later request with the same user_data.
func TestEarlyIsNoKnowledge(t *testing.T) {
	l := &lenient{early: map[string][]CQE{"r": {{CQE: cqe(1, 0)}}}}
	got := l.withoutEarly(Reap{Ring: "r", Known: []uapi.CQE{cqe(1, 0), cqe(1, 24)}}).(Reap).Known
	if len(got) != 1 || got[0].Res != 24 {
		t.Errorf("%+v is left, want the CQE with 24", got)
	}
}

// TestExchanged: which of two requests with the same user_data had which result is not known, unless one is a verdict.
func TestExchanged(t *testing.T) {
	taken := CQE{CQE: cqe(1, 0), Unordered: true, Known: true}
	for _, r := range []struct {
		want uapi.CQE
		same bool
		why  string
	}{
		{cqe(1, 100), true, "another result that was recorded"},
		{cqe(1, int32(uapi.EACCES.Ret())), false, "a denial that the model does not have"},
		{cqe(2, 100), false, "of another request"},
		{uapi.CQE{UserData: 1, Res: 100, Flags: uapi.IORING_CQE_F_MORE}, false, "with more to come"},
	} {
		want := CQEResults([]uapi.CQE{cqe(1, 0), r.want})
		if same := sameCQEs(want, []CQE{{CQE: cqe(1, 0)}, taken}); same != r.same {
			t.Errorf("%s: %v, want %v", r.why, same, r.same)
		}
	}
}

// TestProbes: a kernel with fewer opcodes says the same of those that it has.
func TestProbes(t *testing.T) {
	before := make([]byte, uapi.SizeofProbe+4*uapi.SizeofProbeOp)
	answer := func(last byte, flags ...byte) []Wrote {
		b := make([]byte, len(before))
		b[0], b[1] = last, byte(len(flags))
		for i, f := range flags {
			b[uapi.SizeofProbe+i*uapi.SizeofProbeOp] = byte(i)
			b[uapi.SizeofProbe+i*uapi.SizeofProbeOp+2] = f
		}
		return WroteBytes(before, b)
	}
	rows := []struct {
		why       string
		want, got []Wrote
		elsewhere bool
		same      bool
	}{
		{"one opcode more", answer(1, 1, 1), answer(2, 1, 1, 1), true, true},
		{"one opcode less", answer(2, 1, 1, 1), answer(1, 1, 1), true, true},
		{"an opcode that it has lost", answer(1, 1, 1), answer(2, 1, 0, 1), true, false},
		{"on the same release", answer(1, 1, 1), answer(2, 1, 1, 1), false, false},
		{"as many opcodes, and others", answer(1, 1, 1), answer(1, 1, 0), true, false},
		{"changes that do not fit", []Wrote{{100, Bytes("x")}}, answer(2, 1, 1, 1), true, false},
	}
	for _, r := range rows {
		l := &lenient{elsewhere: r.elsewhere}
		if same := l.probes(before, r.want, r.got); same != r.same {
			t.Errorf("%s: %v, want %v", r.why, same, r.same)
		}
	}
}

// TestWaits: how a wait ended is for the recording to say.
func TestWaits(t *testing.T) {
	eintr, etime, ebadf := Ret(uapi.EINTR.Ret()), Ret(uapi.ETIME.Ret()), Ret(uapi.EBADF.Ret())
	for _, r := range []struct {
		want, got Ret
		flags     uint32
		same      bool
		why       string
	}{
		{eintr, 0, uapi.IORING_ENTER_GETEVENTS, true, "a signal ended it"},
		{etime, 0, uapi.IORING_ENTER_GETEVENTS, true, "time did"},
		{0, etime, uapi.IORING_ENTER_GETEVENTS, true, "another thread's request did"},
		{eintr, ebadf, uapi.IORING_ENTER_GETEVENTS, false, "it is an error of the call"},
		{ebadf, 0, uapi.IORING_ENTER_GETEVENTS, false, "it is an error of the call"},
		{eintr, 0, 0, false, "there is no wait"}, {2, 1, uapi.IORING_ENTER_GETEVENTS, false, "it counts requests"},
	} {
		p := &Player{t: newTranslator(), lenient: &lenient{early: map[string][]CQE{}}}
		o := Outcome{Want: &Recorded{Ret: r.want}, Got: Recorded{Ret: r.got}}
		p.compare(&o, Enter{Ring: "r", Flags: r.flags}, nil)
		if o.OK() != r.same {
			t.Errorf("recorded %s, got %s: %v, want %v (%s)", r.want, r.got, o.OK(), r.same, r.why)
		}
	}
}

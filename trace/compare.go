package trace

import (
	"bytes"
	"slices"

	"github.com/google/go-cmp/cmp"

	"github.com/uringsim/uringsim/uapi"
)

// Compare returns the outcome of an event that a kernel has already carried out, with the result got. It accepts the
// CQEs in any order: only the model knows where their order is a fact.
func Compare(e *Event, number int, release string, got Recorded) Outcome {
	o := Outcome{Event: e, Number: number, Got: got, Want: e.RecordedOn(release)}
	for _, c := range got.CQEs {
		o.CQEs = append(o.CQEs, CQE{CQE: c.cqe(), Unordered: true})
	}
	if o.Want != nil {
		o.Diff = diff(*o.Want, got, o.CQEs)
	}
	return o
}

// diff returns the differences in what counts: facts that were recorded, and the order of CQEs where it is a fact.
func diff(want, got Recorded, cqes []CQE) string {
	want.On, got.On = nil, nil
	if want.SQHead == nil { // written by hand, or unimportant
		got.SQHead = nil
	}
	if got.Params != nil && want.Wrote == nil && want.Params == nil {
		got.Params = nil
	}
	if sameCQEs(want.CQEs, cqes) {
		got.CQEs = want.CQEs
	}
	if same(&want, &got) {
		return ""
	}
	return cmp.Diff(want, got)
}

// same tells quickly whether two results are the same, as they nearly always are. Where it is not sure it says no and
// leaves the answer to cmp.Diff, which is slow.
func same(want, got *Recorded) bool {
	switch {
	case want.Ret != got.Ret, want.Dropped != got.Dropped, want.Over != got.Over, len(want.On) != 0, len(got.On) != 0:
		return false
	case !sameList(want.CQEs, got.CQEs), !sameWrote(want.Wrote, got.Wrote):
		return false
	}
	return sameValue(want.SQHead, got.SQHead) && sameValue(want.Params, got.Params)
}

// sameList tells whether two lists share their memory, or are both empty.
func sameList[T any](a, b []T) bool {
	return len(a) == len(b) && (a == nil) == (b == nil) && (len(a) == 0 || &a[0] == &b[0])
}

// sameWrote tells whether the same bytes were written.
func sameWrote(a, b []Wrote) bool {
	return (a == nil) == (b == nil) && slices.EqualFunc(a, b, func(a, b Wrote) bool {
		return a.At == b.At && bytes.Equal(a.Bytes, b.Bytes)
	})
}

// sameValue tells whether two pointers are both nil or point to equal values.
func sameValue[T comparable](a, b *T) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// sameCQEs tells whether the CQEs are the same, in an order that is possible.
func sameCQEs(want []CQEOut, got []CQE) bool {
	if len(want) != len(got) {
		return false
	}
	if equalCQEs(want, got) {
		return true // this order is possible
	}
	used := make([]bool, len(got))
	next := func(i int, unordered bool) int { // the first that is not used, from i on
		for i < len(got) && (used[i] || got[i].Unordered != unordered) {
			i++
		}
		return i
	}
	ordered, any := next(0, false), next(0, true)
	for i := range want {
		c := want[i].cqe()
		if ordered < len(got) && got[ordered].matches(&c) {
			ordered = next(ordered+1, false)
			continue
		}
		i := any
		for i < len(got) && !got[i].matches(&c) && !got[i].mayAnswer(&c) {
			i = next(i+1, true)
		}
		if i == len(got) {
			return false
		}
		used[i] = true
		any = next(any, true)
	}
	return true
}

// equalCQEs tells whether the CQEs are the same in the same order, as they nearly always are.
func equalCQEs(want []CQEOut, got []CQE) bool {
	for i := range want {
		w, c := &want[i], &got[i]
		switch {
		case uint64(w.UserData) != c.UserData, int32(w.Res) != c.Res, uint32(w.Flags) != c.Flags:
			return false
		case w.Big != nil || c.Big != [2]uint64{}:
			if real := w.cqe(); !c.matches(&real) {
				return false
			}
		}
	}
	return true
}

// matches tells whether the CQE can be the one that a real kernel posted.
func (c *CQE) matches(real *uapi.CQE) bool {
	return c.UserData == real.UserData && c.Res == real.Res && c.Flags == real.Flags && (c.AnyBig || c.Big == real.Big)
}

// mayAnswer tells whether a real kernel's CQE may be the one of this request although they differ: if the result was
// taken from a recording, and several requests have the same user_data, nobody knows which result is whose. EACCES is a
// verdict of the model, and never exchanged.
func (c *CQE) mayAnswer(real *uapi.CQE) bool {
	return c.Known && c.UserData == real.UserData && real.Res != int32(uapi.EACCES.Ret()) &&
		(c.Flags^real.Flags)&(uapi.IORING_CQE_F_MORE|uapi.IORING_CQE_F_NOTIF) == 0
}

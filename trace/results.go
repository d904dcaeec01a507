package trace

import (
	"bytes"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/uapi"
)

// RecordedOn returns the result that was recorded on the release, or nil.
func (e *Event) RecordedOn(release string) *Recorded {
	results := e.Results
	for i := range results {
		if on := results[i].On; len(on) == 0 || slices.Contains(on, release) {
			return &results[i]
		}
	}
	return nil
}

// Record adds the result of a kernel to those of the event. Kernels that gave the same share one entry; the oldest
// releases come first.
func (e *Event) Record(got Recorded) {
	var kept []Recorded
	merged := false
	for _, r := range e.Results {
		r.On = slices.DeleteFunc(slices.Clone(r.On), func(on string) bool { return slices.Contains(got.On, on) })
		same := r
		same.On = got.On
		if !merged && cmp.Equal(same, got) {
			r.On, merged = append(r.On, got.On...), true
		}
		if len(r.On) > 0 {
			slices.SortFunc(r.On, byAge)
			kept = append(kept, r)
		}
	}
	if !merged {
		kept = append(kept, got)
	}
	slices.SortStableFunc(kept, func(a, b Recorded) int { return byAge(a.On[0], b.On[0]) })
	e.Results = kept
}

// byAge compares releases by age. Kernels that are not modelled come last.
func byAge(a, b string) int {
	age := func(name string) int {
		i := slices.IndexFunc(kernel.Releases, func(r kernel.Release) bool { return r.Name == name })
		if i < 0 {
			i = len(kernel.Releases)
		}
		return i
	}
	if d := age(a) - age(b); d != 0 {
		return d
	}
	return strings.Compare(a, b)
}

// CQEResults returns CQEs in the form in which results have them.
func CQEResults(cqes []uapi.CQE) []CQEOut {
	var out []CQEOut
	for _, c := range cqes {
		out = append(out, cqeOut(c))
	}
	return out
}

// WroteParams returns what a setup changed in its parameters: in short if it wrote what all kernels write, else as
// changed bytes.
func WroteParams(before, now []byte) (*Params, []Wrote) {
	if p := usual(before, now); p != nil {
		return p, nil
	}
	return nil, WroteBytes(before, now)
}

// WroteBytes returns the runs of bytes that differ. Runs with a short gap between them become one.
func WroteBytes(before, now []byte) []Wrote {
	const gap = 4
	var out []Wrote
	for i := 0; i < len(now); i++ {
		if before[i] == now[i] {
			continue
		}
		end := i + 1
		for j := end; j < len(now) && j-end < gap; j++ {
			if before[j] != now[j] {
				end = j + 1
			}
		}
		out = append(out, Wrote{i, bytes.Clone(now[i:end])})
		i = end
	}
	return out
}

// usual returns in short what a setup wrote back, or nil if that is not what all kernels write.
func usual(before, now []byte) *Params {
	p, q := uapi.DecodeParams(now), uapi.DecodeParams(before)
	q.SQEntries, q.CQEntries, q.Features = p.SQEntries, p.CQEntries, p.Features
	q.SQOff = uapi.SQRingOffsets{Head: uapi.RingSQHead, Tail: uapi.RingSQTail, RingMask: uapi.RingSQMask,
		RingEntries: uapi.RingSQEntries, Flags: uapi.RingSQFlags, Dropped: uapi.RingSQDropped, Array: p.SQOff.Array,
		UserAddr: p.SQOff.UserAddr}
	q.CQOff = uapi.CQRingOffsets{Head: uapi.RingCQHead, Tail: uapi.RingCQTail, RingMask: uapi.RingCQMask,
		RingEntries: uapi.RingCQEntries, Overflow: uapi.RingCQOverflow, CQEs: uapi.RingCQEs, Flags: uapi.RingCQFlags,
		UserAddr: p.CQOff.UserAddr}
	if old := uapi.DecodeParams(before); q != p || p.SQOff.UserAddr != old.SQOff.UserAddr || p.CQOff.UserAddr != old.CQOff.UserAddr {
		return nil
	}
	return &Params{Number(p.SQEntries), Number(p.CQEntries), Number(p.Features), Number(p.SQOff.Array)}
}

// WroteObject returns what a call changed in an object, given before and after the call.
func WroteObject(before, now *Object) ([]Wrote, error) {
	var texts [2][]byte
	for i, o := range []*Object{before, now} {
		b := &block{base: ScratchBase}
		if _, err := o.put(b); err != nil {
			return nil, err
		}
		texts[i] = b.bytes()
	}
	if len(texts[0]) != len(texts[1]) {
		return nil, nil
	}
	return WroteBytes(texts[0], texts[1]), nil
}

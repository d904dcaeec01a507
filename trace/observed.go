package trace

import "github.com/uringsim/uringsim/uapi"

// These help to write down what was observed of a program in the form in which replay compares it.

// CQEResults are CQEs as results have them.
func CQEResults(cqes []uapi.CQE) []CQEOut {
	var out []CQEOut
	for _, c := range cqes {
		out = append(out, cqeOut(c))
	}
	return out
}

// WroteParams tells what a setup wrote back into its parameters, of which before and now are the bytes: in short if it
// is what all kernels write, else as changed bytes.
func WroteParams(before, now []byte) (*Params, []Wrote) {
	if p := usual(before, now); p != nil {
		return p, nil
	}
	return nil, changes(before, now)
}

// WroteBytes tells what a call changed in the one struct that it was given.
func WroteBytes(before, now []byte) []Wrote { return changes(before, now) }

// WroteObject tells what a call changed in an object, given as it was before and as it is now.
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
	return changes(texts[0], texts[1]), nil
}

package symbolic

import (
	"testing"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/uapi"
)

// FuzzPrograms takes two programs, and an opcode and a release to run them on. What holds for random programs has to
// hold for these.
func FuzzPrograms(f *testing.F) {
	for i, r := range realistic {
		a := uapi.EncodeSockFilters(assemble(f, r.text))
		b := uapi.EncodeSockFilters(assemble(f, realistic[(i+1)%len(realistic)].text))
		f.Add(a, b, uint8(i), uint8(i))
	}
	f.Fuzz(func(t *testing.T, first, second []byte, op, release uint8) {
		var programs [2][]uapi.SockFilter
		for i, raw := range [][]byte{first, second} {
			programs[i] = uapi.DecodeSockFilters(raw)
			if _, err := cbpfvm.Check(programs[i], uapi.SizeofBPFCtx); err != nil {
				return // no kernel takes it, so there is nothing to reason about
			}
		}
		o := payloadOps[int(op)%len(payloadOps)]
		k := Releases()[int(release)%len(Releases())]
		const limit = 1 << 16
		a, b := policyOf(t, k, o, programs[0]), policyOf(t, k, o, programs[1])
		agrees(t, policyOf(t, k, o, programs[:]...), o, 1, limit)
		explained(t, a, o, 1, limit)
		holdsFor(t, a, b, compareOp(a, b, o, limit), true)
	})
}

package policy

import (
	"slices"
	"testing"

	"github.com/uringsim/uringsim/uapi"
)

// placed holds what a compiled policy says of where it was written: a filter is where rules name its opcode, an
// instruction where tests of these rules are, and a load where those are that look at its word.
func placed(t *testing.T, p *Policy) {
	t.Helper()
	compiled, err := p.Compile(Options{})
	if err != nil {
		return // about an opcode that some kernels do not show
	}
	for i := range compiled.Filters {
		f := &compiled.Filters[i]
		rules, found := []Pos{p.DefaultAt}, map[Pos]*Test{}
		for k := range p.Rules {
			if r := &p.Rules[k]; r.fits(f.Op) {
				rules = append(rules, r.at(f.Op))
				for _, test := range tests(r.If, nil) {
					found[test.Pos] = test
				}
			}
		}
		if len(f.At) == 0 || slices.ContainsFunc(f.At, func(at Pos) bool { return !slices.Contains(rules, at) }) {
			t.Errorf("%s is at %v, of %v\n%s", f.Op, f.At, rules, p)
		}
		for pc, in := range f.Insns {
			at := f.InsnsAt[pc]
			if (in.Code == retK) != (len(at) == 0) {
				t.Errorf("%s: instruction %d is at %v\n%s", f.Op, pc, at, p)
			}
			for _, pos := range at {
				if test := found[pos]; test == nil || in.Code == ldAbs && !looks(test, in.K) {
					t.Errorf("%s: instruction %d, %v, is of %v at %v\n%s", f.Op, pc, in, test, pos, p)
				}
			}
		}
	}
}

// looks tells whether a test looks at a word. Of an address it also looks at the family.
func looks(test *Test, off uint32) bool {
	f := fieldNamed(test.Field)
	return f.Loaded(off) || f.order == address && off >= uapi.BPFCtxPDU
}

package cbpfvm

import (
	"slices"
	"strings"
	"testing"

	"github.com/uringsim/uringsim/uapi"
)

// opaque makes A something of the context that no decision is about.
const opaque = "ld [0]\nmul #3\n"

// TestFlatten says what is left of programs that are no decisions.
func TestFlatten(t *testing.T) {
	for _, row := range []struct {
		why, program string
		want         string // what the flat program does, as mnemonics
		mixes        int
	}{
		{"nothing to do", opaque + "ret a", "ld mul ret", 0},
		{"arithmetic is put together", opaque + "add #1\nsub #2\nret a", "ld mix ret", 1},
		{"two are too few", opaque + "add #1\nret a", "ld mul add ret", 0},
		{"bits after a sum start anew", opaque + "add #1\nadd #2\nand #7\nor #8\nadd #2\nret a", "ld mix ret", 2},
		{"a shift ends a form", "ld [0]\nadd #1\nadd #2\nrsh #1\nadd #3\nadd #4\nrsh #2\nret a", "ld mix ret", 2},
		{"shifts add up", "ld [0]\nadd #1\nrsh #16\nrsh #15\nret a", "ld mix ret", 1},
		{"but not to 32", "ld [0]\nadd #1\nadd #2\nadd #3\nadd #4\nrsh #16\nrsh #16\nret a",
			"ld mix ret", 2},
		{"a division is no such arithmetic", opaque + "div #3\nadd #1\nadd #2\nadd #3\nret a", "ld mul div mix ret", 1},
		{"two that do not go together stay", "ld [0]\nmul #3\nand #7\nret a", "ld mul and ret", 0},
		{"a constant X", "ldx #5\n" + opaque + "add x\nlsh x\nret a", "ld mix ret", 1},
		{"a constant from scratch memory", "ld #5\nst M[1]\n" + opaque + "ldx M[1]\nxor x\nret a", "ld mul xor ret", 0},
		{"a division by a constant X", "ldx #5\n" + opaque + "div x\nret a", "ld mul div ret", 0},
		{"a division by 0 ends the run", opaque + "tax\nld [4]\ntxa\nldx #0\ndiv x\nret a", "ret", 0},
		{"a division that may end the run stays", opaque + "tax\nld [4]\ndiv x\nret #1", "ld mul tax ld div ret", 0},
		{"loads that nothing reads", "ld [4]\nldx #1\nld [8]\nst M[0]\nstx M[1]\n" + opaque + "ret a", "ld mul ret", 0},
		{"X is read after A is loaded", opaque + "tax\nld [4]\nadd x\nret a", "ld mul tax ld add ret", 0},
		{"a cell in arithmetic", opaque + "st M[3]\nld [4]\nldx M[3]\nsub x\nor x\nret a", "ld mul st ld pair or ret", 0},
		{"not if a jump leads between", opaque + "st M[3]\ntax\njgt #5, +1, +0\nldx M[3]\nsub x\nret a",
			"ld mul st tax jgt ldx sub ret", 0},
		{"a comparison of constants", opaque + "tax\nld #1\njeq #1, +0, +1\ntxa\nret a", "ld mul tax txa ret", 0},
		{"what no run comes to", opaque + "ja +2\nadd #1\nadd #2\nret a", "ld mul ret", 0},
		{"a comparison without consequence", opaque + "jgt #5, +0, +0\nret a", "ld mul ret", 0},
		{"both ways lead to the same, further on", opaque + "jgt #5, +1, +1\nret #0\nret a", "ld mul ret", 0},
		{"the same on both ways", opaque + "jgt #5, +0, +2\nldx #1\nja +1\nldx #1\nadd x\nret a", "ld mul add ret", 0},
		{"different on two ways", opaque + "jgt #5, +0, +2\nldx #1\nja +1\nldx #2\nadd x\nret a",
			"ld mul jgt ldx ja ldx add ret", 0},
		{"a jump into a row cuts it", opaque + "jgt #5, +1, +0\nadd #1\nadd #2\nadd #3\nadd #4\nret a",
			"ld mul jgt add mix ret", 1},
		{"arithmetic that changes nothing in the end", opaque + "tax\nadd #1\nadd #2\ntxa\nret a", "ld mul tax txa ret", 0},
	} {
		p, err := Check(mustAssemble(t, row.program), uapi.SizeofBPFCtx)
		if err != nil {
			t.Fatal(row.why, err)
		}
		f := flatten(decode(p.raw, p.ctxSize))
		var got []string
		for _, in := range f.code {
			switch {
			case in.op == opMix:
				got = append(got, "mix")
			case in.op > opMix:
				got = append(got, "pair")
			default:
				got = append(got, codes[in.op].mnemonic)
			}
		}
		if !slices.Equal(got, strings.Fields(row.want)) || len(f.mixes) != row.mixes {
			t.Errorf("%s: %v with %d mixes, want %s with %d", row.why, got, len(f.mixes), row.want, row.mixes)
		}
		for seed := range uint64(50) {
			ctx := fromRand(seed).context()
			if got, want := f.run(ctx), p.RunReference(ctx); got != want {
				t.Errorf("%s: got %#x, want %#x of context %x", row.why, got, want, *ctx)
			}
		}
	}
}

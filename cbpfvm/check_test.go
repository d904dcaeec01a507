package cbpfvm

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/uringsim/uringsim/uapi"
)

// mustAssemble is for the texts of tests.
func mustAssemble(t testing.TB, src string) []uapi.SockFilter {
	t.Helper()
	insns, err := Assemble(src)
	if err != nil {
		t.Fatalf("%v in:\n%s", err, src)
	}
	return insns
}

func TestCheck(t *testing.T) {
	const ok = ""
	rows := []struct {
		name string
		src  string
		fn   string // that refuses
		pc   int
		why  string // why this row is here
	}{
		{"empty", "", funcBasics, -1, "no program at all"},
		{"ret k", "ret #0", ok, 0, "the shortest program"},
		{"ret a", "ret a", ok, 0, "A is 0 at the start, no store is needed"},
		{"ret x", ".insn 0x0e 0 0 0", funcClassic, 0, "x/net decodes it as raw and runs up to it"},
		{"last is no ret", "ret #0\n ld #1", funcClassic, 1, "x/net too"},
		{"last is ja", "ja +0", funcClassic, 0, "the jump range is looked at first: 0 >= 1-0-1"},

		{"high byte", ".insn 0x120 0 0 0\n ret #0", funcClassic, 0, "x/net ignores the high byte and loads"},
		{"internal load code", ".insn 0x21 0 0 0\n ret #0", funcClassic, 0, "the kernel's own, for its rewritten loads"},
		{"neg x", ".insn 0x8c 0 0 0\n ret #0", funcClassic, 0, "x/net takes it for neg"},
		{"ja x", ".insn 0x0d 0 0 0\n ret #0", funcClassic, 0, "x/net takes it for ja"},
		{"unreachable bad code", "ret #0\n .insn 0x0e 0 0 0\n ret #0", funcClassic, 1, "all instructions are looked at"},

		{"div 0", "div #0\n ret a", funcClassic, 0, ""},
		{"mod 0", "mod #0\n ret a", funcClassic, 0, "the generic pass speaks before io_uring's"},
		{"lsh 31", "lsh #31\n ret a", ok, 0, ""},
		{"lsh 32", "lsh #32\n ret a", funcClassic, 0, "x/net accepts and gives 0"},
		{"rsh 32", "rsh #32\n ret a", funcClassic, 0, "x/net accepts and gives 0"},

		{"M[15]", "st M[15]\n stx M[15]\n ld M[15]\n ldx M[15]\n ret a", ok, 0, "the last cell"},
		{"st M[16]", "st M[16]\n ret a", funcClassic, 0, "x/net fails only when it gets there"},
		{"stx M[16]", "stx M[16]\n ret a", funcClassic, 0, ""},
		{"ld M[16]", "ld M[16]\n ret a", funcClassic, 0, ""},
		{"ldx M[huge]", "ldx M[0xffffffff]\n ret a", funcClassic, 0, ""},

		{"ja last", "ja +1\n ret #1\n ret #0", ok, 0, ""},
		{"ja beyond", "ja +2\n ret #1\n ret #0", funcClassic, 0, ""},
		{"ja 2^31", "ja +0x80000000\n ret #0", funcClassic, 0, "negative as a 32-bit int, x/net lets it pass there"},
		{"ja 2^32-1", "ja +0xffffffff\n ret #0", funcClassic, 0, "pc+1+k would wrap to pc"},
		{"jt last", "jeq #0, +1, +0\n ret #1\n ret #0", ok, 0, ""},
		{"jt beyond", "jeq #0, +2, +0\n ret #1\n ret #0", funcClassic, 0, ""},
		{"jf beyond", "jset x, +0, +255\n ret #1\n ret #0", funcClassic, 0, ""},

		{"mod", "mod #3\n ret a", funcUring, 0, "not on io_uring's list"},
		{"mod x", "mod x\n ret a", funcUring, 0, ""},
		{"ldh", "ldh [0]\n ret a", funcUring, 0, ""},
		{"ldb", "ldb [0]\n ret a", funcUring, 0, ""},
		{"ld ind", "ld [x+0]\n ret a", funcUring, 0, ""},
		{"ldxb", "ldxb 4*([0]&0xf)\n ret a", funcUring, 0, ""},
		{"unreachable mod", "ret #0\n mod #3\n ret #0", funcUring, 1, "io_uring looks at all instructions too"},

		{"ld [36]", "ld [36]\n ret a", ok, 0, "the last word, whatever the payload of the opcode"},
		{"ld [40]", "ld [40]\n ret a", funcUring, 0, "x/net ends the run with 0 instead"},
		{"ld [2]", "ld [2]\n ret a", funcUring, 0, "x/net loads unaligned words"},
		{"ld [37]", "ld [37]\n ret a", funcUring, 0, ""},
		{"ancillary", "ld [0xfffff024]\n ret a", funcUring, 0, "SKF_AD_CPU is legal for sockets"},
		{"ancillary last", "ld [0xfffff03c]\n ret a", funcUring, 0, "SKF_AD_VLAN_TPID"},
		{"ancillary unknown", "ld [0xfffff040]\n ret a", funcClassic, 0, "SKF_AD_MAX is the first unknown one"},
		{"ancillary odd", "ld [0xfffff001]\n ret a", funcClassic, 0, "x/net takes it for the length"},
		{"ancillary ldb", "ldb [0xfffffffc]\n ret a", funcClassic, 0, "byte loads have the same rule"},
		{"net offset", "ld [0xfff00000]\n ret a", funcUring, 0, "SKF_NET_OFF is below SKF_AD_OFF"},

		{"len", "ld #len\n ldx #len\n ret a", ok, 0, ""},
		{"unused fields", ".insn 0x80 1 2 3\n .insn 0x07 9 9 9\n .insn 0x0c 1 1 1\n .insn 0x16 9 9 9", ok, 0,
			"jt, jf and k are not looked at where they mean nothing"},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			_, err := Check(mustAssemble(t, r.src), uapi.SizeofBPFCtx)
			switch {
			case r.fn == ok && err != nil:
				t.Errorf("refused (%s): %v", r.why, err)
			case r.fn != ok && (err == nil || err.Func != r.fn || err.PC != r.pc):
				t.Errorf("want %s at %d (%s), got %v", r.fn, r.pc, r.why, err)
			}
		})
	}
}

// TestCheckStores follows check_load_and_stores: which cells it believes written, and where.
func TestCheckStores(t *testing.T) {
	rows := []struct {
		name, src, why string
		pc             int // that is refused, -1 for none
	}{
		{"before", "st M[0]\n ld M[0]\n ret a", "", -1},
		{"never", "ld M[0]\n ret a", "x/net reads 0", 0},
		{"ldx never", "ldx M[3]\n ret a", "", 0},
		{"other cell", "st M[1]\n ld M[0]\n ret a", "", 1},
		{"both ways", "jeq #0, y, n\n y: st M[0]\n ja e\n n: stx M[0]\n e: ld M[0]\n ret a", "", -1},
		{"true way only", "jeq #0, y, n\n y: st M[0]\n ja e\n n: tax\n e: ld M[0]\n ret a", "", 4},
		{"false way only", "jeq #0, y, n\n y: tax\n ja e\n n: st M[0]\n e: ld M[0]\n ret a", "", 4},
		{"jumped over", "jeq x, e\n st M[0]\n e: ld M[0]\n ret a", "", 2},
		{"before the jump", "st M[0]\n jgt x, e\n tax\n e: ld M[0]\n ret a", "", -1},
		{"after ja", "ja e\n ld M[0]\n e: ret a", "what no way reaches starts with all cells valid", -1},
		{"after a branch", "jset #1, e, e\n ld M[0]\n e: ret a", "a branch with two far targets is like ja", -1},
		{"after ret", "ret #0\n ld M[0]\n ret a", "a ret does not end the way: the unreachable load is refused", 1},
		{"after ret, by jump", "jeq #0, y, n\n y: st M[0]\n ja e\n n: tax\n ret #0\n e: ld M[0]\n ret a",
			"every way to the load stores, and still the ret before it hands on that it did not", 5},
		{"after ret, stored", "st M[0]\n jeq #0, e\n ret #0\n e: ld M[0]\n ret a", "", -1},
		{"meet", "jeq #0, a, b\n a: st M[0]\n st M[1]\n ja e\n b: st M[1]\n st M[2]\n e: ld M[1]\n ret a", "", -1},
		{"meet wrong", "jeq #0, a, b\n a: st M[0]\n st M[1]\n ja e\n b: st M[1]\n st M[2]\n e: ld M[2]\n ret a", "", 6},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			err := CheckClassic(mustAssemble(t, r.src))
			switch {
			case r.pc < 0 && err != nil:
				t.Errorf("refused (%s): %v", r.why, err)
			case r.pc >= 0 && (err == nil || err.Func != funcStores || err.PC != r.pc):
				t.Errorf("want %s at %d (%s), got %v", funcStores, r.pc, r.why, err)
			}
		})
	}
}

func TestCheckLength(t *testing.T) {
	insns := make([]uapi.SockFilter, uapi.BPF_MAXINSNS+1)
	for i := range insns {
		insns[i].Code = codes[opRetK].code
	}
	if _, err := Check(insns[1:], uapi.SizeofBPFCtx); err != nil {
		t.Errorf("4096 instructions: %v", err)
	}
	if _, err := Check(insns, uapi.SizeofBPFCtx); err == nil || err.Func != funcBasics {
		t.Errorf("4097 instructions, which x/net runs: %v", err)
	}
}

// TestCheckOrder: the passes look at the whole program one after the other.
func TestCheckOrder(t *testing.T) {
	rows := []struct{ src, fn string }{
		{"mod #1\n ld M[0]\n lsh #32\n ret a", funcClassic},
		{"mod #1\n lsh #1\n ld M[0]", funcClassic},
		{"mod #1\n ld M[0]\n ret a", funcStores},
		{"mod #1\n ld [1]\n ret a", funcUring},
	}
	for _, r := range rows {
		if _, err := Check(mustAssemble(t, r.src), uapi.SizeofBPFCtx); err == nil || err.Func != r.fn {
			t.Errorf("%q: want %s, got %v", r.src, r.fn, err)
		}
	}
}

// TestCheckFirstPatch: at commit d42eb05e60 the context had 16 bytes.
func TestCheckFirstPatch(t *testing.T) {
	if _, err := Check(mustAssemble(t, "ld [12]\n ret a"), 16); err != nil {
		t.Errorf("ld [12]: %v", err)
	}
	if _, err := Check(mustAssemble(t, "ld [16]\n ret a"), 16); err == nil || err.Func != funcUring {
		t.Errorf("ld [16]: %v", err)
	}
	for _, src := range []string{"ld #len\n ret a", "ldx #len\n txa\n ret a"} {
		p, err := Check(mustAssemble(t, src), 16)
		if err != nil {
			t.Fatal(err)
		}
		if a, b := p.Run(&Context{}), p.RunReference(&Context{}); a != 16 || b != 16 || p.CtxSize() != 16 {
			t.Errorf("%q: %d and %d, want 16", src, a, b)
		}
	}
}

func TestCheckError(t *testing.T) {
	_, err := Check(mustAssemble(t, "ret #0\n ld [38]\n ret a"), uapi.SizeofBPFCtx)
	want := "EINVAL: instruction 1: load at 38, no multiple of 4 " +
		"[Linux: io_uring/bpf_filter.c:io_uring_check_cbpf_filter]"
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !errors.Is(err, uapi.EINVAL) || errors.Is(err, uapi.EACCES) {
		t.Error("a CheckError must be EINVAL and nothing else")
	}
	if _, err = Check(nil, uapi.SizeofBPFCtx); !strings.HasPrefix(err.Error(), "EINVAL: 0 instructions") {
		t.Errorf("without an instruction to blame: %v", err)
	}
}

// TestProgramKeepsInsns: registered bits come back as they were, also those without a meaning.
func TestProgramKeepsInsns(t *testing.T) {
	insns := mustAssemble(t, ".insn 0x81 7 8 9\n ret #1")
	p, err := Check(insns, uapi.SizeofBPFCtx)
	if err != nil {
		t.Fatal(err)
	}
	want := mustAssemble(t, ".insn 0x81 7 8 9\n ret #1")
	insns[0].K, p.Insns()[0].K = 1, 2 // neither may reach into the program
	if diff := cmp.Diff(want, p.Insns()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

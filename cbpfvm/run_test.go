package cbpfvm

import (
	"testing"

	"github.com/uringsim/uringsim/uapi"
)

// TestRun states results that real kernels gave or that follow from the instruction, for both engines.
func TestRun(t *testing.T) {
	rows := []struct {
		name, src string
		want      uint32
		why       string
	}{
		{"start", "add x\n ret a", 0, "A and X are 0 at the start"},
		{"ret k", "ret #0x80000000", 0x80000000, "any value but 0 allows, also a negative int"},
		{"ret a", "ld #-1\n ret a", 0xffffffff, ""},
		{"ldx", "ldx #7\n txa\n ret a", 7, ""},
		{"tax", "ld #7\n tax\n ld #0\n txa\n ret a", 7, ""},
		{"len", "ld #len\n ret a", 40, ""},
		{"ldx len", "ld #1\n ldx #len\n add x\n ret a", 41, "x/net decodes it as a load of A"},
		{"scratch", "ld #1\n ldx #2\n st M[0]\n stx M[15]\n ld M[15]\n ldx M[0]\n lsh #4\n or x\n ret a", 0x21, ""},

		{"add", "ld #-1\n add #3\n ret a", 2, "modulo 2^32"},
		{"add x", "ld #-1\n ldx #3\n add x\n ret a", 2, ""},
		{"sub", "ld #1\n sub #2\n ret a", 0xffffffff, ""},
		{"sub x", "ld #1\n ldx #2\n sub x\n ret a", 0xffffffff, ""},
		{"mul", "ld #0x10001\n mul #0x10001\n ret a", 0x20001, ""},
		{"mul x", "ld #0x10001\n ldx #0x10001\n mul x\n ret a", 0x20001, ""},
		{"div", "ld #0xfffffffe\n div #2\n ret a", 0x7fffffff, "unsigned"},
		{"div x", "ld #0xfffffffe\n ldx #2\n div x\n ret a", 0x7fffffff, "unsigned"},
		{"div by x = 0", "ld #1\n div x\n ret #1", 0, "ends the program with 0, a denial"},
		{"and", "ld #0xff0\n and #0xff\n ret a", 0xf0, ""},
		{"and x", "ld #0xff0\n ldx #0xff\n and x\n ret a", 0xf0, ""},
		{"or", "ld #0xf0\n or #0xf\n ret a", 0xff, ""},
		{"or x", "ld #0xf0\n ldx #0xf\n or x\n ret a", 0xff, ""},
		{"xor", "ld #0xff\n xor #0xf\n ret a", 0xf0, ""},
		{"xor x", "ld #0xff\n ldx #0xf\n xor x\n ret a", 0xf0, ""},
		{"neg", "ld #1\n neg\n ret a", 0xffffffff, "x/net cannot run it"},
		{"neg 0", "neg\n ret a", 0, ""},
		{"neg min", "ld #0x80000000\n neg\n ret a", 0x80000000, ""},

		{"lsh", "ld #1\n lsh #31\n ret a", 0x80000000, ""},
		{"rsh", "ld #0x80000000\n rsh #31\n ret a", 1, "no sign"},
		{"lsh x", "ld #1\n ldx #31\n lsh x\n ret a", 0x80000000, ""},
		{"lsh x = 32", "ld #5\n ldx #32\n lsh x\n ret a", 5, "x/net gives 0"},
		{"lsh x = 33", "ld #1\n ldx #33\n lsh x\n ret a", 2, "x/net gives 0"},
		{"rsh x = 32", "ld #8\n ldx #32\n rsh x\n ret a", 8, "x/net gives 0"},
		{"rsh x = 2^32-1", "ld #0x80000000\n ldx #-1\n rsh x\n ret a", 1, "x/net gives 0"},
		{"lsh keeps x", "ld #1\n ldx #0x123\n lsh x\n txa\n ret a", 0x123, "only the count is reduced, not X"},

		{"ja", "ja +1\n ret #1\n ret #2", 2, ""},
		{"jeq", "jeq #0, +1, +0\n ret #1\n ret #2", 2, ""},
		{"jeq not", "jeq #1, +1, +0\n ret #1\n ret #2", 1, ""},
		{"jeq x", "jeq x, +1, +0\n ret #1\n ret #2", 2, ""},
		{"jgt equal", "jgt #0, +1, +0\n ret #1\n ret #2", 1, ""},
		{"jgt unsigned", "ld #-1\n jgt #1, +1, +0\n ret #1\n ret #2", 2, "compares are unsigned"},
		{"jgt k unsigned", "ld #1\n jgt #-1, +1, +0\n ret #1\n ret #2", 1, "constants too"},
		{"jgt x", "ldx #-1\n jgt x, +1, +0\n ret #1\n ret #2", 1, ""},
		{"jge equal", "jge #0, +1, +0\n ret #1\n ret #2", 2, ""},
		{"jge x less", "ldx #1\n jge x, +1, +0\n ret #1\n ret #2", 1, ""},
		{"jset", "ld #6\n jset #12, +1, +0\n ret #1\n ret #2", 2, "one common bit is enough"},
		{"jset none", "ld #6\n jset #9, +1, +0\n ret #1\n ret #2", 1, ""},
		{"jset x", "ld #6\n ldx #12\n jset x, +1, +0\n ret #1\n ret #2", 2, ""},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			p, err := Check(mustAssemble(t, r.src), uapi.SizeofBPFCtx)
			if err != nil {
				t.Fatal(err)
			}
			if got := p.Run(&Context{}); got != r.want {
				t.Errorf("Run = %#x, want %#x (%s)", got, r.want, r.why)
			}
			agreeRun(t, p, &Context{})
		})
	}
}

// TestLoadsAreNative: a load gives the word of a little-endian kernel, not the network order of x/net.
func TestLoadsAreNative(t *testing.T) {
	var ctx Context
	for i := range ctx {
		ctx[i] = byte(i)
	}
	for off := uint32(0); off < uapi.SizeofBPFCtx; off += 4 {
		p, err := Check([]uapi.SockFilter{{Code: 0x20, K: off}, {Code: 0x16}}, uapi.SizeofBPFCtx)
		if err != nil {
			t.Fatal(err)
		}
		want := off | (off+1)<<8 | (off+2)<<16 | (off+3)<<24
		if got := p.Run(&ctx); got != want || ctx.Word(off) != want {
			t.Errorf("ld [%d] = %#x, want %#x", off, got, want)
		}
		agreeRun(t, p, &ctx)
	}
}

// TestOpcodeWord: the word at 8 is opcode | sqe_flags<<8 | pdu_size<<16.
func TestOpcodeWord(t *testing.T) {
	var ctx Context
	ctx[uapi.BPFCtxOpcode], ctx[uapi.BPFCtxSQEFlags], ctx[uapi.BPFCtxPDUSize] = 45, 0x10, 12
	p, err := Check(mustAssemble(t, "ld [op]\n ret a"), uapi.SizeofBPFCtx)
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Run(&ctx); got != 45|0x10<<8|12<<16 {
		t.Errorf("ld [op] = %#x", got)
	}
}

func TestZeroProgramDenies(t *testing.T) {
	var p Program
	path := p.Explain(&Context{})
	if p.Run(&Context{}) != 0 || p.RunReference(&Context{}) != 0 || path.Result != 0 || path.PC() != -1 {
		t.Error("the zero Program must deny")
	}
}

func TestRunDoesNotAllocate(t *testing.T) {
	for _, program := range []string{benchmarkProgram, "ld [0]\n mul #3\n tax\n add x\n and #7\n ret a"} {
		p, err := Check(mustAssemble(t, program), uapi.SizeofBPFCtx)
		if err != nil {
			t.Fatal(err)
		}
		var ctx Context
		for _, e := range Engines() {
			if n := testing.AllocsPerRun(100, func() { e.Run(p, &ctx) }); n != 0 {
				t.Errorf("%s allocates %v times", e, n)
			}
		}
	}
}

func TestEngineNames(t *testing.T) {
	for _, e := range Engines() {
		text, err := e.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		back := 0xff - e
		if err := back.UnmarshalText(text); err != nil || back != e {
			t.Errorf("%s becomes %d: %v", text, back, err)
		}
	}
	var e Engine
	const want = `found engine "jit", expected xnet or fast`
	if err := e.UnmarshalText([]byte("jit")); err == nil || err.Error() != want {
		t.Errorf("an engine that does not exist: %v", err)
	}
}

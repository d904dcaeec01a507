package sysuring

import (
	"bytes"
	"debug/elf"
	"io"
	"testing"
)

func TestELFImage(t *testing.T) {
	code := []byte{0x90, 0x0f, 0x05, 0xeb, 0xfe}
	f, err := elf.NewFile(bytes.NewReader(elfImage(code)))
	if err != nil {
		t.Fatal(err)
	}
	if f.Type != elf.ET_EXEC || f.Machine != elf.EM_X86_64 || f.Class != elf.ELFCLASS64 {
		t.Errorf("image is %v for %v, %v", f.Type, f.Machine, f.Class)
	}
	load, stack := f.Progs[0], f.Progs[1]
	if load.Type != elf.PT_LOAD || load.Flags != elf.PF_R|elf.PF_X || load.Vaddr != ImageBase {
		t.Errorf("first segment is %+v", load.ProgHeader)
	}
	if stack.Type != elf.PT_GNU_STACK || stack.Flags&elf.PF_X != 0 {
		t.Errorf("second segment is %+v", stack.ProgHeader)
	}
	text, err := io.ReadAll(load.Open())
	if err != nil {
		t.Fatal(err)
	}
	if entry := f.Entry - load.Vaddr; !bytes.Equal(text[entry:], code) {
		t.Errorf("at the entry point stands % x, want % x", text[entry:], code)
	}
	if load.Memsz > ImageSize {
		t.Errorf("the image takes %#x bytes, more than ImageSize", load.Memsz)
	}
}

func TestWords(t *testing.T) {
	b := make([]byte, 16)
	Word32(b, 4).Store(0x04030201)
	Word64(b, 8).Add(1)
	if want := []byte{0, 0, 0, 0, 1, 2, 3, 4, 1, 0, 0, 0, 0, 0, 0, 0}; !bytes.Equal(b, want) {
		t.Errorf("words are % x, want % x", b, want)
	}
}

// Package progtext reads and writes classic BPF programs in the forms in which people keep them: assembler, bytes,
// lists of numbers, arrays in C and Go, JSON, and traces.
package progtext

import (
	"bytes"
	"fmt"
	"go/token"
	"path/filepath"
	"slices"
	"strings"

	"github.com/uringsim/uringsim/srcpos"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// Options are what the text of a program does not say.
type Options struct {
	Op   *uapi.Op // the opcode that the program is for; nil if not known
	Name string   // name of the array in the source; "" stands for the only one or, when writing, for "filter"
}

// Form is a way of writing a program.
type Form struct {
	Name     string
	Suffixes []string // of the names of files in this form
	Doc      string
	Comments []string // what comments begin with; nil if the form has none
	read     func(in input) (*Program, error)
	write    func(out *bytes.Buffer, insns []uapi.SockFilter, o Options) error
}

// Forms returns all forms.
func Forms() []Form { return slices.Clone(forms) }

var forms = []Form{
	{"asm", []string{".bpf", ".asm"}, "the language of the kernel's bpf_asm", []string{";", "//", "/*"}, readAsm,
		writeAsm},
	{"raw", []string{".bin", ".raw"}, "the bytes of struct sock_filter, little-endian", nil, readRaw, writeRaw},
	{"hex", []string{".hex"}, "the same bytes in hexadecimal", nil, readHex, writeHex},
	{"decimal", []string{".ddd"}, "numbers as of tcpdump -ddd; also those of bpf_asm are read", nil, readDecimal,
		writeDecimal},
	{"c", []string{".c", ".h"}, "an array of struct sock_filter in C", []string{"//", "/*"}, readC, writeC},
	{"go", []string{".go"}, "a slice of golang.org/x/net/bpf.RawInstruction in Go", []string{"//", "/*"}, readGo, writeGo},
	{"json", nil, "an array of objects with code, jt, jf and k", nil, readJSON, writeJSON},
	{"trace", nil, "a trace that registers the program, for uringsim replay", nil, readTrace, writeTrace},
}

// Program is a program that was read, and the place of each instruction in the text.
type Program struct {
	Insns []uapi.SockFilter
	At    []srcpos.Pos // nil in forms without lines
}

// add adds an instruction that begins at the offset.
func (p *Program) add(insn uapi.SockFilter, lines srcpos.Lines, off int) {
	p.Insns, p.At = append(p.Insns, insn), append(p.At, lines.Pos(off))
}

// FormOf returns the form with the name. If the name is "" it goes by the suffix of the file.
func FormOf(name, file string) (*Form, error) {
	var names []string
	for i := range forms {
		f := &forms[i]
		if name == f.Name || name == "" && slices.Contains(f.Suffixes, filepath.Ext(file)) {
			return f, nil
		}
		names = append(names, f.Name)
	}
	if name == "" {
		return nil, fmt.Errorf("%s: the file name does not tell the form; forms are %s", file, strings.Join(names, ", "))
	}
	return nil, fmt.Errorf("there is no form %q; forms are %s", name, strings.Join(names, ", "))
}

// Read reads the instructions of a program. The name of the file is for messages only. Errors are *trace.SyntaxError.
func (f *Form) Read(file string, text []byte, o Options) ([]uapi.SockFilter, error) {
	p, err := f.ReadProgram(file, text, o)
	if err != nil {
		return nil, err
	}
	return p.Insns, nil
}

// ReadProgram is like Read but also returns the places of the instructions.
func (f *Form) ReadProgram(file string, text []byte, o Options) (*Program, error) {
	in := input{file, text, o}
	p, err := f.read(in)
	if err == nil && len(p.Insns) == 0 {
		return nil, in.errorf(0, "found no instructions")
	}
	return p, err
}

// Write writes a program. Read gives exactly the same instructions back.
func (f *Form) Write(insns []uapi.SockFilter, o Options) ([]byte, error) {
	if o.Name == "" {
		o.Name = "filter"
	}
	if !token.IsIdentifier(o.Name) {
		return nil, fmt.Errorf("found %q, expected a valid name for an array", o.Name)
	}
	var out bytes.Buffer
	err := f.write(&out, insns, o)
	return out.Bytes(), err
}

// input is a text that is being read.
type input struct {
	file string
	text []byte
	o    Options
}

// errorf returns an error at an offset of the text.
func (in *input) errorf(off int, format string, args ...any) error {
	at := srcpos.Of(in.text, off)
	return &trace.SyntaxError{File: in.file, Line: at.Line, Col: at.Col, Msg: fmt.Sprintf(format, args...)}
}

// array is one of the programs in a source file.
type array struct {
	name string // "" if it has none
	off  int    // where it begins
}

// choose returns the index of the array that the options ask for.
func (in *input) choose(arrays []array) (int, error) {
	var names []string
	for i, a := range arrays {
		if a.name == in.o.Name && a.name != "" || in.o.Name == "" && len(arrays) == 1 {
			return i, nil
		}
		if a.name == "" {
			a.name = "one without a name"
		}
		names = append(names, a.name)
	}
	list := strings.Join(names, ", ")
	switch {
	case len(arrays) == 0:
		return 0, in.errorf(0, "found no array of instructions")
	case in.o.Name != "":
		return 0, in.errorf(arrays[0].off, "found no array %q; there is %s", in.o.Name, list)
	}
	return 0, in.errorf(arrays[1].off, "found %d arrays of instructions, expected one or its name: %s", len(arrays), list)
}

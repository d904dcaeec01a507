// Package progtext reads and writes classic BPF programs in the forms that people keep them in: assembler, bytes,
// lists of numbers, arrays of C and Go, JSON, and traces.
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

// Options say what the text of a program does not.
type Options struct {
	Op   *uapi.Op // the opcode that it is for; nil if it is not known
	Name string   // of the array, where a file has several or one is written; "" is any, or "filter"
}

// Form is a way to write down a program.
type Form struct {
	Name     string
	Suffixes []string // of files in this form
	Doc      string
	Comments []string // what begins a comment; nil in forms that have none
	read     func(in input) (*Program, error)
	write    func(out *bytes.Buffer, insns []uapi.SockFilter, o Options) error
}

// Forms are all forms.
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

// Program is what was read: instructions, and where in the text each of them stands.
type Program struct {
	Insns []uapi.SockFilter
	At    []srcpos.Pos // nil in forms without lines
}

// add adds an instruction that stands at an offset.
func (p *Program) add(insn uapi.SockFilter, lines srcpos.Lines, off int) {
	p.Insns, p.At = append(p.Insns, insn), append(p.At, lines.Pos(off))
}

// FormOf is the form of that name, or if the name is "", the one that the file's suffix tells.
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
		return nil, fmt.Errorf("%s: the name does not tell its form; forms are %s", file, strings.Join(names, ", "))
	}
	return nil, fmt.Errorf("there is no form %q; forms are %s", name, strings.Join(names, ", "))
}

// Read reads a program. The file is for messages only. Errors are *trace.SyntaxError.
func (f *Form) Read(file string, text []byte, o Options) ([]uapi.SockFilter, error) {
	p, err := f.ReadProgram(file, text, o)
	if err != nil {
		return nil, err
	}
	return p.Insns, nil
}

// ReadProgram is Read that also tells where the instructions stand.
func (f *Form) ReadProgram(file string, text []byte, o Options) (*Program, error) {
	in := input{file, text, o}
	p, err := f.read(in)
	if err == nil && len(p.Insns) == 0 {
		return nil, in.errorf(0, "found no instructions")
	}
	return p, err
}

// Write writes a program so that Read gives it back, bit by bit.
func (f *Form) Write(insns []uapi.SockFilter, o Options) ([]byte, error) {
	if o.Name == "" {
		o.Name = "filter"
	}
	if !token.IsIdentifier(o.Name) {
		return nil, fmt.Errorf("%q is no name of an array", o.Name)
	}
	var out bytes.Buffer
	err := f.write(&out, insns, o)
	return out.Bytes(), err
}

// input is a text that is read.
type input struct {
	file string
	text []byte
	o    Options
}

// errorf is an error at an offset of the text.
func (in *input) errorf(off int, format string, args ...any) error {
	at := srcpos.Of(in.text, off)
	return &trace.SyntaxError{File: in.file, Line: at.Line, Col: at.Col, Msg: fmt.Sprintf(format, args...)}
}

// array is one of the programs of a source file.
type array struct {
	name string // "" if it has none
	off  int    // where it begins
}

// choose is the index of the array that the options ask for.
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

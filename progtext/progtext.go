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
	read     func(in input) ([]uapi.SockFilter, error)
	write    func(out *bytes.Buffer, insns []uapi.SockFilter, o Options) error
}

// Forms are all forms.
func Forms() []Form { return slices.Clone(forms) }

var forms = []Form{
	{"asm", []string{".bpf", ".asm"}, "the language of the kernel's bpf_asm", readAsm, writeAsm},
	{"raw", []string{".bin", ".raw"}, "the bytes of struct sock_filter, little-endian", readRaw, writeRaw},
	{"hex", []string{".hex"}, "the same bytes in hexadecimal", readHex, writeHex},
	{"decimal", []string{".ddd"}, "numbers as of tcpdump -ddd; also those of bpf_asm are read", readDecimal, writeDecimal},
	{"c", []string{".c", ".h"}, "an array of struct sock_filter in C", readC, writeC},
	{"go", []string{".go"}, "a slice of golang.org/x/net/bpf.RawInstruction in Go", readGo, writeGo},
	{"json", nil, "an array of objects with code, jt, jf and k", readJSON, writeJSON},
	{"trace", nil, "a trace that registers the program, for uringsim replay", readTrace, writeTrace},
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
	in := input{file, text, o}
	insns, err := f.read(in)
	if err == nil && len(insns) == 0 {
		return nil, in.errorf(0, "found no instructions")
	}
	return insns, err
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
	before := in.text[:min(off, len(in.text))]
	return &trace.SyntaxError{File: in.file, Line: 1 + bytes.Count(before, []byte("\n")),
		Col: len(before) - bytes.LastIndexByte(before, '\n'), Msg: fmt.Sprintf(format, args...)}
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

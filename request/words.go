package request

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// argument is an argument of a request under the name that people know, and where the SQE has it.
type argument struct {
	name  string
	field string // of struct io_uring_sqe
	in    string // the kind of object that the field points to; "" if the argument is the field itself
	of    string // the member of the object; "" if the argument is the whole object
}

// place identifies where the argument goes.
func (a *argument) place() string { return strings.TrimSuffix(a.field+"."+a.of, ".") }

// shared are the arguments that all requests have. In addition, every field of struct io_uring_sqe can be given by
// name.
var shared = []argument{{name: "sqe_flags", field: "flags"}}

var (
	pathArg  = argument{"path", "addr", "path", ""}
	dirArg   = argument{"dfd", "fd", "", ""}
	addrArg  = argument{"addr", "addr", "sockaddr", ""}
	twoPaths = []argument{{"olddfd", "fd", "", ""}, {"oldpath", "addr", "path", ""}, {"newdfd", "len", "", ""},
		{"newpath", "addr2", "path", ""}}
)

// arguments are those of each opcode. The first one that is a whole object may be given without its name.
var arguments = map[uapi.Op][]argument{
	uapi.IORING_OP_SOCKET: {{"family", "fd", "", ""}, {"type", "off", "", ""}, {"protocol", "len", "", ""}},
	uapi.IORING_OP_OPENAT: {pathArg, dirArg, {"flags", "open_flags", "", ""}, {"mode", "len", "", ""}},
	uapi.IORING_OP_OPENAT2: {pathArg, dirArg, {"flags", "addr2", "open_how", "flags"},
		{"mode", "addr2", "open_how", "mode"}, {"resolve", "addr2", "open_how", "resolve"}},
	uapi.IORING_OP_CONNECT:   {addrArg},
	uapi.IORING_OP_BIND:      {addrArg},
	uapi.IORING_OP_UNLINKAT:  {pathArg, dirArg, {"flags", "unlink_flags", "", ""}},
	uapi.IORING_OP_MKDIRAT:   {pathArg, dirArg, {"mode", "len", "", ""}},
	uapi.IORING_OP_RENAMEAT:  append(twoPaths, argument{"flags", "rename_flags", "", ""}),
	uapi.IORING_OP_LINKAT:    append(twoPaths, argument{"flags", "hardlink_flags", "", ""}),
	uapi.IORING_OP_SYMLINKAT: {{"target", "addr", "path", ""}, {"newdfd", "fd", "", ""}, {"path", "addr2", "path", ""}},
}

// defaults are arguments that a request has if it does not say otherwise: without them it would fail before a filter
// saw it.
var defaults = map[uapi.Op][]string{
	uapi.IORING_OP_OPENAT:    {`path=file`},
	uapi.IORING_OP_OPENAT2:   {`path=file`, `flags=0`},
	uapi.IORING_OP_UNLINKAT:  {`path=file`},
	uapi.IORING_OP_MKDIRAT:   {`path=dir`},
	uapi.IORING_OP_RENAMEAT:  {`oldpath=old`, `newpath=new`},
	uapi.IORING_OP_LINKAT:    {`oldpath=old`, `newpath=new`},
	uapi.IORING_OP_SYMLINKAT: {`target=file`, `path=link`},
}

// word is a part of a line.
type word struct {
	text string // without quotation marks
	key  string // what is in front of "="; "" if nothing is
	off  int
	at   int // where the text begins
}

// split splits a line at white space, except within quotation marks as in Go.
func (p *parser) split() ([]word, error) {
	var words []word
	for off := 0; off < len(p.text); {
		rest := p.text[off:]
		if rest[0] == ' ' || rest[0] == '\t' {
			off++
			continue
		}
		w := word{off: off}
		if i := strings.IndexAny(rest, "= \t\""); i > 0 && rest[i] == '=' {
			w.key, rest, off = rest[:i], rest[i+1:], off+i+1
		}
		w.at = off
		if strings.HasPrefix(rest, `"`) {
			quoted, err := strconv.QuotedPrefix(rest)
			if err != nil {
				return nil, p.errorf(off, "found %.40q, expected a closing quotation mark", rest)
			}
			w.text, _ = strconv.Unquote(quoted) // it is valid
			off += len(quoted)
		} else {
			w.text, _, _ = strings.Cut(strings.ReplaceAll(rest, "\t", " "), " ")
			off += len(w.text)
		}
		words = append(words, w)
	}
	return words, nil
}

// words reads "opcode argument=value ...".
func (p *parser) words() (*trace.SQE, error) {
	words, err := p.split()
	if err != nil {
		return nil, err
	}
	n, err := uapi.Ops.Parse(strings.ToUpper(words[0].text))
	if err != nil || n > 255 || words[0].key != "" {
		const expected = "an opcode such as socket or openat, an SQE in JSON, or context"
		return nil, p.errorf(words[0].off, "found %.40q, expected %s", words[0].text, expected)
	}
	op := uapi.Op(n)
	s := &trace.SQE{Fields: []trace.SQEField{{Name: "opcode", Value: trace.Pointer{Num: n}}}}
	given := map[string]bool{}
	for _, w := range words[1:] {
		a, err := p.argument(op, w)
		if err != nil {
			return nil, err
		}
		if given[a.place()] {
			return nil, p.errorf(w.off, "%s is given twice", a.field)
		}
		given[a.place()] = true
		if err := p.set(s, a, w); err != nil {
			return nil, err
		}
	}
	for _, text := range defaults[op] {
		name, value, _ := strings.Cut(text, "=")
		a, _ := find(op, name)
		if given[a.place()] {
			continue
		}
		if err := p.set(s, a, word{text: value}); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// find returns the argument with the name: one of the opcode, one that all have, or a field of the SQE.
func find(op uapi.Op, name string) (argument, bool) {
	for _, list := range [][]argument{arguments[op], shared} {
		for _, a := range list {
			if a.name == name {
				return a, true
			}
		}
	}
	_, ok := uapi.SQEFieldByName(name)
	return argument{name: name, field: name}, ok && name != "opcode"
}

// argument returns the argument that a word sets.
func (p *parser) argument(op uapi.Op, w word) (argument, error) {
	if w.key == "" {
		for _, a := range arguments[op] {
			if a.in != "" && a.of == "" {
				return a, nil
			}
		}
		return argument{}, p.errorf(w.off, "found %.40q, expected argument=value", w.text)
	}
	if a, ok := find(op, w.key); ok {
		return a, nil
	}
	var names []string
	for _, a := range append(shared, arguments[op]...) {
		names = append(names, a.name)
	}
	return argument{}, p.errorf(w.off, "%s has no argument %.40q; it has %s, and the fields of struct io_uring_sqe", op,
		w.key, strings.Join(names, ", "))
}

// set sets an argument of the SQE. The value is read as in traces.
func (p *parser) set(s *trace.SQE, a argument, w word) error {
	text := w.text
	if a.in == "" || a.of != "" {
		text = numbers(text)
	}
	quoted, err := jsontext.AppendQuote(nil, text)
	if err != nil {
		return p.errorf(w.at, "found %q, expected UTF-8", w.text)
	}
	value := string(quoted)
	if a.of != "" {
		value = `{"` + a.of + `": ` + value + `}`
	}
	if a.in != "" {
		value = `{"` + a.in + `": ` + value + `}`
	}
	var got trace.SQE
	object := fmt.Sprintf(`{"opcode": %d, "%s": %s}`, s.Fields[0].Value.Num, a.field, value)
	err = trace.Decode(p.file, []byte(object), &got)
	var syntax *trace.SyntaxError
	if errors.As(err, &syntax) {
		return p.errorf(w.at, "%s", syntax.Msg)
	} else if err != nil {
		return err
	}
	f := got.Fields[1]
	switch o := f.Value.Object; {
	case o != nil && o.Sockaddr != nil:
		addr, err := o.Sockaddr.Encode()
		if err != nil {
			return p.errorf(w.at, "%v", err)
		}
		s.Fields = append(s.Fields, f, trace.SQEField{Name: "addr2", Value: trace.Pointer{Num: uint64(len(addr))}})
		return nil
	case o != nil && o.OpenHow != nil:
		return addOpenHow(s, f)
	}
	s.Fields = append(s.Fields, f)
	return nil
}

// numbers replaces the names of aliases, which traces do not know, by their numbers.
func numbers(text string) string {
	parts := strings.Split(text, "|")
	for i, part := range parts {
		for _, r := range uapi.Aliases {
			if r.Name == part {
				parts[i] = fmt.Sprintf("%#x", r.Value)
			}
		}
	}
	return strings.Join(parts, "|")
}

// addOpenHow adds a member to the open_how that the SQE points to.
func addOpenHow(s *trace.SQE, f trace.SQEField) error {
	for i := range s.Fields {
		if had := s.Fields[i].Value.Object; s.Fields[i].Name == f.Name && had != nil && had.OpenHow != nil {
			had.OpenHow.Flags |= f.Value.Object.OpenHow.Flags
			had.OpenHow.Mode |= f.Value.Object.OpenHow.Mode
			had.OpenHow.Resolve |= f.Value.Object.OpenHow.Resolve
			return nil
		}
	}
	s.Fields = append(s.Fields, f, trace.SQEField{Name: "len", Value: trace.Pointer{Num: uapi.SizeofOpenHow}})
	return nil
}

// Arguments returns the names of an opcode's arguments, and where they go, for the documentation. Those of the opcode
// "" are for all opcodes.
func Arguments(op string) [][2]string {
	list := shared
	if op != "" {
		n, err := uapi.Ops.Parse(op)
		if err != nil {
			return nil
		}
		list = arguments[uapi.Op(n)]
	}
	var out [][2]string
	for _, a := range list {
		where := "`" + a.field + "`"
		switch {
		case a.in == "sockaddr":
			where += ", an address such as 10.0.0.1:443, [::1]:443 or unix:PATH; its length goes to `addr2`"
		case a.of != "":
			where += ", `" + a.of + "` of the struct open_how there; its size goes to `len`"
		case a.in == "path":
			where += ", a path"
		}
		out = append(out, [2]string{a.name, where})
	}
	return out
}

// Package request reads requests that people write down for a filter to judge: an SQE as traces have it, a line of text
// such as "socket family=AF_INET type=SOCK_STREAM", or the bytes of a filter's context. Lines may also say what is
// expected, behind an arrow, and are then a table of tests.
package request

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// Request is one request to judge.
type Request struct {
	Text    string          // as it was written, without what is expected
	SQE     *trace.SQE      // nil if the line is a context
	Context *cbpfvm.Context // nil if the line is an SQE
	Want    Want            // what is expected; "" if the line does not say
	Line    int             // line in the file, from 1
}

// Want is what is expected of a request: Allow, Deny, or the name of the errno with which the kernel refuses it before
// filters see it.
type Want string

// The decisions of filters and restrictions.
const (
	Allow Want = "allow"
	Deny  Want = "deny"
)

// Reader reads requests line by line. It skips empty lines, and comments, which begin with "#".
type Reader struct {
	file string
	in   *bufio.Scanner
	line int
}

// maxLine is the longest line in bytes.
const maxLine = 1 << 20

// NewReader returns a Reader of the lines of in. The name of the file is for messages.
func NewReader(in io.Reader, file string) *Reader {
	s := bufio.NewScanner(in)
	s.Buffer(make([]byte, 64<<10), maxLine)
	return &Reader{file: file, in: s}
}

// Next returns the next request, or io.EOF at the end. Other errors are *trace.SyntaxError, or from in.
func (r *Reader) Next() (*Request, error) {
	for r.in.Scan() {
		r.line++
		if text := strings.TrimSpace(r.in.Text()); text != "" && text[0] != '#' {
			return parse(r.file, r.line, r.in.Text())
		}
	}
	switch err := r.in.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, &trace.SyntaxError{File: r.file, Line: r.line + 1, Col: 1,
			Msg: fmt.Sprintf("the line has more than %d bytes", maxLine)}
	case err != nil:
		return nil, err
	}
	return nil, io.EOF
}

// Parse reads one line. The name of the file is for messages. Errors are *trace.SyntaxError.
func Parse(file, text string) (*Request, error) { return parse(file, 1, text) }

// parser reads a line.
type parser struct {
	file string
	line int
	text string
}

func (p *parser) errorf(off int, format string, args ...any) error {
	return &trace.SyntaxError{File: p.file, Line: p.line, Col: off + 1, Msg: fmt.Sprintf(format, args...)}
}

func parse(file string, line int, text string) (*Request, error) {
	p := &parser{file, line, text}
	r := &Request{Line: line}
	for _, arrow := range []string{"->", "→"} {
		if i := strings.LastIndex(p.text, arrow); i >= 0 && r.Want == "" {
			var err error
			if r.Want, err = p.want(i + len(arrow)); err != nil {
				return nil, err
			}
			p.text = p.text[:i]
		}
	}
	r.Text = strings.TrimSpace(p.text)
	start := len(p.text) - len(strings.TrimLeft(p.text, " \t"))
	var err error
	switch word, rest, _ := strings.Cut(r.Text, " "); {
	case r.Text == "":
		err = p.errorf(0, "found nothing, expected a request")
	case r.Text[0] == '{', r.Text[0] == '"':
		r.SQE, err = p.json(r.Text, start)
	case word == "context":
		r.Context, err = p.context(rest, start+len(word)+1)
	default:
		r.SQE, err = p.words()
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

// want reads what is expected.
func (p *parser) want(off int) (Want, error) {
	text := strings.TrimSpace(p.text[off:])
	if text == string(Allow) || text == string(Deny) {
		return Want(text), nil
	}
	if e, err := uapi.ParseErrno(text); err == nil && e != 0 && e.String() == text {
		return Want(text), nil
	}
	off += len(p.text[off:]) - len(strings.TrimLeft(p.text[off:], " \t"))
	return "", p.errorf(off, "found %.40q, expected allow, deny or the name of an errno", text)
}

// json reads an SQE as traces have it.
func (p *parser) json(text string, start int) (*trace.SQE, error) {
	var s trace.SQE
	err := trace.Decode(p.file, []byte(text), &s)
	var syntax *trace.SyntaxError
	if errors.As(err, &syntax) {
		return nil, p.errorf(start+syntax.Col-1, "%s", syntax.Msg)
	}
	return &s, err
}

// context reads the bytes of a context.
func (p *parser) context(text string, off int) (*cbpfvm.Context, error) {
	raw, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil || len(raw) != uapi.SizeofBPFCtx {
		return nil, p.errorf(off, "found %.40q, expected %d bytes in hexadecimal", text, uapi.SizeofBPFCtx)
	}
	ctx := cbpfvm.Context(raw)
	return &ctx, nil
}

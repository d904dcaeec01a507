package progtext

import (
	"bytes"
	"strconv"
)

// ctoken is a token of C.
type ctoken struct {
	kind ctokenKind
	text string
	off  int  // offset in the file; if a macro expanded to it, that of the use
	line bool // it is the first in its line
	glue bool // it directly follows the token before it
}

type ctokenKind uint8

const (
	cEnd ctokenKind = iota
	cName
	cNumber
	cString // a string or a character
	cPunct
)

// String returns the token as messages show it.
func (t ctoken) String() string {
	if t.kind == cEnd {
		return "the end"
	}
	return strconv.Quote(t.text)
}

// cscanner splits C into tokens. Comments count as white space.
type cscanner struct {
	in   *input
	off  int
	line bool // a new line began
}

// scanC returns the tokens of the text, including those of directives.
func scanC(in *input) ([]ctoken, error) {
	s := cscanner{in: in, line: true}
	var toks []ctoken
	for {
		start := s.off
		if err := s.space(); err != nil {
			return nil, err
		}
		if s.off == len(in.text) {
			return toks, nil
		}
		t := ctoken{off: s.off, line: s.line, glue: s.off == start && start > 0}
		s.line = false
		s.solid(&t)
		if toks = append(toks, t); len(toks) > maxSource {
			return nil, in.errorf(t.off, "the text is too long for a source of programs")
		}
	}
}

// space skips white space, comments, and line ends behind a backslash.
func (s *cscanner) space() error {
	for s.off < len(s.in.text) {
		rest := s.in.text[s.off:]
		switch {
		case rest[0] == '\n':
			s.line = true
			s.off++
		case isSpace(rest[0]):
			s.off++
		case bytes.HasPrefix(rest, []byte("\\\n")):
			s.off += 2
		case bytes.HasPrefix(rest, []byte("\\\r\n")):
			s.off += 3
		case bytes.HasPrefix(rest, []byte("//")):
			for s.off < len(s.in.text) && s.in.text[s.off] != '\n' {
				s.off++
			}
		case bytes.HasPrefix(rest, []byte("/*")):
			n := bytes.Index(rest[2:], []byte("*/"))
			if n < 0 {
				return s.in.errorf(s.off, `expected "*/", found the end of the text`)
			}
			s.off += n + 4
		default:
			return nil
		}
	}
	return nil
}

// cpuncts are the signs with two characters that occur in expressions.
var cpuncts = []string{"<<", ">>", "==", "!=", "<=", ">=", "&&", "||", "##", "->"}

// solid reads a token.
func (s *cscanner) solid(t *ctoken) {
	text, start := s.in.text, s.off
	switch c := text[start]; {
	case isNameByte(c):
		t.kind = cName
		if '0' <= c && c <= '9' {
			t.kind = cNumber
		}
		for s.off < len(text) && isNameByte(text[s.off]) {
			s.off++
		}
	case c == '"' || c == '\'':
		t.kind, s.off = cString, endOfString(text, start)
		if s.off < 0 { // an apostrophe, which may stand in an inactive line
			t.kind, s.off = cPunct, start+1
		}
	default:
		t.kind = cPunct
		s.off++
		for _, p := range cpuncts {
			if bytes.HasPrefix(text[start:], []byte(p)) {
				s.off++
				break
			}
		}
		for s.off < len(text) && text[s.off]&0xc0 == 0x80 { // keep runes whole for messages
			s.off++
		}
	}
	t.text = string(text[start:s.off])
}

// endOfString returns the offset behind the string that begins at start, or -1 if the line ends first.
func endOfString(text []byte, start int) int {
	for i := start + 1; i < len(text) && text[i] != '\n'; i++ {
		switch text[i] {
		case '\\':
			i++
		case text[start]:
			return i + 1
		}
	}
	return -1
}

func isNameByte(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_'
}

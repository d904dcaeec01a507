package cbpfvm

import (
	"fmt"
	"math"
	"strings"
)

// AsmError is a mistake in assembler text.
type AsmError struct {
	Line, Col int // from 1; columns are bytes
	Msg       string
}

// Error returns "line:column: message".
func (e *AsmError) Error() string { return fmt.Sprintf("%d:%d: %s", e.Line, e.Col, e.Msg) }

type tokenKind uint8

const (
	tokEnd tokenKind = iota // of the line or of the text
	tokWord
	tokNumber
	tokPunct
)

type token struct {
	kind      tokenKind
	text      string // "" at the end of the text
	line, col int
}

// String returns the token as messages show it.
func (t token) String() string {
	if t.kind == tokEnd {
		return "end of line"
	}
	return fmt.Sprintf("%q", t.text)
}

func (t token) errorf(format string, args ...any) *AsmError {
	return &AsmError{t.line, t.col, fmt.Sprintf(format, args...)}
}

// scanner splits text into tokens. Comments are ";" and "//" to the end of the line, and "/* */".
type scanner struct {
	src       string
	off       int
	line, col int
}

// maxTokens keeps memory bounded. A program of the most instructions that a kernel can be asked to take has as many.
const maxTokens = 16 * math.MaxUint16

// scan returns all tokens. The last one is a tokEnd without text.
func scan(src string) ([]token, *AsmError) {
	s := scanner{src: src, line: 1, col: 1}
	var toks []token
	for {
		t, err := s.next()
		if err != nil {
			return nil, err
		}
		if toks = append(toks, t); len(toks) > maxTokens {
			return nil, t.errorf("the text is too long: more than %d words and signs", maxTokens)
		}
		if t.kind == tokEnd && t.text == "" {
			return toks, nil
		}
	}
}

func (s *scanner) next() (token, *AsmError) {
	for {
		t := token{line: s.line, col: s.col}
		rest := s.src[s.off:]
		switch {
		case rest == "":
			return t, nil
		case rest[0] == '\n':
			t.text = "\n"
			s.advance(1)
			return t, nil
		case strings.ContainsRune(" \t\r\v\f", rune(rest[0])):
			s.advance(1)
		case rest[0] == ';', strings.HasPrefix(rest, "//"):
			s.advance(span(rest, func(c byte) bool { return c != '\n' }))
		case strings.HasPrefix(rest, "/*"):
			n := strings.Index(rest[2:], "*/")
			if n < 0 {
				return t, t.errorf(`expected "*/", found the end of the text`)
			}
			s.advance(n + 4)
		default:
			return s.solid(t, rest), nil
		}
	}
}

// solid reads a word, a number or a sign.
func (s *scanner) solid(t token, rest string) token {
	n := span(rest, isWord)
	switch {
	case n == 0:
		t.kind, n = tokPunct, 1
		for n < len(rest) && rest[n]&0xc0 == 0x80 { // keep runes whole for messages
			n++
		}
	case isDigit(rest[0]):
		t.kind = tokNumber
	default:
		t.kind = tokWord
	}
	t.text = rest[:n]
	s.advance(n)
	return t
}

func (s *scanner) advance(n int) {
	for range n {
		if s.src[s.off] == '\n' {
			s.line, s.col = s.line+1, 0
		}
		s.off, s.col = s.off+1, s.col+1
	}
}

// span returns the number of bytes at the start of s for which in holds.
func span(s string, in func(byte) bool) int {
	n := 0
	for n < len(s) && in(s[n]) {
		n++
	}
	return n
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isWord(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c == '.'
}

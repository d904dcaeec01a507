package policy

import (
	"fmt"
	"strings"

	"github.com/uringsim/uringsim/trace"
)

// Limits that keep memory and time bounded.
const (
	maxTokens = 1 << 18
	maxDepth  = 200 // nesting of conditions and statements
)

type tokenKind uint8

const (
	tokEnd tokenKind = iota
	tokWord
	tokNumber
	tokAddress // an address of IPv4 or IPv6, with or without a prefix length
	tokSign
)

type token struct {
	kind tokenKind
	text string
	pos  Pos
}

// String returns the token as messages show it.
func (t token) String() string {
	if t.kind == tokEnd {
		return "the end of the text"
	}
	if len(t.text) > 40 {
		return fmt.Sprintf("%q", t.text[:40]+"...")
	}
	return fmt.Sprintf("%q", t.text)
}

// syntax is what differs between the forms below the level of tokens.
type syntax struct {
	lineComment string
	blocks      bool // comments may be written in /* */
	addresses   bool
}

var (
	textSyntax = syntax{lineComment: "#", addresses: true}
	cSyntax    = syntax{lineComment: "//", blocks: true}
)

// scanner splits a text into tokens.
type scanner struct {
	syntax
	file string
	src  string
	off  int
	pos  Pos
}

// errorAt returns an error about a place in the text.
func errorAt(file string, at Pos, format string, args ...any) error {
	return &trace.SyntaxError{File: file, Line: at.Line, Col: at.Col, Msg: fmt.Sprintf(format, args...)}
}

// scan returns all tokens; the last one is a tokEnd.
func scan(file string, src []byte, form syntax) ([]token, error) {
	s := scanner{syntax: form, file: file, src: string(src), pos: Pos{Line: 1, Col: 1}}
	var toks []token
	for {
		t, err := s.next()
		if err != nil {
			return nil, err
		}
		toks = append(toks, t)
		if t.kind == tokEnd {
			return toks, nil
		}
		if len(toks) > maxTokens {
			return nil, errorAt(file, t.pos, "found more than %d words and signs, expected a shorter text", maxTokens)
		}
	}
}

func (s *scanner) next() (token, error) {
	for {
		rest := s.src[s.off:]
		switch {
		case rest == "":
			return token{kind: tokEnd, pos: s.pos}, nil
		case strings.ContainsRune(" \t\r\n\v\f", rune(rest[0])):
			s.advance(1)
		case strings.HasPrefix(rest, s.lineComment):
			s.advance(span(rest, func(c byte) bool { return c != '\n' }))
		case s.blocks && strings.HasPrefix(rest, "/*"):
			n := strings.Index(rest[2:], "*/")
			if n < 0 {
				return token{}, errorAt(s.file, s.pos, `found "/*" without "*/"`)
			}
			s.advance(n + 4)
		default:
			return s.solid(rest), nil
		}
	}
}

// signs are the signs with more than one character.
var signs = []string{"->", "==", "!=", "<=", ">=", "<<", ">>", "&&", "||"}

// solid reads a word, a number, an address or a sign.
func (s *scanner) solid(rest string) token {
	t := token{pos: s.pos}
	n := span(rest, isWord)
	if s.addresses {
		if m := addressSpan(rest); m > n {
			return s.take(t, tokAddress, m)
		}
	}
	switch {
	case n > 0 && isDigit(rest[0]):
		return s.take(t, tokNumber, n)
	case n > 0:
		return s.take(t, tokWord, n)
	}
	for _, sign := range signs {
		if strings.HasPrefix(rest, sign) {
			return s.take(t, tokSign, len(sign))
		}
	}
	n = 1
	for n < len(rest) && rest[n]&0xc0 == 0x80 { // keep runes whole for messages
		n++
	}
	return s.take(t, tokSign, n)
}

func (s *scanner) take(t token, kind tokenKind, n int) token {
	t.kind, t.text = kind, s.src[s.off:s.off+n]
	s.advance(n)
	return t
}

func (s *scanner) advance(n int) {
	for range n {
		if s.src[s.off] == '\n' {
			s.pos = Pos{Line: s.pos.Line + 1}
		}
		s.off, s.pos.Col = s.off+1, s.pos.Col+1
	}
}

// addressSpan returns the length of what looks like an address: with a colon, or with dots and a leading digit.
func addressSpan(s string) int {
	n := span(s, func(c byte) bool {
		return isDigit(c) || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F' || c == '.' || c == ':'
	})
	head := s[:n]
	if !strings.Contains(head, ":") && !(strings.Contains(head, ".") && isDigit(head[0])) {
		return 0
	}
	if n < len(s) && s[n] == '/' {
		n += 1 + span(s[n+1:], isDigit)
	}
	return n
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
	return isDigit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_'
}

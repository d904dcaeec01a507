package policy

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/uapi"
)

// Parse reads a policy in our own text form. Errors are *trace.SyntaxError.
//
//	default deny
//	allow NOP, READ, WRITE
//	allow SOCKET if family in (AF_INET, AF_INET6) and type == SOCK_STREAM
//	allow CONNECT if addr in 10.0.0.0/8 and port == 443
//	require kernel >= 7.2 for CONNECT
func Parse(file string, text []byte) (*Policy, error) {
	toks, err := scan(file, text, textSyntax)
	if err != nil {
		return nil, err
	}
	p := parser{file: file, toks: toks, out: Policy{File: file}}
	for p.peek().kind != tokEnd {
		if err := p.statement(); err != nil {
			return nil, err
		}
	}
	if p.out.DefaultAt = p.first["default"]; p.out.DefaultAt == (Pos{}) {
		return nil, p.errorf(Pos{Line: 1, Col: 1}, `found no default, expected "default deny" or "default allow"`)
	}
	return &p.out, p.out.check()
}

// parser reads the text form, and is part of the parser of C.
type parser struct {
	file  string
	toks  []token
	pos   int
	depth int
	exact bool // whether keywords have to be in lower case
	out   Policy
	first map[string]Pos // the places of statements that may come only once
}

func (p *parser) peek() token { return p.toks[p.pos] }

// next returns the next token and moves on, but never beyond the last.
func (p *parser) next() token {
	t := p.toks[p.pos]
	if t.kind != tokEnd {
		p.pos++
	}
	return t
}

// is tells whether the next token is the keyword or sign.
func (p *parser) is(s string) bool {
	t := p.peek()
	if t.kind == tokWord && !p.exact {
		return strings.EqualFold(t.text, s)
	}
	return t.kind != tokEnd && t.text == s
}

// accept skips the next token if it is the keyword or sign, and tells whether it did.
func (p *parser) accept(s string) bool {
	if p.is(s) {
		p.pos++
		return true
	}
	return false
}

func (p *parser) expect(s string) error {
	if !p.accept(s) {
		return p.found(fmt.Sprintf("%q", s))
	}
	return nil
}

// found returns the error for a next token that was not expected.
func (p *parser) found(expected string) error {
	return p.errorf(p.peek().pos, "found %s, expected %s", p.peek(), expected)
}

func (p *parser) errorf(at Pos, format string, args ...any) error {
	return errorAt(p.file, at, format, args...)
}

// once refuses a second statement of the kind.
func (p *parser) once(what string, at Pos) error {
	if old, ok := p.first[what]; ok {
		return p.errorf(at, "found a second %s; the first is in line %d", what, old.Line)
	}
	if p.first == nil {
		p.first = map[string]Pos{}
	}
	p.first[what] = at
	return nil
}

// statement reads a statement, which may go on over several lines.
func (p *parser) statement() error {
	start := p.peek()
	if p.pos > 0 && start.pos.Line == p.toks[p.pos-1].pos.Line {
		return p.found("the end of the line")
	}
	var err error
	switch {
	case p.accept("default"):
		err = p.defaultRule(start.pos)
	case p.accept("allow"):
		err = p.ruleOrLimit(start.pos, Allow)
	case p.accept("deny"):
		err = p.rule(start.pos, Deny)
	case p.accept("require"):
		err = p.require(start.pos)
	default:
		err = p.found(`"default", "allow", "deny" or "require"`)
	}
	return err
}

func (p *parser) defaultRule(at Pos) error {
	switch {
	case p.accept("allow"):
		p.out.Default = Allow
	case p.accept("deny"):
		p.out.Default = Deny
	default:
		return p.found(`"deny" or "allow"`)
	}
	return p.once("default", at)
}

// ruleOrLimit reads what follows "allow".
func (p *parser) ruleOrLimit(at Pos, a Action) error {
	switch {
	case p.accept("register"):
		list := []uapi.RegisterOp{}
		err := p.list(func(t token) error {
			op, err := parseRegisterOp(t.text)
			list = append(list, op)
			return err
		})
		p.out.Limits.Register = &list
		p.out.LimitsAt = append(p.out.LimitsAt, at)
		return cmp.Or(err, p.once(`"allow register"`, at))
	case p.accept("submitted"):
		flags, err := p.submitted()
		p.out.Limits.Flags = &flags
		p.out.LimitsAt = append(p.out.LimitsAt, at)
		return cmp.Or(err, p.once(`"allow submitted sqe_flags"`, at))
	}
	return p.rule(at, a)
}

// submitted reads what follows "submitted".
func (p *parser) submitted() (uint8, error) {
	if err := p.expect("sqe_flags"); err != nil {
		return 0, err
	}
	var flags uint8
	err := p.list(func(t token) error {
		f, err := parseSQEFlag(t.text)
		flags |= f
		return err
	})
	return flags, err
}

// list reads words or numbers separated by commas, or "none".
func (p *parser) list(add func(token) error) error {
	if p.accept("none") {
		return nil
	}
	for {
		t := p.peek()
		if t.kind != tokWord && t.kind != tokNumber {
			return p.found("a name or a number")
		}
		if err := add(p.next()); err != nil {
			return p.errorf(t.pos, "%v", err)
		}
		if !p.accept(",") {
			return nil
		}
	}
}

// rule reads what follows "allow" or "deny".
func (p *parser) rule(at Pos, a Action) error {
	r := Rule{Pos: at, Action: a}
	if !p.accept("any") {
		err := p.list(func(t token) error {
			op, err := parseOp(t.text)
			if err == nil && len(r.Ops) > 0 && r.fits(op) {
				err = fmt.Errorf("found %s twice in one rule", op)
			}
			r.Ops, r.OpsAt = append(r.Ops, op), append(r.OpsAt, t.pos)
			return err
		})
		if err != nil {
			return err
		}
		if r.Ops == nil {
			return p.errorf(at, `found no opcode, expected some, or "any"`)
		}
	}
	if p.accept("if") {
		cond, err := p.or()
		if err != nil {
			return err
		}
		r.If = cond
	} else if t := p.peek(); t.kind != tokEnd && t.pos.Line == p.toks[p.pos-1].pos.Line {
		return p.found(`",", "if" or the end of the line`)
	}
	p.out.Rules = append(p.out.Rules, r)
	return nil
}

// require reads "kernel >= RELEASE for OPCODES" or "submitted sqe_flags FLAGS".
func (p *parser) require(at Pos) error {
	if p.accept("submitted") {
		flags, err := p.submitted()
		p.out.Limits.Required = flags
		p.out.LimitsAt = append(p.out.LimitsAt, at)
		return cmp.Or(err, p.once(`"require submitted sqe_flags"`, at))
	}
	if !p.accept("kernel") {
		return p.found(`"kernel" or "submitted"`)
	}
	if err := p.expect(">="); err != nil {
		return err
	}
	name := p.next()
	k, err := kernel.Parse(name.text)
	if err != nil || name.kind == tokEnd || k.Name != k.Base() {
		return p.errorf(name.pos, "found %s, expected a release: %s", name, kernel.Names())
	}
	if err := p.expect("for"); err != nil {
		return err
	}
	return p.list(func(t token) error {
		op, err := parseOp(t.text)
		p.out.Requires = append(p.out.Requires, Require{Pos: t.pos, Kernel: k, Op: op})
		return err
	})
}

package progtext

import "slices"

// preprocessor implements as much of C's preprocessor as sources of programs need: macros, and conditions on what the
// text itself defines. It does not read other files.
type preprocessor struct {
	in     *input
	macros map[string][]macro
	active []ctoken // tokens that remain after directives and conditions
	conds  []condition
	made   int // tokens that macros have expanded to so far
	depth  int // nesting of macros in arguments and bodies of macros
}

// macro is a definition. It holds from an offset of the text on.
type macro struct {
	from      int
	undefined bool
	function  bool
	params    []string
	body      []ctoken
}

// condition is an open #if.
type condition struct {
	off   int
	on    bool // the current branch is active
	taken bool // some branch was active
	outer bool // the surrounding text is active
}

// Limits that keep time and memory bounded, whatever the text defines.
const (
	maxSource = 1 << 21 // most tokens of a text
	maxTokens = 1 << 18 // most tokens that macros expand to
	maxDepth  = 100     // nesting of macros and parentheses
)

// builtin are the definitions of system headers that programs use, in our own words.
const builtin = `
#define BPF_STMT(code, k) { code, 0, 0, k }
#define BPF_JUMP(code, k, jt, jf) { code, jt, jf, k }
#define __ORDER_LITTLE_ENDIAN__ 1234
#define __ORDER_BIG_ENDIAN__ 4321
#define __BYTE_ORDER__ __ORDER_LITTLE_ENDIAN__
#define __LITTLE_ENDIAN 1234
#define __BIG_ENDIAN 4321
#define __BYTE_ORDER __LITTLE_ENDIAN
`

// preprocess splits a text into its macros and its active tokens.
func preprocess(in *input) (*preprocessor, error) {
	p := &preprocessor{in: &input{file: "builtin", text: []byte(builtin)}, macros: map[string][]macro{}}
	if err := p.run(); err != nil {
		return nil, err
	}
	for _, defined := range p.macros {
		defined[0].from = -1 // from the start of the text
	}
	p.in = in
	if err := p.run(); err != nil {
		return nil, err
	}
	if len(p.conds) > 0 {
		return nil, in.errorf(p.conds[len(p.conds)-1].off, `expected "#endif", found the end of the text`)
	}
	return p, nil
}

func (p *preprocessor) run() error {
	toks, err := scanC(p.in)
	if err != nil {
		return err
	}
	for len(toks) > 0 {
		n := 1
		for n < len(toks) && !toks[n].line {
			n++
		}
		line := toks[:n]
		toks = toks[n:]
		if line[0].text == "#" {
			err = p.directive(line)
		} else if p.on() {
			p.active = append(p.active, line...)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// on tells whether the current line is active.
func (p *preprocessor) on() bool { return len(p.conds) == 0 || p.conds[len(p.conds)-1].on }

func (p *preprocessor) directive(line []ctoken) error {
	if len(line) == 1 {
		return nil
	}
	rest := line[2:]
	switch line[1].text {
	case "define":
		if p.on() {
			return p.define(line[1], rest)
		}
	case "undef":
		if p.on() && len(rest) > 0 {
			p.macros[rest[0].text] = append(p.macros[rest[0].text], macro{from: rest[0].off, undefined: true})
		}
	case "if", "ifdef", "ifndef":
		outer := p.on()
		holds := false
		if outer {
			var err error
			if holds, err = p.holds(line[1], rest); err != nil {
				return err
			}
		}
		p.conds = append(p.conds, condition{line[0].off, outer && holds, holds, outer})
	case "elif", "else", "endif":
		return p.another(line[1], rest)
	}
	return nil // other directives do not matter here
}

// another handles the directives that belong to an open #if.
func (p *preprocessor) another(name ctoken, rest []ctoken) error {
	if len(p.conds) == 0 {
		return p.in.errorf(name.off, `found "#%s" without "#if"`, name.text)
	}
	c := &p.conds[len(p.conds)-1]
	holds := true
	switch {
	case name.text == "endif":
		p.conds = p.conds[:len(p.conds)-1]
		return nil
	case name.text == "elif" && c.outer && !c.taken:
		var err error
		if holds, err = p.holds(name, rest); err != nil {
			return err
		}
	}
	c.on = c.outer && !c.taken && holds
	c.taken = c.taken || holds
	return nil
}

// holds tells whether the condition of a directive is true. Undefined names count as 0.
func (p *preprocessor) holds(name ctoken, rest []ctoken) (bool, error) {
	if name.text != "if" && name.text != "elif" {
		if len(rest) == 0 {
			return false, p.in.errorf(name.off, `expected a name behind "#%s"`, name.text)
		}
		return p.defined(rest[0]) == (name.text == "ifdef"), nil
	}
	var toks []ctoken
	for i := 0; i < len(rest); i++ {
		if rest[i].text != "defined" {
			toks = append(toks, rest[i])
			continue
		}
		paren := i+1 < len(rest) && rest[i+1].text == "("
		if paren {
			i++
		}
		if i++; i >= len(rest) {
			return false, p.in.errorf(name.off, `expected a name behind "defined"`)
		}
		is := "0"
		if p.defined(rest[i]) {
			is = "1"
		}
		toks = append(toks, ctoken{kind: cNumber, text: is, off: rest[i].off})
		if paren {
			i++
		}
	}
	toks, err := p.expand(toks, nil)
	if err != nil {
		return false, err
	}
	e := expression{in: p.in, toks: toks, end: name.off, unknown: true}
	v, err := e.value()
	if err == nil && len(e.toks) > 0 {
		err = e.expected("the end of the line")
	}
	return v != 0, err
}

func (p *preprocessor) defined(t ctoken) bool { return p.lookup(t) != nil }

// lookup returns the macro with the token's text that is defined at its place, or nil.
func (p *preprocessor) lookup(t ctoken) *macro {
	defined := p.macros[t.text]
	for i := len(defined) - 1; i >= 0; i-- {
		if defined[i].from < t.off {
			if defined[i].undefined {
				return nil
			}
			return &defined[i]
		}
	}
	return nil
}

func (p *preprocessor) define(define ctoken, rest []ctoken) error {
	if len(rest) == 0 || rest[0].kind != cName {
		return p.in.errorf(define.off, `expected a name behind "#define"`)
	}
	name := rest[0]
	m := macro{from: name.off}
	rest = rest[1:]
	if len(rest) > 0 && rest[0].text == "(" && rest[0].glue {
		end := slices.IndexFunc(rest, func(t ctoken) bool { return t.text == ")" })
		if end < 0 {
			return p.in.errorf(name.off, `expected ")" behind the parameters of %s`, name.text)
		}
		m.function = true
		for _, t := range rest[1:end] {
			if t.text != "," {
				m.params = append(m.params, t.text)
			}
		}
		rest = rest[end+1:]
	}
	m.body = slices.Clone(rest)
	p.macros[name.text] = append(p.macros[name.text], m)
	return nil
}

// expand replaces macros, except those in busy, which are being expanded already.
func (p *preprocessor) expand(toks []ctoken, busy []string) ([]ctoken, error) {
	p.depth++
	defer func() { p.depth-- }()
	var out []ctoken
	for i := 0; i < len(toks); i++ {
		t := toks[i]
		m := p.lookup(t)
		if t.kind != cName || m == nil || slices.Contains(busy, t.text) ||
			m.function && (i+1 >= len(toks) || toks[i+1].text != "(") {
			out = append(out, t)
			continue
		}
		body := placed(m.body, t.off)
		if m.function {
			args, n, err := p.arguments(t, toks[i+2:])
			if err != nil {
				return nil, err
			}
			if body, err = p.substitute(t, m, args, busy); err != nil {
				return nil, err
			}
			i += 1 + n
		}
		if p.made += len(body); p.made > maxTokens || p.depth > maxDepth {
			return nil, p.in.errorf(t.off, "%s expands to too much", t.text)
		}
		more, err := p.expand(body, append(slices.Clone(busy), t.text))
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	return out, nil
}

// placed returns the tokens with the place where the macro is used, which is where errors in them are reported.
func placed(toks []ctoken, off int) []ctoken {
	toks = slices.Clone(toks)
	for i := range toks {
		toks[i].off = off
	}
	return toks
}

// arguments splits the tokens behind "(" at commas, and returns the number of tokens up to and including ")".
func (p *preprocessor) arguments(name ctoken, toks []ctoken) (args [][]ctoken, n int, err error) {
	depth, start := 0, 0
	for i, t := range toks {
		switch {
		case t.text == "(":
			depth++
		case t.text == ")" && depth > 0:
			depth--
		case t.text == ")":
			return append(args, toks[start:i]), i + 1, nil
		case t.text == "," && depth == 0:
			args, start = append(args, toks[start:i]), i+1
		}
	}
	return nil, 0, p.in.errorf(name.off, `expected ")" behind the arguments of %s`, name.text)
}

// substitute returns the body of a macro with its parameters replaced by the expanded arguments.
func (p *preprocessor) substitute(name ctoken, m *macro, args [][]ctoken, busy []string) ([]ctoken, error) {
	if len(m.params) == 0 && len(args) == 1 && len(args[0]) == 0 {
		args = nil
	}
	if len(args) != len(m.params) {
		return nil, p.in.errorf(name.off, "%s takes %d arguments, found %d", name.text, len(m.params), len(args))
	}
	var body []ctoken
	for _, t := range placed(m.body, name.off) {
		if t.text == "#" || t.text == "##" {
			return nil, p.in.errorf(name.off, "%s uses %q, which is not supported", name.text, t.text)
		}
		i := slices.Index(m.params, t.text)
		if i < 0 || t.kind != cName {
			body = append(body, t)
			continue
		}
		if p.depth > maxDepth {
			return nil, p.in.errorf(name.off, "%s is nested too deeply", name.text)
		}
		arg, err := p.expand(args[i], busy)
		if err != nil {
			return nil, err
		}
		if p.made += len(arg); p.made > maxTokens {
			return nil, p.in.errorf(name.off, "%s expands to too much", name.text)
		}
		body = append(body, arg...)
	}
	return body, nil
}

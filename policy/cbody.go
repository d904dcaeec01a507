package policy

import (
	"slices"

	"github.com/uringsim/uringsim/uapi"
)

// ParseC reads a filter function in C, or only its body: if, else, return, and comparisons of fields of ctx with
// constants. A request for which it returns 0 is denied. The function is for op or, if op is nil, for the opcodes that
// have the fields it looks at. Errors are *trace.SyntaxError.
//
//	if (ctx->socket.family != AF_INET && ctx->socket.family != AF_INET6)
//		return 0;
//	return 1;
func ParseC(file string, text []byte, op *uapi.Op) (*Policy, error) {
	toks, err := scan(file, text, cSyntax)
	if err != nil {
		return nil, err
	}
	c := cParser{parser: parser{file: file, toks: toks, exact: true, out: Policy{File: file, Default: Allow}}, ctx: "ctx"}
	end, err := c.function()
	if err != nil {
		return nil, err
	}
	ops, err := c.opcodes(op, end)
	if err != nil {
		return nil, err
	}
	for i := range c.out.Rules {
		r := &c.out.Rules[i]
		r.Ops = ops
		r.OpsAt = slices.Repeat([]Pos{r.Pos}, len(ops))
	}
	return &c.out, c.out.check()
}

// IsC tells whether a text in C looks like a function that ParseC reads: whether it returns something.
func IsC(text []byte) bool {
	toks, err := scan("", text, cSyntax)
	return err != nil || slices.ContainsFunc(toks, func(t token) bool { return t.kind == tokWord && t.text == "return" })
}

// cParser reads C. Each return becomes a rule, whose condition is that of the ifs around it: the first return in the
// text whose condition holds is the one that the function reaches.
type cParser struct {
	parser
	ctx  string // name of the parameter
	used []cUse // the structs of the payload that the function looks at
}

// cUse is a struct of the payload, and where the function first looks at it.
type cUse struct {
	name string
	pos  Pos
}

// payloadStructs are the members of the union in the context, and the opcodes that have them.
var payloadStructs = map[string][]uapi.Op{"socket": socketOps, "open": openOps, "connect": connectOps}

// opcodes returns the opcodes that the function is for. End is the end of the function.
func (c *cParser) opcodes(op *uapi.Op, end Pos) ([]uapi.Op, error) {
	if len(c.used) > 1 {
		return nil, c.errorf(c.used[1].pos, "found %s->%s and %s->%s in one function, which no request has both",
			c.ctx, c.used[1].name, c.ctx, c.used[0].name)
	}
	if len(c.used) == 0 {
		if op == nil {
			return nil, c.errorf(end, "found nothing that tells which opcode the function is for: name the opcode, or look at "+
				"%s->socket, %[1]s->open or %[1]s->connect", c.ctx)
		}
		return []uapi.Op{*op}, nil
	}
	ops := payloadStructs[c.used[0].name]
	if op == nil {
		return ops, nil
	}
	if !slices.Contains(ops, *op) {
		return nil, c.errorf(c.used[0].pos, "found %s->%s in a function for %s, which has no such arguments",
			c.ctx, c.used[0].name, *op)
	}
	return []uapi.Op{*op}, nil
}

// function reads a function or its body, and returns the place where it ends.
func (c *cParser) function() (Pos, error) {
	c.directives()
	braces := false
	if !c.is("if") && !c.is("return") && !c.is("{") {
		if err := c.header(); err != nil {
			return Pos{}, err
		}
		if !c.is("{") {
			return Pos{}, c.found(`"{"`)
		}
	}
	braces = c.accept("{")
	returns := false
	for c.peek().kind != tokEnd && !(braces && c.is("}")) {
		if returns {
			return Pos{}, c.errorf(c.peek().pos, "found %s, which is never reached", c.peek())
		}
		var err error
		if returns, err = c.statement(nil); err != nil {
			return Pos{}, err
		}
	}
	end := c.peek().pos
	if !returns {
		return end, c.errorf(end, "found the end of the function, expected return")
	}
	if braces {
		c.next()
	}
	if c.peek().kind != tokEnd {
		return end, c.found("nothing behind the function")
	}
	return end, nil
}

// directives skips lines such as #include.
func (c *cParser) directives() {
	for c.is("#") {
		for line := c.next().pos.Line; c.peek().pos.Line == line && c.peek().kind != tokEnd; {
			c.next()
		}
	}
}

// header reads SEC("name") int name(struct io_uring_bpf_ctx *ctx).
func (c *cParser) header() error {
	if c.accept("SEC") {
		for c.peek().kind != tokEnd && !c.accept(")") {
			c.next()
		}
	}
	words := 0
	for ; c.peek().kind == tokWord; c.next() {
		words++
	}
	if words < 2 || !c.is("(") {
		return c.found("if, return, or a function such as int filter(struct io_uring_bpf_ctx *ctx)")
	}
	c.next()
	c.accept("const")
	for _, s := range []string{"struct", "io_uring_bpf_ctx", "*"} {
		if err := c.expect(s); err != nil {
			return err
		}
	}
	if c.peek().kind != tokWord {
		return c.found("the name of the context")
	}
	c.ctx = c.next().text
	return c.expect(")")
}

// statement reads a statement that is reached under the given conditions. It tells whether the statement always
// returns.
func (c *cParser) statement(under []Cond) (returns bool, err error) {
	if c.depth++; c.depth > maxDepth {
		return false, c.errorf(c.peek().pos, "found statements nested more than %d deep", maxDepth)
	}
	defer func() { c.depth-- }()
	switch start := c.peek(); {
	case c.accept(";"):
		return false, nil
	case c.accept("{"):
		return c.block(under)
	case c.accept("if"):
		return c.ifElse(under)
	case c.accept("return"):
		return true, c.returns(start.pos, under)
	}
	return false, c.found("if, return or {")
}

// block reads what follows "{".
func (c *cParser) block(under []Cond) (returns bool, err error) {
	for !c.accept("}") {
		if returns {
			return false, c.errorf(c.peek().pos, "found %s, which is never reached", c.peek())
		}
		if returns, err = c.statement(under); err != nil {
			return false, err
		}
	}
	return returns, nil
}

// ifElse reads what follows "if".
func (c *cParser) ifElse(under []Cond) (returns bool, err error) {
	if err := c.expect("("); err != nil {
		return false, err
	}
	v, err := c.expression(0)
	if err != nil {
		return false, err
	}
	cond, err := v.condition(c)
	if err != nil {
		return false, err
	}
	if err := c.expect(")"); err != nil {
		return false, err
	}
	yes, err := c.statement(append(slices.Clip(under), cond))
	if err != nil || !c.accept("else") {
		return false, err
	}
	if !yes { // otherwise the rule of the return comes first and decides
		under = append(slices.Clip(under), Not{cond})
	}
	no, err := c.statement(under)
	return yes && no, err
}

// returns reads what follows "return".
func (c *cParser) returns(at Pos, under []Cond) error {
	v, err := c.expression(0)
	if err != nil {
		return err
	}
	if err := c.expect(";"); err != nil {
		return err
	}
	if v.kind == cConstant {
		c.rule(at, v.num != 0, under)
		return nil
	}
	cond, err := v.condition(c)
	if err != nil {
		return err
	}
	c.rule(at, Allow, append(slices.Clip(under), cond))
	c.rule(at, Deny, under)
	return nil
}

// rule adds a rule for requests for which all conditions hold.
func (c *cParser) rule(at Pos, a Action, under []Cond) {
	r := Rule{Pos: at, Action: a}
	switch len(under) {
	case 0:
	case 1:
		r.If = under[0]
	default:
		r.If = All(slices.Clone(under))
	}
	c.out.Rules = append(c.out.Rules, r)
}

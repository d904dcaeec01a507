package progtext

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/scanner"
	"go/token"
	"math"
	"strings"

	"github.com/uringsim/uringsim/srcpos"
	"github.com/uringsim/uringsim/uapi"
)

// goReader reads instructions from the syntax tree of a Go source.
type goReader struct {
	in     *input
	before int // length of what was put in front of the text
	files  *token.FileSet
	consts map[string]ast.Expr
	busy   int // nesting of the current expression
	made   int // expressions evaluated so far
}

// readGo finds a slice or array of RawInstruction or SockFilter in a source. It also reads a text that consists of the
// literal or of declarations alone.
func readGo(in input) (*Program, error) {
	front := ""
	switch text := strings.TrimSpace(string(in.text)); {
	case strings.HasPrefix(text, "["):
		front = "package p; var _ = "
	case strings.HasPrefix(text, "var"), strings.HasPrefix(text, "const"):
		front = "package p; "
	}
	r := goReader{in: &in, before: len(front), files: token.NewFileSet(), consts: map[string]ast.Expr{}}
	file, err := parser.ParseFile(r.files, in.file, front+string(in.text), parser.SkipObjectResolution)
	var list scanner.ErrorList
	if errors.As(err, &list) {
		return nil, in.errorf(max(0, list[0].Pos.Offset-r.before), "not Go: %s", list[0].Msg)
	} else if err != nil {
		return nil, in.errorf(0, "not Go: %v", err)
	}
	arrays, literals := r.arrays(file)
	i, err := in.choose(arrays)
	if err != nil {
		return nil, err
	}
	var out Program
	lines := srcpos.LinesOf(in.text)
	for _, e := range literals[i].Elts {
		insn, err := r.element(e)
		if err != nil {
			return nil, err
		}
		out.add(insn, lines, r.off(e))
	}
	return &out, nil
}

func (r *goReader) off(n ast.Node) int { return max(0, r.files.Position(n.Pos()).Offset-r.before) }

// arrays finds the literals of programs, and collects the constants of the text.
func (r *goReader) arrays(file *ast.File) (found []array, literals []*ast.CompositeLit) {
	names := map[ast.Node]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ValueSpec:
			for i, v := range n.Values {
				if i < len(n.Names) {
					names[v] = n.Names[i].Name
					r.consts[n.Names[i].Name] = v
				}
			}
		case *ast.AssignStmt:
			for i, v := range n.Rhs {
				if id, ok := n.Lhs[min(i, len(n.Lhs)-1)].(*ast.Ident); ok {
					names[v] = id.Name
				}
			}
		case *ast.CompositeLit:
			t, ok := n.Type.(*ast.ArrayType)
			if ok && (lastName(t.Elt) == "RawInstruction" || lastName(t.Elt) == "SockFilter") {
				name := names[n]
				if name == "_" {
					name = ""
				}
				found = append(found, array{name, r.off(n)})
				literals = append(literals, n)
			}
		}
		return true
	})
	return found, literals
}

// lastName returns the name of a type or constant without its package.
func lastName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// goParts are the members of both types, by their position in struct sock_filter.
var goParts = map[string]int{"Op": 0, "Code": 0, "Jt": 1, "Jf": 2, "K": 3}

// element reads an instruction such as "{Op: 6, K: 1}" or "{6, 0, 0, 1}".
func (r *goReader) element(e ast.Expr) (in uapi.SockFilter, err error) {
	lit, ok := e.(*ast.CompositeLit)
	if !ok {
		return in, r.in.errorf(r.off(e), "expected an instruction in braces")
	}
	var v [4]uint32
	for place, e := range lit.Elts {
		value := e
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			if place, ok = goParts[lastName(kv.Key)]; !ok {
				return in, r.in.errorf(r.off(e), "an instruction has no member %q", lastName(kv.Key))
			}
			value = kv.Value
		}
		if place >= len(parts) {
			return in, r.in.errorf(r.off(e), "an instruction has four members")
		}
		n, err := r.eval(value)
		if err != nil {
			return in, err
		}
		k, exact := constant.Uint64Val(n)
		if p := parts[place]; !exact || k>>p.bits != 0 {
			return in, r.in.errorf(r.off(value), "%s is %s, which does not fit in %d bits", p.name, n, p.bits)
		}
		v[place] = uint32(k)
	}
	return uapi.SockFilter{Code: uint16(v[0]), Jt: uint8(v[1]), Jf: uint8(v[2]), K: v[3]}, nil
}

// eval returns the value of a constant expression.
func (r *goReader) eval(e ast.Expr) (constant.Value, error) {
	r.busy++
	defer func() { r.busy-- }()
	if r.made++; r.busy > maxDepth || r.made > maxTokens {
		return nil, r.in.errorf(r.off(e), "expressions are nested too deeply")
	}
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.INT {
			return constant.MakeFromLiteral(e.Value, e.Kind, 0), nil
		}
	case *ast.ParenExpr:
		return r.eval(e.X)
	case *ast.Ident, *ast.SelectorExpr:
		if v, ok := r.consts[lastName(e)]; ok {
			return r.eval(v)
		}
		if v, ok := constants[lastName(e)]; ok {
			return constant.MakeUint64(uint64(v)), nil
		}
		return nil, r.in.errorf(r.off(e), "%q is neither a known constant nor defined here", lastName(e))
	case *ast.BinaryExpr:
		return r.binary(e)
	case *ast.CallExpr:
		if goTypes[lastName(e.Fun)] && len(e.Args) == 1 {
			return r.eval(e.Args[0])
		}
	}
	return nil, r.in.errorf(r.off(e), "expected a number or a constant such as unix.AF_INET")
}

// goTypes are the types of conversions that may occur. Whether a number fits is checked where it is used.
var goTypes = map[string]bool{"uint8": true, "uint16": true, "uint32": true, "uint64": true, "int": true, "uint": true}

func (r *goReader) binary(e *ast.BinaryExpr) (constant.Value, error) {
	x, err := r.eval(e.X)
	if err != nil {
		return nil, err
	}
	y, err := r.eval(e.Y)
	if err != nil {
		return nil, err
	}
	switch e.Op {
	case token.SHL, token.SHR:
		if n, exact := constant.Uint64Val(y); exact && n < 64 {
			return r.small(e, constant.Shift(x, e.Op, uint(n)))
		}
	case token.OR, token.AND, token.XOR, token.AND_NOT, token.ADD, token.SUB, token.MUL:
		return r.small(e, constant.BinaryOp(x, e.Op, y))
	}
	return nil, r.in.errorf(r.off(e), "cannot evaluate %s here", e.Op)
}

// small refuses numbers beyond 32 bits, so that they cannot grow without bound.
func (r *goReader) small(e ast.Expr, v constant.Value) (constant.Value, error) {
	if n, exact := constant.Int64Val(v); !exact || n > math.MaxUint32 || n < math.MinInt32 {
		return nil, r.in.errorf(r.off(e), "the number does not fit in 32 bits")
	}
	return v, nil
}

func writeGo(out *bytes.Buffer, insns []uapi.SockFilter, o Options) error {
	fmt.Fprintf(out, "var %s = []bpf.RawInstruction{\n", o.Name)
	for pc, text := range remarks(insns, o.Op) {
		in := insns[pc]
		fmt.Fprintf(out, "\t{Op: %#02x, Jt: %d, Jf: %d, K: %#08x}, // %s\n", in.Code, in.Jt, in.Jf, in.K, text)
	}
	out.WriteString("}\n")
	return nil
}

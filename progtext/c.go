package progtext

import (
	"bytes"
	"fmt"
	"math"
	"strings"

	"github.com/uringsim/uringsim/srcpos"
	"github.com/uringsim/uringsim/uapi"
)

// readC finds an array of struct sock_filter in a source. It also reads a text that consists of the elements alone, as
// bpf_asm -c writes them.
func readC(in input) (*Program, error) {
	p, err := preprocess(&in)
	if err != nil {
		return nil, err
	}
	body := p.active
	if arrays, bodies := p.arrays(); arrays != nil || in.o.Name != "" {
		i, err := in.choose(arrays)
		if err != nil {
			return nil, err
		}
		body = bodies[i]
	}
	if body, err = p.expand(body, nil); err != nil {
		return nil, err
	}
	return elements(&in, withoutBraces(body))
}

// IsC tells whether a text in C has an array of instructions.
func IsC(text []byte) bool {
	p, err := preprocess(&input{text: text})
	if err != nil {
		return false
	}
	found, _ := p.arrays()
	return len(found) > 0
}

// withoutBraces returns the elements of "{ {...}, {...} };".
func withoutBraces(toks []ctoken) []ctoken {
	if n := len(toks); n > 0 && toks[n-1].text == ";" {
		toks = toks[:n-1]
	}
	if n := len(toks); n > 2 && toks[0].text == "{" && toks[1].text == "{" && toks[n-1].text == "}" {
		return toks[1 : n-1]
	}
	return toks
}

// arrays finds "struct sock_filter NAME[] = {" and "(struct sock_filter []) {", and the tokens between the braces.
func (p *preprocessor) arrays() (found []array, bodies [][]ctoken) {
	toks := p.active
	at := func(i int) string {
		if i < len(toks) && toks[i].kind != cString {
			return toks[i].text
		}
		return ""
	}
	for i := range toks {
		if at(i) != "sock_filter" {
			continue
		}
		a := array{off: toks[i].off}
		j := i + 1
		if j < len(toks) && toks[j].kind == cName {
			a.name = toks[j].text
			j++
		}
		if at(j) != "[" {
			continue
		}
		for j < len(toks) && at(j) != "]" {
			j++
		}
		if j++; at(j) != "=" && at(j) != ")" || at(j+1) != "{" {
			continue // a declaration
		}
		found = append(found, a)
		bodies = append(bodies, braced(toks[j+2:]))
	}
	return found, bodies
}

// braced returns the tokens before the closing brace, or all if there is none.
func braced(toks []ctoken) []ctoken {
	depth := 0
	for i, t := range toks {
		switch t.text {
		case "{":
			depth++
		case "}":
			if depth--; depth < 0 {
				return toks[:i]
			}
		}
	}
	return toks
}

// elements reads the elements of an array.
func elements(in *input, toks []ctoken) (*Program, error) {
	var out Program
	lines := srcpos.LinesOf(in.text)
	e := expression{in: in, toks: toks, end: len(in.text)}
	for len(e.toks) > 0 {
		start := e.peek().off
		if e.accept("(") {
			if err := e.expect("struct", "sock_filter", ")"); err != nil {
				return nil, err
			}
		}
		insn, err := e.element()
		if err != nil {
			return nil, err
		}
		out.add(insn, lines, start)
		if len(e.toks) > 0 && !e.accept(",") {
			return nil, e.expected(`","`)
		}
	}
	return &out, nil
}

// parts are the members of struct sock_filter.
var parts = [4]struct {
	name string
	bits int
}{{"code", 16}, {"jt", 8}, {"jf", 8}, {"k", 32}}

// element reads "{ code, jt, jf, k }", with or without designators.
func (e *expression) element() (in uapi.SockFilter, err error) {
	if err := e.expect("{"); err != nil {
		return in, err
	}
	var v [4]uint32
	for place := 0; !e.accept("}"); place++ {
		if e.accept(".") {
			t := e.next()
			for place = 0; place < len(parts) && parts[place].name != t.text; place++ {
			}
			if place == len(parts) {
				return in, e.in.errorf(t.off, "struct sock_filter has no member %s", t)
			}
			if err := e.expect("="); err != nil {
				return in, err
			}
		}
		if place >= len(parts) {
			return in, e.expected(`"}"`)
		}
		t := e.peek()
		n, err := e.value()
		if err != nil {
			return in, err
		}
		if v[place], err = e.part(t, place, n); err != nil {
			return in, err
		}
		if e.peek().text != "}" {
			if err := e.expect(","); err != nil {
				return in, err
			}
		}
	}
	return uapi.SockFilter{Code: uint16(v[0]), Jt: uint8(v[1]), Jf: uint8(v[2]), K: v[3]}, nil
}

// part returns a number as a member of an instruction. Only k may be negative.
func (e *expression) part(t ctoken, place int, n int64) (uint32, error) {
	p := parts[place]
	low := int64(0)
	if p.bits == 32 {
		low = math.MinInt32
	}
	if n < low || n >= 1<<p.bits {
		return 0, e.in.errorf(t.off, "%s is %d, which does not fit in %d bits", p.name, n, p.bits)
	}
	return uint32(n), nil
}

func writeC(out *bytes.Buffer, insns []uapi.SockFilter, o Options) error {
	fmt.Fprintf(out, "struct sock_filter %s[] = {\n", o.Name)
	for pc, text := range remarks(insns, o.Op) {
		in := insns[pc]
		fmt.Fprintf(out, "\t{ 0x%02x, %d, %d, 0x%08x }, /* %s */\n", in.Code, in.Jt, in.Jf, in.K, text)
	}
	out.WriteString("};\n")
	return nil
}

// remarks returns a listing as comments for other languages.
func remarks(insns []uapi.SockFilter, op *uapi.Op) []string {
	lines := Listing(insns, op)
	for i, line := range lines {
		code, note, _ := strings.Cut(line, " ; ")
		lines[i] = strings.TrimRight(code, " ")
		if note != "" {
			lines[i] += "; " + note
		}
	}
	return lines
}

package load_test

import (
	"testing"

	"github.com/uringsim/uringsim/load"
	"github.com/uringsim/uringsim/uapi"
)

func TestText(t *testing.T) {
	socket := uapi.Op(uapi.IORING_OP_SOCKET)
	for _, row := range []struct {
		why, file, text string
		options         load.Options
		want            string // the error; "" is none
	}{
		{"assembler", "a.bpf", "ret #1", load.Options{Op: &socket}, ""},
		{"assembler by name of the form", "a", "ret #1", load.Options{Form: "asm", Op: &socket}, ""},
		{"no opcode", "a.bpf", "ret #1", load.Options{}, "a.bpf: a program alone does not say for which opcode it is"},
		{"a mistake", "a.bpf", "ret #1\nret 1", load.Options{Op: &socket}, `a.bpf:2:5: expected #constant or a, found "1"`},
		{"an array of C", "a.c", "struct sock_filter a[] = {{6}}; struct sock_filter b[] = {{6}};",
			load.Options{Op: &socket, Name: "b"}, ""},
		{"a form that needs its name", "a", "06", load.Options{Form: "hex", Op: &socket}, "a:1:3: found 1 bytes, expected a multiple of 8"},
		{"a plan", "p.json", `{"plan": 1}`, load.Options{}, ""},
		{"no known suffix", "p.txt", "", load.Options{}, "p.txt: the name does not tell its form; forms are asm, raw, hex, decimal, c, go, json, trace, plan"},
		{"no known form", "p.json", "", load.Options{Form: "x"}, `there is no form "x"; forms are asm, raw, hex, decimal, c, go, json, trace, plan`},
	} {
		got := ""
		if _, err := load.Text(row.file, []byte(row.text), row.options); err != nil {
			got = err.Error()
		}
		if got != row.want {
			t.Errorf("%s: got %q, want %q", row.why, got, row.want)
		}
	}
}

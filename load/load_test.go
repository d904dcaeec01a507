package load_test

import (
	"testing"

	"github.com/uringsim/uringsim/kernel"
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
		{"no opcode", "a.bpf", "ret #1", load.Options{}, "a.bpf: a program alone does not say which opcode it is for"},
		{"a mistake", "a.bpf", "ret #1\nret 1", load.Options{Op: &socket}, `a.bpf:2:5: expected #constant or a, found "1"`},
		{"an array of C", "a.c", "struct sock_filter a[] = {{6}}; struct sock_filter b[] = {{6}};",
			load.Options{Op: &socket, Name: "b"}, ""},
		{"a form that needs its name", "a", "06", load.Options{Form: "hex", Op: &socket}, "a:1:3: found 1 bytes, expected a multiple of 8"},
		{"a plan", "p.json", `{"plan": 1}`, load.Options{}, ""},
		{"a policy", "p.policy", "default deny\nallow NOP", load.Options{}, ""},
		{"a mistake in one", "p.policy", "default deny\nallow NOOP", load.Options{},
			`p.policy:2:7: found "NOOP", expected an opcode such as SOCKET`},
		{"a policy for a kernel without filters", "p.policy", "default deny", load.Options{Kernels: []kernel.Release{kernel.V6_19}},
			"p.policy: tasks cannot register filters on 6.19"},
		{"a container's object", "p.json", `{"defaultAction": "deny", "ops": ["IORING_OP_NOP"]}`, load.Options{}, ""},
		{"a container's configuration", "p.json", `{"linux": {"ioUring": {"defaultAction": "no"}}}`, load.Options{},
			`p.json:1:23: defaultAction: found "no", expected "deny" or "allow"`},
		{"neither object nor plan", "p.json", `{"ops": []}`, load.Options{}, "p.json:1:2: ops: unknown key; known are plan, name, restrictions, filters"},
		{"a trace", "t.json", "\n{ \"trace\": 1, \"events\": []}", load.Options{},
			"t.json:1:1: found a trace, expected a program, policy or plan; the form trace takes the program that a trace registers"},
		{"a function", "f.c", "return ctx->socket.family == AF_INET;", load.Options{}, ""},
		{"a function for an opcode that is named", "f.c", "return ctx->user_data == 1;", load.Options{Op: &socket}, ""},
		{"a mistake in one", "f.c", "return 1", load.Options{}, `f.c:1:9: found the end of the text, expected ";"`},
		{"a policy by name of the form", "p.txt", "default deny", load.Options{Form: "policy"}, ""},
		{"no known suffix", "p.txt", "", load.Options{}, "p.txt: the file name does not tell the form; forms are asm, raw, hex, decimal, c, go, json, trace, plan, policy, oci, function"},
		{"no known form", "p.json", "", load.Options{Form: "x"}, `there is no form "x"; forms are asm, raw, hex, decimal, c, go, json, trace, plan, policy, oci, function`},
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

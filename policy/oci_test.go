package policy

import (
	"strings"
	"testing"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/uapi"
)

func TestErrorsOfOCI(t *testing.T) { expected(t, "testdata/errors.ociobjects", ParseOCI) }

// TestOCI: objects say the same as policies in text, and are written as they were read.
func TestOCI(t *testing.T) {
	for _, row := range []struct{ why, object, text string }{
		{"what is listed is allowed", `{"defaultAction": "deny", "ops": ["IORING_OP_READ", "22", 23, "IORING_OP_SOCKET"]}`,
			"default deny\nallow READ, WRITE, SOCKET"},
		{"what is listed is denied", `{"defaultAction": "allow", "ops": ["IORING_OP_URING_CMD"]}`,
			"default allow\ndeny URING_CMD"},
		{"nothing is listed", `{"defaultAction": "deny"}`, "default deny"},
		{"some families",
			`{"defaultAction": "deny", "ops": ["IORING_OP_SOCKET", "IORING_OP_NOP"], "socketFamilies": ["AF_UNIX", 2]}`,
			"default deny\nallow SOCKET if family in (1, 2)\nallow NOP"},
		{"some families, where the default is allow", `{"defaultAction": "allow", "socketFamilies": ["AF_INET", "AF_ALG"]}`,
			"default allow\ndeny SOCKET if family not in (2, 38)"},
		{"no family", `{"defaultAction": "deny", "ops": ["IORING_OP_SOCKET", "IORING_OP_NOP"], "socketFamilies": []}`,
			"default deny\nallow NOP"},
		{"no family, where the default is allow", `{"defaultAction": "allow", "socketFamilies": []}`,
			"default allow\ndeny SOCKET"},
		{"families of sockets that are not allowed", `{"defaultAction": "deny", "ops": [0], "socketFamilies": ["AF_INET"]}`,
			"default deny\nallow NOP"},
		{"families of sockets that are denied", `{"defaultAction": "allow", "ops": [45], "socketFamilies": ["AF_INET"]}`,
			"default allow\ndeny SOCKET"},
		{"flags", `{"defaultAction": "deny", "ops": [0], "deniedSqeFlags": ["IOSQE_ASYNC", "IOSQE_FIXED_FILE"]}`,
			"default deny\ndeny any if sqe_flags & (IOSQE_ASYNC|IOSQE_FIXED_FILE) != 0\nallow NOP"},
	} {
		object, err := ParseOCI("f", []byte(row.object))
		if err != nil {
			t.Fatalf("%s: %v", row.why, err)
		}
		witness(t, object)
		witnessPlan(t, object)
		text, err := Parse("f", []byte(row.text))
		if err != nil {
			t.Fatalf("%s: %v", row.why, err)
		}
		same(t, row.why, object, text)
		for _, p := range []*Policy{object, text} {
			written, err := p.OCI()
			if err != nil {
				t.Fatalf("%s: %v", row.why, err)
			}
			again, err := ParseOCI("f", written)
			if err != nil {
				t.Fatalf("%s: %v\n%s", row.why, err, written)
			}
			same(t, row.why+", written", p, again)
		}
	}
}

// TestNotOCI: what the object cannot say is an error that names the rule.
func TestNotOCI(t *testing.T) {
	for _, row := range []struct{ why, text, want string }{
		{"another condition", "default deny\nallow NOP\nallow OPENAT if flags & O_CREAT == 0",
			"f:3:1: the container form cannot express: allow OPENAT if flags & O_CREAT == 0"},
		{"flags of one opcode", "default deny\ndeny NOP if sqe_flags & IOSQE_ASYNC != 0\nallow NOP",
			"f:2:1: the container form cannot express: deny NOP if sqe_flags & IOSQE_ASYNC != 0"},
		{"flags that do not count for all", "default deny\nallow NOP\ndeny any if sqe_flags & IOSQE_ASYNC != 0\nallow READ",
			"f:3:1: the container form cannot express: deny any if sqe_flags & IOSQE_ASYNC != 0"},
		{"families and a condition", "default deny\nallow SOCKET if family == AF_INET and type == SOCK_STREAM",
			"f:2:1: the container form cannot express: allow SOCKET if family == AF_INET and type == SOCK_STREAM"},
		{"two rules for families", "default deny\nallow SOCKET if family == AF_INET\nallow SOCKET if family == AF_INET6",
			"f:3:1: the container form cannot express: allow SOCKET if family == AF_INET6"},
		{"families, and then all of them", "default deny\nallow SOCKET if family == AF_INET\nallow SOCKET",
			"f:3:1: the container form cannot express: allow SOCKET"},
		{"any opcode", "default deny\nallow any", "f:2:1: the container form cannot express: allow any"},
		{"limits", "default deny\nallow register none", "f: the container form cannot express limits on register calls and submitted flags"},
		{"kernels", "default deny\nrequire kernel >= 7.2 for CONNECT", "f:2:27: the container form cannot express which kernels are required"},
	} {
		p, err := Parse("f", []byte(row.text))
		if err != nil {
			t.Fatalf("%s: %v", row.why, err)
		}
		if _, err := p.OCI(); err == nil || !strings.HasPrefix(err.Error(), row.want) {
			t.Errorf("%s: got %v, want %s", row.why, err, row.want)
		}
	}
}

// TestContainer: a configuration of a container has 38 opcodes, and all that can have filters enforce it.
func TestContainer(t *testing.T) {
	p, err := ParseOCI("config.json", []byte(readFile(t, "testdata/container/config.json")))
	if err != nil {
		t.Fatal(err)
	}
	witness(t, p)
	plan, err := p.Compile(Options{Kernels: []kernel.Release{kernel.V7_0, kernel.V7_1, kernel.V7_2, kernel.V7_3}})
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Filters) != 38 {
		t.Errorf("got %d filters, want one for each of 38 opcodes", len(plan.Filters))
	}
	for i, f := range plan.Filters {
		if last := i == len(plan.Filters)-1; last != (f.Flags&uapi.IO_URING_BPF_FILTER_DENY_REST != 0) {
			t.Errorf("filter %d of %d has the flags %d: DENY_REST belongs to the last one", i+1, len(plan.Filters), f.Flags)
		}
	}
}

// FuzzParseOCI: whatever the text, there is an error or a policy that can be written again.
func FuzzParseOCI(f *testing.F) {
	f.Add(`{"defaultAction": "deny", "ops": ["IORING_OP_SOCKET", 3], "socketFamilies": ["AF_INET"],
		"deniedSqeFlags": [1]}`)
	f.Add(`{"ociVersion": "1", "é": 1, "linux": {"ioUring": {"defaultAction": "allow", "socketFamilies": []}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParseOCI("f", []byte(text))
		if err != nil {
			return
		}
		written, err := p.OCI()
		if err != nil {
			t.Fatalf("%q becomes\n%s: %v", text, p, err)
		}
		again, err := ParseOCI("f", written)
		if err != nil {
			t.Fatalf("%q becomes\n%s: %v", text, written, err)
		}
		same(t, text, p, again)
	})
}

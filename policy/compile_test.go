package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/uapi"
)

// compileText compiles a policy for all kernels that can enforce it.
func compileText(t *testing.T, text string) (registrations, restrictions []string) {
	t.Helper()
	p, err := Parse("f", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Compile(Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range out.Filters {
		registrations = append(registrations, fmt.Sprintf("%s %s %d: %s", f.Op,
			uapi.BPFFilterFlags.FormatFlags(uint64(f.Flags)), f.PDUSize, strings.Join(cbpfvm.Disassemble(f.Insns), "; ")))
	}
	for _, r := range out.Restrictions {
		restrictions = append(restrictions, fmt.Sprintf("%s %#x", uapi.Restrictions.Format(uint64(r.Opcode)), r.Value))
	}
	return registrations, restrictions
}

// TestRegistrations: which filters there are, and with which flags.
func TestRegistrations(t *testing.T) {
	for _, row := range []struct {
		why, text string
		want      []string
	}{
		{"nothing is allowed, for which one filter is needed", "default deny", []string{"NOP DENY_REST 0: ret #0"}},
		{"everything is allowed, for which none is", "default allow\nallow NOP", nil},
		{"DENY_REST comes with the last filter", "default deny\nallow SOCKET\nallow NOP",
			[]string{"NOP 0 0: ret #1", "SOCKET DENY_REST 0: ret #1"}},
		{"what is denied anyway needs none", "default deny\nallow NOP\ndeny READ", []string{"NOP DENY_REST 0: ret #1"}},
		{"what is denied alone", "default allow\ndeny URING_CMD", []string{"URING_CMD 0 0: ret #0"}},
		{"arguments bind the size of the payload", "default allow\ndeny SOCKET if family == AF_NETLINK",
			[]string{"SOCKET SZ_STRICT 12: ld [16]; jeq #16, +1, +0; ret #1; ret #0"}},
		{"and so does what is required", "default allow\nrequire kernel >= 7.2 for CONNECT",
			[]string{"CONNECT SZ_STRICT 24: ret #1"}},
		{"what a kernel may refuse is registered first", "default deny\nrequire kernel >= 7.2 for CONNECT\n" +
			"allow NOP, CONNECT, SOCKET\n",
			[]string{"CONNECT SZ_STRICT 24: ret #1", "NOP 0 0: ret #1", "SOCKET DENY_REST 0: ret #1"}},
		{"also where all is denied", "default deny\nrequire kernel >= 7.2 for CONNECT",
			[]string{"CONNECT DENY_REST|SZ_STRICT 24: ret #0"}},
		{"a flag is a byte of its word", "default allow\ndeny NOP if sqe_flags & IOSQE_ASYNC != 0",
			[]string{"NOP 0 0: ld [8]; jset #0x1000, +1, +0; ret #1; ret #0"}},
		{"the flags of a socket's type do not count", "default allow\ndeny SOCKET if type == SOCK_RAW",
			[]string{"SOCKET SZ_STRICT 12: ld [20]; and #15; jeq #3, +1, +0; ret #1; ret #0"}},
		{"both halves, without O_LARGEFILE", "default deny\nallow OPENAT if flags == O_RDONLY",
			[]string{"OPENAT DENY_REST|SZ_STRICT 24: ld [20]; jeq #0, +0, +2; ld [16]; jset #0xffff7fff, +0, +1; " +
				"ret #0; ret #1"}},
		{"network order", "default deny\nrequire kernel >= 7.2 for CONNECT\nallow CONNECT if port == 443",
			[]string{"CONNECT DENY_REST|SZ_STRICT 24: ld [20]; jeq #0xbb01, +1, +0; ret #0; ret #1"}},
		{"network order of addresses",
			"default deny\nrequire kernel >= 7.2 for CONNECT\nallow CONNECT if addr in 10.32.0.0/11",
			[]string{"CONNECT DENY_REST|SZ_STRICT 24: ld [16]; jeq #2, +0, +3; ld [24]; and #0xe0ff; " +
				"jeq #0x200a, +1, +0; ret #0; ret #1"}},
		{"what is known is not asked again",
			"default deny\nallow SOCKET if family == AF_INET and type == 1\nallow SOCKET if family == AF_INET6 and type == 1",
			[]string{"SOCKET DENY_REST|SZ_STRICT 12: ld [16]; jeq #2, +1, +0; jeq #10, +0, +3; ld [20]; and #15; " +
				"jeq #1, +1, +0; ret #0; ret #1"}},
		{"a condition that never holds is no condition",
			"default deny\nallow SOCKET if family == 1 and family == 2\nallow NOP",
			[]string{"NOP 0 0: ret #1", "SOCKET DENY_REST|SZ_STRICT 12: ret #0"}},
		{"the opcode is known", "default deny\nallow NOP, READ if opcode == IORING_OP_READ",
			[]string{"READ DENY_REST 0: ret #1"}},
	} {
		got, _ := compileText(t, row.text)
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", row.why, diff)
		}
	}
}

// TestLimits: the restrictions that limits become.
func TestLimits(t *testing.T) {
	var all []string
	for op := range uapi.IORING_OP_LAST {
		all = append(all, fmt.Sprintf("SQE_OP %#x", op))
	}
	for _, row := range []struct {
		why, text string
		want      []string
	}{
		{"none", "default deny", nil},
		{"register calls, and the one by which filters are registered", "default deny\nallow register PROBE, 12",
			[]string{"REGISTER_OP 0x8", "REGISTER_OP 0xc", "REGISTER_OP 0x25"}},
		{"that one is named", "default deny\nallow register BPF_FILTER", []string{"REGISTER_OP 0x25"}},
		{"no register call", "default allow\nallow register none", []string{"REGISTER_OP 0x25"}},
		{"flags name the opcodes that may be allowed",
			"default deny\nallow submitted sqe_flags IO_LINK\nallow NOP, READ if user_data == 0\ndeny WRITE",
			[]string{"SQE_OP 0x0", "SQE_OP 0x16", "SQE_FLAGS_ALLOWED 0x4"}},
		{"no flag", "default deny\nallow submitted sqe_flags none\nallow NOP",
			[]string{"SQE_OP 0x0", "SQE_FLAGS_ALLOWED 0x0"}},
		{"flags that are required leave others alone", "default deny\nrequire submitted sqe_flags FIXED_FILE\nallow READ",
			[]string{"SQE_OP 0x16", "SQE_FLAGS_ALLOWED 0x7f", "SQE_FLAGS_REQUIRED 0x1"}},
		{"the default is allow", "default allow\nallow submitted sqe_flags ASYNC\ndeny NOP",
			append(slices.Clone(all[1:]), "SQE_FLAGS_ALLOWED 0x10")},
	} {
		_, got := compileText(t, row.text)
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", row.why, diff)
		}
	}
}

package dryrun

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/internal/judge/judgetest"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/request"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// noUnix is a plan that allows NOP, READ, LINK_TIMEOUT and sockets of other families.
func noUnix(t *testing.T) *plan.Plan {
	t.Helper()
	insns := func(src string) []uapi.SockFilter {
		list, err := cbpfvm.Assemble(src)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	allow := insns("ret #1")
	return &plan.Plan{Filters: []plan.Filter{
		{Op: uapi.IORING_OP_SOCKET, Insns: insns("ld [socket.family]\njeq #AF_UNIX, +0, +1\nret #0\nret #1")},
		{Op: uapi.IORING_OP_READ, Insns: allow},
		{Op: uapi.IORING_OP_LINK_TIMEOUT, Insns: allow},
		{Op: uapi.IORING_OP_NOP, Insns: allow, Flags: uapi.IO_URING_BPF_FILTER_DENY_REST},
	}}
}

// TestAsk: what requests are answered, and why.
func TestAsk(t *testing.T) {
	rows := []struct {
		request, want, why string
	}{
		{"nop", "allow", ""},
		{"nop ioprio=1", "EINVAL", "a field that the opcode does not have"},
		{"nop nop_flags=0x80000000", "EINVAL", "its prep refuses it"},
		{"nop sqe_flags=IO_LINK|CQE_SKIP_SUCCESS", "allow", "the end of the batch ends the chain, and its CQE comes"},
		{"nop sqe_flags=IO_DRAIN", "allow", "which makes all of the chain wait"},
		{"nop sqe_flags=0x80", "EINVAL", "no such flag"},
		{"nop sqe_flags=BUFFER_SELECT", "EOPNOTSUPP", ""},
		{"nop personality=1", "EINVAL", "nobody registered it"},
		{"read", "allow", "whether the descriptor is good is another matter"},
		{"socket family=AF_INET type=SOCK_STREAM", "allow", ""},
		{"socket family=AF_UNIX type=SOCK_STREAM", "deny", "by the filter"},
		{"openat /etc/passwd", "deny", "DENY_REST"},
		{"unlinkat /etc/passwd", "deny", "DENY_REST"},
		{`{"opcode": "NOP128"}`, "deny", "in a ring with large SQEs"},
		{`{"opcode": "LINK_TIMEOUT", "len": 1, "addr": {"timespec": {"sec": 1, "nsec": 0}}}`, "EINVAL", "it follows nothing"},
		{`{"opcode": "NOP", "slot": 0}`, "allow", "it does not take the place of what fails before it"},
		{`{"opcode": 200}`, "EINVAL", "no such opcode"},
	}
	var sqes []*trace.SQE
	for i, row := range rows {
		r, err := request.Parse(fmt.Sprint("row ", i), row.request)
		if err != nil {
			t.Fatal(err)
		}
		sqes = append(sqes, r.SQE)
	}
	for _, k := range []kernel.Release{kernel.V7_0, kernel.V7_3} {
		got, err := Ask(judgetest.Model{Release: k}, noUnix(t), sqes)
		if err != nil || got.Refused != "" {
			t.Fatal(err, got.Refused)
		}
		for i, row := range rows {
			if string(got.Answers[i]) != row.want {
				t.Errorf("%s on %s: %s, want %s: %s", row.request, k.Name, got.Answers[i], row.want, row.why)
			}
		}
	}
}

// TestRefused: a kernel without filters refuses the plan, and is asked no more.
func TestRefused(t *testing.T) {
	sqe := &trace.SQE{Raw: make([]byte, uapi.SizeofSQE)}
	got, err := Ask(judgetest.Model{Release: kernel.V6_19}, noUnix(t), []*trace.SQE{sqe})
	want := &Report{Version: "a model", Refused: "registration 1: EINVAL"}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}

// TestBadSQE: what cannot be given to a kernel is an error.
func TestBadSQE(t *testing.T) {
	sqe := &trace.SQE{Fields: []trace.SQEField{{Name: "colour"}}}
	if _, err := Ask(judgetest.Model{Release: kernel.V7_3}, &plan.Plan{}, []*trace.SQE{sqe}); err == nil {
		t.Error("no error")
	}
}

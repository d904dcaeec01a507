package trial_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/policy"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/trial"
	"github.com/uringsim/uringsim/uapi"
)

// strict are policies that deny much, each in a way of its own.
var strict = []string{
	"default deny",
	"default deny\nallow register none\nallow submitted sqe_flags none",
	"default deny\nrequire submitted sqe_flags ASYNC\nallow NOP",
	"default allow\nrequire submitted sqe_flags IO_DRAIN, ASYNC\nallow submitted sqe_flags BUFFER_SELECT",
	"default allow\ndeny any if user_data & 1 == 1\ndeny SOCKET if family == AF_INET",
	"default allow\ndeny OPENAT, OPENAT2 if flags & O_CREAT != 0 or resolve == 0",
	"default allow\ndeny CONNECT if port in 1-1000 or addr in 10.0.0.0/8\nrequire kernel >= 7.2 for CONNECT",
}

// amend is the policy with what it needs.
func amend(t *testing.T, p policy.Policy, need string) policy.Policy {
	t.Helper()
	if need == "no limits of flags and register calls at all" {
		p.Limits = policy.Limits{}
		return p
	}
	need, optional := strings.CutSuffix(need, ", and not to require them")
	more, err := policy.Parse("need", []byte("default deny\n"+need))
	if err != nil {
		t.Fatalf("%q: %v", need, err)
	}
	p.Rules = append(slices.Clone(more.Rules), p.Rules...)
	if optional {
		p.Limits.Required &^= *more.Limits.Flags
	}
	if more.Limits.Register != nil && p.Limits.Register != nil {
		all := slices.Concat(*p.Limits.Register, *more.Limits.Register)
		p.Limits.Register = &all
	}
	if more.Limits.Flags != nil && p.Limits.Flags != nil {
		all := *p.Limits.Flags | *more.Limits.Flags
		p.Limits.Flags = &all
	}
	if strings.HasPrefix(need, "allow CONNECT if") {
		p.Requires = []policy.Require{{Kernel: kernel.V7_2, Op: uapi.IORING_OP_CONNECT}}
	}
	return p
}

// TestNeeds: with what a report says that a policy needs, it breaks nothing any more.
func TestNeeds(t *testing.T) {
	amendments := 0
	for name, tr := range recorded(t) {
		for _, text := range strict {
			p, err := policy.Parse("strict", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			r := report(t, p, tr, kernel.V7_3)
			amended, told := *p, true
			for _, b := range r.Breaks {
				told = told && !b.MoreNeeds
				for _, need := range b.Needs {
					amended = amend(t, amended, need)
				}
			}
			if told && len(r.Breaks) > 0 {
				amendments++
			}
			if told && broken(t, &amended, tr, kernel.V7_3) > 0 {
				t.Errorf("%s: with all that it needs the policy\n%sstill breaks something: %+v", name, &amended,
					report(t, &amended, tr, kernel.V7_3).Breaks[0])
			}
		}
	}
	if amendments < 500 {
		t.Errorf("only %d policies were amended", amendments)
	}
}

// TestBreaks: what is seen of a request, and what is needed, in words.
func TestBreaks(t *testing.T) {
	open := trace.SQE{Fields: []trace.SQEField{{Name: "opcode", Value: trace.Pointer{Num: uint64(uapi.IORING_OP_OPENAT)}},
		{Name: "flags", Value: trace.Pointer{Num: uapi.IOSQE_ASYNC}}, {Name: "user_data", Value: trace.Pointer{Num: 7}},
		{Name: "addr", Value: trace.Pointer{Object: &trace.Object{Bytes: &trace.Bytes{'/', 0}}}},
		{Name: "open_flags", Value: trace.Pointer{Num: uapi.O_WRONLY | uapi.O_CREAT}},
		{Name: "len", Value: trace.Pointer{Num: 0o600}}}}
	tr := &trace.Trace{Events: []trace.Event{{Task: trace.InitTask, Args: &trace.SetupArgs{Entries: 4}},
		{Task: trace.InitTask, Args: &trace.EnterArgs{FD: 3, SQEs: []trace.SQE{open}}}}}
	const exact = "allow OPENAT if flags == O_WRONLY|O_CREAT and mode == 384"
	for _, row := range []struct {
		why, policy, saw, by string
		needs                []string
	}{
		{"no rule", "default deny", "", "no filter for the opcode: the default", []string{exact}},
		{"an argument", "default allow\ndeny OPENAT if flags & O_CREAT != 0", "flags == O_WRONLY|O_CREAT",
			"filter 1 (line 2)", []string{exact}},
		{"flags after prep", "default allow\ndeny OPENAT if sqe_flags & IOSQE_ASYNC != 0", "sqe_flags == IOSQE_ASYNC",
			"filter 1 (line 2)", []string{exact}},
		{"user_data", "default allow\ndeny OPENAT if user_data < 10", "user_data == 7", "filter 1 (line 2)", []string{exact}},
		{"the list and the filter", "default deny\nallow submitted sqe_flags none\nallow OPENAT if flags == 0", "",
			"its restrictions", []string{exact, "allow submitted sqe_flags ASYNC"}},
		{"flags that are required", "default allow\nrequire submitted sqe_flags IO_DRAIN", "", "its restrictions",
			[]string{"allow submitted sqe_flags IO_DRAIN, and not to require them"}},
	} {
		p, err := policy.Parse("p", []byte(row.policy))
		if err != nil {
			t.Fatal(err)
		}
		var got trial.Break
		for _, b := range report(t, p, tr, kernel.V7_3).Breaks {
			got = *b
		}
		want := trial.Break{Op: uapi.IORING_OP_OPENAT, Saw: row.saw, By: row.by, Why: got.Why, Count: 1, Needs: row.needs,
			First: []trial.Place{{File: "trace", Event: 2, Request: 1, Task: trace.InitTask, UserData: 7}}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", row.why, diff)
		}
	}
}

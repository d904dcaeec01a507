package trial_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/policy"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/trial"
	"github.com/uringsim/uringsim/uapi"
)

// TestContainer: the object of a container that is suggested for a trace breaks nothing of it, where it can be said.
func TestContainer(t *testing.T) {
	said := 0
	for name, tr := range recorded(t) {
		s := suggest(t, tr, kernel.V7_3, trial.Options{Container: true, Families: true})
		text, err := s.Policy.OCI()
		if err != nil {
			if !strings.Contains(err.Error(), "SOCKET if family") { // a number that is no family
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		said++
		p, err := policy.ParseOCI(name, text)
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, text)
		}
		if n := broken(t, p, tr, kernel.V7_3); n > 0 {
			t.Errorf("%s: it breaks %d requests\n%s", name, n, text)
		}
	}
	if said < 100 {
		t.Errorf("only %d objects", said)
	}
}

// connects are a trace that connects to n addresses.
func connects(n int) *trace.Trace {
	tr := &trace.Trace{Events: []trace.Event{{Task: trace.InitTask,
		Args: &trace.SetupArgs{Entries: 4096, Flags: trace.SetupNum(uapi.IORING_SETUP_SUBMIT_ALL)}}}}
	for n > 0 {
		enter := &trace.EnterArgs{FD: 3}
		for range min(n, 4096) {
			at := trace.Sockaddr(fmt.Sprintf("10.0.%d.%d:80", n/256, n%256))
			enter.SQEs = append(enter.SQEs, trace.SQE{Fields: []trace.SQEField{
				{Name: "opcode", Value: trace.Pointer{Num: uint64(uapi.IORING_OP_CONNECT)}},
				{Name: "fd", Value: trace.Pointer{Num: 700}},
				{Name: "addr", Value: trace.Pointer{Object: &trace.Object{Sockaddr: &at}}},
				{Name: "addr2", Value: trace.Pointer{Num: 16}}}})
			n--
		}
		tr.Events = append(tr.Events, trace.Event{Task: trace.InitTask, Args: enter})
	}
	return tr
}

// TestReportBounded: however many requests are denied, a report stays small and counts all of them.
func TestReportBounded(t *testing.T) {
	const n = 3000
	p, err := policy.Parse("p", []byte(`default deny
		allow CONNECT if addr == 192.0.2.1
		require kernel >= 7.2 for CONNECT`))
	if err != nil {
		t.Fatal(err)
	}
	r := report(t, p, connects(n), kernel.V7_3)
	last := r.Breaks[len(r.Breaks)-1]
	if r.Denied != n || len(r.Breaks) != 1001 || last.Saw != "other values" || last.Count != n-1000 ||
		len(last.First) != 3 || len(last.Needs) != 8 || !last.MoreNeeds {
		t.Errorf("%d denied, %d groups, the last %+v", r.Denied, len(r.Breaks), last)
	}
	r.Sort()
	if r.Breaks[0] != last {
		t.Errorf("first comes %+v", r.Breaks[0])
	}
}

// TestSuggestBounded: what is too much for filters says so, and how to have less.
func TestSuggestBounded(t *testing.T) {
	for _, row := range []struct {
		n    int
		o    trial.Options
		want string // of the error
	}{
		{2500, trial.Options{}, "the tightest policy cannot be enforced; make it more general: "},
		{10001, trial.Options{}, "the tightest policy has more than 10000 rules; make it more general"},
		{10001, trial.Options{HostBits4: 16}, ""},
	} {
		s := trial.NewSuggester(kernel.V7_3, row.o)
		if err := s.Play("trace", &events{connects(row.n).Events}); err != nil {
			t.Fatal(err)
		}
		got := ""
		if _, err := s.Suggest(); err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, row.want) || (row.want == "") != (got == "") {
			t.Errorf("%d addresses: %q, want %q", row.n, got, row.want)
		}
	}
}

// TestRefused names what a release does not take.
func TestRefused(t *testing.T) {
	const ret = 6 // BPF_RET of a constant
	good := []plan.Filter{{Op: uapi.IORING_OP_NOP, Insns: []uapi.SockFilter{{Code: ret}}}}
	bad := []plan.Filter{{Op: uapi.IORING_OP_NOP, Insns: []uapi.SockFilter{{Code: ret + 1}}}}
	list := []uapi.Restriction{
		{Opcode: uapi.IORING_RESTRICTION_REGISTER_OP, Value: uint8(uapi.IORING_REGISTER_BPF_FILTER)}}
	for _, row := range []struct {
		why  string
		plan plan.Plan
		k    kernel.Release
		want string
	}{
		{"no filters", plan.Plan{Filters: good}, kernel.V6_19, "Linux 6.19 refuses filter 1, for NOP: EINVAL: "},
		{"no restrictions", plan.Plan{Restrictions: []uapi.Restriction{}}, kernel.V6_19,
			"Linux 6.19 refuses the restrictions: EINVAL: "},
		{"not a program, behind restrictions", plan.Plan{Restrictions: list, Filters: append(good, bad...)}, kernel.V7_3,
			"Linux 7.3 refuses filter 2, for NOP: EINVAL: "},
	} {
		err := trial.Play(&events{}, &row.plan, row.k, func(*trace.Outcome) {})
		if err == nil || !strings.HasPrefix(err.Error(), row.want) {
			t.Errorf("%s: %v, want %s", row.why, err, row.want)
		}
	}
}

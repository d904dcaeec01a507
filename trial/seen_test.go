package trial_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/uringsim/uringsim/internal/stream"
	"github.com/uringsim/uringsim/internal/tracepoint"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/policy"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/trial"
	"github.com/uringsim/uringsim/uapi"
)

// logs are what Linux 7.3 logged of the traces of testdata/kernel, by their names.
func logs(t *testing.T) map[string][]trace.Event {
	t.Helper()
	in, err := stream.Open("../testdata/logs/traces-7.3.txt.zst", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	text, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]trace.Event{}
	for _, part := range regexp.MustCompile(`(?m)^# trace `).Split(string(text), -1)[1:] {
		name, log, _ := strings.Cut(part, ".json\n")
		im := tracepoint.New(tracepoint.Options{}, func(e *trace.Event) error {
			all[name] = append(all[name], *e)
			return nil
		})
		if err := im.Read(context.Background(), strings.NewReader(log), name); err != nil && im.Summary().SQEs > 0 {
			t.Fatal(err)
		}
		if s := im.Summary(); s.Skipped+s.Missed > 0 {
			t.Errorf("%s: %d lines were not understood, %d missed: %q", name, s.Skipped, s.Missed, s.Told)
		}
	}
	return all
}

// TestLogsAgree: where the model decides on what a real kernel logged, it decides as that did.
func TestLogsAgree(t *testing.T) {
	decided := 0
	for name, list := range logs(t) {
		p := trace.NewPlayer(sim.New(kernel.V7_3), "7.3")
		for i := range list {
			o, err := p.Play(&list[i])
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if o.Diff != "" {
				t.Errorf("%s: event %d: %s", name, i+1, o.Diff)
			}
			if _, ok := list[i].Args.(*trace.SeenSubmitArgs); ok && o.Unmodelled == "" {
				decided++
			}
		}
	}
	if decided < 150 {
		t.Errorf("%d requests were decided, want 150 at least", decided)
	}
}

// seenPolicies look at flags, opcodes and arguments.
var seenPolicies = []string{
	"default deny\nallow NOP, READ, OPENAT, RECV\n",
	"default deny\nallow submitted sqe_flags IO_LINK, IO_DRAIN\n" +
		"allow NOP, CLOSE, SOCKET, CONNECT if sqe_flags & IOSQE_ASYNC == 0\n",
	"default allow\ndeny SOCKET if family == AF_UNIX\ndeny OPENAT if flags & O_CREAT != 0\n" +
		"require kernel >= 7.2 for CONNECT\ndeny CONNECT if addr == 127.0.0.1\ndeny NOP if user_data < 3\n",
	"default deny\nallow SOCKET if type == SOCK_STREAM\nallow OPENAT, OPENAT2 if flags & O_ACCMODE == O_RDONLY\n" +
		"allow NOP if user_data & 1 == 1\n",
}

// request names a request of a trace, as far as logs do.
type request struct {
	op       uapi.Op
	userData uint64
}

// TestLogsUnderPolicies: what a policy is said to do with a request that was only seen is what it does with the request
// in full.
func TestLogsUnderPolicies(t *testing.T) {
	traces, all := recorded(t), logs(t)
	count := map[string]int{}
	container, err := os.ReadFile("../examples/containerpolicy/container.policy")
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range append(seenPolicies, string(container)) {
		parsed, err := policy.Parse(fmt.Sprintf("policy %d", i), []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		p, err := parsed.Compile(policy.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for name, list := range all {
			full := verdicts(t, p, traces[name])
			for j, got := range eachVerdict(t, p, name, list) {
				if got == "" {
					continue
				}
				q := requestOf(t, &list[j])
				want := full[q]
				switch {
				case want[isAllowed]+want[isDenied] == 0: // refused in the model's trial
				case got != isOpen && want[got] == 0:
					t.Errorf("%s, event %d, %v: %s in the log, and never so in the trace\n%s", name, j+1, q, got, text)
				default:
					count[got]++
				}
			}
		}
	}
	if count[isAllowed] < 500 || count[isDenied] < 500 || count[isOpen] < 100 {
		t.Errorf("%v: the logs have too little", count)
	}
}

// What becomes of requests under a policy.
const (
	isAllowed = "allowed"
	isDenied  = "denied"
	isOpen    = "open"
)

// eachVerdict is what is said of each event's request, "" if it has none or the kernel refused that.
func eachVerdict(t *testing.T, p *plan.Plan, name string, list []trace.Event) (verdicts []string) {
	t.Helper()
	r := trial.NewReport(p, kernel.V7_3)
	src := &watched{events{list}, func() {
		verdict := ""
		switch {
		case r.Denied > 0:
			verdict = isDenied
		case r.Undecided > 0:
			verdict = isOpen
		case r.Admitted > 0:
			verdict = isAllowed
		}
		r.Denied, r.Undecided, r.Admitted = 0, 0, 0
		verdicts = append(verdicts, verdict)
	}}
	if err := r.Play(name, src); err != nil {
		t.Fatal(err)
	}
	return verdicts[1:]
}

// watched is a Source that tells when the next event is asked for.
type watched struct {
	events
	asked func()
}

func (w *watched) Next() (trace.Event, error) {
	w.asked()
	return w.events.Next()
}

func requestOf(t *testing.T, e *trace.Event) request {
	t.Helper()
	s, err := e.Args.(*trace.SeenSubmitArgs).Seen()
	if err != nil {
		t.Fatal(err)
	}
	return request{s.SQE.Opcode(), s.SQE.UserData()}
}

// verdicts are how often a plan allows and denies each request of a trace.
func verdicts(t *testing.T, p *plan.Plan, tr *trace.Trace) map[request]map[string]int {
	t.Helper()
	out := map[request]map[string]int{}
	err := trial.Play(&events{tr.Events}, p, kernel.V7_3, func(o *trace.Outcome) {
		for i := range o.Requests {
			q := &o.Requests[i]
			if q.Trial == nil {
				continue
			}
			key, verdict := request{q.Opcode, q.UserData}, isAllowed
			if q.Trial.Denied() {
				verdict = isDenied
			}
			if out[key] == nil {
				out[key] = map[string]int{}
			}
			out[key][verdict]++
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// client is what a kernel logged of two programs: one without a policy, and the same behind
// docs/examples/client.policy.
func client(t *testing.T, release string) []trace.Event {
	t.Helper()
	log, err := os.ReadFile("../testdata/logs/client-tracefs-" + release + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	var list []trace.Event
	im := tracepoint.New(tracepoint.Options{}, func(e *trace.Event) error {
		list = append(list, *e)
		return nil
	})
	if err := im.Read(context.Background(), bytes.NewReader(log), release); err != nil {
		t.Fatal(err)
	}
	return list
}

// TestInForce: a policy that was in force when kernels logged denies all that they denied, as far as that was seen.
func TestInForce(t *testing.T) {
	text, err := os.ReadFile("../docs/examples/client.policy")
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := policy.Parse("client.policy", text)
	if err != nil {
		t.Fatal(err)
	}
	other, err := policy.Parse("other", []byte("default deny\nallow SEND, SOCKET, CONNECT\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []kernel.Release{kernel.V7_2, kernel.V7_3} {
		tr := &trace.Trace{Events: client(t, k.Name)}
		l := report(t, parsed, tr, k).Logged
		if l.Total() != 3 || l.Allowed != 0 || l.Denied != 1 || l.Undecided != 2 {
			t.Errorf("%s: %+v, want the SEND denied, and SOCKET and CONNECT to depend", k.Name, l)
		}
		if l := report(t, other, tr, k).Logged; l.Allowed != 3 || len(l.First) != 3 {
			t.Errorf("%s: %+v, want all three allowed by another policy", k.Name, l)
		}
	}
}

// TestSuggestSeen: a suggestion made of a log breaks nothing of it, and nothing of the trace that was logged.
func TestSuggestSeen(t *testing.T) {
	traces, all := recorded(t), logs(t)
	for name, list := range all {
		tr := &trace.Trace{Events: list}
		s := suggest(t, tr, kernel.V7_3, trial.Options{})
		if r := report(t, &s.Policy, tr, kernel.V7_3); r.Denied+r.Calls+r.Undecided > 0 {
			t.Errorf("%s: %d denied, %d calls refused, %d not known of the log under\n%s", name, r.Denied, r.Calls,
				r.Undecided, s)
		}
	}
	s := suggest(t, &trace.Trace{Events: all["client-program"]}, kernel.V7_3, trial.Options{})
	if r := report(t, &s.Policy, traces["client-program"], kernel.V7_3); r.Denied > 0 || r.Admitted == 0 {
		t.Errorf("%d of %d denied of the trace that was logged, under\n%s", r.Denied, r.Admitted, s)
	}
}

// TestLogChains: as many requests are found to die with a request that a policy denies, in a log and in its trace. What
// died anyway when another request failed as it ran is known of the trace only.
func TestLogChains(t *testing.T) {
	parsed, err := policy.Parse("denies", []byte("default allow\ndeny NOP if user_data in (3, 5, 8)\n"))
	if err != nil {
		t.Fatal(err)
	}
	traces, cancelled := recorded(t), 0
	fails := map[string]bool{"chain-runtime-failure": true}
	for name, list := range logs(t) {
		full := report(t, parsed, traces[name], kernel.V7_3)
		seen := report(t, parsed, &trace.Trace{Events: list}, kernel.V7_3)
		if full.Unknown > 0 || full.Admitted != seen.Admitted || full.Denied != seen.Denied {
			continue // rings that are not in the log, or a request that is not as on the kernel
		}
		if full.Cancelled != seen.Cancelled && !(fails[name] && full.Cancelled < seen.Cancelled) {
			t.Errorf("%s: %d die in the log, and %d in the trace", name, seen.Cancelled, full.Cancelled)
		}
		cancelled += full.Cancelled
	}
	if cancelled < 10 {
		t.Errorf("%d requests die in all traces: the policy denies too little", cancelled)
	}
}

// TestSeenNeeds: with all that a policy is said to need, it denies nothing of a log any more.
func TestSeenNeeds(t *testing.T) {
	list := client(t, "7.3")
	for _, text := range append(seenPolicies, "default deny\nallow submitted sqe_flags none\n") {
		flags, rules := "none", ""
		base, err := policy.Parse("p", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		r := report(t, base, &trace.Trace{Events: list}, kernel.V7_3)
		if base.Limits.Flags != nil && *base.Limits.Flags != 0 {
			flags = uapi.SQEFlags.FormatFlags(uint64(*base.Limits.Flags))
		}
		for _, b := range r.Breaks {
			for _, need := range b.Needs {
				if more, ok := strings.CutPrefix(need, "allow submitted sqe_flags "); ok {
					flags = strings.TrimPrefix(flags+"|"+more, "none|")
				} else {
					rules += need + "\n"
				}
			}
		}
		wider := *base
		more, err := policy.Parse("more", []byte("default deny\n"+rules))
		if err != nil {
			t.Fatalf("%v in\n%s", err, rules)
		}
		wider.Rules = more.Rules
		if base.Limits.Flags != nil {
			v, err := uapi.SQEFlags.ParseFlags(strings.ReplaceAll(flags, "none", "0"))
			if err != nil {
				t.Fatal(err)
			}
			wider.Limits.Flags = new(uint8(v))
		}
		for _, rule := range base.Rules { // behind those that are needed, if anything gets there
			if !slices.ContainsFunc(more.Rules, func(m policy.Rule) bool { return slices.Contains(rule.Ops, m.Ops[0]) }) {
				wider.Rules = append(wider.Rules, rule)
			}
		}
		if r := report(t, &wider, &trace.Trace{Events: list}, kernel.V7_3); r.Denied > 0 {
			t.Errorf("%d denied under\n%sof which\n%swas needed of\n%s", r.Denied, &wider, rules, text)
		}
	}
}

// TestSuggestBoth: a log and a recording of one program make one policy, which has to be as open as the log leaves it.
func TestSuggestBoth(t *testing.T) {
	s := trial.NewSuggester(kernel.V7_3, trial.Options{})
	full := recorded(t)["client-program"]
	log := &trace.Trace{Events: client(t, "7.3")}
	if err := s.Play("trace", &events{full.Events}); err != nil {
		t.Fatal(err)
	}
	if err := s.Play("log", &events{log.Events}); err != nil {
		t.Fatal(err)
	}
	out, err := s.Suggest()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "\n# 3 in log, 2 in trace\nallow SOCKET\n") {
		t.Errorf("SOCKET of both is not one rule in\n%s", out)
	}
	for _, tr := range []*trace.Trace{full, log} {
		if r := report(t, &out.Policy, tr, kernel.V7_3); r.Denied+r.Calls+r.Undecided > 0 {
			t.Errorf("%d denied, %d calls refused, %d not known under\n%s", r.Denied, r.Calls, r.Undecided, out)
		}
	}
}

// FuzzSeen: whatever was seen of a request, trying a policy on it and making one of it come to an end.
func FuzzSeen(f *testing.F) {
	f.Add([]byte{45, 4}, []byte{0xff, 0xff}, true, true, int64(0))
	f.Add([]byte{16, 0, 0, 0, 3, 0, 0, 0, 16}, []byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff}, false, true, int64(-13))
	f.Add([]byte{255}, []byte{0xff}, false, false, int64(7))
	parsed, err := policy.Parse("p", []byte(seenPolicies[1]))
	if err != nil {
		f.Fatal(err)
	}
	p, err := parsed.Compile(policy.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, sqe, known []byte, prepared, logged bool, ret int64) {
		s := &trace.SQE{}
		for _, field := range uapi.SQEFields {
			var value, has uapi.SQE
			copy(value[:], sqe)
			copy(has[:], known)
			if field.Get(&has) != 0 {
				s.Fields = append(s.Fields, trace.SQEField{Name: field.Name, Value: trace.Pointer{Num: field.Get(&value)}})
			}
		}
		a := &trace.SeenSubmitArgs{Ring: "r", SQE: s, Continue: ret > 0}
		if prepared {
			a.SQE, a.Request = nil, s
		}
		e := trace.Event{Task: "t", Args: a}
		if logged {
			e.Results = []trace.Recorded{{Ret: trace.Ret(ret)}}
		}
		list := []trace.Event{e, e}
		r := trial.NewReport(p, kernel.V7_3)
		if err := r.Play("fuzz", &events{list}); err != nil || r.Requests != 2 || r.Denied+r.Undecided > r.Admitted {
			t.Fatalf("%v, %+v", err, r)
		}
		s2 := trial.NewSuggester(kernel.V7_3, trial.Options{})
		if err := s2.Play("fuzz", &events{list}); err != nil {
			t.Fatal(err)
		}
		if _, err := s2.Suggest(); err != nil {
			t.Fatal(err)
		}
		player := trace.NewPlayer(sim.New(kernel.V7_3), "7.3")
		if _, err := player.Play(&e); err != nil {
			t.Fatal(err)
		}
	})
}

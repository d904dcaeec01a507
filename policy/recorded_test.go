package policy_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/load"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/policy"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/symbolic"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// recordings are traces of compiled policies that real kernels carried out.
var recordings = []struct{ trace, policy string }{
	{"policy-container", "container/config.json"},
	{"policy-web-server", "web-server.policy"},
	{"policy-limits", "limits.policy"},
}

func readTrace(t *testing.T, name string) *trace.Trace {
	t.Helper()
	tr, err := trace.ReadFile(filepath.Join("..", "testdata", "kernel", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func readText(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", filepath.FromSlash(file)))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestRecordedPlans: what was registered on the kernels is what the compiler gives.
func TestRecordedPlans(t *testing.T) {
	for _, r := range recordings {
		p, err := load.Text(r.policy, readText(t, r.policy), load.Options{})
		if err != nil {
			t.Fatal(err)
		}
		recorded := readTrace(t, r.trace).Events[1:] // after no_new_privs
		for i, want := range p.Events(trace.InitTask) {
			got := recorded[i]
			got.Results = nil
			if diff := cmp.Diff(written(t, want), written(t, got)); diff != "" {
				t.Errorf("%s, registration %d (-compiled +recorded)\n%s", r.trace, i+1, diff)
			}
		}
		if next, ok := recorded[len(p.Events(trace.InitTask))].Args.(*trace.SetupArgs); !ok {
			t.Errorf("%s: found %v behind the plan, expected the ring", r.trace, next)
		}
	}
}

func written(t *testing.T, e trace.Event) string {
	t.Helper()
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestRecordedContainer: of all opcodes and families, kernels deny what the object does not list, and nothing else. The
// request of each event stands behind one that fails, which cancels it unless it is denied.
func TestRecordedContainer(t *testing.T) {
	p, err := policy.ParseOCI("config.json", readText(t, "container/config.json"))
	if err != nil {
		t.Fatal(err)
	}
	ops, families := map[uapi.Op]bool{}, map[uint32]bool{}
	for _, e := range readTrace(t, "policy-container").Events {
		enter, ok := e.Args.(*trace.EnterArgs)
		if !ok {
			continue
		}
		sqe := fieldsOf(enter.SQEs[1])
		op := uapi.Op(sqe["opcode"])
		var ctx cbpfvm.Context
		ctx[uapi.BPFCtxOpcode], ctx[uapi.BPFCtxSQEFlags] = byte(op), byte(sqe["flags"])
		if op == uapi.IORING_OP_SOCKET {
			ctx.SetWord(uapi.BPFCtxPDU, uint32(sqe["fd"]))
			families[uint32(sqe["fd"])] = true
		}
		ops[op] = true
		want := trace.Ret(uapi.ECANCELED.Ret())
		if !p.Allows(op, &ctx) {
			want = trace.Ret(uapi.EACCES.Ret())
		}
		user := sqe["user_data"]
		switch op {
		case uapi.IORING_OP_RECV_ZC:
			want = trace.Ret(uapi.EINVAL.Ret()) // no ring has a queue for it
		case uapi.IORING_OP_LINK_TIMEOUT: // it shows at the request that it stands behind
			user, want = fieldsOf(enter.SQEs[0])["user_data"], trace.Ret(uapi.ECANCELED.Ret())
		}
		for _, k := range []kernel.Release{kernel.V7_0, kernel.V7_1, kernel.V7_2, kernel.V7_3} {
			if got := resultOf(t, &e, k, user); got != want {
				t.Errorf("%s, %s, user_data %d: got %s, want %s", k.Name, op, user, got, want)
			}
		}
	}
	if len(ops) != uapi.IORING_OP_LAST || len(families) < 46 {
		t.Errorf("the trace asks %d opcodes and %d families, want all %d and at least 46", len(ops), len(families),
			uapi.IORING_OP_LAST)
	}
}

// TestRecordedWebServer: what the trace says is allowed, is allowed where all filters are registered.
func TestRecordedWebServer(t *testing.T) {
	asked := 0
	for _, e := range readTrace(t, "policy-web-server").Events {
		enter, ok := e.Args.(*trace.EnterArgs)
		if !ok || e.Why == "" {
			continue
		}
		sqe := fieldsOf(enter.SQEs[1])
		if op := uapi.Op(sqe["opcode"]); op == uapi.IORING_OP_RECV_ZC || op == uapi.IORING_OP_LINK_TIMEOUT {
			continue
		}
		asked++
		for _, k := range []kernel.Release{kernel.V7_2, kernel.V7_3} {
			got := resultOf(t, &e, k, sqe["user_data"])
			if allowed := strings.Contains(e.Why, ": allowed"); allowed != (got == trace.Ret(uapi.ECANCELED.Ret())) {
				t.Errorf("%s: %s: got %s", k.Name, e.Why, got)
			}
		}
	}
	if asked < 30 {
		t.Errorf("only %d requests say what they show", asked)
	}
}

// fieldsOf are the numbers of an SQE by their names.
func fieldsOf(sqe trace.SQE) map[string]uint64 {
	fields := map[string]uint64{}
	for _, f := range sqe.Fields {
		fields[f.Name] = f.Value.Num
	}
	return fields
}

// resultOf is what a kernel gave for a request.
func resultOf(t *testing.T, e *trace.Event, k kernel.Release, userData uint64) trace.Ret {
	t.Helper()
	r := e.RecordedOn(k.Name)
	if r == nil {
		t.Fatalf("%s has no result of %s", e.Call(), k.Name)
	}
	for _, c := range r.CQEs {
		if uint64(c.UserData) == userData {
			return c.Res
		}
	}
	t.Fatalf("%s: no completion for user_data %d", k.Name, userData)
	return 0
}

// TestCoverLetter: the filter that the kernel's patch set showed, in four languages, gives what kernels recorded for
// its eight requests, and the same for all others.
func TestCoverLetter(t *testing.T) {
	const asm = `ld [socket.type]
		and #0xf
		jne #SOCK_STREAM, deny
		ld [socket.family]
		jeq #AF_INET, protocol
		jne #AF_INET6, deny
		protocol: ld [socket.protocol]
		jeq #0, allow
		jne #IPPROTO_TCP, deny
		allow: ret #1
		deny: ret #0`
	socket := uapi.Op(uapi.IORING_OP_SOCKET)
	var first *plan.Plan
	for _, row := range []struct{ file, text string }{
		{"socket.c", string(readText(t, "socket.c"))},
		{"f.policy", "default allow\nallow SOCKET if family in (AF_INET, AF_INET6) and type == SOCK_STREAM and " +
			"protocol in (IPPROTO_TCP, 0)\ndeny SOCKET"},
		{"deny-by-default.policy", "default deny\nallow SOCKET if (family == AF_INET or family == AF_INET6) and " +
			"not type != SOCK_STREAM and protocol & ~IPPROTO_TCP == 0 and protocol not in (2, 4)"},
		{"f.bpf", asm},
	} {
		p, err := load.Text(row.file, []byte(row.text), load.Options{Op: &socket})
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = p
		}
		for _, k := range []kernel.Release{kernel.V7_0, kernel.V7_1, kernel.V7_2, kernel.V7_3} {
			coverLetter(t, row.file, p, k)
			sameForSocket(t, row.file, first, p, k)
		}
	}
}

// sameForSocket wants a proof that two plans allow the same SOCKET requests.
func sameForSocket(t *testing.T, what string, a, b *plan.Plan, k kernel.Release) {
	t.Helper()
	r, err := symbolic.Compare(a, b, k)
	if err != nil {
		t.Fatal(what, err)
	}
	i := slices.IndexFunc(r.Ops, func(o symbolic.OpResult) bool { return o.Op == uapi.IORING_OP_SOCKET })
	if op := r.Ops[i]; op.Relation != symbolic.Equivalent || !op.Proven {
		t.Errorf("%s on %s is %s, proven: %v", what, k.Name, op.Relation, op.Proven)
	}
}

// coverLetter replays the requests of the trace with another filter.
func coverLetter(t *testing.T, what string, p *plan.Plan, k kernel.Release) {
	t.Helper()
	tr := readTrace(t, "cover-letter-socket-filter")
	player := trace.NewPlayer(sim.New(k), k.Name)
	requests := 0
	for i := range tr.Events {
		e := tr.Events[i]
		if _, is := e.Args.(*trace.RegisterArgs); is {
			for _, own := range p.Events(trace.InitTask) {
				if o, err := player.Play(&own); err != nil || o.Why != nil {
					t.Fatalf("%s on %s: %v, %v", what, k.Name, err, o.Why)
				}
			}
			continue
		}
		o, err := player.Play(&e)
		if err != nil || !o.OK() || o.Want == nil {
			t.Errorf("%s on %s, %s: %v %s", what, k.Name, e.Why, err, o.Diff)
		}
		requests += len(o.Requests)
	}
	if requests != 8 {
		t.Errorf("%s: %d requests, want 8", what, requests)
	}
}

package plan_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/srcpos"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// random is a plan of filters that allow or deny everything, for a few opcodes that need no arguments.
func random(rng *rand.Rand) *plan.Plan {
	ops := []uapi.Op{uapi.IORING_OP_NOP, uapi.IORING_OP_SOCKET, uapi.IORING_OP_CLOSE}
	p := &plan.Plan{Name: "random"}
	if rng.IntN(4) == 0 {
		p.Restrictions = []uapi.Restriction{}
		for _, op := range ops[:rng.IntN(3)] {
			p.Restrictions = append(p.Restrictions, uapi.Restriction{Opcode: uapi.IORING_RESTRICTION_SQE_OP, Value: uint8(op)})
		}
		if len(p.Restrictions) > 0 {
			p.Restrictions = append(p.Restrictions, uapi.Restriction{Opcode: uapi.IORING_RESTRICTION_REGISTER_OP,
				Value: uint8(uapi.IORING_REGISTER_BPF_FILTER)})
		}
	}
	for range rng.IntN(6) {
		insns, err := cbpfvm.Assemble(fmt.Sprintf("ret #%d", min(rng.IntN(4), 1)))
		if err != nil {
			panic(err)
		}
		p.Filters = append(p.Filters, plan.Filter{Op: ops[rng.IntN(len(ops))], Flags: uint32(min(rng.IntN(4), 1) ^ 1),
			Insns: insns, Why: "a remark"})
	}
	return p
}

// noPlaces compares what is registered, and not where it was written.
var noPlaces = cmpopts.IgnoreTypes([]srcpos.Pos{}, [][]srcpos.Pos{})

func TestRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		want := random(rng)
		var text bytes.Buffer
		if err := want.Write(&text); err != nil {
			t.Fatal(err)
		}
		got, err := plan.Read("plan.json", text.Bytes())
		if err != nil {
			t.Fatalf("%v\n%s", err, &text)
		}
		if diff := cmp.Diff(want, got, noPlaces); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
}

func TestReadErrors(t *testing.T) {
	for _, row := range []struct{ why, text, want string }{
		{"no JSON", `plan`, "f:1:1: not JSON"},
		{"another version", `{"plan": 2}`, "f:1:2: found plan version 2, expected \"plan\": 1"},
		{"no version", `{"filters": []}`, "f:1:1: the document lacks \"plan\""},
		{"an unknown key", "{\"plan\": 1,\n \"filter\": []}", "f:2:2: filter: unknown key"},
		{"an unknown opcode", `{"plan": 1, "filters": [{"opcode": "NOPE", "insns": []}]}`, `found "NOPE", expected a number or a name such as `},
		{"a number that is too wide", `{"plan": 1, "filters": [{"opcode": 0, "pdu_size": 256, "insns": []}]}`, "pdu_size"},
		{"no program", `{"plan": 1, "filters": [{"opcode": 0}]}`, "the document/filters/0 lacks \"insns\""},
		{"wrong assembler", `{"plan": 1, "filters": [{"opcode": 0, "insns": ["ret #1", "rat #1"]}]}`, "f:1:39: filters/0/insns: 2:1: "},
	} {
		_, err := plan.Read("f", []byte(row.text))
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: got %v, want %s", row.why, err, row.want)
		}
	}
}

// TestOfEvents: a plan becomes events, which register that plan.
func TestOfEvents(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for range 200 {
		want := random(rng)
		got, err := plan.OfEvents(want.Events(trace.InitTask))
		if err != nil {
			t.Fatal(err)
		}
		want.Name = ""
		if diff := cmp.Diff(want, got, noPlaces); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
}

// TestStack holds what Stack says to what the model does with the same plan.
func TestStack(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	for range 200 {
		p := random(rng)
		p.Restrictions = nil
		for _, op := range []uapi.Op{uapi.IORING_OP_NOP, uapi.IORING_OP_SOCKET, uapi.IORING_OP_CLOSE} {
			filters, denied := p.Stack(op)
			for _, i := range filters {
				denied = denied || p.Filters[i].Insns[0].K == 0
			}
			if got := deniedBy(t, p, op); got != denied {
				t.Fatalf("%s: the model denies: %v, the stack: %v\n%v", op, got, denied, p.Filters)
			}
		}
	}
}

// deniedBy tells whether the model denies a request of a task that registered the plan.
func deniedBy(t *testing.T, p *plan.Plan, op uapi.Op) bool {
	player := trace.NewPlayer(sim.New(kernel.V7_2), kernel.V7_2.Name)
	events := append(p.Events(trace.InitTask),
		trace.Event{Task: trace.InitTask, Args: &trace.SetupArgs{Entries: 1}},
		trace.Event{Task: trace.InitTask, Args: &trace.EnterArgs{FD: 3, SQEs: []trace.SQE{{Fields: []trace.SQEField{
			{Name: "opcode", Value: trace.Pointer{Num: uint64(op)}},
			{Name: "fd", Value: trace.Pointer{Num: 2}},
		}}}}})
	var last trace.Outcome
	for i := range events {
		var err error
		if last, err = player.Play(&events[i]); err != nil {
			t.Fatal(err)
		}
		if last.Why != nil {
			t.Fatalf("%s: %v", events[i].Call(), last.Why)
		}
	}
	why := last.Requests[0].Why
	return why != nil && why.Errno == uapi.EACCES
}

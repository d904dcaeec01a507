package sim_test

import (
	"testing"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// TestTry: what is on trial is asked and not obeyed, by rings of children and where a chain begins.
func TestTry(t *testing.T) {
	deny, err := cbpfvm.Assemble("ret #0")
	if err != nil {
		t.Fatal(err)
	}
	p := plan.Plan{
		Restrictions: []uapi.Restriction{
			{Opcode: uapi.IORING_RESTRICTION_REGISTER_OP, Value: uint8(uapi.IORING_REGISTER_BPF_FILTER)}},
		Filters: []plan.Filter{{Op: uapi.IORING_OP_NOP, Insns: deny}},
	}
	sys := sim.New(kernel.V7_3)
	play := func(events ...trace.Event) (last trace.Outcome) {
		player := trace.NewPlayer(sys, kernel.V7_3.Name)
		for i := range events {
			var err error
			if last, err = player.Play(&events[i]); err != nil || last.Why != nil {
				t.Fatalf("%s: %v %v", events[i].Call(), err, last.Why)
			}
		}
		return last
	}
	play(p.Events(trace.InitTask)...)
	sys.Try()
	const child = "child"
	sqe := func(op uapi.Op, flags uint64) trace.SQE {
		return trace.SQE{Fields: []trace.SQEField{{Name: "opcode", Value: trace.Pointer{Num: uint64(op)}},
			{Name: "flags", Value: trace.Pointer{Num: flags}}}}
	}
	o := play(
		trace.Event{Task: trace.InitTask, Args: &trace.ForkArgs{Child: child}},
		trace.Event{Task: child, Args: &trace.SetupArgs{Entries: 4}},
		trace.Event{Task: child, Args: &trace.EnterArgs{FD: 3, SQEs: []trace.SQE{
			sqe(uapi.IORING_OP_CLOSE, uapi.IOSQE_IO_LINK), sqe(uapi.IORING_OP_NOP, uapi.IOSQE_IO_LINK),
			sqe(uapi.IORING_OP_SYNC_FILE_RANGE, 0), sqe(uapi.IORING_OP_NOP, 0)}}})
	want := []struct {
		denied bool
		chain  int
	}{{false, 0}, {true, 0}, {false, 0}, {true, 3}}
	if len(o.Requests) != len(want) {
		t.Fatalf("%d requests", len(o.Requests))
	}
	for i, w := range want {
		q := &o.Requests[i]
		refused := q.Why != nil && q.Why.Errno == uapi.EACCES
		if q.Trial == nil || q.Trial.Denied() != w.denied || q.Chain != w.chain || refused {
			t.Errorf("request %d: %+v, want %+v and not refused", i, q, w)
		}
	}
	register := func(op uapi.RegisterOp) *trace.Event {
		return &trace.Event{Task: child, Args: &trace.RegisterArgs{FD: 3, Op: trace.RegisterNum(op)}}
	}
	player := trace.NewPlayer(sys, kernel.V7_3.Name)
	if o, err := player.Play(register(uapi.IORING_REGISTER_ENABLE_RINGS)); err != nil || o.Why == nil || o.Trial != nil {
		t.Errorf("a call that fails anyway: %v, %v on trial", o.Why, o.Trial)
	}
	o, err = player.Play(register(uapi.IORING_REGISTER_PERSONALITY))
	if err != nil || o.Why != nil || o.Trial == nil || o.Trial.Errno != uapi.EACCES {
		t.Errorf("a call that would be refused: %v, %v on trial", o.Why, o.Trial)
	}
}

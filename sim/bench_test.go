package sim_test

import (
	"fmt"
	"testing"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/internal/bench"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// mapped is a ring of the task init under filters for the opcode, all with the same program.
func mapped(t testing.TB, op uapi.Op, program string, filters int) (*sim.Kernel, *sim.Mapping) {
	t.Helper()
	insns, err := cbpfvm.Assemble(program)
	if err != nil {
		t.Fatal(err)
	}
	p := &plan.Plan{}
	for range filters {
		p.Filters = append(p.Filters, plan.Filter{Op: op, Insns: insns})
	}
	k := sim.New(kernel.V7_3, sim.WithEngine(cbpfvm.Fast))
	player := trace.NewPlayer(k, k.Release().Name)
	events := append(p.Events(trace.InitTask), trace.Event{Task: trace.InitTask, Args: &trace.SetupArgs{Ring: "r", Entries: 32,
		Flags: trace.SetupNum(uapi.IORING_SETUP_SUBMIT_ALL)}})
	for i := range events {
		if o, err := player.Play(&events[i]); err != nil || o.Why != nil {
			t.Fatal(err, o.Why)
		}
	}
	m, err := k.Map(trace.InitTask, "r", 3)
	if err != nil {
		t.Fatal(err)
	}
	return k, m
}

// benchmark submits the SQEs in batches, again and again, and takes the CQEs.
func benchmark(b *testing.B, m *sim.Mapping, batch int, sqes ...uapi.SQE) {
	cqes := make([]uapi.CQE, 2*m.Room())
	b.ReportAllocs()
	for b.Loop() {
		for i := range batch {
			*(*uapi.SQE)(m.SQE(i)) = sqes[i%len(sqes)]
		}
		if ret, err := m.Enter(uint32(batch), 0, 0); ret != int64(batch) || err != nil {
			b.Fatal(ret, err)
		}
		if n := m.Reap(cqes); n != batch {
			b.Fatal(n)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch), "ns/SQE")
}

// BenchmarkSocket is about requests that the filter allows, whose result an Issuer gives.
func BenchmarkSocket(b *testing.B) {
	for _, row := range []struct {
		name, filter string
		sqes         []uapi.SQE
	}{
		{"alike", bench.CoverLetter, bench.TCPSockets[:1]},
		{"kinds", bench.CoverLetter, bench.TCPSockets},
		{"different", bench.UserData + bench.CoverLetter, bench.TCPSockets},
	} {
		b.Run(row.name, func(b *testing.B) {
			k, m := mapped(b, uapi.IORING_OP_SOCKET, row.filter, 1)
			k.SetIssuer(sim.IssuerFunc(func(*sim.Issue) sim.Completion { return sim.Result(3) }))
			benchmark(b, m, 32, row.sqes...)
		})
	}
}

// BenchmarkRead is about requests that need a file, which prep has something to look at.
func BenchmarkRead(b *testing.B) {
	k, m := mapped(b, uapi.IORING_OP_READ, "ret #1", 1)
	k.SetIssuer(sim.IssuerFunc(func(*sim.Issue) sim.Completion { return sim.Result(512) }))
	var sqe uapi.SQE
	sqe.SetOpcode(uapi.IORING_OP_READ)
	sqe.SetFD(3)
	sqe.SetAddr(0x10000)
	sqe.SetLen(512)
	benchmark(b, m, 32, sqe)
}

func BenchmarkNop(b *testing.B) {
	for _, batch := range []int{1, 8, 32} {
		for _, filters := range []int{0, 1, 4, 16} {
			b.Run(fmt.Sprintf("batch=%d/filters=%d", batch, filters), func(b *testing.B) {
				_, m := mapped(b, uapi.IORING_OP_NOP, "ret #1", filters)
				benchmark(b, m, batch, uapi.SQE{})
			})
		}
	}
}

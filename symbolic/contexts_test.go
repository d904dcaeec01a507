package symbolic

import (
	"fmt"
	"testing"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/gen"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/opdef"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// allowAll is a plan whose filters allow everything and look at nothing, so that the model tells what they saw.
func allowAll() *plan.Plan {
	p := &plan.Plan{Name: "everything"}
	for op := range uapi.Op(uapi.IORING_OP_LAST) {
		p.Filters = append(p.Filters, plan.Filter{Op: op, Insns: []uapi.SockFilter{{Code: 0x06, K: 1}}})
	}
	return p
}

// TestNothingElseOccurs plays generated traces under filters, and holds every context that they saw to the rows.
func TestNothingElseOccurs(t *testing.T) {
	seen := map[uapi.Op]int{}
	for i, k := range Releases() {
		all := map[uapi.Op]*contexts{}
		for op := range uapi.Op(uapi.IORING_OP_LAST) {
			all[op] = newContexts(newDiagram(Limit), k, op, byField)
		}
		for _, name := range []string{"prep", "prep", "prep", "vm", "link", "mixed"} {
			kind, _ := gen.KindOf(name)
			for range rounds(25) {
				i++
				for _, q := range looks(t, k, kind.Trace(uint64(i))) {
					seen[q.Opcode]++
					if !all[q.Opcode].canBe(&q.Context) {
						t.Errorf("%s, kind %s, seed %d: %s has the context %x, which is not to occur",
							k.Name, name, i, q.Opcode, q.Context)
					}
				}
			}
		}
	}
	for op := range uapi.Op(uapi.IORING_OP_LAST) {
		// Rings of the model have no queues for RECV_ZC, and the generator makes no FIXED_FD_INSTALL with
		// IOSQE_FIXED_FILE. The next test has the latter.
		if seen[op] == 0 && op != uapi.IORING_OP_RECV_ZC && op != uapi.IORING_OP_FIXED_FD_INSTALL {
			t.Errorf("no %s came to the filters: the traces miss it", op)
		}
	}
}

// looks are the requests of a trace that filters looked at.
func looks(t *testing.T, k kernel.Release, tr *trace.Trace) (all []trace.Request) {
	t.Helper()
	player := trace.NewPlayer(sim.New(k), k.Name)
	events := append(allowAll().Events(trace.InitTask), tr.Events...)
	for i := range events {
		o, err := player.Play(&events[i])
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range o.Requests {
			if q.Filters != nil && q.Filters[0].Program != nil {
				all = append(all, q)
			}
		}
	}
	return all
}

// canBe tells whether a context can occur, with some flags of the SQE.
func (c *contexts) canBe(ctx *cbpfvm.Context) bool {
	for flags := range 0x80 {
		if v, ok := c.valuesOf(ctx, uint8(flags)); ok && c.holds(c.occurs, v) {
			return true
		}
	}
	return false
}

// submit gives what the filters of a plan saw of a request, in the model, and whether it got past them and the
// restrictions. Contexts of requests that restrictions or prep refused are nil.
func submit(t testing.TB, p *plan.Plan, k kernel.Release, r *Request) (ctx *cbpfvm.Context, allowed bool) {
	t.Helper()
	player := trace.NewPlayer(sim.New(k), k.Name)
	events := append(p.Events(trace.InitTask), r.Events(trace.InitTask)...)
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
	if len(last.Requests) != len(r.SQEs) {
		t.Fatalf("%d of %d requests were submitted", len(last.Requests), len(r.SQEs))
	}
	q := last.Requests[len(r.SQEs)-1]
	if q.Filters != nil {
		ctx = &q.Context
	}
	return ctx, Passed(&q)
}

// TestRequestsGiveTheirContext turns contexts into requests, whose filters have to see exactly these contexts.
func TestRequestsGiveTheirContext(t *testing.T) {
	for _, k := range Releases() {
		for op := range uapi.Op(uapi.IORING_OP_LAST) {
			if op == uapi.IORING_OP_RECV_ZC {
				continue
			}
			edges := []uint32{uapi.AF_INET, uapi.AF_INET6, uapi.O_CREAT, uapi.O_PATH, 0x8000, 0x5000}
			s := newSampler(policyOf(t, k, op), op, edges, 1)
			n := 12
			if rows[op].fields != nil {
				n = 60
			}
			for i := range n {
				v := s.next()
				r := s.c.request(v)
				ctx, _ := submit(t, allowAll(), k, r)
				if ctx == nil || *ctx != r.Context {
					t.Fatalf("%s, try %d: %s with flags %#x of the SQE: filters see %v, want %x",
						k.Name, i, op, r.Flags, show(ctx), r.Context)
				}
			}
		}
	}
}

func show(ctx *cbpfvm.Context) string {
	if ctx == nil {
		return "nothing"
	}
	return fmt.Sprintf("%x", *ctx)
}

// TestRowsFit: each opcode with a payload has a row.
func TestRowsFit(t *testing.T) {
	for op, row := range rows {
		for _, k := range Releases() {
			if size := opdef.PDUSize(k, op); size != 0 && len(row.fields(k)) == 0 {
				t.Errorf("%s on %s has a payload of %d bytes and no fields", op, k.Name, size)
			}
		}
	}
	for op := range uapi.Op(uapi.IORING_OP_LAST) {
		if _, ok := rows[op]; !ok && opdef.PayloadWhere(op) != "" {
			t.Errorf("%s has a payload and no row", op)
		}
	}
}

package sim_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/uringsim/uringsim/gen"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// TestQuiet holds a kernel that nobody asks for reasons, and that uses its requests again, to one that gives them.
func TestQuiet(t *testing.T) {
	for _, kind := range gen.Kinds {
		for seed := range uint64(12) {
			tr := kind.Trace(seed)
			r := kernel.Measured()[seed%5]
			quiet := sim.New(r)
			quiet.SetQuiet(true)
			loud := sim.New(r)
			if seed%2 == 0 {
				loud.SetIssuer(&sim.Memory{})
				quiet.SetIssuer(&sim.Memory{})
			}
			want, got := trace.NewPlayer(loud, r.Name), trace.NewPlayer(quiet, r.Name)
			for i := range tr.Events {
				w, errW := want.Play(&tr.Events[i])
				g, errG := got.Play(&tr.Events[i])
				if errW != nil || errG != nil {
					t.Fatalf("%s, seed %d, event %d: %v, %v", kind.Name, seed, i+1, errW, errG)
				}
				if diff := cmp.Diff(w.Got, g.Got); diff != "" || w.Unmodelled != g.Unmodelled {
					t.Fatalf("%s, seed %d on %s, event %d: (-explaining +quiet)\n%s", kind.Name, seed, r.Name, i+1, diff)
				}
				if all := tally(w.Requests); w.Tally != all || g.Tally != all {
					t.Fatalf("%s, seed %d, event %d: %+v, quiet %+v; want %+v", kind.Name, seed, i+1, w.Tally, g.Tally, all)
				}
				if len(g.Requests) != 0 {
					t.Fatalf("%s, seed %d, event %d: %d requests are accounted for", kind.Name, seed, i+1, len(g.Requests))
				}
			}
		}
	}
}

// tally counts the requests that are accounted for.
func tally(all []trace.Request) trace.Tally {
	t := trace.Tally{Requests: len(all)}
	for _, q := range all {
		if q.Why != nil {
			t.Refused++
		}
	}
	return t
}

// TestMapping submits batches of requests, of which a filter denies every other, and takes their CQEs a few at a time.
func TestMapping(t *testing.T) {
	_, m := mapped(t, uapi.IORING_OP_NOP, "ld [user_data]\nand #1\nret a", 1)
	var got, want []uapi.CQE
	for _, n := range []int{1, 32, 7, 30} {
		for i := range n {
			sqe := (*uapi.SQE)(m.SQE(i))
			*sqe = uapi.SQE{}
			sqe.SetUserData(uint64(len(want)))
			want = append(want, uapi.CQE{UserData: uint64(len(want)), Res: int32(uapi.EACCES.Ret()) * int32(1-len(want)%2)})
		}
		if ret, err := m.Enter(uint32(n), 0, 0); ret != int64(n) || err != nil {
			t.Fatalf("%d SQEs: %d, %v", n, ret, err)
		}
		for cqes := make([]uapi.CQE, 5); ; {
			some := m.Reap(cqes)
			if some == 0 {
				break
			}
			got = append(got, cqes[:some]...)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestNoAllocation: what io_uring carries out at once needs no memory, allowed or denied.
func TestNoAllocation(t *testing.T) {
	for _, row := range []struct{ why, program string }{
		{"allowed", "ret #1"},
		{"denied", "ret #0"},
	} {
		_, m := mapped(t, uapi.IORING_OP_NOP, row.program, 4)
		cqes := make([]uapi.CQE, m.Room())
		n := testing.AllocsPerRun(100, func() {
			if ret, err := m.Enter(32, 0, 0); ret != 32 || err != nil || m.Reap(cqes) != 32 {
				t.Fatal(row.why, ret, err)
			}
		})
		if n != 0 {
			t.Errorf("%s: %v allocations for 32 requests", row.why, n)
		}
	}
}

package register

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/uringsim/uringsim/bpffilter"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/tctx"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// listed allows some register calls and no requests.
func listed() bpffilter.Restriction {
	var r bpffilter.Restriction
	for _, op := range []uapi.RegisterOp{uapi.IORING_REGISTER_PERSONALITY, uapi.IORING_REGISTER_ENABLE_RINGS,
		uapi.IORING_REGISTER_BPF_FILTER} {
		r.RegisterOps[op>>6] |= 1 << (op & 63)
	}
	r.RegRegistered, r.OpRegistered = true, true
	return r
}

// admitWorlds are tasks with a ring, each made anew, with a filter to register at memAt.
var admitWorlds = map[string]func() (*tctx.Task, *ring){
	"plain": func() (*tctx.Task, *ring) { return world(0) },
	"disabled": func() (*tctx.Task, *ring) {
		return world(uapi.IORING_SETUP_R_DISABLED | uapi.IORING_SETUP_SINGLE_ISSUER)
	},
	"restricted": func() (*tctx.Task, *ring) {
		t, r := world(0)
		r.Restrict = listed()
		t.Restrict = new(listed())
		return t, r
	},
	"another's": func() (*tctx.Task, *ring) {
		t, r := world(0)
		r.Submitter = &tctx.Task{}
		return t, r
	},
}

func withFilter(world func() (*tctx.Task, *ring)) (*tctx.Task, *ring) {
	t, r := world()
	reg := uapi.BPF{CmdType: uapi.IO_URING_BPF_CMD_FILTER, FilterLen: 1, FilterPtr: memAt + 0x100}
	t.Mem.CopyOut(memAt, reg.Append(nil))
	t.Mem.CopyOut(memAt+0x100, uapi.EncodeSockFilters([]uapi.SockFilter{{Code: 6}}))
	return t, r
}

// TestAdmit: what Admit decides is what Call gives, and leaves the same behind; and what it does not decide, Call gets
// to the handler of, and Carried tells of that.
func TestAdmit(t *testing.T) {
	decided := 0
	for _, k := range kernel.Releases {
		for name, world := range admitWorlds {
			for op := range uapi.RegisterOps.Rows[len(uapi.RegisterOps.Rows)-1].Value + 3 {
				for i := range 2 * 3 * 3 {
					blind, arg, nr := i%2 == 0, []uint64{0, memAt, badAt}[i/2%3], uint32(i/6)
					task, ring := withFilter(world)
					other, same := withFilter(world)
					fd, state := int32(3), &ring.State
					if blind {
						fd, state = -1, nil
					}
					want := Call(k, other, &Args{FD: fd, Op: uint32(op), Arg: arg, Nr: nr})
					got, done := Admit(k, task, state, uint32(op), arg, nr, "")
					what := fmt.Sprintf("%s, %s: %s blind %v arg %#x nr %d", k.Name, name, uapi.RegisterOp(op), blind, arg, nr)
					switch {
					case done:
						decided++
						if text(got) != text(want) || fmt.Sprint(got.Why) != fmt.Sprint(want.Why) {
							t.Fatalf("%s: %s %v, want %s %v", what, text(got), got.Why, text(want), want.Why)
						}
					case want.Why != nil && want.Why.Stage == verdict.Restriction:
						t.Fatalf("%s: %v is not decided", what, want.Why)
					case want.Unmodelled == "" && !blind:
						ring.Carried(task, uapi.RegisterOp(op), nr, want.Ret)
					}
					if diff := cmp.Diff(kept(&same.State), kept(&ring.State)); diff != "" {
						t.Fatalf("%s: the ring: %s", what, diff)
					}
					if a, b := other.Restrict, task.Restrict; (a == nil) != (b == nil) {
						t.Fatalf("%s: the task: %+v, want %+v", what, b, a)
					}
				}
			}
		}
	}
	if decided < 1000 {
		t.Errorf("only %d calls were decided", decided)
	}
}

// kept is what of a ring admission needs to know.
func kept(s *State) []any {
	ids := []uint16{}
	for id := range s.Personalities {
		ids = append(ids, id)
	}
	progs, rest := s.Restrict.Filters().Programs(uapi.IORING_OP_NOP)
	return []any{s.Flags, s.Submitter != nil, ids, len(progs), rest, s.Restrict.OpRegistered, s.Restrict.RegRegistered,
		s.Restrict.SQEOps, s.Restrict.RegisterOps}
}

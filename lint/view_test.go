package lint

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// viewed are the opcodes whose contexts have rules of their own, and one that stands for the others.
var viewed = []uapi.Op{uapi.IORING_OP_SOCKET, uapi.IORING_OP_OPENAT, uapi.IORING_OP_OPENAT2, uapi.IORING_OP_CONNECT,
	uapi.IORING_OP_NOP}

// TestViewHasRequests: whatever a request shows to filters in the model stays as it is, so that a view leaves none of
// them out.
func TestViewHasRequests(t *testing.T) {
	for _, k := range []kernel.Release{kernel.V7_0, kernel.V7_1, kernel.V7_2, kernel.V7_3} {
		rng := rand.New(rand.NewPCG(1, 2))
		task := newFiltered(t, k)
		shown := map[uapi.Op]int{}
		for range 3000 {
			op := viewed[rng.IntN(len(viewed))]
			sqe, memory := request(rng, op)
			req := task.submit(&sqe, memory)
			if req.Filters == nil {
				continue // refused before
			}
			shown[op]++
			settled, v := req.Context, newView(k, op)
			if v.settle(&settled); settled != req.Context {
				t.Fatalf("%s: %s shows % x, the view makes it % x", k.Name, op, req.Context, settled)
			}
		}
		for _, op := range viewed {
			if shown[op] < 100 {
				t.Errorf("%s: only %d requests of %s got to the filters", k.Name, shown[op], op)
			}
		}
	}
}

// filteredTask is a task with a ring, all of whose requests are denied by a filter.
type filteredTask struct {
	sys  *sim.Kernel
	tail uint32
}

// requestMemory is where the task keeps what requests point to.
const requestMemory = 0x20000000

func newFiltered(t *testing.T, k kernel.Release) *filteredTask {
	t.Helper()
	task := &filteredTask{sys: sim.New(k)}
	p := &plan.Plan{}
	for _, op := range viewed {
		p.Filters = append(p.Filters, plan.Filter{Op: op, Insns: []uapi.SockFilter{{Code: uapi.BPF_RET}}})
	}
	player := trace.NewPlayer(task.sys, k.Name)
	for _, event := range p.Events(trace.InitTask) {
		if o, err := player.Play(&event); err != nil || o.Why != nil {
			t.Fatal(err, o.Why)
		}
	}
	task.sys.Do(trace.InitTask, trace.Map{Addr: requestMemory, Size: 8192, Prot: trace.ProtReadWrite})
	made := task.sys.Do(trace.InitTask, trace.Setup{Ring: "ring", Entries: 1, Params: requestMemory + 4096})
	if made.Why != nil || made.Err != nil {
		t.Fatal(made.Why, made.Err)
	}
	return task
}

// submit submits a request with what it points to.
func (task *filteredTask) submit(sqe *uapi.SQE, memory []byte) trace.Request {
	task.sys.Do(trace.InitTask, trace.Write{Addr: requestMemory, Data: memory})
	task.tail++
	const ring = 3 // the first descriptor of the task
	r := task.sys.Do(trace.InitTask, trace.Enter{FD: ring, Ring: "ring", SQEs: []trace.SlotSQE{{Data: sqe[:]}},
		Array: []trace.SlotIndex{{}}, Tail: task.tail, ToSubmit: 1})
	if len(r.Requests) != 1 {
		panic(fmt.Sprintf("an enter with one request consumed %d (%v)", len(r.Requests), r.Err))
	}
	return r.Requests[0]
}

// request is one with arguments at random, of which a good part gets through prep, and what it points to.
func request(rng *rand.Rand, op uapi.Op) (sqe uapi.SQE, memory []byte) {
	some := func() uint64 { return rng.Uint64() & rng.Uint64() & rng.Uint64() }
	sqe.SetOpcode(op)
	switch op {
	case uapi.IORING_OP_SOCKET:
		sqe.SetFD(int32(some()))
		sqe.SetOff(some() & 0x8080f)
		sqe.SetLen(uint32(some()))
	case uapi.IORING_OP_OPENAT:
		memory = []byte("/x\x00")
		sqe.SetAddr(requestMemory)
		sqe.SetLen(uint32(some()))
		flags, _ := uapi.SQEFieldByName("open_flags")
		flags.Put(&sqe, some()&0xffffffff)
	case uapi.IORING_OP_OPENAT2:
		memory = append(memory, "/x\x00....."...)
		for range 3 {
			memory = binary.LittleEndian.AppendUint64(memory, some())
		}
		sqe.SetAddr(requestMemory)
		sqe.SetOff(requestMemory + 8)
		sqe.SetLen(uapi.SizeofOpenHow)
	case uapi.IORING_OP_CONNECT:
		family := []uint16{uapi.AF_INET, uapi.AF_INET6, uint16(some())}[rng.IntN(3)]
		memory = binary.LittleEndian.AppendUint16(nil, family)
		for range 26 {
			memory = append(memory, byte(some()))
		}
		sqe.SetAddr(requestMemory)
		sqe.SetOff(uint64(rng.IntN(29)))
	}
	return sqe, memory
}

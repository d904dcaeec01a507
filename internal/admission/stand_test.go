package admission

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/tctx"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

const (
	ringEntries = 8
	memAt       = 0x2000_0000 // of the test's task: parameters, and a timespec behind them
	timeAt      = memAt + 0x800
)

// machine is a kernel with one ring.
type machine struct {
	*sim.Kernel
	params uapi.Params
}

// newMachine is a kernel whose task has registered the plan and made a ring.
func newMachine(t *rapid.T, k kernel.Release, p *plan.Plan, flags uint32) *machine {
	m := &machine{Kernel: sim.New(k)}
	player := trace.NewPlayer(m.Kernel, k.Name)
	for _, e := range p.Events(trace.InitTask) {
		if o, err := player.Play(&e); err != nil || o.Why != nil {
			t.Fatal(err, o.Why)
		}
	}
	m.must(t, trace.Map{Addr: memAt, Size: 0x1000, Prot: trace.ProtReadWrite})
	m.must(t, trace.Write{Addr: memAt, Data: (&uapi.Params{Flags: flags}).Append(nil)})
	m.must(t, trace.Write{Addr: timeAt, Data: []byte{1, 15: 0}})
	m.must(t, trace.Setup{Ring: "r", Entries: ringEntries, Params: memAt})
	raw, err := m.Read(trace.InitTask, memAt, uapi.SizeofParams)
	if err != nil {
		t.Fatal(err)
	}
	m.params = uapi.DecodeParams(raw)
	return m
}

func (m *machine) must(t *rapid.T, c trace.Call) trace.Result {
	r := m.Do(trace.InitTask, c)
	if r.Err != nil || r.Why != nil || r.Unmodelled != "" {
		t.Fatalf("%T: %v %v %s", c, r.Err, r.Why, r.Unmodelled)
	}
	return r
}

// enter submits, and gives what the program finds: the result, the SQ's head and the CQEs.
// Sorted leaves their order open.
func (m *machine) enter(t *rapid.T, sqes [][]byte, first, asked uint32, sorted bool) string {
	n := uint32(len(sqes))
	c := trace.Enter{FD: 3, Ring: "r", Tail: first + n, ToSubmit: asked, Flags: uapi.IORING_ENTER_GETEVENTS}
	for i, sqe := range sqes {
		slot := (first + uint32(i)) % ringEntries
		c.SQEs = append(c.SQEs, trace.SlotSQE{Slot: slot, Data: sqe})
		if m.params.Flags&uapi.IORING_SETUP_NO_SQARRAY == 0 {
			c.Array = append(c.Array, trace.SlotIndex{Slot: slot, Value: slot})
		}
	}
	r := m.must(t, c)
	var cqes []string
	for _, c := range r.Ring.CQEs {
		cqes = append(cqes, fmt.Sprintf("%d: %d %#x", c.UserData, c.Res, c.Flags))
	}
	if sorted {
		slices.Sort(cqes)
	}
	return fmt.Sprintf("%d, head %d, %s", r.Ret, r.Ring.SQHead, strings.Join(cqes, ", "))
}

// requests are what a batch is made of; some are denied by denySome, some by Linux itself.
var requests = []func(*uapi.SQE){
	func(s *uapi.SQE) { s.SetOpcode(uapi.IORING_OP_NOP) },
	func(s *uapi.SQE) { s.SetOpcode(uapi.IORING_OP_NOP); s.SetOpFlags(1); s.SetLen(uint32(uapi.EIO.Ret())) },
	func(s *uapi.SQE) { s.SetOpcode(uapi.IORING_OP_LAST) },
	func(s *uapi.SQE) { s.SetOpcode(uapi.IORING_OP_SHUTDOWN); s.SetFD(77) },
	func(s *uapi.SQE) { s.SetOpcode(uapi.IORING_OP_CLOSE); s.SetFD(77) },
	func(s *uapi.SQE) { s.SetOpcode(uapi.IORING_OP_SEND); s.SetFD(77) },
	func(s *uapi.SQE) { s.SetOpcode(uapi.IORING_OP_NOP128) },
	func(s *uapi.SQE) {
		s.SetOpcode(uapi.IORING_OP_LINK_TIMEOUT)
		s.SetFD(-1)
		s.SetAddr(timeAt)
		s.SetLen(1)
	},
}

// denySome denies some opcodes, and NOPs that a drain has made asynchronous.
func denySome(t *rapid.T) *plan.Plan {
	deny := []uapi.SockFilter{{Code: 6}} // ret #0
	p := &plan.Plan{}
	for _, op := range []uapi.Op{uapi.IORING_OP_SHUTDOWN, uapi.IORING_OP_CLOSE, uapi.IORING_OP_LINK_TIMEOUT} {
		if rapid.Bool().Draw(t, op.String()) {
			p.Filters = append(p.Filters, plan.Filter{Op: op, Insns: deny})
		}
	}
	if rapid.Bool().Draw(t, "drained") {
		const flagsAt, async = 8, 0x10 << 8
		p.Filters = append(p.Filters, plan.Filter{Op: uapi.IORING_OP_NOP, Insns: []uapi.SockFilter{
			{Code: 0x20, K: flagsAt}, {Code: 0x45, K: async, Jt: 1}, {Code: 6, K: 1}, {Code: 6}}})
	}
	return p
}

// TestStand: a kernel without filters gives a program what one with filters does, if the requests that a gate denies
// are NOPs there.
func TestStand(t *testing.T) {
	flags := []uint32{0, uapi.IORING_SETUP_SUBMIT_ALL, uapi.IORING_SETUP_NO_SQARRAY, uapi.IORING_SETUP_SQE128,
		uapi.IORING_SETUP_SQE_MIXED | uapi.IORING_SETUP_NO_SQARRAY,
		uapi.IORING_SETUP_SQE_MIXED | uapi.IORING_SETUP_SUBMIT_ALL, uapi.IORING_SETUP_CQE32}
	links := []uint8{0, 0, 0, uapi.IOSQE_IO_LINK, uapi.IOSQE_IO_LINK, uapi.IOSQE_IO_HARDLINK,
		uapi.IOSQE_CQE_SKIP_SUCCESS, uapi.IOSQE_CQE_SKIP_SUCCESS | uapi.IOSQE_IO_LINK, 0x80}
	drains := []uint8{0, 0, 0, uapi.IOSQE_IO_LINK, uapi.IOSQE_IO_DRAIN, uapi.IOSQE_IO_DRAIN | uapi.IOSQE_IO_LINK}
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.SampledFrom([]kernel.Release{kernel.V7_0, kernel.V7_1, kernel.V7_2, kernel.V7_3}).Draw(t, "kernel")
		ringFlags := rapid.SampledFrom(flags).Draw(t, "ring")
		p := denySome(t)
		drain := rapid.Bool().Draw(t, "drain")
		sqeFlags := links
		if drain { // which stand-ins wait for, and refused requests do not
			sqeFlags = drains
		}
		want, host := newMachine(t, k, p, ringFlags), newMachine(t, k, &plan.Plan{}, ringFlags)
		model := newMachine(t, k, p, ringFlags)
		gate := model.Gate()
		task, _ := model.Task(trace.InitTask)
		ring := gate.Adopt(task, "r", host.params)
		var first uint32
		for range rapid.IntRange(1, 3).Draw(t, "calls") {
			var sqes [][]byte
			n := rapid.IntRange(1, ringEntries).Draw(t, "entries")
			for i := range n {
				s := make([]byte, 64)
				if ringFlags&uapi.IORING_SETUP_SQE128 != 0 {
					s = make([]byte, 128)
				}
				var sqe uapi.SQE
				rapid.SampledFrom(requests).Draw(t, "request")(&sqe)
				sqe.SetFlags(rapid.SampledFrom(sqeFlags).Draw(t, "flags"))
				sqe.SetUserData(uint64(first)*100 + uint64(i))
				copy(s, sqe[:])
				sqes = append(sqes, s)
			}
			asked, stood := through(gate, ring, task, first, sqes)
			sorted := drain || slices.ContainsFunc(stood, linked)
			wanted := want.enter(t, sqes, first, uint32(n), sorted)
			if got := host.enter(t, stood, first, asked, sorted); got != wanted {
				t.Fatalf("got  %s\nwant %s", got, wanted)
			}
			fmt.Sscanf(wanted[strings.Index(wanted, "head ")+5:], "%d,", &first)
		}
	})
}

// linked tells whether a request has a chain. Stand-ins do not: they complete before what chains of others do later.
func linked(sqe []byte) bool { return sqe[1]&(uapi.IOSQE_IO_LINK|uapi.IOSQE_IO_HARDLINK) != 0 }

// through is how many entries are to be submitted, and the SQEs as the gate lets them through.
func through(gate *sim.Gate, ring *sim.Ring, task *tctx.Task, first uint32, sqes [][]byte) (asked uint32,
	stood [][]byte) {
	var entries []sim.Entry
	for i, s := range sqes {
		entries = append(entries, sim.Entry{Index: (first + uint32(i)) % ringEntries, SQE: s})
		stood = append(stood, slices.Clone(s))
	}
	a := gate.Submit(task, ring, first, entries)
	for i := range a.Denied {
		nop := stand(&a.Denied[i], true)
		copy(stood[a.Denied[i].At], nop[:])
	}
	if asked = uint32(len(sqes)); a.Stopped {
		asked = a.Took
	}
	return asked, stood
}

package sim

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/uringsim/uringsim/bpffilter"
	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/opdef"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// probes are the requests whose verdicts TestNothingIsLoosened follows.
var probes = func() (ps []opdef.Request) {
	for _, op := range []uapi.Op{uapi.IORING_OP_NOP, uapi.IORING_OP_READ, uapi.IORING_OP_SOCKET, uapi.IORING_OP_CONNECT} {
		for _, flags := range []uint8{0, 0x10, 0x14} {
			ps = append(ps, opdef.Request{Opcode: op, Flags: flags})
		}
	}
	return ps
}()

// deniedBy are the probes that restrictions and filters refuse, a bit each.
func deniedBy(k kernel.Release, r *bpffilter.Restriction) (bits uint64) {
	if r == nil {
		return 0
	}
	for i := range probes {
		refused := r.OpRegistered && r.CheckSQE(probes[i].Opcode, probes[i].Flags) != nil
		if set := r.Filters(); !refused && set != nil {
			why, _ := set.Run(cbpfvm.Reference, opdef.On(k), &probes[i])
			refused = why != nil
		}
		if refused {
			bits |= 1 << i
		}
	}
	return bits
}

// sandbox makes tasks, rings and restrictions at random, and knows what may have changed by each.
type sandbox struct {
	d      *driver
	tasks  []string
	rings  []string
	owner  map[string]string // the task that made the ring
	family map[string]string // of a task or ring: who registered first what it inherited; "" if nobody did
	denied map[string]uint64 // of each ring, so far
	acted  string            // the task or ring that the last action restricted
	made   int
}

func (s *sandbox) release() kernel.Release { return s.d.k.release }

func (s *sandbox) task(name string) *bpffilter.Restriction {
	t, _ := s.d.k.Task(name)
	return t.Restrict
}

func (s *sandbox) ringDenied(name string) uint64 {
	r, _ := s.d.k.Ring(name)
	return deniedBy(s.release(), &r.Restrict)
}

func (s *sandbox) name(kind string) string {
	s.made++
	return fmt.Sprint(kind, s.made)
}

func (s *sandbox) anyTask(t *rapid.T) string { return rapid.SampledFrom(s.tasks).Draw(t, "task") }

// Spawn makes a child, which starts with what its parent has.
func (s *sandbox) Spawn(t *rapid.T) {
	parent, child := s.anyTask(t), s.name("task")
	before := deniedBy(s.release(), s.task(parent))
	s.d.do(parent, trace.Spawn{Child: child, Kind: rapid.SampledFrom([]trace.SpawnKind{trace.Fork, trace.Thread}).Draw(t,
		"kind")})
	s.tasks = append(s.tasks, child)
	s.family[child] = s.family[parent]
	if got := deniedBy(s.release(), s.task(child)); got != before {
		t.Fatalf("%s denies %#x, its parent %s %#x", child, got, parent, before)
	}
}

// Setup makes a ring, which starts with what its task has.
func (s *sandbox) Setup(t *rapid.T) {
	task, ring := s.anyTask(t), s.name("ring")
	flags := rapid.SampledFrom([]uint32{submitAll, submitAll | disabled}).Draw(t, "flags")
	if r := s.d.setup(task, ring, flags); r.Ret < 0 {
		t.Fatalf("setup: %v", r.Why)
	}
	s.rings = append(s.rings, ring)
	s.owner[ring], s.family[ring] = task, s.family[task]
	s.denied[ring] = s.ringDenied(ring)
	if want := deniedBy(s.release(), s.task(task)); s.denied[ring] != want {
		t.Fatalf("%s denies %#x, its task %s %#x", ring, s.denied[ring], task, want)
	}
}

// Filter registers a filter on a task or on a ring.
func (s *sandbox) Filter(t *rapid.T) {
	op := probes[rapid.IntRange(0, len(probes)-1).Draw(t, "op")].Opcode
	src := rapid.SampledFrom([]string{"ret #0", "ret #1", flagFilter(0x10), flagFilter(4)}).Draw(t, "src")
	flags := rapid.SampledFrom([]uint32{0, 0, uapi.IO_URING_BPF_FILTER_DENY_REST}).Draw(t, "flags")
	task, ring := s.anyTask(t), ""
	if len(s.rings) > 0 && rapid.Bool().Draw(t, "on a ring") {
		ring = rapid.SampledFrom(s.rings).Draw(t, "ring")
		task = s.owner[ring]
	}
	s.acted = task
	if ring != "" {
		s.acted = ring
	}
	first := ring == "" && s.task(task) == nil
	r := s.d.filter(task, ring, op, src, flags)
	if first && r.Ret == 0 {
		s.family[task] = task
	}
}

// Restrict registers a list on a task, or on a ring that still takes one.
func (s *sandbox) Restrict(t *rapid.T) {
	list := rapid.SampledFrom([]string{"sqe NOP", "sqe NOP, sqe READ, allow 0x14", "sqe SOCKET, require 0x10",
		"reg BPF_FILTER, reg RESTRICTIONS",
		"allow 0xff", ""}).Draw(t, "list")
	task, ring := s.anyTask(t), ""
	if len(s.rings) > 0 && rapid.Bool().Draw(t, "on a ring") {
		ring = rapid.SampledFrom(s.rings).Draw(t, "ring")
		task = s.owner[ring]
	}
	s.acted = task
	if ring != "" {
		s.acted = ring
	}
	r := s.d.restrict(task, ring, list)
	if ring == "" && r.Ret == 0 {
		s.family[task] = task
	}
}

// Check holds for all rings after every action.
func (s *sandbox) Check(t *rapid.T) {
	leaks := s.release().Has(kernel.SharedFiltersAppendInPlace)
	for _, ring := range s.rings {
		now := s.ringDenied(ring)
		if lost := s.denied[ring] &^ now; lost != 0 {
			t.Fatalf("%s on %s allows %#x, which it denied before", ring, s.release(), lost)
		}
		shares := leaks && s.family[ring] != "" && s.family[ring] == s.family[s.acted]
		if now != s.denied[ring] && s.acted != ring && !shares {
			t.Fatalf("%s on %s changed from %#x to %#x by what %s did", ring, s.release(), s.denied[ring], now, s.acted)
		}
		s.denied[ring] = now
	}
	s.acted = ""
}

// TestNothingIsLoosened: whatever tasks register on themselves, their children and rings, no ring allows what it denied
// before, children and rings start with what made them has, and a ring changes only by what is done to it or, up to
// 7.2, to those that it shares filters with.
func TestNothingIsLoosened(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		k := rapid.SampledFrom(kernel.Measured()[1:]).Draw(rt, "release")
		s := &sandbox{d: drive(t, k), tasks: []string{"init"}, owner: map[string]string{}, family: map[string]string{},
			denied: map[string]uint64{}}
		rt.Repeat(map[string]func(*rapid.T){"spawn": s.Spawn, "setup": s.Setup, "filter": s.Filter, "restrict": s.Restrict,
			"": s.Check})
	})
}

// TestSubmitterDoesNotMatter: the same request on the same ring has the same fate, whoever submits it.
func TestSubmitterDoesNotMatter(t *testing.T) {
	d := drive(t, kernel.V7_3)
	d.must(d.setup("init", "open", 0), 3)
	d.do("init", trace.Spawn{Child: "jailed", Kind: trace.Fork})
	d.must(d.filter("jailed", "", uapi.IORING_OP_NOP, "ret #0", 0), 0)
	d.must(d.setup("jailed", "closed", 0), 4)
	d.do("jailed", trace.Spawn{Child: "thread", Kind: trace.Thread})
	got := []string{d.enter("jailed", "open", "1 NOP", 0), d.enter("init", "open", "2 NOP", 0), d.enter("thread",
		"closed", "3 NOP", 0)}
	for i, want := range []string{"1: 1 0", "1: 2 0", "1: 3 EACCES"} {
		if got[i] != want {
			t.Errorf("%d: %s, want %s", i, got[i], want)
		}
	}
}

// TestExecAndFilters: what filters do over execve, by release and by whether the task used io_uring.
func TestExecAndFilters(t *testing.T) {
	for _, k := range kernel.Measured()[1:] {
		for _, uses := range []bool{true, false} {
			d := drive(t, k)
			d.must(d.filter("init", "", uapi.IORING_OP_NOP, "ret #0", 0), 0)
			if uses {
				d.must(d.setup("init", "before", 0), 3)
			}
			d.do("init", trace.Exec{})
			d.memory("init")
			d.must(d.setup("init", "after", 0), 3)
			want := "1: 1 EACCES"
			if uses && k.Name == "7.0" {
				want = "1: 1 0"
			}
			if got := d.enter("init", "after", "1 NOP", 0); got != want {
				t.Errorf("%s, used %v: %s, want %s", k.Name, uses, got, want)
			}
		}
	}
}

package cover_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/cover"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

const text = `ld [socket.family]
	jeq #AF_INET, ok
	jeq #AF_INET6, ok
	ret #0
ok: ld [socket.type]
	jeq #SOCK_STREAM, +0, +0
	ret #1`

func program(t *testing.T) *cbpfvm.Program {
	t.Helper()
	insns, err := cbpfvm.Assemble(text)
	if err != nil {
		t.Fatal(err)
	}
	prog, refused := cbpfvm.Check(insns, uapi.SizeofBPFCtx)
	if refused != nil {
		t.Fatal(refused)
	}
	return prog
}

func context(family, typ uint32) *cbpfvm.Context {
	var ctx cbpfvm.Context
	ctx.SetWord(uapi.BPFCtxPDU, family)
	ctx.SetWord(uapi.BPFCtxPDU+4, typ)
	return &ctx
}

func TestCounts(t *testing.T) {
	p := cover.New()
	for _, prog := range []*cbpfvm.Program{program(t), program(t)} { // the same one, registered twice
		p.Registered(uapi.IORING_OP_SOCKET, prog)
		p.Ran(uapi.IORING_OP_SOCKET, prog, context(uapi.AF_INET, uapi.SOCK_STREAM))
	}
	p.Ran(uapi.IORING_OP_SOCKET, program(t), context(uapi.AF_UNIX, 0))
	p.Registered(uapi.IORING_OP_NOP, program(t)) // for another opcode it is another filter
	report := p.Report()
	if len(report.Filters) != 2 {
		t.Fatalf("%d filters", len(report.Filters))
	}
	f := report.Filters[0]
	want := cover.Filter{Op: uapi.IORING_OP_SOCKET, Insns: program(t).Insns(), Registrations: 2, Runs: 3, Allowed: 2,
		Hits: []uint64{3, 3, 1, 1, 2, 2, 2}, Ways: [][2]uint64{{}, {1, 2}, {1, 0}, {}, {}, {0, 2}, {}}}
	if diff := cmp.Diff(want, f); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, row := range []struct {
		what      string
		got, want cover.Share
	}{
		{"instructions", f.Instructions(), cover.Share{Covered: 7, Of: 7}},
		{"branches", f.Branches(), cover.Share{Covered: 4, Of: 6}},
		{"a filter that never ran", report.Filters[1].Total(), cover.Share{Covered: 0, Of: 13}},
		{"all", report.Total(), cover.Share{Covered: 11, Of: 26}},
	} {
		if row.got != row.want {
			t.Errorf("%s: got %v, want %v", row.what, row.got, row.want)
		}
	}
	if none := (cover.Share{}).Percent(); none != 100 {
		t.Errorf("of nothing %v%% are covered", none)
	}
}

const listing = `filter for SOCKET: registered once, ran 2 times, allowed 1
instructions 7 of 7 (100.0%), branches 4 of 6 (66.7%)
       2                 ld [16]      ; socket.family
!      2       0/2       jeq #2, L4   ; AF_INET
       2       1/1       jeq #10, L4  ; AF_INET6
       1                 ret #0       ; deny
       1            L4:  ld [20]      ; socket.type
!      1       0/1       jeq #1, L6   ; SOCK_STREAM
       1            L6:  ret #1       ; allow
coverage of 1 filter: 11 of 13 (84.6%)
`

func TestWrite(t *testing.T) {
	p := cover.New()
	prog := program(t)
	p.Registered(uapi.IORING_OP_SOCKET, prog)
	p.Ran(uapi.IORING_OP_SOCKET, prog, context(uapi.AF_UNIX, 0))
	p.Ran(uapi.IORING_OP_SOCKET, prog, context(uapi.AF_INET6, uapi.SOCK_DGRAM))
	report := p.Report()
	var out, page strings.Builder
	if err := report.Write(&out); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(listing, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := report.WriteHTML(&page); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<h2>filter for SOCKET: registered once", `<tr class="missing"><td class="n">2</td><td class="n">0/2</td>`,
		"never true", "prefers-color-scheme: dark", `name="viewport"`} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page lacks %q:\n%s", want, &page)
		}
	}
	for _, other := range []string{"<script", "http"} {
		if strings.Contains(page.String(), other) {
			t.Errorf("the page has %q", other)
		}
	}
}

// TestAgrees: what is counted is what an independent engine gives and what the paths of single runs add up to.
func TestAgrees(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	p := cover.New()
	prog := program(t)
	var hits [7]uint64
	var allowed uint64
	for range 500 {
		ctx := context(uint32(rnd.IntN(12)), uint32(rnd.IntN(3)))
		p.Ran(uapi.IORING_OP_SOCKET, prog, ctx)
		if prog.RunReference(ctx) != 0 {
			allowed++
		}
		for _, s := range prog.Explain(ctx).Steps {
			hits[s.PC]++
		}
	}
	f := p.Report().Filters[0]
	if diff := cmp.Diff(hits[:], f.Hits); diff != "" || f.Allowed != allowed || f.Runs != 500 {
		t.Errorf("allowed %d of %d, want %d of 500 (-want +got):\n%s", f.Allowed, f.Runs, allowed, diff)
	}
	for pc, ways := range f.Ways {
		if f.Conditional(pc) && ways[0]+ways[1] != f.Hits[pc] {
			t.Errorf("instruction %d ran %d times and went %v", pc, f.Hits[pc], ways)
		}
	}
}

// TestObserve: a kernel tells of filters of tasks, rings and children, and one that forks have is one filter.
func TestObserve(t *testing.T) {
	p := cover.New()
	k := sim.New(kernel.V7_3)
	k.ObserveFilters(p)
	insns := program(t).Insns()
	pl := plan.Plan{Filters: []plan.Filter{{Op: uapi.IORING_OP_SOCKET, Insns: insns}}}
	socket := trace.SQE{Fields: []trace.SQEField{{Name: "opcode", Value: trace.Pointer{Num: uint64(uapi.IORING_OP_SOCKET)}},
		{Name: "fd", Value: trace.Pointer{Num: uapi.AF_INET}}}}
	events := append(pl.Events("init"), trace.Event{Task: "init", Args: &trace.ForkArgs{Child: "child"}})
	for _, task := range []string{"init", "child"} {
		events = append(events, trace.Event{Task: task, Args: &trace.SetupArgs{Entries: 1}},
			trace.Event{Task: task, Args: &trace.EnterArgs{FD: 3, SQEs: []trace.SQE{socket}}})
	}
	player := trace.NewPlayer(k, "7.3")
	for i := range events {
		if o, err := player.Play(&events[i]); err != nil || o.Got.Ret < 0 {
			t.Fatal(err, o.Why)
		}
	}
	report := p.Report()
	if n := len(report.Filters); n != 1 || report.Filters[0].Runs != 2 || report.Filters[0].Registrations != 1 {
		t.Errorf("got %+v", report)
	}
	k.ObserveFilters(nil)
	again := trace.Event{Task: "init", Args: &trace.EnterArgs{FD: 3, SQEs: []trace.SQE{socket}}}
	if _, err := player.Play(&again); err != nil {
		t.Fatal(err)
	}
	if n := p.Report().Filters[0].Runs; n != 2 {
		t.Errorf("nobody watches, and %d runs were counted", n)
	}
}

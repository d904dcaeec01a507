package sqe_test

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/sqe"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

var update = flag.Bool("update", false, "write the trace that asks real kernels; its results have to be recorded again")

// TestKernelTrace keeps the trace in which real kernels said what prep thinks of all these requests.
func TestKernelTrace(t *testing.T) {
	const file = "../testdata/kernel/liburing-helpers.json"
	want := kernelTrace()
	if *update {
		var out bytes.Buffer
		if err := want.Write(&out); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := trace.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i := range got.Events {
		if i >= rings {
			heldByKernel(t, &got.Events[i], good[i-rings])
		}
		got.Events[i].Results = nil
	}
	var texts [2]bytes.Buffer
	for i, tr := range []*trace.Trace{got, want} {
		if err := tr.Write(&texts[i]); err != nil {
			t.Fatal(err)
		}
	}
	if texts[0].String() != texts[1].String() {
		t.Errorf("%s is not what this test makes: go test ./sqe -update, and record it on all kernels", file)
	}
}

// heldByKernel fails if the newest kernel did not cancel the request, and so let it pass prep.
func heldByKernel(t *testing.T, e *trace.Event, s sqe.SQE) {
	t.Helper()
	want := trace.Ret(uapi.ECANCELED.Ret())
	if s.Opcode() == uapi.IORING_OP_RECV_ZC { // for want of a queue
		want = trace.Ret(uapi.EINVAL.Ret())
	}
	r := e.RecordedOn(kernel.V7_3.Name)
	if r == nil || len(r.CQEs) < 2 || r.CQEs[1].Res != want {
		t.Errorf("%s: %+v, want %s", s, r, want)
	}
}

// rings is how many rings the trace sets up before its requests.
const rings = 2

// kernelTrace submits each request behind one that fails, in one chain: what passes prep is cancelled, and nothing is
// carried out.
func kernelTrace() *trace.Trace {
	tr := &trace.Trace{Header: trace.Header{Name: "Requests as liburing's helpers write them pass prep",
		Why: "a test of a filter has to submit what gets as far as the filter"}}
	add := func(args trace.Args) { tr.Events = append(tr.Events, trace.Event{Task: trace.InitTask, Args: args}) }
	add(&trace.SetupArgs{Entries: 4})
	add(&trace.SetupArgs{Entries: 4, Flags: uapi.IORING_SETUP_SQE128})
	fails := sqe.Nop().With("nop_flags", 1<<31).Link()
	for i, s := range good {
		fd := trace.Number(3)
		if s.Is128() {
			fd = 4
		}
		add(&trace.EnterArgs{FD: fd, SQEs: []trace.SQE{fails.Trace(), s.UserData(uint64(i + 1)).Trace()}})
	}
	return tr
}

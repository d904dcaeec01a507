package uringsim_test

import (
	"path/filepath"
	"testing"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// TestRecordings replays what programs submitted, on every release: all is to end as it did on the kernel that they ran
// on. That kernel is older, and so knows fewer opcodes, which PROBE tells.
func TestRecordings(t *testing.T) {
	files, err := filepath.Glob("testdata/recorded/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no recordings: %v", err)
	}
	for _, file := range files {
		tr, err := trace.ReadFile(file)
		if err != nil {
			t.Error(err)
			continue
		}
		if rec := tr.Recording; rec == nil || !rec.Complete || rec.SQEs == 0 || rec.LostSQEs+rec.LostCQEs+rec.Unread > 0 {
			t.Errorf("%s is no recording without gaps: %+v", file, rec)
			continue
		}
		for _, r := range kernel.Measured() {
			for _, on := range cbpfvm.Engines() {
				replayRecording(t, file, tr, r, on)
			}
		}
	}
}

func replayRecording(t *testing.T, file string, tr *trace.Trace, r kernel.Release, on cbpfvm.Engine) {
	t.Helper()
	p := trace.NewPlayer(sim.New(r, sim.WithEngine(on)), tr.ResultsOf(r.Name))
	var requests uint64
	for i := range tr.Events {
		o, err := p.Play(&tr.Events[i])
		if err != nil {
			t.Errorf("%s on %s: %v", file, r.Name, err)
			return
		}
		requests += uint64(len(o.Requests))
		a, isRegister := tr.Events[i].Args.(*trace.RegisterArgs)
		probe := isRegister && uapi.RegisterOp(a.Op) == uapi.IORING_REGISTER_PROBE
		if o.OK() == probe {
			t.Errorf("%s on %s: event %d: %s%s", file, r.Name, i+1, o.Unmodelled, o.Diff)
		}
	}
	if requests != tr.Recording.SQEs {
		t.Errorf("%s on %s: %d requests, want %d", file, r.Name, requests, tr.Recording.SQEs)
	}
}

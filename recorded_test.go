package uringsim_test

import (
	"path/filepath"
	"testing"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/trace"
)

// recordings are the files of testdata/recorded.
func recordings(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/recorded/*.jsonl*")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no recordings: %v", err)
	}
	return files
}

// TestRecordings replays what programs submitted, on every release: all is to end as it did on the kernel that they ran
// on.
func TestRecordings(t *testing.T) {
	for _, file := range recordings(t) {
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
			replayRecording(t, file, tr, r)
		}
	}
}

func replayRecording(t *testing.T, file string, tr *trace.Trace, r kernel.Release) {
	t.Helper()
	p := trace.NewPlayerOf(sim.New(r), &tr.Header, r.Name)
	var requests uint64
	for i := range tr.Events {
		o, err := p.Play(&tr.Events[i])
		if err != nil {
			t.Errorf("%s on %s: %v", file, r.Name, err)
			return
		}
		requests += uint64(len(o.Requests))
		if !o.OK() {
			t.Errorf("%s on %s: event %d: %s%s", file, r.Name, i+1, o.Unmodelled, o.Diff)
		}
	}
	if requests != tr.Recording.SQEs {
		t.Errorf("%s on %s: %d requests, want %d", file, r.Name, requests, tr.Recording.SQEs)
	}
}

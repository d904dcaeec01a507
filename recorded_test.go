package uringsim_test

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
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
		if rec := tr.Recording; rec == nil || !rec.Complete || rec.SQEs == 0 || rec.Unread > 0 ||
			rec.Polled == 0 && rec.LostSQEs+rec.LostCQEs > 0 {
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
	p := trace.NewPlayerOf(sim.New(r, sim.WithEngine(on)), &tr.Header, r.Name)
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

// recordedPrograms are the programs of the recordings, by the first part of the file's name.
var recordedPrograms = map[string]string{
	"bfs": "bfs 4.1.4", "fio": "fio 3.33", "go": "examples of iouring-go and go-uring", "io_uring": "liburing 2.3", "liburing": "liburing 2.15",
	"mariadb": "MariaDB 10.11.19", "node": "Node.js 20.20.2", "postgres": "PostgreSQL 18.6",
	"qemu": "QEMU 7.2.22", "samba": "Samba 4.17.12", "tokio": "examples of tokio-uring 0.5.0",
}

// TestRecordingsTable writes what docs/record.md says of each recording.
func TestRecordingsTable(t *testing.T) {
	var out strings.Builder
	out.WriteString("| recording | of | calls | SQEs | CQEs, and how many of them the model decides | lacks |\n|---|---|---|---|---|---|\n")
	for _, file := range recordings(t) {
		tr, err := trace.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name, _, _ := strings.Cut(filepath.Base(file), ".jsonl")
		kind, _, _ := strings.Cut(name, "-")
		if recordedPrograms[kind] == "" {
			t.Errorf("what is %s a recording of?", file)
		}
		own, all, ops := decided(t, tr)
		fmt.Fprintf(&out, "| [%s](../%s) | %s | %d | %s | %d, %d | %s |\n", name, filepath.ToSlash(file), recordedPrograms[kind],
			tr.Recording.Calls, opcodeCounts(ops), all, own, lacks(tr.Recording))
	}
	generated(t, "docs/record.md", "recordings", out.String())
}

// decided counts CQEs, those whose results the model knows by itself, and opcodes.
func decided(t *testing.T, tr *trace.Trace) (own, all int, ops map[uapi.Op]int) {
	t.Helper()
	ops = map[uapi.Op]int{}
	p := trace.NewPlayerOf(sim.New(kernel.V7_3), &tr.Header, kernel.V7_3.Name)
	for i := range tr.Events {
		o, err := p.Play(&tr.Events[i])
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range o.CQEs {
			if all++; !c.Known {
				own++
			}
		}
		for _, r := range o.Requests {
			ops[r.Opcode]++
		}
	}
	return own, all, ops
}

// opcodeCounts are opcodes with their numbers, the most frequent first.
func opcodeCounts(counts map[uapi.Op]int) string {
	ops := slices.SortedFunc(maps.Keys(counts), func(a, b uapi.Op) int {
		return cmp.Or(counts[b]-counts[a], int(a)-int(b))
	})
	var parts []string
	for _, op := range ops {
		parts = append(parts, fmt.Sprintf("%d %s", counts[op], op))
	}
	return strings.Join(parts, ", ")
}

// lacks says what the recorder did not see.
func lacks(r *trace.Recording) string {
	var parts []string
	for _, c := range []struct {
		n    uint64
		what string
	}{{r.Polled, "polled"}, {r.LostSQEs, "lost"}, {r.Sampled, "sampled"}, {r.Unanswered, "unanswered"}, {r.Concurrent, "concurrent"}} {
		if c.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", c.n, c.what))
		}
	}
	return strings.Join(parts, ", ")
}

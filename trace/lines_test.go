package trace_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/uringsim/uringsim/trace"
)

// TestLineWriter: what is written is read again, and of a recording that was cut off anywhere the lines before.
func TestLineWriter(t *testing.T) {
	const events = 30
	for _, name := range []string{"x.jsonl", "x.jsonl.zst"} {
		file := filepath.Join(t.TempDir(), name)
		f, err := os.Create(file)
		if err != nil {
			t.Fatal(err)
		}
		h := trace.Header{Name: "lines", Recording: &trace.Recording{Release: "6.18"}}
		w, err := trace.NewLineWriter(f, h)
		if err != nil {
			t.Fatal(err)
		}
		for i := range events {
			if err := w.Event(&trace.Event{Args: &trace.OpenArgs{Path: fmt.Sprintf("/f%d", i)}}); err != nil {
				t.Fatal(err)
			}
			if i%10 == 9 {
				if err := w.Flush(); err != nil {
					t.Fatal(err)
				}
			}
		}
		cutAnywhere(t, file, events)
		h.Recording = &trace.Recording{Release: "6.18", Complete: true, SQEs: 7}
		if err := w.Finish(h); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		tr, err := trace.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if len(tr.Events) != events || *tr.Recording != *h.Recording || tr.Name != "lines" {
			t.Errorf("%s: %d events, header %+v", name, len(tr.Events), tr.Recording)
		}
	}
}

// cutAnywhere reads the file as it would be if its recorder had been killed, behind each of its bytes from the header on.
func cutAnywhere(t *testing.T, file string, events int) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(t.TempDir(), filepath.Base(file))
	last := 0
	for n := len(text) - 1400; n <= len(text); n++ {
		if n < 1024+10 {
			continue // the header with its frame is the first thing that is written
		}
		if err := os.WriteFile(cut, text[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		tr, err := trace.ReadFile(cut)
		if err != nil {
			t.Fatalf("%s cut at %d of %d: %v", filepath.Base(file), n, len(text), err)
		}
		if len(tr.Events) < last {
			t.Fatalf("%s cut at %d has %d events, and %d before", filepath.Base(file), n, len(tr.Events), last)
		}
		last = len(tr.Events)
	}
	if last != events {
		t.Errorf("%s has %d events, want %d", filepath.Base(file), last, events)
	}
}

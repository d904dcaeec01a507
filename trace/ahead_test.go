package trace

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestAhead: what is read ahead is what is read otherwise, with the same errors at the same places.
func TestAhead(t *testing.T) {
	good := "{\"trace\":1}\n" + strings.Join(goodEvents, "\n") + "\n" + strings.Repeat(string(busy(2)), 50)
	long := `{"call":"write","addr":"0x20000000","bytes":"` + strings.Repeat("00", 1<<20) + "\"}\n"
	for name, text := range map[string]string{"all": good, "an empty one": "{\"trace\":1}\n",
		"long lines": good + long + long + good[12:],
		"a bad line": good + "{\"call\":\"dance\"}\n" + good, "a torn end": good[:len(good)-10],
		"a recording": `{"trace":1,"recording":{"release":"7.3"}}` + good[11:len(good)-10]} {
		want, wantErr := readLines(t, text, false)
		got, err := readLines(t, text, true)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || fmt.Sprint(err) != fmt.Sprint(wantErr) {
			t.Errorf("%s: %v, want %v (-want +got):\n%s", name, err, wantErr, diff)
		}
	}
}

// readLines reads a text with an event per line, as texts again, since the events may share their memory.
func readLines(t *testing.T, text string, ahead bool) (events []string, err error) {
	t.Helper()
	r, err := NewReader(io.NopCloser(strings.NewReader(text)), "t.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.Share(true)
	if ahead {
		r.Ahead()
	}
	for {
		e, err := r.Next()
		if err != nil {
			return events, err
		}
		var out bytes.Buffer
		if err := (&Trace{Events: []Event{e}}).Write(&out); err != nil {
			t.Fatal(err)
		}
		events = append(events, fmt.Sprint(e.Line, " ", out.String()))
	}
}

// TestAheadClose: a Reader can be closed at any time, and a trace that is no lines is read as ever.
func TestAheadClose(t *testing.T) {
	text := "{\"trace\":1}\n" + strings.Repeat("{\"call\":\"exec\"}\n", 10*batchEvents)
	for n := range 5 * batchEvents {
		r, err := NewReader(io.NopCloser(strings.NewReader(text)), "t.jsonl")
		if err != nil {
			t.Fatal(err)
		}
		r.Share(true)
		r.Ahead()
		for range n {
			if _, err := r.Next(); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for file, text := range map[string]string{"t.json": `{"trace":1,"events":[{"call":"exec"}]}`,
		"t.pack": string(pack(t, Header{}, someEvents(t)[:1], S2, 0))} {
		r, err := NewReader(io.NopCloser(strings.NewReader(text)), file)
		if err != nil {
			t.Fatal(err)
		}
		r.Share(true)
		r.Ahead()
		if _, err := r.Next(); err != nil {
			t.Error(err)
		}
		if _, err := r.Next(); err != io.EOF {
			t.Errorf("%s: %v", file, err)
		}
	}
}

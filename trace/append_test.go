package trace

import (
	"path/filepath"
	"testing"

	"github.com/go-json-experiment/json"
)

// TestAppendEnter: the quick way writes the same bytes.
func TestAppendEnter(t *testing.T) {
	var files []string
	for _, pattern := range []string{"kernel/*.json", "recorded/*.jsonl*", "found/*.json"} {
		found, err := filepath.Glob("../testdata/" + pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	enters, quick := 0, 0
	for _, file := range files {
		tr, err := ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i := range tr.Events {
			e := &tr.Events[i]
			if _, ok := e.Args.(*EnterArgs); ok {
				enters++
			}
			got, ok := appendEnter(nil, e)
			if !ok {
				continue
			}
			quick++
			want, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != string(want) {
				t.Fatalf("%s, event %d:\n%s\nwant\n%s", file, i+1, got, want)
			}
		}
	}
	if quick < enters/2 || quick < 1000 {
		t.Errorf("only %d of %d enters are written the quick way", quick, enters)
	}
}

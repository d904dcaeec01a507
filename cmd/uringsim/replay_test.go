package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/uringsim/uringsim/kernel"
)

// TestQuietReplay: a replay that only compares prints what one with all reasons does, on every trace, also where
// results are not as recorded.
func TestQuietReplay(t *testing.T) {
	files, err := filepath.Glob("../../testdata/*/*.json")
	if err != nil || len(files) < 100 {
		t.Fatal(len(files), err)
	}
	differ := 0
	for i, file := range files {
		if i%3 == 0 {
			file = spoil(t, file)
		}
		for _, r := range []kernel.Release{kernel.V6_19, kernel.V7_3} {
			var quiet, loud bytes.Buffer
			o := replayOptions{target: target{models: []kernel.Release{r}}}
			ok, err := o.job(nil, false)(t.Context(), newPrinter(&quiet, false, true), file)
			want, errWant := (&model{release: r}).replay(t.Context(), newPrinter(&loud, false, true), file, nil)
			if ok != want || fmt.Sprint(err) != fmt.Sprint(errWant) {
				t.Errorf("%s: %v, %v; want %v, %v", file, ok, err, want, errWant)
			}
			if diff := cmp.Diff(loud.String(), quiet.String()); diff != "" {
				t.Errorf("%s (-with reasons +quiet):\n%s", file, diff)
			}
			if !ok {
				differ++
			}
		}
	}
	if differ < 50 {
		t.Errorf("only %d replays differ", differ)
	}
}

// spoil changes results that a trace records.
func spoil(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), filepath.Base(file))
	text = bytes.ReplaceAll(text, []byte(`"ret":1,`), []byte(`"ret":7,`))
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestReplayForms: a trace gives the same in every form, also if it is read ahead, up to the name of its file and the
// lines.
func TestReplayForms(t *testing.T) {
	files, err := filepath.Glob("../../testdata/kernel/*.json")
	if err != nil || len(files) < 100 {
		t.Fatal(len(files), err)
	}
	for i := 0; i < len(files); i += 3 {
		file := files[i]
		if i%2 == 0 {
			file = spoil(t, file)
		}
		want := ""
		for _, name := range []string{"t.json", "t.jsonl", "t.jsonl.zst", "t.pack"} {
			to := filepath.Join(t.TempDir(), name)
			if args := []string{"unpack", file, "-o", to}; name == "t.pack" {
				args[0] = "pack"
				mustRun(t, args)
			} else {
				mustRun(t, args)
			}
			got := replayed(t, to)
			if want == "" {
				want = got
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s as %s (-.json):\n%s", file, name, diff)
			}
		}
	}
}

func mustRun(t *testing.T, args []string) {
	t.Helper()
	root := rootCommand()
	root.SetArgs(args)
	if err := root.Execute(); err != nil {
		t.Fatal(args, err)
	}
}

// replayed is what a quiet replay of the file and one with reasons say of it.
func replayed(t *testing.T, file string) string {
	t.Helper()
	var text strings.Builder
	for _, quiet := range []bool{true, false} {
		o := replayOptions{target: target{models: []kernel.Release{kernel.V7_3}}}
		var out bytes.Buffer
		ok, err := o.job(nil, true)(t.Context(), newPrinter(&out, false, quiet), file)
		fmt.Fprintln(&text, strings.ReplaceAll(out.String(), file, "FILE"), ok, err != nil)
	}
	return text.String()
}

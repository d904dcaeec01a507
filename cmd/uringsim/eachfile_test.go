package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/uringsim/uringsim/internal/inorder"
)

// TestEachFile: whatever ends first, the output is that of doing one file after the other, up to the first error.
func TestEachFile(t *testing.T) {
	bad := errors.New("bad")
	names := make([]string, 40)
	for i := range names {
		names[i] = fmt.Sprint("f", i)
	}
	rows := []struct {
		why   string
		lines int   // of each file
		bad   int   // the file with an error, if not -1
		width int   // of a line
		want  error // of the whole
	}{
		{"all is well", 3, -1, 10, nil},
		{"more than a buffer holds", 50, -1, 5000, nil},
		{"an error ends it, after what comes before", 3, 17, 10, bad},
		{"an error in the first", 3, 0, 10, bad},
	}
	for _, r := range rows {
		do := func(ctx context.Context, out *printer, file string) (bool, error) {
			for line := range r.lines {
				time.Sleep(time.Duration(rand.IntN(10)) * time.Second)
				if ctx.Err() != nil {
					return false, inorder.ErrStopped
				}
				fmt.Fprintf(out.w, "%s %d %s\n", file, line, strings.Repeat("x", r.width))
				out.runs++
			}
			if r.bad >= 0 && file == names[r.bad] {
				return false, bad
			}
			return file != names[5], nil
		}
		want := runAll(t, names, 1, do)
		if want.err != r.want || want.ok {
			t.Errorf("%s: %v, %v", r.why, want.ok, want.err)
		}
		if got := runAll(t, names, 7, do); got != want {
			t.Errorf("%s: the output of 7 at a time differs: %d bytes, %d runs, %v; want %d, %d, %v", r.why, len(got.text),
				got.runs, got.err, len(want.text), want.runs, want.err)
		}
	}
}

// allOf is what eachFile gave.
type allOf struct {
	text string
	runs int
	ok   bool
	err  error
}

// runAll runs the jobs in a bubble, where sleeping takes no time.
func runAll(t *testing.T, files []string, atOnce int, do job) (got allOf) {
	synctest.Test(t, func(t *testing.T) {
		var text bytes.Buffer
		out := newPrinter(&text, false, false)
		got.ok, got.err = eachFile(t.Context(), out, listed(files), newBadTraces(-1), atOnce, do)
		got.text, got.runs = text.String(), out.runs
	})
	return got
}

// TestBegun: while the first job goes on, no more than so many begin behind it, however many files there are.
func TestBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var given, begun, most atomic.Int64
		all := files{next: func() (string, error) {
			n := given.Add(1)
			if n > 10_000 {
				return "", io.EOF
			}
			return fmt.Sprint(n), nil
		}}
		do := func(_ context.Context, out *printer, file string) (bool, error) {
			begun.Add(1)
			if file == "1" {
				time.Sleep(time.Hour)
				most.Store(begun.Load())
			}
			out.runs++
			return true, nil
		}
		out := newPrinter(io.Discard, false, false)
		if ok, err := eachFile(t.Context(), out, all, newBadTraces(-1), 4, do); !ok || err != nil {
			t.Error(ok, err)
		}
		if most.Load() > inorder.MaxBegun || begun.Load() != 10_000 || out.runs != 10_000 {
			t.Errorf("%d had begun, want at most %d; then %d, and %d are counted", most.Load(), inorder.MaxBegun, begun.Load(), out.runs)
		}
	})
}

// TestListFails: a list that cannot be read to its end is an error behind the files before.
func TestListFails(t *testing.T) {
	bad := errors.New("bad")
	names := listed([]string{"a", "b"}).next
	all := files{next: func() (string, error) {
		name, err := names()
		if err == io.EOF {
			err = bad
		}
		return name, err
	}}
	var text bytes.Buffer
	do := func(_ context.Context, out *printer, file string) (bool, error) {
		fmt.Fprintln(out.w, file)
		return true, nil
	}
	_, err := eachFile(t.Context(), newPrinter(&text, false, false), all, newBadTraces(-1), 2, do)
	if err != bad || text.String() != "a\nb\n" {
		t.Errorf("%v, %q", err, text.String())
	}
}

// TestProgress: the line appears after two seconds, moves on, and is gone in the end.
func TestProgress(t *testing.T) {
	const first, later, gone = "\r\x1b[K0 of 3 files, 100 events, 50 a second",
		"\r\x1b[K1 of 3 files, 100 events, 40 a second",
		"\r\x1b[K"
	rows := []struct {
		before, after time.Duration // the first file is done
		want          string
	}{
		{progressAfter - time.Millisecond, 0, ""},
		{progressAfter + time.Millisecond, 0, first + gone},
		{progressAfter + time.Millisecond, progressEvery, first + later + gone},
	}
	for _, r := range rows {
		synctest.Test(t, func(t *testing.T) {
			var text bytes.Buffer
			p := &progress{of: 3, w: &text, quit: make(chan struct{})}
			p.ended.Go(p.run)
			p.events.Store(100)
			time.Sleep(r.before)
			p.files.Store(1)
			time.Sleep(r.after)
			p.stop()
			if text.String() != r.want {
				t.Errorf("after %v: %q, want %q", r.before+r.after, text.String(), r.want)
			}
		})
	}
}

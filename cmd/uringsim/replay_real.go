package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/uringsim/uringsim/internal/judge"
	"github.com/uringsim/uringsim/internal/live"
	"github.com/uringsim/uringsim/internal/stream"
	"github.com/uringsim/uringsim/trace"
)

// onReal replays on the running kernel or in a guest.
func (o *replayOptions) onReal(ctx context.Context, out *printer, stdin io.Reader, all files) error {
	if has, err := live.HasFilters(); o.target.image == "" && err == nil && !has {
		fmt.Fprintf(os.Stderr, "uringsim: the running kernel %s has no io_uring filters; Linux 7.0 and later have\n", live.Release())
	}
	bad, ok := newBadTraces(o.maxErrors), false
	err := o.target.ask(ctx, exitSystem, func(j judge.Judge) (err error) {
		ok, err = o.askAll(out, j, bad, stdin, all)
		return err
	})
	if err != nil {
		return err
	}
	return bad.after(out, out.finish(ok))
}

// askAll replays files on a real kernel. One that it does not play to its end, or not twice the same, does not end the
// others; a kernel that cannot be asked any more does.
func (o *replayOptions) askAll(out *printer, j judge.Judge, bad *badTraces, stdin io.Reader, all files) (bool, error) {
	ok := true
	for {
		file, err := all.next()
		if err == io.EOF {
			return ok, nil
		}
		if err != nil {
			return false, err
		}
		good, err := o.ask(out, j, stdin, file)
		if status(err) == exitSystem {
			return false, err
		}
		if err := bad.tell(out, file, err); err != nil {
			return false, err
		}
		ok = ok && (good || err != nil)
	}
}

// ask replays one file on a real kernel, and records if wanted.
func (o *replayOptions) ask(out *printer, j judge.Judge, stdin io.Reader, file string) (bool, error) {
	in, err := openTrace(file, stdin)
	if err != nil {
		return false, err
	}
	defer in.Close()
	if o.record && (file == stream.Stdin || stream.Plain(file) != file || filepath.Ext(file) == ".jsonl" || in.Packed()) {
		return false, fmt.Errorf("%s: recording is only supported into a .json document", file)
	}
	t, err := in.All()
	if err != nil {
		return false, err
	}
	v, err := j.Ask(judge.Question{Trace: t, Twice: o.record})
	if err == nil && v.Unsteady != "" {
		return false, fmt.Errorf("%s: kernel %s gave different results in two runs (-first +second):\n%s", file, v.Version,
			v.Unsteady)
	}
	if err != nil {
		return false, &statusError{exitSystem, fmt.Errorf("%s: %w", file, err)}
	}
	release := cmp.Or(o.as, v.Release)
	run := out.start(file, release, "real kernel "+v.Version, t.Header)
	run.recording = o.record
	for i, got := range v.Results {
		outcome := trace.Compare(&t.Events[i], i+1, release, got)
		if o.record {
			outcome.Want, outcome.Diff = nil, ""
			t.Events[i].Record(got)
		}
		run.event(&outcome)
	}
	if v.Err != "" {
		run.endEarly()
		return false, &statusError{exitInput, fmt.Errorf("%s: %s", file, v.Err)}
	}
	if o.record {
		if err := replaceFile(file, t.Write); err != nil {
			return false, err
		}
	}
	return run.end(), nil
}

package differ_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/internal/differ"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/trace"
)

// TestCorpus replays generated traces that real kernels have judged, with each engine for filters.
func TestCorpus(t *testing.T) {
	files, err := filepath.Glob("../../testdata/kernel/corpus/*.jsonl.zst")
	if err != nil || len(files) == 0 {
		t.Fatalf("no corpus: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			compared := 0
			err := differ.ReadCorpus(file, func(tr *trace.Trace) error {
				for _, r := range kernel.Measured() {
					for _, on := range cbpfvm.Engines() {
						n, err := reproduces(tr, r, on)
						if err != nil {
							return fmt.Errorf("%s, filters on %s: %w", r.Name, on, err)
						}
						compared += n
					}
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
			if compared == 0 {
				t.Error("nothing was compared")
			}
		})
	}
}

// reproduces plays a trace on a release, with filters on an engine, and compares with what is recorded.
func reproduces(tr *trace.Trace, r kernel.Release, on cbpfvm.Engine) (compared int, err error) {
	p := trace.NewPlayer(sim.New(r, sim.WithEngine(on)), r.Name)
	for i := range tr.Events {
		o, err := p.Play(&tr.Events[i])
		if err != nil {
			return compared, err
		}
		if o.Want != nil {
			compared++
		}
		if !o.OK() {
			return compared, fmt.Errorf("%s, event %d: %s%s", tr.Name, o.Number, o.Unmodelled, o.Diff)
		}
	}
	return compared, nil
}

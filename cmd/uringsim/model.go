package main

import (
	"context"
	"errors"
	"io"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/cover"
	"github.com/uringsim/uringsim/fleet"
	"github.com/uringsim/uringsim/internal/inorder"
	"github.com/uringsim/uringsim/internal/stream"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/trace"
)

// errReasons says that a quiet kernel gave something that is to be printed, with reasons.
var errReasons = errors.New("something differs or is not modelled")

// model is what traces are replayed on.
type model struct {
	release kernel.Release
	engine  cbpfvm.Engine
	profile *cover.Profile // nil if nothing is counted
	one     *fleet.One     // to which is added what comes out; nil if nothing is added up
	quiet   bool           // there are no reasons, which takes less than half the time
	ahead   bool           // a core has nothing to do but to read ahead
}

// replay replays one trace as a stream. It prints nothing before errReasons.
func (m *model) replay(ctx context.Context, out *printer, file string, stdin io.Reader) (bool, error) {
	in, err := openTrace(file, stdin)
	if err != nil {
		return false, err
	}
	defer in.Close()
	in.Share(true)
	in.AsBytes(m.quiet)
	if m.ahead && isRegular(file) { // others may have no more for now
		in.Ahead()
	}
	sys := sim.New(m.release, sim.WithEngine(m.engine))
	sys.SetQuiet(m.quiet)
	if m.profile != nil {
		sys.ObserveFilters(m.profile)
	}
	defer sys.Close()
	run := out.start(file, m.release.Name, m.release.String(), in.Header)
	if run.one = m.one; run.one != nil {
		run.one.Header(&in.Header)
	}
	p := trace.NewPlayerOf(sys, &in.Header, m.release.Name)
	p.Share(true)
	for ctx.Err() == nil {
		e, err := in.Next()
		if err == io.EOF {
			return run.end(), nil
		}
		if err != nil {
			run.endEarly()
			return false, err
		}
		got, err := p.Play(&e)
		if err != nil {
			run.endEarly()
			return false, inFile(file, err)
		}
		if m.quiet && !got.OK() {
			return false, errReasons
		}
		run.event(&got)
		if file == stream.Stdin {
			out.flush() // what is written may be watched
		}
	}
	return false, inorder.ErrStopped
}

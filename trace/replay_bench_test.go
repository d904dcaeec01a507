package trace_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/trace"
)

// BenchmarkReplay compares replaying lines, and the same packed, with decoding the lines by encoding/json.
func BenchmarkReplay(b *testing.B) {
	text := trace.Busy(1000)
	lines := append([]byte(trace.Prepare), text...)
	b.Run("encoding-json", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			if err := trace.ReadStd(text); err != nil {
				b.Fatal(err)
			}
		}
	})
	run := func(name string, text []byte, how way) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if n := replay(b, text, how); n != 1000*32 {
					b.Fatal(n)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*1000*32), "ns/SQE")
		})
	}
	std := func() error { return trace.ReadStd(text) }
	do := func(text []byte, how way) func() error {
		return func() error {
			replay(b, text, how)
			return nil
		}
	}
	run("explaining", lines, way{})
	run("quiet", lines, way{quiet: true})
	run("ahead", lines, way{quiet: true, ahead: true})
	trace.Ratio(b, "ratio", std, do(lines, way{quiet: true}))
	trace.Ratio(b, "ratio-ahead", std, do(lines, way{quiet: true, ahead: true}))
	for _, c := range trace.Compressions() {
		text := packed(b, lines, c)
		run("packed-"+c.String(), text, way{quiet: true})
		if c == trace.S2 {
			trace.Ratio(b, "ratio-packed", do(lines, way{quiet: true}), do(text, way{quiet: true}))
		}
	}
}

// way is how a trace is replayed.
type way struct{ quiet, ahead bool }

// packed is the trace in packed form.
func packed(b *testing.B, lines []byte, c trace.Compression) []byte {
	b.Helper()
	t, err := trace.Read(bytes.NewReader(lines), "busy.jsonl")
	if err != nil {
		b.Fatal(err)
	}
	var out bytes.Buffer
	w, err := trace.NewPackWriter(&out, t.Header, c)
	for i := range t.Events {
		if err == nil {
			err = w.Event(&t.Events[i])
		}
	}
	if err == nil {
		err = w.Finish()
	}
	if err != nil {
		b.Fatal(err)
	}
	return out.Bytes()
}

// replay plays a trace on the model, which has to give what it records, and returns how many requests there were.
func replay(b *testing.B, text []byte, how way) (requests int) {
	b.Helper()
	r, err := trace.NewReader(io.NopCloser(bytes.NewReader(text)), "busy.jsonl")
	if err != nil {
		b.Fatal(err)
	}
	r.Share(true)
	r.AsBytes(how.quiet)
	if how.ahead {
		r.Ahead()
	}
	defer r.Close()
	sys := sim.New(kernel.V7_3)
	sys.SetQuiet(how.quiet)
	p := trace.NewPlayer(sys, kernel.V7_3.Name)
	p.Share(true)
	for {
		e, err := r.Next()
		if err == io.EOF {
			return requests
		}
		if err != nil {
			b.Fatal(err)
		}
		o, err := p.Play(&e)
		if err != nil || !o.OK() {
			b.Fatal(err, o.Diff, o.Unmodelled)
		}
		if e.Call() == "enter" {
			requests += int(o.Got.Ret)
		}
	}
}

package trace_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/trace"
)

// BenchmarkReplay compares replaying lines with decoding the same lines by encoding/json.
func BenchmarkReplay(b *testing.B) {
	text := trace.Busy(1000)
	b.Run("encoding-json", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			if err := trace.ReadStd(text); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, quiet := range []bool{false, true} {
		b.Run(map[bool]string{false: "explaining", true: "quiet"}[quiet], func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if n := replay(b, text, quiet); n != 1000*32 {
					b.Fatal(n)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*1000*32), "ns/SQE")
		})
	}
	trace.Ratio(b, func() error { return trace.ReadStd(text) }, func() error {
		replay(b, text, true)
		return nil
	})
}

// replay plays the lines on the model, which has to give what they record, and returns how many requests there were.
func replay(b *testing.B, text []byte, quiet bool) (requests int) {
	b.Helper()
	in := io.MultiReader(strings.NewReader(trace.Prepare), bytes.NewReader(text))
	r, err := trace.NewReader(io.NopCloser(in), "busy.jsonl")
	if err != nil {
		b.Fatal(err)
	}
	r.Share(true)
	sys := sim.New(kernel.V7_3)
	sys.SetQuiet(quiet)
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

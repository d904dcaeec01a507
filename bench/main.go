// Bench measures our engines against those of other projects, each of which runs the same filter on the same context.
// All take turns, and each loop is in the language of its engine. Libpcap takes part with "-tags libpcap", where its
// headers are.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"time"

	"gvisor.dev/gvisor/pkg/bpf"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/internal/bench"
)

// peer is an engine of another project.
type peer struct {
	name   string
	runner func(*cbpfvm.Program, *cbpfvm.Context) (bench.Runner, error)
}

// peers are what there is to compare with.
var peers = []peer{{"gVisor", gVisor}}

func main() {
	log.SetFlags(0)
	turns := flag.Int("turns", 101, "how often each is measured")
	slice := flag.Duration("slice", 2*time.Millisecond, "how long each turn of each takes")
	flag.Parse()
	subjects, err := subjects()
	if err != nil {
		log.Fatal(err)
	}
	results, err := bench.Measure(subjects, *turns, *slice)
	if err != nil {
		log.Fatal(err)
	}
	if err := bench.Print(os.Stdout, results); err != nil {
		log.Fatal(err)
	}
}

// subjects are the programs on our engines and on each peer, which is the base of a group of its own.
func subjects() ([]bench.Subject, error) {
	var all []bench.Subject
	for _, row := range bench.Programs() {
		p, ctx := row.Check(), bench.SocketContext()
		path := p.Explain(ctx)
		want, runs := path.Result, 1+20000/len(path.Steps) // a call, from Go to C perhaps, which is not to count
		for _, peer := range peers {
			theirs, err := peer.runner(p, ctx)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", peer.name, err)
			}
			label := bench.Label{Group: row.Name, Name: peer.name, Base: true}
			if len(peers) > 1 {
				label.Group += ", " + peer.name
			}
			all = append(all, bench.Running(label, runs, theirs, want))
			for _, e := range cbpfvm.Engines() {
				label.Name, label.Base, label.Engine = e.String(), false, e.String()
				all = append(all, bench.Running(label, runs, bench.On(e, p, ctx), want))
			}
		}
	}
	return all, nil
}

// gVisor is the interpreter of gVisor's pkg/bpf, which loads words in the machine's order if it is told to.
func gVisor(p *cbpfvm.Program, ctx *cbpfvm.Context) (bench.Runner, error) {
	var insns []bpf.Instruction
	for _, in := range p.Insns() {
		insns = append(insns, bpf.Instruction{OpCode: in.Code, JumpIfTrue: in.Jt, JumpIfFalse: in.Jf, K: in.K})
	}
	theirs, err := bpf.Compile(insns, false)
	if err != nil {
		return nil, err
	}
	return func(times int) (result uint32) {
		for range times {
			if result, err = bpf.Exec[bpf.NativeEndian](theirs, ctx[:]); err != nil {
				panic(err) // no program here can fail
			}
		}
		return result
	}, nil
}

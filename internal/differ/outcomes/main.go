// Command outcomes prints what the model gives for generated traces, a line each: kind, seed, and a hash of the results.
// The test of planted faults builds it with a fault and compares.
//
// Usage: outcomes RELEASE FIRST-SEED N KIND...
package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"strconv"

	"github.com/go-json-experiment/json"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/gen"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/trace"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "outcomes:", err)
		os.Exit(2)
	}
}

func run(args []string) error {
	if len(args) < 4 {
		return fmt.Errorf("usage: outcomes RELEASE FIRST-SEED N KIND")
	}
	r, err := kernel.Parse(args[0])
	if err != nil {
		return err
	}
	first, err := strconv.ParseUint(args[1], 10, 64)
	if err != nil {
		return err
	}
	n, err := strconv.ParseUint(args[2], 10, 64)
	if err != nil {
		return err
	}
	for _, name := range args[3:] {
		k, ok := gen.KindOf(name)
		if !ok {
			return fmt.Errorf("unknown kind %q", name)
		}
		for seed := first; seed < first+n; seed++ {
			fmt.Printf("%s %d %x\n", name, seed, hash(k.Trace(seed), r, seed%2 == 1))
		}
	}
	return nil
}

// hash is a digest of all results, of a kernel of which nobody asks for reasons if it is quiet.
func hash(t *trace.Trace, r kernel.Release, quiet bool) []byte {
	h := sha256.New()
	sys := sim.New(r, sim.WithEngine(cbpfvm.Fast))
	sys.SetQuiet(quiet)
	p := trace.NewPlayer(sys, r.Name)
	for i := range t.Events {
		o, err := p.Play(&t.Events[i])
		if err != nil {
			fmt.Fprintln(h, err)
			break
		}
		b, err := json.Marshal(o.Got)
		if err != nil {
			panic(err) // results can be written
		}
		h.Write(b)
		fmt.Fprintln(h, o.Unmodelled)
	}
	return h.Sum(nil)[:8]
}

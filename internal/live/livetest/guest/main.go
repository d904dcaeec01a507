// Command guest is /init of a guest that runs the scenario of livetest, or measures, and sends JSON to the host.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/uringsim/uringsim/internal/live"
	"github.com/uringsim/uringsim/internal/live/livetest"
	"github.com/uringsim/uringsim/internal/vm"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

func main() {
	if !vm.InGuest() {
		fmt.Fprintln(os.Stderr, "guest: to be run as /init of a guest")
		os.Exit(2)
	}
	vm.GuestMain(serve)
}

func serve(ch io.ReadWriteCloser, args []string) error {
	switch {
	case slices.Equal(args, []string{"measure"}):
		return measure(ch)
	case len(args) == 0:
		return scenario(ch)
	}
	return fmt.Errorf("unknown arguments %q", args)
}

// Report is what the scenario gives.
type Report struct {
	Release string
	Filters bool
	Steps   []livetest.Step
}

func scenario(w io.Writer) error {
	filters, err := live.HasFilters()
	if err != nil {
		return err
	}
	steps := livetest.Scenario(live.Options{}, 0)
	return json.NewEncoder(w).Encode(Report{live.Release(), filters, steps})
}

// measure says how long calls take.
func measure(w io.Writer) error {
	k, err := live.Open(live.Options{})
	if err != nil {
		return err
	}
	defer k.Close()
	r := livetest.NewRun(k, 0)
	r.Memory("init")
	r.Setup("init", "a", uapi.Params{}, 3)
	per := func(n int, f func()) string {
		start := time.Now()
		for range n {
			f()
		}
		return (time.Since(start) / time.Duration(n)).String()
	}
	out := map[string]string{"release": live.Release()}
	out["single call"] = per(5000, func() { k.Do("init", trace.Close{FD: 99}) })
	out["enter of one NOP"] = per(5000, func() { k.Do("init", r.Nop("a", 3, 1)) })
	many := r.Many(512, 4, false)
	out["enter of 512 NOPs"] = per(500, func() {
		k.Do("init", many)
		many.Tail += 512
	})
	out["fork and exit"] = per(200, func() {
		k.Do("init", trace.Spawn{Child: "c", Kind: trace.Fork})
		k.Do("c", trace.Exit{})
	})
	out["open and close"] = per(100, func() {
		if k, err := live.Open(live.Options{}); err == nil {
			_ = k.Close()
		}
	})
	return json.NewEncoder(w).Encode(out)
}

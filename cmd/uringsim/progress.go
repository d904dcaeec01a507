package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/uringsim/uringsim/report"
	"github.com/uringsim/uringsim/trace"
)

// Progress is shown on a terminal, if it takes longer than progressAfter, and then again and again.
const (
	progressAfter = 2 * time.Second
	progressEvery = 500 * time.Millisecond
)

// progress is a line that tells how far a command is. Its counters may be moved by several goroutines.
type progress struct {
	events, files atomic.Int64
	of            int // files; 0 if it is not known how many there are
	w             io.Writer
	quit          chan struct{}
	ended         sync.WaitGroup
}

// startProgress shows a line on standard error, unless that is no terminal, or the same terminal as the output's.
func startProgress(files int, out *printer) *progress {
	p := &progress{of: files, w: os.Stderr, quit: make(chan struct{})}
	if terminal(os.Stderr) && (out.quiet || !terminal(os.Stdout)) {
		p.ended.Go(func() { p.run() })
	}
	return p
}

// run prints the line once the time has come, and removes it in the end.
func (p *progress) run() {
	start := time.Now()
	select {
	case <-p.quit:
		return
	case <-time.After(progressAfter):
	}
	again := time.NewTicker(progressEvery)
	defer again.Stop()
	for {
		p.print(time.Since(start))
		select {
		case <-p.quit:
			fmt.Fprint(p.w, "\r\x1b[K")
			return
		case <-again.C:
		}
	}
}

// print replaces the line.
func (p *progress) print(took time.Duration) {
	events := p.events.Load()
	files := report.Number(int(p.files.Load()), "file")
	if p.of > 0 {
		files = fmt.Sprintf("%d of %s", p.files.Load(), report.Number(p.of, "file"))
	}
	fmt.Fprintf(p.w, "\r\x1b[K%s, %s, %.0f a second", files, report.Number(int(events), "event"),
		float64(events)/took.Seconds())
}

// stop removes the line.
func (p *progress) stop() {
	close(p.quit)
	p.ended.Wait()
}

// counted is a trace whose events are counted as they are read.
type counted struct {
	*trace.Reader
	p      *progress
	events uint64
}

// Next is the next event.
func (c *counted) Next() (trace.Event, error) {
	e, err := c.Reader.Next()
	if err == nil {
		c.p.events.Add(1)
		c.events++
	}
	return e, err
}

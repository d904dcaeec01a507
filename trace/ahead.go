package trace

import "sync"

// Limits of reading ahead.
const (
	aheadBatches = 3
	batchEvents  = 64
	batchText    = 64 << 10 // bytes of text after which a batch is full
)

// batch is a run of events that were read ahead.
type batch struct {
	events []Event
	lists  lists // of the events
	err    error // the end of the input or an error behind these events; nil if more events follow
}

// fill reads events until the batch is full or the input ends.
func (b *batch) fill(l *lineReader, q *quick) {
	q.list = b.lists
	q.list.reset()
	b.events, b.err = b.events[:0], nil
	for size := 0; len(b.events) < batchEvents && size < batchText && b.err == nil; {
		e, n, err := l.event(q)
		if b.err = err; err == nil {
			b.events = append(b.events, e)
		}
		size += n
	}
	b.lists = q.list
}

// ahead passes batches from the goroutine that reads them to the one that uses them, and empty ones back.
type ahead struct {
	full, empty chan *batch // each has room for all batches
	stop        chan struct{}
	reading     sync.WaitGroup
	current     *batch
	at          int // index of the next event in current
}

// Ahead starts a goroutine that reads the next events while the caller works on the current ones. It does so only for a
// trace with one event per line whose events share memory, and otherwise does nothing. Set the other options of the
// Reader first. Close ends the goroutine and waits for it, so the input should never block for long.
func (r *Reader) Ahead() {
	if r.lines == nil || !r.quick.share {
		return
	}
	a := &ahead{full: make(chan *batch, aheadBatches), empty: make(chan *batch, aheadBatches), stop: make(chan struct{})}
	for range aheadBatches - 1 {
		a.empty <- &batch{}
	}
	a.current = &batch{}
	r.quick.gather = true
	a.reading.Go(func() { a.read(r.lines, &r.quick) })
	closeFile := r.close
	r.close = func() error {
		close(a.stop)
		a.reading.Wait()
		return closeFile()
	}
	r.next = a.next
}

// read fills batches until the input ends or cannot be read.
func (a *ahead) read(l *lineReader, q *quick) {
	for {
		select {
		case <-a.stop:
			return
		case b := <-a.empty:
			b.fill(l, q)
			ended := b.err != nil // read before the batch is handed over
			a.full <- b
			if ended {
				return
			}
		}
	}
}

// next returns the next event.
func (a *ahead) next() (Event, error) {
	for a.at == len(a.current.events) {
		if err := a.current.err; err != nil {
			return Event{}, err
		}
		a.empty <- a.current
		a.current, a.at = <-a.full, 0
	}
	a.at++
	return a.current.events[a.at-1], nil
}

package trace

import "sync"

// Limits of what is read ahead.
const (
	aheadBatches = 3
	batchEvents  = 64
	batchText    = 64 << 10 // bytes, from which on a batch is full
)

// batch is events that were read ahead.
type batch struct {
	events []Event
	lists  lists // of the events
	err    error // what comes behind them; nil if that is more events
}

// fill reads events until there are enough.
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

// ahead hands batches from a goroutine that fills them to one that empties them, and back.
type ahead struct {
	full, empty chan *batch // with room for all
	stop        chan struct{}
	reading     sync.WaitGroup
	current     *batch
	at          int // the next event of it
}

// Ahead lets a goroutine read the next events of a trace that has one per line while the last ones are worked on, where
// memory is shared. It ends with Close, which waits for it, so the input should be one that never blocks for long. The
// options of the Reader have to be set before.
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

// read fills batches up to the end, or an error.
func (a *ahead) read(l *lineReader, q *quick) {
	for {
		select {
		case <-a.stop:
			return
		case b := <-a.empty:
			b.fill(l, q)
			ended := b.err != nil // while nobody else has it
			a.full <- b
			if ended {
				return
			}
		}
	}
}

// next is the next event.
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

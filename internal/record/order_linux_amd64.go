package record

import (
	"time"

	"github.com/uringsim/uringsim/trace"
)

// order writes events in the order in which calls end, with one exception: a call that sends messages to other rings
// comes before the events of tasks that may have received these, even if they end first.
type order struct {
	out    func(*trace.Event)
	sender *task // the task in such a call; if there are several, only the first counts
	since  time.Time
	behind []*trace.Event // events to be written after it
}

// How many events wait for a sender, and how long: the sender may itself be waiting for what other tasks do next.
const (
	mostBehind  = 1000
	longestSend = 100 * time.Millisecond
)

// emit writes an event, or keeps it for later.
func (o *order) emit(e *trace.Event) {
	if o.sender == nil {
		o.out(e)
		return
	}
	if o.behind = append(o.behind, e); len(o.behind) >= mostBehind || time.Since(o.since) > longestSend {
		o.release()
	}
}

// sends notes that the task begins a call that sends messages.
func (o *order) sends(t *task) {
	if o.sender == nil {
		o.sender, o.since = t, time.Now()
	}
}

// ended writes the event of a call of the task.
func (o *order) ended(t *task, e *trace.Event) {
	if o.sender != t {
		o.emit(e)
		return
	}
	o.out(e)
	o.release()
}

// quits notes that a call of the task ends without an event.
func (o *order) quits(t *task) {
	if o.sender == t {
		o.release()
	}
}

// release writes the events that were kept.
func (o *order) release() {
	o.sender = nil
	for _, e := range o.behind {
		o.out(e)
	}
	o.behind = o.behind[:0]
}

package record

import (
	"time"

	"github.com/uringsim/uringsim/trace"
)

// order writes events in the order in which calls end, but for a call that sends messages to other rings: it comes
// before those of tasks that may have got them, which may end first.
type order struct {
	out    func(*trace.Event)
	sender *task // in such a call; a second one at the same time has no turn of its own
	since  time.Time
	behind []*trace.Event // that come after it
}

// How much may wait for a sender, and how long: it may wait itself for what others do next.
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

// sends begins a call that sends messages.
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

// quits ends a call of the task that has no event.
func (o *order) quits(t *task) {
	if o.sender == t {
		o.release()
	}
}

// release writes what has waited.
func (o *order) release() {
	o.sender = nil
	for _, e := range o.behind {
		o.out(e)
	}
	o.behind = o.behind[:0]
}

package record

import "github.com/uringsim/uringsim/trace"

// Options say what is recorded.
type Options struct {
	Command  []string            // the program, looked for in PATH, and its arguments
	Name     string              // of the trace
	Asleep   bool                // submission threads always sleep, so that nothing is taken without a call
	Progress func(events uint64) // called several times a second with the number of events; nil for nobody
}

// Summary is what became of it.
type Summary struct {
	trace.Recording
	Status int // of the program, as a shell tells it: 128 and the signal if one ended it
}

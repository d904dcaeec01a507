package record

import "github.com/uringsim/uringsim/trace"

// Options are what to record, and how.
type Options struct {
	Command  []string            // the program, which is looked up in PATH, and its arguments
	Name     string              // of the trace
	Asleep   bool                // make submission threads sleep always, so that every entry is taken by a call
	Progress func(events uint64) // called several times a second with the number of events; may be nil
}

// Summary is the result of a recording.
type Summary struct {
	trace.Recording
	Status int // exit status of the program as a shell has it: 128 plus the signal if a signal ended it
}

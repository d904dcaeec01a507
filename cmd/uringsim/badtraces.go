package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/uringsim/uringsim/report"
)

// errBadTraces ends a command that told of all traces which it could not read, and did the others.
var errBadTraces = &statusError{exitInput, errors.New("not all traces could be read to their end")}

// isBadTrace tells whether an error is one of the trace that was worked on, which says nothing about others.
func isBadTrace(err error) bool { return err != nil && status(err) == exitInput }

// badTraces tells of the traces that cannot be read, or carried out, to their end. The others are not given up for them.
type badTraces struct {
	most  int // that are told of; with one more, it all ends. Negative is any number
	count int
	w     io.Writer
}

func newBadTraces(most int) *badTraces { return &badTraces{most: most, w: os.Stderr} }

// tell tells of an error, if it is one; the error is returned if there are too many.
func (b *badTraces) tell(out *printer, file string, err error) error {
	if err == nil {
		return nil
	}
	b.count++
	if b.most == 0 {
		return err
	}
	if b.most > 0 && b.count > b.most {
		return &statusError{exitInput, fmt.Errorf("%w\nuringsim: that is one more than --max-errors %d", err, b.most)}
	}
	fmt.Fprintln(b.w, "uringsim:", err)
	if out.json {
		out.line(errorLine{"error", file, err.Error()})
	}
	return nil
}

// after is what a command ends with that would otherwise end with err.
func (b *badTraces) after(out *printer, err error) error {
	if b.count == 0 || err != nil && !errors.Is(err, errMismatch) {
		return err
	}
	if out.quiet && !out.json {
		fmt.Fprintf(out.w, "%s not read to the end\n", report.Number(b.count, "trace"))
	}
	return errBadTraces
}

// errorLine is the JSON of a bad trace; docs/json.md states the keys.
type errorLine struct {
	Type  string `json:"type"`
	File  string `json:"file"`
	Error string `json:"error"`
}

package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/uringsim/uringsim/internal/stream"
	"github.com/uringsim/uringsim/trace"
)

// openTrace opens a trace that may be compressed, or standard input, if there is one.
func openTrace(file string, stdin io.Reader) (*trace.Reader, error) {
	if file == stream.Stdin && stdin == nil {
		return nil, errors.New("found \"-\", expected files: standard input is for replay on the model, without more")
	}
	if info, err := os.Stat(file); err == nil && info.IsDir() {
		return nil, &statusError{exitInput, fmt.Errorf("%s: found a folder, expected a trace", file)}
	}
	in, err := stream.Open(file, stdin)
	if err != nil {
		return nil, err
	}
	return trace.NewReader(in, file)
}

// readTrace reads all of a trace.
func readTrace(file string, stdin io.Reader) (*trace.Trace, error) {
	in, err := openTrace(file, stdin)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return in.All()
}

// isRegular tells whether the file is neither a pipe nor a device.
func isRegular(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.Mode().IsRegular()
}

// inFile adds the file and line to an error about an event.
func inFile(file string, err error) error {
	var e *trace.EventError
	if errors.As(err, &e) && e.Line > 0 {
		return fmt.Errorf("%s:%d: %w", file, e.Line, err)
	}
	return fmt.Errorf("%s: %w", file, err)
}

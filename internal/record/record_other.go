//go:build !linux || !amd64

package record

import (
	"errors"
	"os"
)

var errSystem = errors.New("recording needs Linux on x86-64")

// Available says why this process cannot record.
func Available() error { return errSystem }

// Run fails.
func Run(Options, *os.File) (Summary, error) { return Summary{}, errSystem }

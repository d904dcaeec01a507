//go:build !linux || !amd64

package admission

import "errors"

var errSystem = errors.New("run needs Linux on x86-64")

// Available says why this process cannot run programs.
func Available() error { return errSystem }

// Run fails.
func Run(Options) (Summary, error) { return Summary{}, errSystem }

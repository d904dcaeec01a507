//go:build !linux && !darwin

package vm

import (
	"context"
	"errors"
)

var errNoHost = errors.New("guests can be started on Linux and macOS only")

// BootError says that the guest did not come up.
type BootError struct{ Err error }

// Error is the reason.
func (e *BootError) Error() string { return "the guest did not boot: " + e.Err.Error() }

// Unwrap gives the reason.
func (e *BootError) Unwrap() error { return e.Err }

// Machine is a guest that runs.
type Machine struct{}

// Start fails on this platform.
func Start(context.Context, Config) (*Machine, error) { return nil, errNoHost }

// Channel is the connection to the guest's program.
func (*Machine) Channel() Channel { return nil }

// Accel says how the guest runs.
func (*Machine) Accel() Accel { return "" }

// Wait fails on this platform.
func (*Machine) Wait() error { return errNoHost }

// Kill does nothing.
func (*Machine) Kill() error { return nil }

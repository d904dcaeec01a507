//go:build !linux

package sysuring

import (
	"errors"

	"github.com/uringsim/uringsim/uapi"
)

// Ring is a ring of this process. This system has none.
type Ring struct{}

// NewRing fails.
func NewRing(uint32) (*Ring, error) { return nil, errors.New("this system has no io_uring") }

// Close does nothing.
func (*Ring) Close() error { return nil }

// Room is 0.
func (*Ring) Room() int { return 0 }

// SQE returns nil.
func (*Ring) SQE(int) []byte { return nil }

// Publish does nothing.
func (*Ring) Publish(uint32) {}

// SQFlags returns 0.
func (*Ring) SQFlags() uint32 { return 0 }

// Submit fails.
func (r *Ring) Submit(n, minComplete, flags uint32) (int64, error) {
	return r.Enter(n, minComplete, flags)
}

// Enter fails.
func (*Ring) Enter(uint32, uint32, uint32) (int64, error) {
	return 0, errors.New("this system has no io_uring")
}

// Reap takes nothing.
func (*Ring) Reap([]uapi.CQE) int { return 0 }

// NewRingWith fails.
func NewRingWith(uint32, uint32) (*Ring, error) { return NewRing(0) }

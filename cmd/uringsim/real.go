package main

import (
	"context"

	"github.com/uringsim/uringsim/internal/judge"
	"github.com/uringsim/uringsim/internal/live"
)

// askReal has a real kernel asked: that of the guest, a vmlinuz, or without one the running kernel. Where io_uring of that
// cannot be used, the exit status is absent. The first error counts.
func askReal(ctx context.Context, guest *string, absent int, ask func(j judge.Judge) error) error {
	var j judge.Judge = judge.Here{}
	if guest != nil {
		g, err := judge.Boot(ctx, *guest)
		if err != nil {
			return &statusError{exitSystem, err}
		}
		j = g
	} else if _, err := live.HasFilters(); err != nil {
		return &statusError{absent, err}
	}
	err := ask(j)
	if closed := j.Close(); err == nil && closed != nil {
		err = &statusError{exitSystem, closed}
	}
	return err
}

package main

import (
	"context"

	"github.com/uringsim/uringsim/internal/judge"
	"github.com/uringsim/uringsim/internal/live"
)

// ask has the real kernel asked. Where the running one cannot be used for io_uring, the exit status is absent. The first
// error counts.
func (t *target) ask(ctx context.Context, absent int, ask func(j judge.Judge) error) error {
	var j judge.Judge = judge.Here{}
	if t.image != "" {
		g, err := judge.Boot(ctx, t.image, 1)
		if err != nil {
			return system(err)
		}
		j = g
	} else if _, err := live.HasFilters(); err != nil {
		return &statusError{absent, err}
	}
	err := ask(j)
	if closed := j.Close(); err == nil {
		err = system(closed)
	}
	return err
}

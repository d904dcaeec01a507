package main

import (
	"fmt"
	"io"

	"github.com/uringsim/uringsim/report"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/trial"
)

// writeSeen prints what a trial says of requests that were only seen, and not all of them.
func writeSeen(out io.Writer, r *trial.Report) {
	for _, g := range r.Gaps {
		fmt.Fprintf(out, "  %d × %s, which the policy may deny\n    %s\n", g.Count, g.Op, g.Missing)
		writePlaces(out, g.First)
	}
	l := &r.Logged
	if l.Total() == 0 {
		return
	}
	fmt.Fprintf(out, "  the kernel denied %s (EACCES): the policy denies %d, allows %d, and of %d it is not known\n",
		report.Number(l.Total(), "request"), l.Denied, l.Allowed, l.Undecided)
	writePlaces(out, l.First)
}

// writePlaces prints the first places of a group.
func writePlaces(out io.Writer, places []trial.Place) {
	for i, p := range places {
		label := "first at "
		if i > 0 {
			label = "     and "
		}
		fmt.Fprintf(out, "    %s%s\n", label, p)
	}
}

// lacks says what a log does not have that it should have, "" if that is nothing.
func lacks(file string, h *trace.Header) string {
	if r := h.Recording; r != nil && r.Missed+r.Skipped > 0 {
		return fmt.Sprintf("%s has gaps: %s lost by the kernel, %s not understood", file,
			report.Number(int(r.Missed), "event"), report.Number(int(r.Skipped), "line"))
	}
	return ""
}

// The JSON of what was only seen; docs/json.md states the keys.
type (
	gapLine struct {
		Type    string      `json:"type"`
		Kernel  string      `json:"kernel"`
		Opcode  string      `json:"opcode"`
		Missing string      `json:"missing"`
		Count   int         `json:"count"`
		First   []placeLine `json:"first"`
	}
	loggedLine struct {
		Denied    int         `json:"denied"`
		Allowed   int         `json:"allowed"`
		Undecided int         `json:"undecided"`
		First     []placeLine `json:"first,omitzero"`
	}
)

func jsonLogged(l *trial.Logged) *loggedLine {
	if l.Total() == 0 {
		return nil
	}
	return &loggedLine{l.Denied, l.Allowed, l.Undecided, jsonPlaces(l.First)}
}

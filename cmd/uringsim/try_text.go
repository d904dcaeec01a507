package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/report"
	"github.com/uringsim/uringsim/trial"
	"github.com/uringsim/uringsim/verdict"
)

// printAttempts prints what the releases have in common once.
func printAttempts(out *printer, policy string, attempts []attempt) {
	var answers kernel.Answers
	for _, a := range attempts {
		answers.Add(a.release.Name, a.text(out.quiet))
	}
	for _, a := range answers {
		fmt.Fprintf(out.w, "%s on %s: %s", policy, a.Releases(), a.Text)
	}
}

// text is what came of the trial.
func (a *attempt) text(quiet bool) string {
	if a.refused != nil {
		return fmt.Sprintf("it cannot be registered: %s: %s\n", a.refused.What, a.refused.Why.Error())
	}
	var out strings.Builder
	r := a.report
	fmt.Fprintf(&out, "%d of %s denied", r.Denied, report.Number(r.Admitted, "request"))
	if r.Undecided > 0 {
		fmt.Fprintf(&out, ", %d not known", r.Undecided)
	}
	if refused := r.Requests - r.Admitted; refused > 0 {
		fmt.Fprintf(&out, " (and %d more refused without it)", refused)
	}
	fmt.Fprintf(&out, ", %d cancelled with them, %s refused", r.Cancelled, report.Number(r.Calls, "register call"))
	if r.Unknown > 0 {
		fmt.Fprintf(&out, ", %s not modelled", report.Number(r.Unknown, "event"))
	}
	out.WriteByte('\n')
	if quiet {
		return out.String()
	}
	for _, b := range r.Breaks {
		writeBreak(&out, b)
	}
	writeSeen(&out, r)
	for _, text := range a.lacks {
		fmt.Fprintf(&out, "  note: %s\n", text)
	}
	for _, d := range r.Doubts {
		fmt.Fprintf(&out, "  unknown: %s: %s", d.Place, d.What)
		if d.Denied > 0 {
			fmt.Fprintf(&out, "; %s would be denied if admitted", report.Number(d.Denied, "request"))
		}
		out.WriteByte('\n')
	}
	if r.SharesFilters {
		out.WriteString(`  note: the program registers filters itself. This release puts them into the set that it shares with the
        policy, so that they hold for others, too (quirk: shared-filters-append-in-place). That is not counted.
`)
	}
	return out.String()
}

// writeBreak prints a group.
func writeBreak(out io.Writer, b *trial.Break) {
	fmt.Fprintf(out, "  %d × %s", b.Count, b.Name())
	if b.Saw != "" {
		fmt.Fprintf(out, " with %s", b.Saw)
	}
	fmt.Fprintf(out, "\n    %s\n", reasonOf(b))
	if b.Cancelled > 0 {
		fmt.Fprintf(out, "    cancels %s\n", report.Number(b.Cancelled, "other request"))
	}
	writePlaces(out, b.First)
	for i, need := range b.Needs {
		label := "needs    "
		if i > 0 {
			label = "         "
		}
		fmt.Fprintf(out, "    %s%s\n", label, need)
	}
	if b.MoreNeeds {
		fmt.Fprintf(out, "             and others\n")
	}
}

// reasonOf says why a group is denied, with the part of the policy that does it.
func reasonOf(b *trial.Break) string {
	why := b.Why.Errno.String() + ": "
	switch {
	case b.Always:
		return why + "no task under a policy can register restrictions of its own"
	case b.By == "", b.Why.Stage != verdict.Filter:
		return why + b.Why.Why + " [Linux: " + b.Why.Where + "]"
	}
	return why + b.By + " denies them"
}

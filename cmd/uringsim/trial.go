package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/uringsim/uringsim/internal/stream"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/report"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/trial"
	"github.com/uringsim/uringsim/verdict"
)

// trialOptions are the flags of replay that put a policy on trial.
type trialOptions struct {
	policy string
	inputOptions
}

// attempt is a trial on one release.
type attempt struct {
	release kernel.Release
	report  *trial.Report
	refused *trial.Refused // nil if the release takes the policy
	lacks   []string       // what is said of files that do not have everything
}

// onTrial tells what a policy would break of the files.
func (o *replayOptions) onTrial(out *printer, stdin io.Reader, files []string) error {
	p, err := o.load(o.policy)
	if err != nil {
		return err
	}
	on, err := releases(o.kernel)
	if err != nil {
		return err
	}
	if len(on) > 1 && slices.Contains(files, stream.Stdin) {
		return errors.New("--kernel all reads its traces again for each release, which standard input cannot be")
	}
	attempts, err := attemptAll(p, on, stdin, files, o.onEngine())
	if err != nil {
		return err
	}
	ok, accepted := true, false
	for _, a := range attempts {
		accepted = accepted || a.refused == nil
		ok = ok && (a.refused != nil || !a.report.Broken() && a.report.Unknown+a.report.Undecided == 0)
	}
	if out.json {
		for _, a := range attempts {
			a.lines(out, o.policy)
		}
	} else {
		printAttempts(out, o.policy, attempts)
	}
	if !ok || !accepted {
		return errMismatch
	}
	return nil
}

// attemptAll tries the plan on releases.
func attemptAll(p *plan.Plan, on []kernel.Release, stdin io.Reader, files []string, engine sim.Option) (attempts []attempt, err error) {
	shown := startProgress(len(on)*len(files), &printer{quiet: true})
	defer shown.stop()
	for _, k := range on {
		a, err := attemptOn(p, k, stdin, files, engine, shown)
		if err != nil {
			return nil, err
		}
		attempts = append(attempts, a)
	}
	return attempts, nil
}

// attemptOn tries the plan on a release.
func attemptOn(p *plan.Plan, k kernel.Release, stdin io.Reader, files []string, engine sim.Option, shown *progress) (attempt, error) {
	a := attempt{release: k, report: trial.NewReport(p, k, engine)}
	for _, file := range files {
		in, err := openTrace(file, stdin)
		if err != nil {
			return a, err
		}
		if text := lacks(file, &in.Header); text != "" {
			a.lacks = append(a.lacks, text)
		}
		err = a.report.Play(file, counted{in, shown})
		shown.files.Add(1)
		_ = in.Close() // which was only read
		switch {
		case errors.As(err, &a.refused):
			return a, nil
		case err != nil:
			return a, located(file, err)
		}
	}
	a.report.Sort()
	return a, nil
}

// located adds the file to an error about an event; others have it.
func located(file string, err error) error {
	var e *trace.EventError
	if errors.As(err, &e) {
		return inFile(file, err)
	}
	return err
}

// printAttempts prints what the releases have in common once.
func printAttempts(out *printer, policy string, attempts []attempt) {
	for len(attempts) > 0 {
		text := attempts[0].text(out.quiet)
		n := 1
		for n < len(attempts) && attempts[n].text(out.quiet) == text {
			n++
		}
		var names []string
		for _, a := range attempts[:n] {
			names = append(names, a.release.Name)
		}
		fmt.Fprintf(out.w, "%s on %s: %s", policy, strings.Join(names, ", "), text)
		attempts = attempts[n:]
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

// The JSON of a trial; docs/json.md states the keys.
type (
	trialLine struct {
		Type       string       `json:"type"`
		Policy     string       `json:"policy"`
		Kernel     string       `json:"kernel"`
		Rejected   *refusalLine `json:"rejected,omitzero"`
		Requests   int          `json:"requests"`
		Admitted   int          `json:"admitted"`
		Denied     int          `json:"denied"`
		Cancelled  int          `json:"cancelled"`
		Calls      int          `json:"refused_calls"`
		Undecided  int          `json:"undecided,omitzero"`
		Logged     *loggedLine  `json:"logged,omitzero"`
		Unmodelled int          `json:"unmodelled"`
	}
	refusalLine struct {
		What string   `json:"what"`
		Why  *whyLine `json:"why"`
	}
	breakLine struct {
		Type      string      `json:"type"`
		Kernel    string      `json:"kernel"`
		Opcode    string      `json:"opcode,omitzero"`
		Register  string      `json:"register,omitzero"`
		Saw       string      `json:"saw,omitzero"`
		By        string      `json:"by,omitzero"`
		Why       *whyLine    `json:"why"`
		Count     int         `json:"count"`
		Cancelled int         `json:"cancelled"`
		First     []placeLine `json:"first"`
		Needs     []string    `json:"needs,omitzero"`
		MoreNeeds bool        `json:"more_needs,omitzero"`
		Always    bool        `json:"always,omitzero"`
	}
	doubtLine struct {
		Type       string    `json:"type"`
		Kernel     string    `json:"kernel"`
		Place      placeLine `json:"place"`
		Unmodelled string    `json:"unmodelled"`
		Denied     int       `json:"denied"`
	}
	placeLine struct {
		File     string `json:"file"`
		Event    int    `json:"event"`
		Request  int    `json:"request,omitzero"`
		Task     string `json:"task"`
		UserData string `json:"user_data,omitzero"`
	}
)

// lines prints the trial for programs.
func (a *attempt) lines(out *printer, policy string) {
	r := a.report
	sum := trialLine{Type: "trial", Policy: policy, Kernel: a.release.Name, Requests: r.Requests, Admitted: r.Admitted,
		Denied: r.Denied, Cancelled: r.Cancelled, Calls: r.Calls, Undecided: r.Undecided, Logged: jsonLogged(&r.Logged),
		Unmodelled: r.Unknown}
	if a.refused != nil {
		sum.Rejected = &refusalLine{a.refused.What, jsonWhy(a.refused.Why)}
	}
	for _, b := range r.Breaks {
		l := breakLine{Type: "break", Kernel: a.release.Name, Saw: b.Saw, By: b.By, Why: jsonWhy(b.Why), Count: b.Count,
			Cancelled: b.Cancelled, Needs: b.Needs, MoreNeeds: b.MoreNeeds, Always: b.Always}
		if b.IsCall {
			l.Register = b.RegisterOp.String()
		} else {
			l.Opcode = b.Op.String()
		}
		l.First = jsonPlaces(b.First)
		out.line(l)
	}
	for _, g := range r.Gaps {
		out.line(gapLine{"gap", a.release.Name, g.Op.String(), g.Missing, g.Count, jsonPlaces(g.First)})
	}
	for _, d := range r.Doubts {
		out.line(doubtLine{"doubt", a.release.Name, jsonPlace(d.Place), d.What, d.Denied})
	}
	out.line(sum)
}

func jsonPlaces(places []trial.Place) (lines []placeLine) {
	for _, p := range places {
		lines = append(lines, jsonPlace(p))
	}
	return lines
}

func jsonPlace(p trial.Place) placeLine {
	l := placeLine{File: p.File, Event: p.Event, Request: p.Request, Task: p.Task}
	if p.Request > 0 {
		l.UserData = fmt.Sprint(p.UserData)
	}
	return l
}

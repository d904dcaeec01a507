package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/uringsim/uringsim/fleet"
	"github.com/uringsim/uringsim/internal/stream"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/report"
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
	file    string         // of which alone it tells; "" if that is all
}

// onTrial tells what a policy would break of the files.
func (o *replayOptions) onTrial(out *printer, stdin io.Reader, all files) error {
	p, err := o.load(o.policy)
	if err != nil {
		return err
	}
	on, err := releases(o.kernel)
	if err != nil {
		return err
	}
	var attempts []attempt
	for _, k := range on {
		attempts = append(attempts, attempt{release: k, report: trial.NewReport(p, k, o.onEngine())})
	}
	bad := newBadTraces(o.maxErrors)
	if err := attemptAll(attempts, out, stdin, all, bad); err != nil {
		return err
	}
	ok, accepted := true, false
	for _, a := range attempts {
		accepted = accepted || a.refused == nil
		ok = ok && a.ok()
	}
	if out.json {
		for _, a := range attempts {
			a.lines(out, o.policy)
		}
	} else {
		printAttempts(out, o.policy, attempts)
	}
	if !ok || !accepted {
		err = errMismatch
	}
	return bad.after(out, err)
}

// ok tells whether nothing breaks or is not known.
func (a *attempt) ok() bool {
	return a.refused != nil || !a.report.Broken() && a.report.Unknown+a.report.Undecided == 0
}

// attemptAll has all attempts play all files. What is wrong with a file is told once.
func attemptAll(attempts []attempt, out *printer, stdin io.Reader, all files, bad *badTraces) error {
	shown := startProgress(all.count, &printer{quiet: true})
	defer shown.stop()
	for {
		file, err := all.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if err := bothStdin(file, len(attempts)); err != nil {
			return err
		}
		var wrong error
		for i := range attempts {
			if err := attempts[i].play(file, stdin, shown, nil); err != nil && wrong == nil {
				wrong = err
			}
		}
		if wrong != nil && !isBadTrace(wrong) {
			return wrong
		}
		if err := bad.tell(out, file, wrong); err != nil {
			return err
		}
		shown.files.Add(1)
	}
	for i := range attempts {
		attempts[i].report.Sort()
	}
	return nil
}

// bothStdin tells whether standard input would have to be read for several releases.
func bothStdin(file string, releases int) error {
	if releases > 1 && file == stream.Stdin {
		return errors.New("--kernel all reads its traces again for each release, which standard input cannot be")
	}
	return nil
}

// play adds a file. What it comes to is also added to one, if that is wanted.
func (a *attempt) play(file string, stdin io.Reader, shown *progress, one *fleet.One) error {
	if a.refused != nil {
		return nil
	}
	in, err := openTrace(file, stdin)
	if err != nil {
		return err
	}
	defer in.Close()
	if text := lacks(file, &in.Header); text != "" && len(a.lacks) < maxLacks {
		a.lacks = append(a.lacks, text)
	}
	events := counted{Reader: in, p: shown}
	err = a.report.Play(file, &events)
	if errors.As(err, &a.refused) {
		return nil
	}
	if one != nil {
		one.Header(&in.Header)
		one.Trial(a.report, events.events)
	}
	return located(file, err)
}

// maxLacks is how many files are named that do not have everything.
const maxLacks = 100

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
		File       string       `json:"file,omitzero"`
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
	sum := trialLine{Type: "trial", Policy: policy, File: a.file, Kernel: a.release.Name, Requests: r.Requests, Admitted: r.Admitted,
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

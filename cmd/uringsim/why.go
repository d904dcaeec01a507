package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/uringsim/uringsim/eval"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/report"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/trace"
)

// whyOptions are the flags of why.
type whyOptions struct {
	engineOption
	releases []kernel.Release
	json     bool
}

func whyCommand() *cobra.Command {
	var o whyOptions
	c := &cobra.Command{
		Use:   "why TRACE EVENT",
		Short: "Say how an event of a trace was decided, step by step",
		Long: `why replays a trace up to one of its events, a number from 1, and says how that was decided: by which check
in Linux, and what each filter did that ran, step by step, with the registers and what was loaded (docs/explain.md).

With several releases, those with the same answer are named together.

Exit status: 0 it is explained, 1 a part is not modelled, 2 usage, 3 bad input.
` + aboutKernels,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			event, err := strconv.Atoi(args[1])
			if err != nil {
				return fmt.Errorf("found the event %q, expected a number from 1", args[1])
			}
			return o.explain(newPrinter(cmd.OutOrStdout(), o.json, false), cmd.InOrStdin(), args[0], event)
		},
	}
	releasesFlag(c, &o.releases)
	o.engineOption.flag(c)
	jsonFlag(c, &o.json)
	return c
}

// explain says how an event of a trace was decided.
func (o *whyOptions) explain(out *printer, stdin io.Reader, file string, number int) error {
	t, err := readTrace(file, stdin)
	if err != nil {
		return err
	}
	if number < 1 || number > len(t.Events) {
		return fmt.Errorf("found event %d, but %s has events 1 to %d", number, file, len(t.Events))
	}
	var answers kernel.Answers
	ok := true
	for _, k := range o.releases {
		event, err := playTo(t, k, number, o.onEngine())
		if err != nil {
			return inFile(file, err)
		}
		ok = ok && event.Unmodelled == ""
		if out.json {
			eventLines(out, file, k, event)
			continue
		}
		answers.Add(k.Name, eventText(event))
	}
	for i, a := range answers {
		if i > 0 {
			fmt.Fprintln(out.w)
		}
		fmt.Fprintf(out.w, "%s on %s\n%s", file, a.Releases(), a.Text)
	}
	if !ok {
		return errMismatch
	}
	return nil
}

// playTo plays a trace up to an event, with filters on an engine, and gives what became of that.
func playTo(t *trace.Trace, k kernel.Release, number int, engine sim.Option) (*trace.Outcome, error) {
	player := trace.NewPlayerOf(sim.New(k, engine), &t.Header, k.Name)
	var last trace.Outcome
	for i := range number {
		var err error
		if last, err = player.Play(&t.Events[i]); err != nil {
			return nil, err
		}
	}
	return &last, nil
}

// eventText is what became of an event, for people.
func eventText(o *trace.Outcome) string {
	var b strings.Builder
	fmt.Fprintf(&b, "event %d, task %s: %s", o.Number, o.Event.Task, report.Describe(o.Event))
	switch {
	case o.Unmodelled != "":
		fmt.Fprintf(&b, "\nnot modelled: %s\n", o.Unmodelled)
		return b.String()
	case o.Why != nil:
		fmt.Fprintf(&b, "\nrefused with %s\n", o.Why.Error())
		return b.String()
	}
	fmt.Fprintf(&b, " gives %s\n", o.Got.Ret)
	for i := range o.Requests {
		requestText(&b, &o.Requests[i])
	}
	return b.String()
}

// requestText says how a request was decided: what refused it, and every filter that ran, step by step.
func requestText(b *strings.Builder, q *trace.Request) {
	fmt.Fprintf(b, "%s: ", report.RequestName(q.Opcode, q.UserData))
	switch {
	case q.Why != nil:
		fmt.Fprintf(b, "refused with %s\n", q.Why.Error())
	case len(q.Filters) == 0:
		fmt.Fprintln(b, "allowed, no filter is for it")
	default:
		fmt.Fprintln(b, "allowed")
	}
	for _, run := range eval.RunsOf(q) {
		b.WriteString(indentBy("  ", run.Text()))
	}
}

// The JSON of an explained event; docs/json.md states the keys.
type (
	decisionLine struct {
		Type       string      `json:"type"` // "request", or "call" where there is none
		File       string      `json:"file"`
		Kernel     string      `json:"kernel"`
		Event      int         `json:"event"`
		UserData   uint64      `json:"user_data,string,omitzero"`
		Opcode     string      `json:"opcode,omitzero"`
		Why        *whyLine    `json:"why,omitzero"`
		Unmodelled string      `json:"unmodelled,omitzero"`
		Filters    []runLine   `json:"filters,omitzero"`
		Context    trace.Bytes `json:"context,omitzero"`
	}
)

func eventLines(out *printer, file string, k kernel.Release, o *trace.Outcome) {
	l := decisionLine{Type: "call", File: file, Kernel: k.Name, Event: o.Number, Why: jsonWhy(o.Why),
		Unmodelled: o.Unmodelled}
	if len(o.Requests) == 0 {
		out.line(l)
	}
	for i := range o.Requests {
		q := &o.Requests[i]
		l := l
		l.Type, l.UserData, l.Opcode, l.Why = "request", q.UserData, q.Opcode.String(), jsonWhy(q.Why)
		for _, run := range eval.RunsOf(q) {
			l.Filters = append(l.Filters, jsonRun(&run))
		}
		if len(q.Filters) > 0 && q.Filters[0].Program != nil {
			l.Context = slices.Clone(q.Context[:])
		}
		out.line(l)
	}
}

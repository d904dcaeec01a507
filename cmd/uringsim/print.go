package main

import (
	"bufio"
	"fmt"
	"io"

	"github.com/go-json-experiment/json"

	"github.com/uringsim/uringsim/fleet"
	"github.com/uringsim/uringsim/report"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/verdict"
)

// printer writes outcomes for people or, as JSON, for programs.
type printer struct {
	w     io.Writer
	json  bool
	quiet bool
	total summary // of all runs
	runs  int

	progress *progress // nil if nobody is told
}

func newPrinter(w io.Writer, asJSON, quiet bool) *printer {
	return &printer{w: w, json: asJSON, quiet: quiet}
}

// flush hands on what a buffer below the printer holds.
func (p *printer) flush() {
	if b, ok := p.w.(*bufio.Writer); ok {
		_ = b.Flush() // as everywhere, what cannot be printed is lost
	}
}

// add counts the runs of another printer.
func (p *printer) add(o *printer) {
	p.total.add(&o.total)
	p.runs += o.runs
}

// finish turns the result of all files into the command's.
func (p *printer) finish(ok bool) error {
	if p.quiet && !p.json {
		fmt.Fprintf(p.w, "%s: %s\n", report.Number(p.runs, "replay"), p.total.text())
	}
	if !ok {
		return errMismatch
	}
	return nil
}

func (p *printer) line(v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // the types are ours
	}
	fmt.Fprintf(p.w, "%s\n", b)
}

// run is the replay of one file on one kernel.
type run struct {
	*printer
	file, kernel string
	recording    bool
	sum          summary
	one          *fleet.One // what it adds up to besides; nil if nobody wants that
}

// summary counts what happened; it is also the last JSON object of a run.
type summary struct {
	Type       string `json:"type"`
	File       string `json:"file"`
	Kernel     string `json:"kernel"`
	Events     int    `json:"events"`
	Requests   int    `json:"requests"`
	Refused    int    `json:"refused"`       // requests
	Calls      int    `json:"refused_calls"` // calls
	Recorded   int    `json:"recorded"`
	Compared   int    `json:"compared"`
	Differ     int    `json:"differ"`
	Unmodelled int    `json:"unmodelled"`
}

// text is the summary for people.
func (s *summary) text() string {
	if s.Recorded > 0 {
		return fmt.Sprintf("%s, %s recorded", report.Number(s.Events, "event"), report.Number(s.Recorded, "result"))
	}
	text := fmt.Sprintf("%s (%d refused), %s (%d refused); %s compared, %d differ", report.Number(s.Events, "event"), s.Calls,
		report.Number(s.Requests, "request"), s.Refused, report.Number(s.Compared, "result"), s.Differ)
	if s.Unmodelled > 0 {
		text += fmt.Sprintf(", %d not modelled", s.Unmodelled)
	}
	return text
}

func (p *printer) start(file, kernel, long string, h trace.Header) *run {
	if !p.json && !p.quiet {
		fmt.Fprintf(p.w, "%s on %s\n", file, long)
		if h.Name != "" {
			fmt.Fprintf(p.w, "%s\n", h.Name)
		}
		fmt.Fprintf(p.w, "  #  task    %-42s result\n", "call")
	}
	return &run{printer: p, file: file, kernel: kernel, sum: summary{Type: "summary", File: file, Kernel: kernel}}
}

// event prints one outcome.
func (r *run) event(o *trace.Outcome) {
	r.sum.Events++
	if r.one != nil {
		r.one.See(o)
	}
	if r.progress != nil {
		r.progress.events.Add(1)
	}
	r.sum.Requests += o.Tally.Requests
	r.sum.Refused += o.Tally.Refused
	if o.Got.Ret < 0 && o.Unmodelled == "" {
		r.sum.Calls++
	}
	if r.recording {
		r.sum.Recorded++
	}
	if o.Want != nil {
		r.sum.Compared++
	}
	if o.Diff != "" {
		r.sum.Differ++
	}
	if o.Unmodelled != "" {
		r.sum.Unmodelled++
	}
	switch {
	case r.json:
		r.line(jsonEvent(r, o))
	case !r.quiet || !o.OK():
		r.text(o)
	}
}

// end prints the summary; false if something differs or is not modelled.
func (r *run) end() bool {
	s := &r.sum
	ok := s.Differ == 0 && s.Unmodelled == 0
	switch {
	case r.json:
		r.line(s)
	case !r.quiet || !ok:
		fmt.Fprintf(r.w, "%s on %s: %s\n", r.file, r.kernel, s.text())
	}
	r.runs++
	r.total.add(s)
	return ok
}

// endEarly prints the summary of what comes before an error in the trace.
func (r *run) endEarly() {
	if r.json {
		r.line(&r.sum)
	} else {
		fmt.Fprintf(r.w, "%s on %s, as far as it is whole: %s\n", r.file, r.kernel, r.sum.text())
	}
	r.runs++
	r.total.add(&r.sum)
}

func (s *summary) add(o *summary) {
	for _, f := range []struct{ sum, n *int }{{&s.Events, &o.Events}, {&s.Requests, &o.Requests}, {&s.Refused, &o.Refused},
		{&s.Calls, &o.Calls}, {&s.Recorded, &o.Recorded}, {&s.Compared, &o.Compared}, {&s.Differ, &o.Differ},
		{&s.Unmodelled, &o.Unmodelled}} {
		*f.sum += *f.n
	}
}

// text prints an outcome for people.
func (r *run) text(o *trace.Outcome) {
	result := o.Got.Ret.String()
	if o.Unmodelled != "" {
		result = "not modelled: " + o.Unmodelled
	} else if o.Why != nil {
		result += "  " + o.Why.String()
	}
	fmt.Fprintf(r.w, "%3d  %-6s  %-42s %s\n", o.Number, o.Event.Task, report.Describe(o.Event), result)
	if o.Event.Why != "" {
		fmt.Fprintf(r.w, "%13s# %s\n", "", o.Event.Why)
	}
	for i, fate := range report.Fates(o) {
		q := &o.Requests[i]
		fmt.Fprintf(r.w, "%13s%-42s %s\n", "", report.RequestName(q.Opcode, q.UserData), fate)
	}
	if len(o.Requests) == 0 {
		for _, c := range o.CQEs {
			fmt.Fprintf(r.w, "%13s%-42s %s\n", "", fmt.Sprintf("CQE  user_data=%d", c.UserData), trace.Ret(c.Res))
		}
	}
	if o.Diff != "" {
		fmt.Fprintf(r.w, "     differs from what %s gave (-want +got):\n%s", r.kernel, indent(o.Diff))
	}
}

func indent(s string) string { return indentBy("       ", s) }

// The JSON of an event; docs/json.md states the keys.
type (
	eventLine struct {
		Type       string          `json:"type"`
		File       string          `json:"file"`
		Kernel     string          `json:"kernel"`
		Event      int             `json:"event"`
		Task       string          `json:"task"`
		Call       string          `json:"call"`
		Result     *trace.Recorded `json:"result,omitzero"`
		Why        *whyLine        `json:"why,omitzero"`
		Requests   []requestLine   `json:"requests,omitzero"`
		Unmodelled string          `json:"unmodelled,omitzero"`
		Compared   bool            `json:"compared"`
		Diff       string          `json:"diff,omitzero"`
	}
	requestLine struct {
		UserData uint64   `json:"user_data,string"`
		Opcode   string   `json:"opcode"`
		Admitted bool     `json:"admitted"`
		Issued   bool     `json:"issued"`
		Why      *whyLine `json:"why,omitzero"`
		Note     string   `json:"note,omitzero"`
	}
	whyLine struct {
		Errno  string      `json:"errno"`
		Stage  string      `json:"stage"`
		Where  string      `json:"where"`
		Why    string      `json:"why"`
		Quirk  string      `json:"quirk,omitzero"`
		Filter *filterLine `json:"filter,omitzero"`
	}
	filterLine struct {
		Index  int        `json:"index"`
		Of     int        `json:"of"`
		Origin string     `json:"origin,omitzero"`
		Marker bool       `json:"marker,omitzero"`
		PC     int        `json:"pc"`
		Loads  []loadLine `json:"loads,omitzero"`
	}
	loadLine struct {
		Off   uint32 `json:"off"`
		Value uint32 `json:"value"`
	}
)

func jsonEvent(r *run, o *trace.Outcome) eventLine {
	l := eventLine{Type: "event", File: r.file, Kernel: r.kernel, Event: o.Number, Task: o.Event.Task, Call: o.Event.Call(),
		Why: jsonWhy(o.Why), Unmodelled: o.Unmodelled, Compared: o.Want != nil, Diff: o.Diff}
	if o.Unmodelled == "" {
		got := o.Got
		got.On = nil
		l.Result = &got
	}
	for _, q := range o.Requests {
		l.Requests = append(l.Requests, requestLine{q.UserData, q.Opcode.String(), q.Why == nil || q.Issued, q.Issued, jsonWhy(q.Why), q.Note})
	}
	return l
}

func jsonWhy(r *verdict.Refusal) *whyLine {
	if r == nil {
		return nil
	}
	l := &whyLine{Errno: r.Errno.String(), Stage: string(r.Stage), Where: r.Where, Why: r.Why, Quirk: r.Quirk}
	if f := r.Filter; f != nil {
		l.Filter = &filterLine{Index: f.Index, Of: f.Of, Origin: f.Origin, Marker: f.Marker, PC: f.PC}
		for _, load := range f.Loads {
			l.Filter.Loads = append(l.Filter.Loads, loadLine{load.Off, load.Value})
		}
	}
	return l
}

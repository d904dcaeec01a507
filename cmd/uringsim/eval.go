package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/uringsim/uringsim/eval"
	"github.com/uringsim/uringsim/internal/stream"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/report"
	"github.com/uringsim/uringsim/request"
)

// evalOptions are the flags of eval.
type evalOptions struct {
	inputOptions
	coverOptions
	engineOption
	target   target
	as       *kernel.Release // that a real kernel should be like; nil is that of its version
	requests string
	json     bool
	verbose  bool
	causes   causes
}

func evalCommand() *cobra.Command {
	var o evalOptions
	c := &cobra.Command{
		Use:     "eval FILE [REQUEST]",
		Aliases: []string{"emu"},
		Short:   "Tell what a program, policy or plan says to requests",
		Long: `eval registers a program, policy or plan, as check does, and submits requests, each as a task of its own.
A request is

  text:      socket family=AF_INET type=SOCK_STREAM
             openat /etc/passwd flags=O_RDONLY
             connect 10.0.0.1:443
  an SQE:    {"opcode": "SOCKET", "fd": "AF_INET", "off": "SOCK_STREAM"}, as traces have it
  context:   the word context, and the 40 bytes that a filter loads from in hexadecimal; only filters judge it

and all fields of struct io_uring_sqe are arguments, too (docs/programs.md). --requests reads a file of requests, one a
line, which may be compressed (.zst, .gz), or "-", the standard input. A line may end in what is expected, and is a test
then:

  socket family=AF_INET6 -> deny
  nop ioprio=1 -> EINVAL

The answer is allow, deny (by a filter or restriction), or the errno with which the kernel refuses the request before a
filter sees it. With several releases there is a column for each, and a note on the quirk that makes the difference.

With --kernel live the running kernel answers, and with --kernel ./vmlinuz that image, in a guest (QEMU), which shows
that a policy holds there. It carries out none of the requests: each is in a chain that has failed before. Where the model of
the release answers otherwise, that counts as not expected: the one of the kernel's version if that is modelled, or --as.

Exit status: 0 all is as expected, 1 an answer is not, or is not known, or no kernel that was asked accepts the plan,
2 usage, 3 bad input, 4 a kernel that cannot be asked.
` + aboutKernels,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args[0], strings.Join(args[1:], " ")) },
	}
	f := c.Flags()
	f.StringVarP(&o.requests, "requests", "r", "", "`FILE` of requests, one a line")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "tell what each filter did, step by step")
	targetFlag(c, &o.target)
	as := &parsed[*kernel.Release]{to: &o.as, kind: "RELEASE", parse: func(text string) (*kernel.Release, error) {
		r, err := kernel.Parse(text)
		return &r, err
	}}
	f.Var(as, "as", "release that a real kernel should be like")
	completeWith(c, "as", completeReleases())
	o.inputOptions.flags(c)
	jsonFlag(c, &o.json)
	o.engineOption.flag(c)
	o.coverOptions.flags(c)
	c.ValidArgsFunction = completeRequest
	return c
}

// completeRequest completes the opcode of a request, behind the file.
func completeRequest(_ *cobra.Command, args []string, _ string) (words []string, _ cobra.ShellCompDirective) {
	switch len(args) {
	case 0:
		return nil, cobra.ShellCompDirectiveDefault
	case 1:
		for _, name := range opcodeNames() {
			words = append(words, strings.ToLower(name))
		}
	}
	return words, cobra.ShellCompDirectiveNoFileComp
}

// source is where requests come from.
func (o *evalOptions) source(cmd *cobra.Command, text string) (in io.ReadCloser, file string, err error) {
	switch {
	case text != "" && o.requests != "":
		return nil, "", errors.New("found a request and --requests, expected one of them")
	case text != "":
		return io.NopCloser(strings.NewReader(text)), "request", nil
	case o.requests == "":
		return nil, "", errors.New("found no request, expected one behind the file, such as nop or 'connect 10.0.0.1:443', " +
			"or --requests")
	}
	in, err = stream.Open(o.requests, cmd.InOrStdin())
	return in, o.requests, err
}

func (o *evalOptions) run(cmd *cobra.Command, file, text string) error {
	err := o.target.only(cmd, []string{"engine", "verbose", "cover", "cover-html", "cover-min"}, []string{"as"})
	if err = errors.Join(err, o.start()); err != nil {
		return err
	}
	if o.verbose && len(o.target.models) > 1 && !o.json {
		return errors.New("--verbose tells of one release, or of several with --json")
	}
	p, err := o.load(file)
	if err != nil {
		return err
	}
	in, name, err := o.source(cmd, text)
	if err != nil {
		return err
	}
	defer in.Close()
	out := newPrinter(cmd.OutOrStdout(), o.json, false)
	if o.target.real() {
		return o.onReal(cmd.Context(), out, p, request.NewReader(in, name))
	}
	var evaluators []*eval.Evaluator
	for _, r := range o.target.models {
		evaluators = append(evaluators, &eval.Evaluator{Plan: p, File: file, Release: r, Engine: o.engine, Profile: o.profile})
	}
	o.causes = causes{Causes: eval.Causes{Plan: p, Engine: o.engine}}
	good, err := o.all(out, request.NewReader(in, name), evaluators)
	if err != nil {
		return err
	}
	if len(evaluators) > 1 && !out.json {
		o.causes.print(out)
		printRefused(out, evaluators)
	}
	covered, err := o.finish(out)
	if err != nil {
		return err
	}
	return out.finish(good && covered)
}

// all answers the requests one by one. It is false if an answer is not as it should be.
func (o *evalOptions) all(out *printer, in *request.Reader, evaluators []*eval.Evaluator) (bool, error) {
	if len(evaluators) > 1 && !out.json {
		for _, e := range evaluators {
			fmt.Fprintf(out.w, "%-*s", columnWidth(e.Release), e.Release.Name)
		}
		fmt.Fprintln(out.w, "request")
	}
	s := score{good: true}
	for {
		r, err := in.Next()
		if err == io.EOF {
			return s.finish(out), nil
		}
		if err != nil {
			return false, err
		}
		var answers []eval.Answer
		for _, e := range evaluators {
			a, err := e.Ask(r)
			if err != nil {
				return false, err
			}
			answers = append(answers, a)
		}
		s.add(r, answers)
		switch {
		case out.json:
			o.printLines(out, r, evaluators, answers)
		case len(evaluators) == 1:
			o.printOne(out, r, &answers[0])
		default:
			if err := o.printRow(out, r, evaluators, answers); err != nil {
				return false, err
			}
		}
	}
}

// printRefused says why releases do not accept the plan.
func printRefused(out *printer, evaluators []*eval.Evaluator) {
	var all kernel.Answers
	for _, e := range evaluators {
		if e.Refused() != "" {
			all.Add(e.Release.Name, e.Refused())
		}
	}
	for _, a := range all {
		fmt.Fprintf(out.w, "no plan on %s: %s\n", a.Releases(), a.Text)
	}
}

// score counts answers.
type score struct {
	good          bool // all are as they should be
	wanted, wrong int  // of those that requests expect
}

// add counts the answers of several kernels to a request.
func (s *score) add(r *request.Request, answers []eval.Answer) {
	accepted := 0
	for i := range answers {
		a := &answers[i]
		if a.Verdict == eval.NoPlan { // of which check tells more
			continue
		}
		accepted++
		s.good = s.good && a.Verdict != eval.Unknown && !a.Differs(r)
		if r.Want != "" {
			s.wanted++
		}
		if a.Differs(r) {
			s.wrong++
		}
	}
	s.good = s.good && accepted > 0
}

// finish prints the count of answers that were expected, and tells whether all were good.
func (s *score) finish(out *printer) bool {
	if s.wanted > 0 && !out.json {
		fmt.Fprintf(out.w, "%s expected, %d differ\n", report.Number(s.wanted, "answer"), s.wrong)
	}
	return s.good
}

// printOne prints the answer of one release, with its reason.
func (o *evalOptions) printOne(out *printer, r *request.Request, a *eval.Answer) {
	fmt.Fprintf(out.w, "%-7s %s\n", a.Verdict, r.Text)
	if a.Differs(r) {
		fmt.Fprintf(out.w, "        line %d expects %s\n", r.Line, r.Want)
	}
	if reason := a.Reason(); reason != "" {
		fmt.Fprintf(out.w, "        %s\n", reason)
	}
	if o.verbose {
		for _, run := range a.Runs {
			fmt.Fprint(out.w, indentBy("        ", run.Text()))
		}
	}
}

// printRow prints the answers of all releases on a line, with marks where a quirk makes a difference, and the reasons of
// those that are not as expected.
func (o *evalOptions) printRow(out *printer, r *request.Request, evaluators []*eval.Evaluator, answers []eval.Answer) error {
	accepted := slices.DeleteFunc(slices.Clone(answers), func(a eval.Answer) bool { return a.Verdict == eval.NoPlan })
	same := !slices.ContainsFunc(accepted, func(a eval.Answer) bool { return a.Verdict != accepted[0].Verdict })
	for i := range answers {
		cell := answers[i].Verdict
		if !same && cell != eval.NoPlan {
			mark, err := o.causes.mark(evaluators[i].Release, r, cell)
			if err != nil {
				return err
			}
			cell += mark
		}
		fmt.Fprintf(out.w, "%-*s", columnWidth(evaluators[i].Release), cell)
	}
	fmt.Fprintln(out.w, r.Text)
	for i := range answers {
		a := &answers[i]
		if a.Differs(r) && a.Verdict != eval.NoPlan {
			fmt.Fprintf(out.w, "  line %d expects %s on %s; %s\n", r.Line, r.Want, evaluators[i].Release.Name, a.Reason())
		}
	}
	return nil
}

// columnWidth has room for an errno and a mark.
func columnWidth(r kernel.Release) int { return max(len(r.Name), len("EINVAL (a)")) + 2 }

// answerLine is the JSON of an answer; docs/json.md states the keys.
type answerLine struct {
	Type    string    `json:"type"`
	Line    int       `json:"line"`
	Request string    `json:"request"`
	Kernel  string    `json:"kernel"`
	Verdict string    `json:"verdict"`
	Want    string    `json:"want,omitzero"`
	Why     *whyLine  `json:"why,omitzero"`
	Note    string    `json:"note,omitzero"`
	At      string    `json:"at,omitzero"`
	Filters []runLine `json:"filters,omitzero"`
}

// printLines prints the answers of all releases as JSON.
func (o *evalOptions) printLines(out *printer, r *request.Request, evaluators []*eval.Evaluator, answers []eval.Answer) {
	for i := range answers {
		a := &answers[i]
		l := answerLine{Type: "answer", Line: r.Line, Request: r.Text, Kernel: evaluators[i].Release.Name, Verdict: a.Verdict,
			Want: string(r.Want), Why: jsonWhy(a.Why), Note: a.Note, At: a.At}
		if o.verbose {
			for _, run := range a.Runs {
				l.Filters = append(l.Filters, jsonRun(&run))
			}
		}
		out.line(l)
	}
}

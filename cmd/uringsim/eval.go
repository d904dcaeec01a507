package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/uringsim/uringsim/internal/stream"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/report"
	"github.com/uringsim/uringsim/request"
)

// evalOptions are the flags of eval.
type evalOptions struct {
	inputOptions
	coverOptions
	kernel   string
	requests string
	context  string
	engineOption
	json   bool
	trace  bool
	live   bool
	guest  *string // vmlinuz, set by the vm command; nil without it
	as     string  // the release that a real kernel should be like; "" is that of its version
	like   *kernel.Release
	causes causes
}

func evalCommand() *cobra.Command { return newEvalCommand(nil) }

// newEvalCommand is eval on the model, or as a subcommand of vm on a real kernel.
func newEvalCommand(guest *string) *cobra.Command {
	o := evalOptions{guest: guest}
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
filter sees it. The exit status is 1 if anything is not as expected, not known, or if no kernel that was
asked accepts the plan.

With --live the running kernel answers, which shows that a policy holds there. It carries out none of the requests: each
is in a chain that has failed before. Where the model of the release answers otherwise, that counts as not expected:
the one of the kernel's version if that is modelled, or --as.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args[0], strings.Join(args[1:], " ")) },
	}
	o.inputOptions.flags(c)
	f := c.Flags()
	f.StringVarP(&o.requests, "requests", "r", "", "file of requests, one a line")
	f.BoolVar(&o.json, "json", false, "print one JSON object a line (docs/json.md)")
	f.StringVar(&o.as, "as", "", "release that a real kernel should be like")
	complete(c, "as", releaseNames(kernel.Releases))
	if guest == nil {
		o.coverOptions.flags(c)
		kernelFlag(c, &o.kernel)
		o.engineOption.flag(c)
		f.BoolVar(&o.live, "live", false, "ask the running kernel")
		f.BoolVarP(&o.trace, "trace", "v", false, "tell what each filter did, step by step")
		f.StringVar(&o.context, "context", "", "judge this context, 40 bytes in hexadecimal")
		c.MarkFlagsMutuallyExclusive("requests", "context")
		for _, other := range []string{"kernel", "engine", "trace", "context", "cover", "cover-html", "cover-min"} {
			c.MarkFlagsMutuallyExclusive("live", other)
		}
	}
	return c
}

// source is where requests come from.
func (o *evalOptions) source(cmd *cobra.Command, text string) (in io.ReadCloser, file string, err error) {
	if o.context != "" {
		if text != "" {
			return nil, "", errors.New("found a request and --context, expected one of them")
		}
		text = "context " + o.context
	}
	switch {
	case text != "" && o.requests != "":
		return nil, "", errors.New("found a request and --requests, expected one of them")
	case text != "":
		return io.NopCloser(strings.NewReader(text)), "request", nil
	case o.requests == "":
		return nil, "", errors.New("expected a request, --requests or --context")
	}
	in, err = stream.Open(o.requests, cmd.InOrStdin())
	return in, o.requests, err
}

// kernels are the releases whose models are asked; none if a real kernel is.
func (o *evalOptions) kernels() ([]kernel.Release, error) {
	real := o.live || o.guest != nil
	switch {
	case !real && o.as != "":
		return nil, errors.New("--as says what a real kernel should be like: --live, or uringsim vm --kernel VMLINUZ eval")
	case !real:
		return releases(o.kernel)
	case o.as != "":
		r, err := kernel.Parse(o.as)
		if err != nil {
			return nil, fmt.Errorf("--as: %w", err)
		}
		o.like = &r
	}
	return nil, nil
}

func (o *evalOptions) run(cmd *cobra.Command, file, text string) error {
	on, err := o.kernels()
	if err != nil {
		return err
	}
	if o.trace && len(on) > 1 && !o.json {
		return errors.New("--trace tells of one release, or of all with --json")
	}
	if err := o.start(); err != nil {
		return err
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
	if on == nil {
		return o.onReal(cmd.Context(), newPrinter(cmd.OutOrStdout(), o.json, false), p, request.NewReader(in, name))
	}
	var evaluators []*evaluator
	for _, r := range on {
		evaluators = append(evaluators, &evaluator{plan: p, release: r, engine: o.engine, profile: o.profile, maxChildren: 500})
	}
	out := newPrinter(cmd.OutOrStdout(), o.json, false)
	o.causes = causes{plan: p, engine: o.engine, switched: map[string]*evaluator{}}
	good, err := o.all(out, request.NewReader(in, name), evaluators)
	if err != nil {
		return err
	}
	o.causes.print(out)
	covered, err := o.finish(out)
	if err != nil {
		return err
	}
	return out.finish(good && covered)
}

// all answers the requests one by one. It is false if an answer is not as it should be.
func (o *evalOptions) all(out *printer, in *request.Reader, evaluators []*evaluator) (bool, error) {
	if len(evaluators) > 1 && !out.json {
		for _, e := range evaluators {
			fmt.Fprintf(out.w, "%-*s", columnWidth(e.release), e.release.Name)
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
		var answers []answer
		for _, e := range evaluators {
			a, err := e.answer(r)
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

// score counts answers.
type score struct {
	good          bool // all are as they should be
	wanted, wrong int  // of those that requests expect
}

// add counts the answers of several kernels to a request.
func (s *score) add(r *request.Request, answers []answer) {
	accepted := 0
	for i := range answers {
		a := &answers[i]
		if a.verdict == noPlan { // of which check tells more
			continue
		}
		accepted++
		s.good = s.good && a.verdict != unknown && !a.differs(r)
		if r.Want != "" {
			s.wanted++
		}
		if a.differs(r) {
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
func (o *evalOptions) printOne(out *printer, r *request.Request, a *answer) {
	fmt.Fprintf(out.w, "%-7s %s\n", a.verdict, r.Text)
	if a.differs(r) {
		fmt.Fprintf(out.w, "        line %d expects %s\n", r.Line, r.Want)
	}
	if reason := a.reason(); reason != "" {
		fmt.Fprintf(out.w, "        %s\n", reason)
	}
	if o.trace {
		for _, run := range a.runs {
			fmt.Fprint(out.w, indentBy("        ", run.text()))
		}
	}
}

// printRow prints the answers of all releases on a line, with marks where a quirk makes a difference, and the reasons of
// those that are not as expected.
func (o *evalOptions) printRow(out *printer, r *request.Request, evaluators []*evaluator, answers []answer) error {
	accepted := slices.DeleteFunc(slices.Clone(answers), func(a answer) bool { return a.verdict == noPlan })
	same := !slices.ContainsFunc(accepted, func(a answer) bool { return a.verdict != accepted[0].verdict })
	for i := range answers {
		cell := answers[i].verdict
		if !same && cell != noPlan {
			mark, err := o.causes.mark(evaluators[i].release, r, cell)
			if err != nil {
				return err
			}
			cell += mark
		}
		fmt.Fprintf(out.w, "%-*s", columnWidth(evaluators[i].release), cell)
	}
	fmt.Fprintln(out.w, r.Text)
	for i := range answers {
		a := &answers[i]
		if a.differs(r) && a.verdict != noPlan {
			fmt.Fprintf(out.w, "  line %d expects %s on %s; %s\n", r.Line, r.Want, evaluators[i].release.Name, a.reason())
		}
	}
	return nil
}

// columnWidth has room for an errno and a mark.
func columnWidth(r kernel.Release) int { return max(len(r.Name), len("EINVAL (a)")) + 2 }

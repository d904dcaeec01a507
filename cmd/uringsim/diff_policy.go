package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/report"
	"github.com/uringsim/uringsim/symbolic"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// diffPolicyOptions are the flags of diff-policy.
type diffPolicyOptions struct {
	planFlags
	json        bool
	neverLooser bool
}

func diffPolicyCommand() *cobra.Command {
	var o diffPolicyOptions
	c := &cobra.Command{
		Use:     "diff-policy A B",
		Aliases: []string{"compare"},
		Short:   "Tell whether two policies allow the same, with a request for each difference",
		Long: `diff-policy compares what two programs, policies or plans allow: A is equivalent to B, stricter, looser, or
neither, per opcode and overall. Each difference comes with a request that only one of them allows, which the model has
carried out under both. The answer is proven for all requests that can occur, and says so where it is not and requests
were only searched for. See docs/explain.md.

Exit status: 0 proven equivalent (with --never-looser also: proven that A allows nothing that B denies), 1 otherwise,
2 usage, 3 bad input.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, files []string) error { return o.run(cmd.OutOrStdout(), files) },
	}
	o.add(c)
	jsonFlag(c, &o.json)
	c.Flags().BoolVar(&o.neverLooser, "never-looser", false, "A may be stricter than B")
	return c
}

// side is one of the two policies.
type side struct {
	file string
	*plan.Plan
}

func (o *diffPolicyOptions) run(w io.Writer, files []string) error {
	var sides [2]side
	for i, file := range files {
		p, err := o.load(file)
		if err != nil {
			return err
		}
		sides[i] = side{file, p}
	}
	out := newPrinter(w, o.json, false)
	var answers kernel.Answers
	ok := true
	var refused error // by releases, of which the others are not given up
	for _, k := range o.releases {
		err := errors.Join(takes(sides[0].file, sides[0].Plan, k), takes(sides[1].file, sides[1].Plan, k))
		if isRefused(err) {
			refused = errors.Join(refused, err)
			continue
		} else if err != nil {
			return err
		}
		r, err := symbolic.Compare(sides[0].Plan, sides[1].Plan, k)
		if err != nil {
			return &statusError{exitInput, err}
		}
		good := r.Relation == symbolic.Equivalent || o.neverLooser && r.NeverLoosens()
		ok = ok && good && r.Proven
		text, err := comparison(out, sides, k, &r)
		if err != nil {
			return err
		}
		if !out.json {
			answers.Add(k.Name, text)
		}
	}
	for i, a := range answers {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "on %s, %s", a.Releases(), a.Text)
	}
	if refused != nil {
		return refused
	}
	if !ok {
		return errMismatch
	}
	return nil
}

// example is a request that shows a difference, and what the model made of it.
type example struct {
	*symbolic.Request
	only      int // the side that allows it
	confirmed bool
}

// examples are those of a comparison, carried out in the model.
func examples(sides [2]side, k kernel.Release, o *symbolic.OpResult) ([]example, error) {
	var all []example
	for i, r := range []*symbolic.Request{o.OnlyA, o.OnlyB} {
		if r == nil {
			continue
		}
		e := example{r, i, r.Unknown == ""}
		for j, s := range sides {
			if r.Unknown != "" {
				continue
			}
			passed, err := passes(s, k, r)
			if err != nil {
				return nil, err
			}
			e.confirmed = e.confirmed && passed == (i == j)
		}
		all = append(all, e)
	}
	return all, nil
}

// passes carries a request out under a policy.
func passes(s side, k kernel.Release, r *symbolic.Request) (bool, error) {
	player, err := registered(s.file, s.Plan, k)
	if err != nil {
		return false, err
	}
	var last trace.Outcome
	events := r.Events(trace.InitTask)
	for i := range events {
		if last, err = player.Play(&events[i]); err != nil {
			return false, err
		}
	}
	n := len(r.SQEs)
	return len(last.Requests) == n && symbolic.Passed(&last.Requests[n-1]), nil
}

// comparison is the result for a release, for people; JSON is printed at once.
func comparison(out *printer, sides [2]side, k kernel.Release, r *symbolic.Result) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s is %s %s%s\n", sides[0].file, relationText(r.Relation), sides[1].file, unproven(r.Proven))
	same := 0
	for i := range r.Ops {
		o := &r.Ops[i]
		found, err := examples(sides, k, o)
		if err != nil {
			return "", err
		}
		switch {
		case out.json:
			out.line(comparisonLine(sides, k, o, found))
		case o.Relation == symbolic.Equivalent && o.Proven:
			same++
		default:
			comparisonText(&b, sides, o, found)
		}
	}
	if out.json {
		out.line(resultLine{"summary", sides[0].file, sides[1].file, k.Name, string(r.Relation), r.Proven})
	} else if r.Relation != symbolic.Equivalent || !r.Proven {
		fmt.Fprintf(&b, "the same for %s\n", report.Number(same, "other opcode"))
	}
	return b.String(), nil
}

func relationText(r symbolic.Relation) string {
	switch r {
	case symbolic.Equivalent:
		return "equivalent to"
	case symbolic.Incomparable:
		return "neither stricter nor looser than"
	}
	return string(r) + " than"
}

func unproven(proven bool) string {
	if proven {
		return ""
	}
	return ", as far as was searched"
}

// comparisonText is what differs for an opcode, for people.
func comparisonText(w io.Writer, sides [2]side, o *symbolic.OpResult, found []example) {
	fmt.Fprintf(w, "%s: %s", o.Op, o.Relation)
	if !o.Proven {
		fmt.Fprintf(w, ", not proven: what the filters calculate is too large; %d requests were tried", o.Searched)
	}
	fmt.Fprintln(w)
	for _, e := range found {
		fmt.Fprintf(w, "  only %s allows %s\n", sides[e.only].file, inWords(e.Request))
		for _, s := range sqeTexts(e.Request) {
			fmt.Fprintf(w, "    %s\n", s)
		}
		switch {
		case e.Unknown != "":
			fmt.Fprintf(w, "    not carried out: %s\n", e.Unknown)
		case !e.confirmed:
			fmt.Fprintf(w, "    the model does not confirm it\n")
		}
	}
}

// inWords are the fields of a request.
func inWords(r *symbolic.Request) string {
	var parts []string
	for _, f := range r.Fields {
		parts = append(parts, f.Name+" "+f.Value)
	}
	if parts == nil {
		return "a request without flags and user_data"
	}
	return strings.Join(parts, ", ")
}

// sqeTexts are the SQEs as traces write them.
func sqeTexts(r *symbolic.Request) []string {
	var all []string
	for i := range r.SQEs {
		text, err := json.Marshal(&r.SQEs[i])
		if err != nil {
			panic(err) // the types are ours
		}
		all = append(all, string(text))
	}
	return all
}

// The JSON of a comparison; docs/json.md states the keys.
type (
	opResultLine struct {
		Type     string        `json:"type"` // "opcode"
		A        string        `json:"a"`
		B        string        `json:"b"`
		Kernel   string        `json:"kernel"`
		Opcode   string        `json:"opcode"`
		Relation string        `json:"relation"`
		Proven   bool          `json:"proven"`
		Searched int           `json:"searched,omitzero"`
		Examples []exampleLine `json:"examples,omitzero"`
	}
	exampleLine struct {
		Only      string            `json:"only"` // "a" or "b": who allows it
		Fields    map[string]string `json:"fields"`
		Setup     string            `json:"setup,omitzero"` // flags that the ring needs
		SQEs      []trace.SQE       `json:"sqes"`
		Confirmed bool              `json:"confirmed"`
		Unknown   string            `json:"unknown,omitzero"`
	}
	resultLine struct {
		Type     string `json:"type"` // "summary"
		A        string `json:"a"`
		B        string `json:"b"`
		Kernel   string `json:"kernel"`
		Relation string `json:"relation"`
		Proven   bool   `json:"proven"`
	}
)

func comparisonLine(sides [2]side, k kernel.Release, o *symbolic.OpResult, found []example) opResultLine {
	l := opResultLine{Type: "opcode", A: sides[0].file, B: sides[1].file, Kernel: k.Name, Opcode: o.Op.String(),
		Relation: string(o.Relation), Proven: o.Proven, Searched: o.Searched}
	for _, e := range found {
		line := exampleLine{Only: []string{"a", "b"}[e.only], Fields: map[string]string{}, SQEs: e.SQEs,
			Confirmed: e.confirmed, Unknown: e.Unknown}
		for _, f := range e.Fields {
			line.Fields[f.Name] = f.Value
		}
		if e.Setup != 0 {
			line.Setup = uapi.SetupFlags.FormatFlags(uint64(e.Setup))
		}
		l.Examples = append(l.Examples, line)
	}
	return l
}

package fleet

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/uringsim/uringsim/kernel"
)

// maxTold is how many values and needs of a reason, and how many errors, are shown; the JSON document has more.
const maxTold = 5

// OK reports whether nothing breaks, differs or is unknown, and all traces were read to their end. A policy may be
// rejected by some releases but not by all.
func (s *Summary) OK() bool {
	accepted := map[string]bool{}
	for i := range s.Results {
		r := &s.Results[i]
		if r.Counts.Broken+r.Counts.Unknown+r.Errors.Count > 0 {
			return false
		}
		accepted[r.Policy] = accepted[r.Policy] || r.Rejected == nil
	}
	for _, ok := range accepted {
		if !ok {
			return false
		}
	}
	return true
}

// Failed reports whether some traces could not be read to their end.
func (s *Summary) Failed() bool {
	return slices.ContainsFunc(s.Results, func(r Result) bool { return r.Errors.Count > 0 })
}

// Text describes the summary to people. Releases with the same result are described together, and the most frequent
// reasons come first. If quiet, reasons are left out.
func (s *Summary) Text(w io.Writer, quiet bool) {
	for _, p := range s.Parts {
		n, first := p.Missing()
		dots := ""
		if n > len(first) {
			dots = ", ..."
		}
		fmt.Fprintf(w, "not all: of %s in %s, %d missing: %s%s\n", number(p.Traces, "trace"),
			number(uint64(p.Of), "shard"), n, strings.Trim(fmt.Sprint(first), "[]"), dots)
	}
	results := slices.Clone(s.Results)
	slices.SortStableFunc(results, func(a, b Result) int {
		return cmp.Or(cmp.Compare(a.Policy, b.Policy), cmp.Compare(age(a.Kernel), age(b.Kernel)))
	})
	for len(results) > 0 {
		r, text := &results[0], results[0].text(quiet)
		var names []string
		for len(results) > 0 && results[0].Policy == r.Policy && results[0].text(quiet) == text {
			names = append(names, results[0].Kernel)
			results = results[1:]
		}
		fmt.Fprintf(w, "%s on %s: %s", cmp.Or(r.File, "replayed"), strings.Join(names, ", "), text)
	}
}

// age orders releases by their age; those with quirks switched come last.
func age(name string) int {
	i := slices.IndexFunc(kernel.Releases, func(k kernel.Release) bool { return k.Name == name })
	if i < 0 {
		return len(kernel.Releases)
	}
	return i
}

func number(n uint64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// text describes a result.
func (r *Result) text(quiet bool) string {
	if no := r.Rejected; no != nil {
		return fmt.Sprintf("it cannot be registered: %s: %s: %s [Linux: %s]\n", no.What, no.Errno, no.Why, no.Where)
	}
	var out strings.Builder
	c := &r.Counts
	if r.Policy != "" {
		more := ""
		if c.Refused > 0 {
			more = fmt.Sprintf(" (and %d more refused without it)", c.Refused)
		}
		fmt.Fprintf(&out, "breaks %d of %s: %d of %s denied%s, %d cancelled with them, %s refused", c.Broken,
			number(c.Traces, "trace"), c.Denied, number(c.Requests-min(c.Refused, c.Requests), "request"), more, c.Cancelled,
			number(c.RefusedCalls, "register call"))
	} else {
		fmt.Fprintf(&out, "%d of %s differ: %s (%d refused), %s (%d refused); %s compared, %d differ", c.Broken,
			number(c.Traces, "trace"), number(c.Events, "event"), c.RefusedCalls, number(c.Requests, "request"), c.Refused,
			number(c.Compared, "result"), c.Differ)
	}
	if c.Unknown > 0 {
		fmt.Fprintf(&out, "; not known of %s: %s, %s", number(c.Unknown, "trace"), number(c.Undecided, "request"),
			number(c.Unmodelled, "event"))
	}
	out.WriteByte('\n')
	r.writeErrors(&out, quiet)
	if quiet {
		return out.String()
	}
	r.writeNotes(&out)
	reasons := slices.Clone(r.Reasons)
	slices.SortStableFunc(reasons, func(a, b Reason) int {
		return cmp.Or(cmp.Compare(b.Traces, a.Traces), cmp.Compare(b.Count, a.Count))
	})
	for i := range reasons {
		reasons[i].write(&out)
	}
	if r.OtherReasons > 0 {
		fmt.Fprintf(&out, "  %d × for other reasons\n", r.OtherReasons)
	}
	return out.String()
}

// writeErrors lists the traces that could not be read to their end.
func (r *Result) writeErrors(out io.Writer, quiet bool) {
	e := &r.Errors
	if e.Count == 0 {
		return
	}
	fmt.Fprintf(out, "  %s not read to the end\n", number(e.Count, "trace"))
	for i, one := range e.First {
		if i == maxTold || quiet {
			break
		}
		fmt.Fprintf(out, "    %s\n", one.Error)
	}
}

// writeNotes says what the traces lack, and what the policy decides about requests that kernels denied.
func (r *Result) writeNotes(out io.Writer) {
	var lacks []string
	for _, l := range r.Lacks.told() {
		if *l.n > 0 {
			lacks = append(lacks, fmt.Sprintf("%d × %s", *l.n, l.what))
		}
	}
	if lacks != nil {
		fmt.Fprintf(out, "  not seen: %s\n", strings.Join(lacks, ", "))
	}
	if l := &r.Logged; l.Denied+l.Allowed+l.Undecided > 0 {
		fmt.Fprintf(out, "  kernels denied %s: the policy denies %d, allows %d, and of %d it is not known\n",
			number(l.Denied+l.Allowed+l.Undecided, "request"), l.Denied, l.Allowed, l.Undecided)
	}
	if r.Counts.Shares > 0 {
		fmt.Fprintf(out, "  %s register filters that others with the policy get, too; that is not counted\n",
			number(r.Counts.Shares, "trace"))
	}
}

// write describes a reason.
func (r *Reason) write(out io.Writer) {
	fmt.Fprintf(out, "  %d × %s %s in %s", r.Count, cmp.Or(r.Opcode, r.Call, "event"), r.Result, number(r.Traces, "trace"))
	if r.Errno != "" {
		fmt.Fprintf(out, ", %s", r.Errno)
	}
	if r.By != "" {
		fmt.Fprintf(out, ": %s", r.By)
	}
	if r.Where != "" {
		fmt.Fprintf(out, " [Linux: %s]", r.Where)
	}
	if r.Quirk != "" {
		fmt.Fprintf(out, " (quirk: %s)", r.Quirk)
	}
	fmt.Fprintln(out)
	r.writeValues(out)
	if r.Cancelled > 0 {
		fmt.Fprintf(out, "    cancels %s\n", number(r.Cancelled, "other request"))
	}
	fmt.Fprintf(out, "    such as %s\n", r.Example.String())
	for i, need := range r.Needs[:min(len(r.Needs), maxTold)] {
		label := "needs"
		if i > 0 {
			label = ""
		}
		fmt.Fprintf(out, "    %-8s%s\n", label, need)
	}
	if r.MoreNeeds || len(r.Needs) > maxTold {
		fmt.Fprintf(out, "            and others\n")
	}
}

// writeValues lists the most frequent values.
func (r *Reason) writeValues(out io.Writer) {
	values := slices.Clone(r.Values)
	slices.SortStableFunc(values, func(a, b Value) int { return cmp.Compare(b.Count, a.Count) })
	others := r.OtherValues
	for i := range values {
		if i >= maxTold {
			others += values[i].Count
			continue
		}
		fmt.Fprintf(out, "    %d × %s\n", values[i].Count, values[i].Text)
	}
	if others > 0 {
		fmt.Fprintf(out, "    %d × others\n", others)
	}
}

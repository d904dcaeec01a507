package eval

import (
	"fmt"
	"strings"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/trace"
)

// Run is a filter that judged a request.
type Run struct {
	Index, Of int // its place in the stack, from 0
	Origin    string
	Path      *cbpfvm.Path // nil for the deny that DENY_REST left
}

// RunsOf are the filters that ran on a request: up to the first that denies.
func RunsOf(q *trace.Request) []Run {
	var runs []Run
	for i, f := range q.Filters {
		run := Run{Index: i, Of: len(q.Filters), Origin: f.Origin}
		if f.Program == nil {
			return append(runs, run)
		}
		path := f.Program.Explain(&q.Context)
		run.Path = &path
		if runs = append(runs, run); path.Result == 0 {
			break
		}
	}
	return runs
}

// Text is what the filter did, step by step.
func (r Run) Text() string {
	if r.Path == nil {
		return fmt.Sprintf("filter %d of %d, the deny that DENY_REST left\n", r.Index+1, r.Of)
	}
	steps := strings.ReplaceAll(strings.TrimRight(r.Path.String(), "\n"), "\n", "\n  ")
	return fmt.Sprintf("filter %d of %d, %s\n  %s\n", r.Index+1, r.Of, r.Origin, steps)
}

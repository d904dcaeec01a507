package sim

import (
	"github.com/uringsim/uringsim/bpffilter"
	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/opdef"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// FilterObserver watches filters, as a report of coverage does.
type FilterObserver interface {
	// Registered is told of each filter that a task registered.
	Registered(op uapi.Op, prog *cbpfvm.Program)
	// Ran is told of each filter that judges a request, and of what it loads from.
	Ran(op uapi.Op, prog *cbpfvm.Program, ctx *cbpfvm.Context)
}

// ObserveFilters sets who watches the filters; nil, which is the default, is nobody. A kernel that is quiet shows nothing.
func (k *Kernel) ObserveFilters(o FilterObserver) { k.filters = o }

// runFilters lets the filters judge a request.
func (k *Kernel) runFilters(set *bpffilter.Set, req *opdef.Request) (*verdict.Refusal, *bpffilter.Look) {
	why, look := set.Run(k.engine, k.ops, req)
	if k.filters == nil || look == nil {
		return why, look
	}
	for prog := range look.Each {
		if prog == nil {
			break
		}
		k.filters.Ran(req.Opcode, prog, &look.Context)
		if k.engine.Run(prog, &look.Context) == 0 {
			break
		}
	}
	return why, look
}

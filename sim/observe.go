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

// ObserveFilters sets who watches the filters; nil, which is the default, is nobody.
func (k *Kernel) ObserveFilters(o FilterObserver) { k.filters = o }

// runFilters lets the filters judge a request.
func (k *Kernel) runFilters(set *bpffilter.Set, req *opdef.Request) *verdict.Refusal {
	if k.filters == nil {
		return set.Run(k.release, req)
	}
	return set.RunSeen(k.release, req, k.filters.Ran)
}

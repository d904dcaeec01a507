package plan

import (
	"fmt"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// OfEvents returns what the events of a trace register, no matter which task registers it and for which ring: the first
// list of restrictions, and all filters in their order. Structs that are not written in place are left out. Errors are
// mistakes in programs.
func OfEvents(events []trace.Event) (*Plan, error) {
	p := &Plan{}
	for i := range events {
		args, ok := events[i].Args.(*trace.RegisterArgs)
		if !ok || args.Arg.Object == nil {
			continue
		}
		if list := args.Arg.Object.TaskRestrictions; list != nil && p.Restrictions == nil {
			p.Restrictions = []uapi.Restriction{}
			for _, r := range list.Entries {
				p.Restrictions = append(p.Restrictions, r.Entry())
			}
		}
		if f := args.Arg.Object.BPFFilter; f != nil {
			insns, err := cbpfvm.AssembleLines(f.Insns)
			if err != nil {
				return nil, fmt.Errorf("event %d: insns: %w", i+1, err)
			}
			p.Filters = append(p.Filters, Filter{Op: uapi.Op(f.Opcode), Flags: uint32(f.Flags), PDUSize: uint8(f.PDUSize),
				Insns: insns, Why: events[i].Why})
		}
	}
	return p, nil
}

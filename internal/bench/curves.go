package bench

import (
	"fmt"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/uapi"
)

// The groups of Curves.
const (
	byFilters      = "SOCKET under the cover letter's filter, stacked"
	byInstructions = "straight lines of instructions"
)

// Curves returns subjects that show how costs grow: requests under stacks of filters, and straight lines of
// instructions.
func Curves() []Subject {
	var subjects []Subject
	filter := UserData + CoverLetter // or those that look alike to it would not be shown to it each time
	one := executed(filter)
	for _, filters := range []int{0, 4, 8, 16, 24, 32, 48, 64} {
		for _, e := range cbpfvm.Engines() {
			m := modelRing(uapi.IORING_OP_SOCKET, filter, filters, e)
			label := Label{Group: byFilters, Name: fmt.Sprintf("%d filters, %s", filters, e),
				Base: filters == 0 && e == cbpfvm.Reference, Engine: e.String(),
				Batch: 32, Filters: filters, Instructions: filters * one}
			subjects = append(subjects, through(m, TCPSockets, label))
		}
	}
	for _, n := range []int{1, 512, 1024, 1536, 2048, 2560, 3072, 3584, 4096} {
		p, ctx := Program{Source: arithmetic(n)}.Check(), SocketContext()
		for _, e := range cbpfvm.Engines() {
			label := Label{Group: byInstructions, Name: fmt.Sprintf("%d instructions, %s", n, e),
				Base: n == 1 && e == cbpfvm.Reference, Engine: e.String(), Instructions: n}
			subjects = append(subjects, Running(label, 64, On(e, p, ctx), p.Explain(ctx).Result))
		}
	}
	return subjects
}

// Package verdict holds the answer of the model to "why?": the errno of a refused call or request together with the
// check in the kernel's source that gave it.
package verdict

import (
	"fmt"
	"strings"

	"github.com/uringsim/uringsim/uapi"
)

// Stage is how far a call or request came before it was refused.
type Stage string

const (
	Setup       Stage = "setup"       // io_uring_setup(2)
	Register    Stage = "register"    // io_uring_register(2)
	Enter       Stage = "enter"       // io_uring_enter(2) as a call
	Init        Stage = "init"        // io_init_req: opcode, flags, ioprio, personality
	Restriction Stage = "restriction" // the ring's restrictions, on requests and on register calls
	Prep        Stage = "prep"        // the prep function of the opcode
	Filter      Stage = "filter"      // a BPF filter
	Link        Stage = "link"        // cancelled with its chain
	Issue       Stage = "issue"       // the request itself
	Syscall     Stage = "syscall"     // another system call: fork, close, prctl ...
)

// Refusal is a refused call or request. A nil *Refusal means that nothing was refused.
type Refusal struct {
	Errno  uapi.Errno
	Stage  Stage
	Where  string      // the kernel function, as file:function
	Why    string      // the check that failed, in words
	Quirk  string      // name of the quirk that made the difference, if any
	Filter *FilterStep // for Stage Filter
}

// FilterStep says which filter denied a request, and at which instruction.
type FilterStep struct {
	Index  int    // place in the stack of the opcode's filters, newest is 0
	Of     int    // how many filters the opcode has
	Origin string // who registered it and when ("task init, event 2"); "" for the marker of DENY_REST
	Marker bool   // the permanent deny that DENY_REST leaves
	PC     int    // the instruction that returned 0; -1 for the marker
	Loads  []Load // context words that the program read on its way
}

// Load is a context word that a filter read.
type Load struct {
	Off   uint32 // bytes
	Value uint32
}

// Refuse makes a Refusal.
func Refuse(stage Stage, e uapi.Errno, where, why string) *Refusal {
	return &Refusal{Errno: e, Stage: stage, Where: where, Why: why}
}

// Error is the errno, the place and the reason on one line.
func (r *Refusal) Error() string { return r.Errno.String() + ": " + r.String() }

// Is makes errors.Is(r, uapi.EINVAL) work.
func (r *Refusal) Is(target error) bool { return target == error(r.Errno) }

// String is the stage, the place and the reason on one line.
func (r *Refusal) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: ", r.Stage)
	if r.Filter != nil {
		b.WriteString(r.Filter.String())
	} else {
		b.WriteString(r.Why)
	}
	fmt.Fprintf(&b, " [Linux: %s]", r.Where)
	if r.Quirk != "" {
		fmt.Fprintf(&b, " (quirk: %s)", r.Quirk)
	}
	return b.String()
}

// String is the filter's place in the stack, its origin and the instruction.
func (f *FilterStep) String() string {
	if f.Marker {
		return fmt.Sprintf("filter %d of %d is the deny that DENY_REST left for opcodes without a filter", f.Index+1, f.Of)
	}
	return fmt.Sprintf("denied by filter %d of %d (%s), instruction %d", f.Index+1, f.Of, f.Origin, f.PC)
}

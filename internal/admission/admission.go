// Package admission has programs run on this machine's kernel under the admission of another release: what they may set
// up, register and submit is decided by the model, and what it lets through the host's kernel carries out.
//
// A program stops at io_uring_enter(2). Its SQEs are read and decided about; those that are refused reach the host as
// NOPs that give the model's errno, and are put back afterwards. Restrictions and filters are in the model alone.
package admission

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// Options say what is run, and under what.
type Options struct {
	Command []string     // the program, looked for in PATH, and its arguments
	Kernel  *sim.Kernel  // whose admission holds; the program starts with what is registered for its first task
	Warn    func(string) // called with each new Gap, at once
}

// Summary is what became of the program.
type Summary struct {
	Status    int // of the program, as a shell tells it: 128 and the signal if one ended it
	Requests  uint64
	Refused   uint64 // of the requests, by themselves
	Cancelled uint64 // with a chain in which one was refused
	Calls     uint64 // that were refused
	Refusals  []Refusal
	Gaps      []Gap
}

// Refusal is what was refused, and how often.
type Refusal struct {
	Call   string // "setup", "register" or "enter"; "" for a request
	Opcode string // of the request or of the register call: "NOP", "BPF_FILTER"
	Why    *verdict.Refusal
	N      uint64
}

// What says what was refused in words: "NOP", "register BPF_FILTER" or "setup".
func (r *Refusal) What() string { return strings.TrimSpace(r.Call + " " + r.Opcode) }

// Gap is something in which the program did not find what it would on the release, and how often.
type Gap struct {
	What string
	N    uint64
}

// ErrHost is the error where the host's kernel cannot do what this needs.
var ErrHost = errors.New("this kernel cannot carry out requests for another")

// Lines are the summary for people.
func (s *Summary) Lines() []string {
	lines := []string{fmt.Sprintf("%d requests: %d refused, %d cancelled with their chains; %d calls refused",
		s.Requests, s.Refused, s.Cancelled, s.Calls)}
	for _, r := range s.Refusals {
		lines = append(lines, fmt.Sprintf("%6d  %-24s %-8s %s", r.N, r.What(), r.Why.Errno, r.Why.String()))
	}
	for _, g := range s.Gaps {
		lines = append(lines, fmt.Sprintf("%6d  not as on the release: %s", g.N, g.What))
	}
	return lines
}

// ledger counts refusals and gaps.
type ledger struct {
	Summary
	refusals map[string]*Refusal
	gaps     map[string]uint64
	warn     func(string)
}

// mostKinds bounds the kinds of refusals and of gaps that are told apart.
const mostKinds = 1000

func newLedger(warn func(string)) *ledger {
	if warn == nil {
		warn = func(string) {}
	}
	return &ledger{refusals: map[string]*Refusal{}, gaps: map[string]uint64{}, warn: warn}
}

// refuse notes a refused call, or a request if call is "".
func (l *ledger) refuse(call, opcode string, why *verdict.Refusal) {
	refused := Refusal{call, opcode, why, 1}
	key := refused.What() + " " + why.Error()
	if r := l.refusals[key]; r != nil {
		r.N++
	} else if len(l.refusals) < mostKinds {
		l.refusals[key] = &refused
	}
}

// gap notes something that is not as on the release.
func (l *ledger) gap(format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	if l.gaps[what] == 0 {
		if len(l.gaps) >= mostKinds {
			return
		}
		l.warn(what)
	}
	l.gaps[what]++
}

// summary is what was noted, the most frequent first.
func (l *ledger) summary() Summary {
	s := l.Summary
	for _, key := range slices.Sorted(maps.Keys(l.refusals)) {
		s.Refusals = append(s.Refusals, *l.refusals[key])
	}
	for _, what := range slices.Sorted(maps.Keys(l.gaps)) {
		s.Gaps = append(s.Gaps, Gap{what, l.gaps[what]})
	}
	slices.SortStableFunc(s.Refusals, func(a, b Refusal) int { return cmp.Compare(b.N, a.N) })
	slices.SortStableFunc(s.Gaps, func(a, b Gap) int { return cmp.Compare(b.N, a.N) })
	return s
}

// stand is the NOP that stands for a denied request. Its CQE comes when that of the request would, if the host's kernel
// has NOPs for that.
func stand(d *sim.Denied, taskWork bool) uapi.SQE {
	var nop uapi.SQE
	nop.SetOpcode(uapi.IORING_OP_NOP)
	if d.Slots == 2 {
		nop.SetOpcode(uapi.IORING_OP_NOP128)
	}
	nop.SetUserData(d.UserData)
	flags := uint32(uapi.IORING_NOP_INJECT_RESULT)
	if d.Later && taskWork {
		flags |= uapi.IORING_NOP_TW
	}
	nop.SetOpFlags(flags)
	if d.Posts {
		nop.SetLen(uint32(d.Res))
	} else {
		nop.SetFlags(uapi.IOSQE_CQE_SKIP_SUCCESS)
	}
	return nop
}

package policy

import (
	"net/netip"
	"slices"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/srcpos"
	"github.com/uringsim/uringsim/uapi"
)

// Policy is a list of rules. The first rule that fits a request decides on it, and Default if none does.
type Policy struct {
	File     string // where it was read, for messages
	Default  Action
	Rules    []Rule
	Requires []Require
	Limits   Limits

	DefaultAt Pos   // the statement that says it; not known of functions in C
	LimitsAt  []Pos // the statements that limit something
}

// Action is what becomes of a request.
type Action bool

// The actions.
const (
	Deny  Action = false
	Allow Action = true
)

// String is "allow" or "deny".
func (a Action) String() string {
	if a == Allow {
		return "allow"
	}
	return "deny"
}

// Pos is a place in the text.
type Pos = srcpos.Pos

// Rule decides on requests of some opcodes.
type Rule struct {
	Pos    Pos
	Action Action
	Ops    []uapi.Op // nil is every opcode
	OpsAt  []Pos     // of Ops
	If     Cond      // nil is always
}

// at is where the rule speaks of an opcode.
func (r *Rule) at(op uapi.Op) Pos {
	if i := slices.Index(r.Ops, op); i >= 0 && i < len(r.OpsAt) {
		return r.OpsAt[i]
	}
	return r.Pos
}

// known are the places that were read: a policy that a program made has none.
func known(at ...Pos) []Pos {
	return slices.DeleteFunc(at, func(p Pos) bool { return p == Pos{} })
}

// fits tells whether the rule speaks of an opcode.
func (r *Rule) fits(op uapi.Op) bool {
	for _, o := range r.Ops {
		if o == op {
			return true
		}
	}
	return r.Ops == nil
}

// Require says that kernels before a release have to refuse the plan, since they show nothing of an opcode to filters.
type Require struct {
	Pos    Pos
	Kernel kernel.Release // the first that will do
	Op     uapi.Op
}

// Limits are what restrictions can say and filters cannot. They look at requests as they were submitted.
type Limits struct {
	Register *[]uapi.RegisterOp // the register calls that are allowed; nil is all
	Flags    *uint8             // the IOSQE flags that may be set; nil is all
	Required uint8              // the IOSQE flags that must be set
}

// Cond is a condition on a request: All, Any, Not or *Test.
type Cond interface {
	holds(*request) bool
	text(level int) string
}

// All holds if all of its conditions do, and so if there are none.
type All []Cond

// Any holds if one of its conditions does.
type Any []Cond

// Not holds if the condition does not.
type Not struct{ Cond Cond }

// Test compares a field with constants.
type Test struct {
	Pos    Pos
	Field  string
	Mask   uint64 // the bits that are compared
	Rel    Rel
	Values []Value // one, or for In any number
}

// Rel is how a Test compares.
type Rel uint8

// The relations. In holds if one of the values does.
const (
	Eq Rel = iota
	Ne
	Lt
	Le
	Gt
	Ge
	In
)

var relText = [...]string{Eq: "==", Ne: "!=", Lt: "<", Le: "<=", Gt: ">", Ge: ">=", In: "in"}

// String is the relation as the text form writes it.
func (r Rel) String() string { return relText[r] }

// Value is a number, a range of numbers, or for the field addr a prefix.
type Value struct {
	Lo, Hi uint64 // both belong to it
	Prefix netip.Prefix
}

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
	File     string // name of the file, for messages
	Default  Action
	Rules    []Rule
	Requires []Require
	Limits   Limits

	DefaultAt Pos   // place of the statement "default"; zero for functions in C
	LimitsAt  []Pos // places of the statements that set limits
}

// Action is what happens to a request.
type Action bool

// The actions.
const (
	Deny  Action = false
	Allow Action = true
)

// String returns "allow" or "deny".
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
	Ops    []uapi.Op // nil means every opcode
	OpsAt  []Pos     // the place of each of Ops
	If     Cond      // nil means always
}

// at returns the place at which the rule names the opcode.
func (r *Rule) at(op uapi.Op) Pos {
	if i := slices.Index(r.Ops, op); i >= 0 && i < len(r.OpsAt) {
		return r.OpsAt[i]
	}
	return r.Pos
}

// known returns the places that are known. A policy that was made by a program has none.
func known(at ...Pos) []Pos {
	return slices.DeleteFunc(at, func(p Pos) bool { return p == Pos{} })
}

// fits tells whether the rule applies to the opcode.
func (r *Rule) fits(op uapi.Op) bool {
	return r.Ops == nil || slices.Contains(r.Ops, op)
}

// Require says that kernels before a release have to refuse the plan because they do not show the arguments of an
// opcode to filters.
type Require struct {
	Pos    Pos
	Kernel kernel.Release // the first release that must not refuse it
	Op     uapi.Op
}

// Limits are what restrictions can express and filters cannot. They apply to requests as they are submitted.
type Limits struct {
	Register *[]uapi.RegisterOp // the register calls that are allowed; nil means all
	Flags    *uint8             // the IOSQE_* flags that may be set; nil means all
	Required uint8              // the IOSQE_* flags that must be set
}

// Cond is a condition on a request: All, Any, Not or *Test.
type Cond interface {
	holds(*request) bool
	text(level int) string
}

// All holds if all of its conditions hold, and thus if there are none.
type All []Cond

// Any holds if at least one of its conditions holds.
type Any []Cond

// Not holds if its condition does not.
type Not struct{ Cond Cond }

// Test compares a field with constants.
type Test struct {
	Pos    Pos
	Field  string
	Mask   uint64 // the bits that are compared
	Rel    Rel
	Values []Value // any number for In, otherwise one
}

// Rel is the relation that a Test checks.
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

// String returns the relation in the text form.
func (r Rel) String() string { return relText[r] }

// Value is a number, a range of numbers or, for the field addr, a prefix.
type Value struct {
	Lo, Hi uint64 // the range includes both
	Prefix netip.Prefix
}

// Package bpffilter models io_uring/bpf_filter.c and struct io_restriction: what may be submitted and registered, and
// the stacks of BPF filters.
package bpffilter

import (
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/mm"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// bitmap holds a bit for each opcode.
type bitmap [2]uint64

func (b *bitmap) set(n uint8)      { b[n>>6] |= 1 << (n & 63) }
func (b *bitmap) has(n uint8) bool { return n < 128 && b[n>>6]&(1<<(n&63)) != 0 }

// Restriction is struct io_restriction: a task or a ring has one. The zero Restriction restricts nothing.
type Restriction struct {
	RegisterOps      bitmap
	SQEOps           bitmap
	SQEFlagsAllowed  uint8
	SQEFlagsRequired uint8
	OpRegistered     bool // requests are restricted
	RegRegistered    bool // register calls are restricted

	filters *Set
	cow     bool // the set is shared: copy it before adding
}

// RegisterAllowed tells whether the list has the register opcode.
func (r *Restriction) RegisterAllowed(op uapi.RegisterOp) bool { return r.RegisterOps.has(uint8(op)) }

// CheckSQE applies the list to an SQE's opcode and flags, as the program wrote them.
//
// Linux: io_uring/io_uring.c:io_check_restriction
func (r *Restriction) CheckSQE(op uapi.Op, flags uint8) *verdict.Refusal {
	const where = "io_uring/io_uring.c:io_check_restriction"
	switch {
	case !r.SQEOps.has(uint8(op)):
		return verdict.Refuse(verdict.Restriction, uapi.EACCES, where, "opcode "+op.String()+" is not in the list")
	case flags&r.SQEFlagsRequired != r.SQEFlagsRequired:
		return verdict.Refuse(verdict.Restriction, uapi.EACCES, where,
			"flags "+uapi.SQEFlags.FormatFlags(uint64(r.SQEFlagsRequired&^flags))+" are required")
	case flags&^(r.SQEFlagsAllowed|r.SQEFlagsRequired) != 0:
		return verdict.Refuse(verdict.Restriction, uapi.EACCES, where,
			"flags "+uapi.SQEFlags.FormatFlags(uint64(flags&^(r.SQEFlagsAllowed|r.SQEFlagsRequired)))+" are not allowed")
	}
	return nil
}

// MaxRestrictions is the most entries of one list (IORING_MAX_RESTRICTIONS).
func MaxRestrictions(k kernel.Release) uint32 {
	return uapi.IORING_RESTRICTION_LAST + k.RegisterLast() + uapi.IORING_OP_LAST
}

// Parse reads nr entries at addr into r. An entry that is wrong leaves r with what came before it; what the caller
// does with that differs.
//
// Linux: io_uring/register.c:io_parse_restrictions
func (r *Restriction) Parse(k kernel.Release, mem *mm.Space, addr uint64, nr uint32) *verdict.Refusal {
	const where = "io_uring/register.c:io_parse_restrictions"
	refuse := func(e uapi.Errno, why string) *verdict.Refusal {
		return verdict.Refuse(verdict.Register, e, where, why)
	}
	if addr == 0 || nr > MaxRestrictions(k) {
		return refuse(uapi.EINVAL, "there must be a list, of not too many entries")
	}
	raw := make([]byte, nr*uapi.SizeofRestriction)
	if !mem.CopyIn(raw, addr) && nr > 0 {
		return refuse(uapi.EFAULT, "the list must be readable")
	}
	for ; len(raw) > 0; raw = raw[uapi.SizeofRestriction:] {
		switch e := uapi.DecodeRestriction(raw); e.Opcode {
		case uapi.IORING_RESTRICTION_REGISTER_OP:
			if uint32(e.Value) >= k.RegisterLast() {
				return refuse(uapi.EINVAL, "register_op must exist")
			}
			r.RegisterOps.set(e.Value)
			r.RegRegistered = true
		case uapi.IORING_RESTRICTION_SQE_OP:
			if e.Value >= uapi.IORING_OP_LAST {
				return refuse(uapi.EINVAL, "sqe_op must exist")
			}
			r.SQEOps.set(e.Value)
			r.OpRegistered = true
		case uapi.IORING_RESTRICTION_SQE_FLAGS_ALLOWED:
			r.SQEFlagsAllowed, r.OpRegistered = e.Value, true
		case uapi.IORING_RESTRICTION_SQE_FLAGS_REQUIRED:
			r.SQEFlagsRequired, r.OpRegistered = e.Value, true
		default:
			return refuse(uapi.EINVAL, "the kind of restriction must exist")
		}
	}
	if nr == 0 {
		r.OpRegistered, r.RegRegistered = true, true // nothing is allowed
	}
	if k.Has(kernel.SingleRestrictionSwitch) {
		r.OpRegistered, r.RegRegistered = true, true
	}
	return nil
}

// Reset takes a list back that could not be read, and keeps the filters.
//
// Linux: io_uring/register.c:io_register_restrictions
func (r *Restriction) Reset(k kernel.Release) {
	kept := Restriction{filters: r.filters, cow: r.cow}
	if k.Has(kernel.FailedRestrictionsDropFilters) {
		kept = Restriction{}
	}
	*r = kept
}

// Clone makes dst the restriction of a new ring or child, sharing the filters of src.
//
// Linux: io_uring/io_uring.c:io_restriction_clone, io_uring/bpf_filter.c:io_bpf_filter_clone
func Clone(k kernel.Release, dst, src *Restriction) {
	*dst = *src
	dst.cow = src.filters != nil
	if src.filters != nil && !k.Has(kernel.SharedFiltersAppendInPlace) {
		src.cow = true
	}
}

// Filters is the set that is enforced, nil if there is none.
func (r *Restriction) Filters() *Set { return r.filters }

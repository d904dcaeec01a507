package policy

import (
	"net/netip"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/uapi"
)

// Value returns the field of a context as a number, without ignored bits. It is 0 for an address.
func (f *Field) Value(ctx *cbpfvm.Context) uint64 {
	if f.order == address {
		return 0
	}
	return f.value(ctx) & f.Bits()
}

// Loaded tells whether a filter that loads the word at this offset of the context, in bytes, sees any of the field.
func (f *Field) Loaded(off uint32) bool { return off+4 > f.off && off < f.off+uint32((f.width+7)/8) }

// Address returns the address of a CONNECT. It is invalid for families without one.
func Address(ctx *cbpfvm.Context) netip.Addr {
	return (&request{uapi.IORING_OP_CONNECT, ctx}).address()
}

// String returns the test in the text form.
func (t *Test) String() string { return t.text(levelOr) }

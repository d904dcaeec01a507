package policy

import (
	"net/netip"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/uapi"
)

// Bits are those of the field that conditions can see.
func (f *Field) Bits() uint64 { return f.bits() }

// Has tells whether requests of the opcode have the field.
func (f *Field) Has(op uapi.Op) bool { return f.has(op) }

// Value is the field in a context as a number, without the bits that conditions do not see. An address has none.
func (f *Field) Value(ctx *cbpfvm.Context) uint64 {
	if f.order == address {
		return 0
	}
	return f.value(ctx) & f.bits()
}

// Loaded tells whether a filter that loads the word at a place of the context, in bytes, sees something of the field.
func (f *Field) Loaded(off uint32) bool { return off+4 > f.off && off < f.off+uint32((f.width+7)/8) }

// Address is that of a CONNECT. It is not valid for families without one.
func Address(ctx *cbpfvm.Context) netip.Addr {
	return (&request{uapi.IORING_OP_CONNECT, ctx}).address()
}

// String is the test in the text form.
func (t *Test) String() string { return t.text(levelOr) }

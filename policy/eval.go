package policy

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/uapi"
)

// request is what a filter sees of a request.
type request struct {
	op  uapi.Op
	ctx *cbpfvm.Context
}

// Allows tells whether the rules allow a request of the opcode for which filters see ctx. It does not look at the
// limits.
func (p *Policy) Allows(op uapi.Op, ctx *cbpfvm.Context) bool {
	req := &request{op, ctx}
	for i := range p.Rules {
		if r := &p.Rules[i]; r.fits(op) && (r.If == nil || r.If.holds(req)) {
			return r.Action == Allow
		}
	}
	return p.Default == Allow
}

func (c All) holds(r *request) bool {
	return !slices.ContainsFunc(c, func(part Cond) bool { return !part.holds(r) })
}

func (c Any) holds(r *request) bool {
	return slices.ContainsFunc(c, func(part Cond) bool { return part.holds(r) })
}

func (c Not) holds(r *request) bool { return !c.Cond.holds(r) }

func (t *Test) holds(r *request) bool {
	f := fieldNamed(t.Field)
	if f.order == address {
		return t.holdsAddress(r.address())
	}
	v := f.value(r.ctx) & t.Mask
	c := t.Values[0].Lo
	switch t.Rel {
	case Eq:
		return v == c
	case Ne:
		return v != c
	case Lt:
		return v < c
	case Le:
		return v <= c
	case Gt:
		return v > c
	case Ge:
		return v >= c
	}
	return slices.ContainsFunc(t.Values, func(item Value) bool { return item.Lo <= v && v <= item.Hi })
}

func (t *Test) holdsAddress(a netip.Addr) bool {
	within := slices.ContainsFunc(t.Values, func(item Value) bool { return item.Prefix.Contains(a) })
	return within != (t.Rel == Ne)
}

// value returns the field as a number, including ignored bits.
func (f *Field) value(ctx *cbpfvm.Context) uint64 {
	b := ctx[f.off+uint32(f.shift/8):]
	switch {
	case f.width == 8:
		return uint64(b[0])
	case f.width == 16:
		return uint64(binary.BigEndian.Uint16(b))
	case f.width == 32 && f.order == network:
		return uint64(binary.BigEndian.Uint32(b))
	case f.width == 32:
		return uint64(binary.LittleEndian.Uint32(b))
	}
	return binary.LittleEndian.Uint64(b)
}

// address returns the address of a CONNECT. For families without one it is invalid, and in no prefix.
func (r *request) address() netip.Addr {
	const off = uapi.BPFCtxPDU + 8
	switch binary.LittleEndian.Uint32(r.ctx[uapi.BPFCtxPDU:]) {
	case uapi.AF_INET:
		return netip.AddrFrom4([4]byte(r.ctx[off:]))
	case uapi.AF_INET6:
		return netip.AddrFrom16([16]byte(r.ctx[off:]))
	}
	return netip.Addr{}
}

package symbolic

import (
	"fmt"
	"math/big"
	"net/netip"
	"strings"

	"github.com/uringsim/uringsim/uapi"
)

// wording is how the values of a field are written.
type wording struct {
	value func(v *big.Int) string
	// flags are the names of the field's flags; nil if it has none. The bits in plain are not flags but form a number.
	flags *uapi.Family
	plain uint64
	addr  bool // it is an address, written according to the family of the request
}

func named(f *uapi.Family) wording {
	return wording{value: func(v *big.Int) string {
		if v.Sign() == 0 && f == uapi.Protocols {
			return "0"
		}
		if name, ok := f.Name(v.Uint64()); ok {
			return f.Prefix + name
		}
		return v.String()
	}}
}

func flagged(f *uapi.Family, plain uint64) wording {
	w := wording{flags: f, plain: plain}
	w.value = func(v *big.Int) string { return w.flagNames(v.Uint64(), "|") }
	return w
}

// flagNames returns the names of the bits. Those in plain count as one.
func (w wording) flagNames(v uint64, sep string) string {
	var names []string
	if number := v & w.plain; number != 0 {
		name, ok := w.flags.Name(number)
		if !ok {
			name = fmt.Sprint(number)
		} else {
			name = w.flags.Prefix + name
		}
		names, v = append(names, name), v&^w.plain
	}
	for _, r := range w.flags.Rows {
		if bit := r.Value; bit != 0 && bit&(bit-1) == 0 && bit&w.plain == 0 && v&bit != 0 {
			names, v = append(names, r.Name), v&^bit
		}
	}
	if v != 0 {
		names = append(names, fmt.Sprintf("%#x", v))
	}
	if names == nil {
		return "0"
	}
	return strings.Join(names, sep)
}

func decimal() wording { return wording{value: func(v *big.Int) string { return v.String() }} }

func octal() wording {
	return wording{value: func(v *big.Int) string {
		if v.Sign() == 0 {
			return "0"
		}
		return "0" + v.Text(8)
	}}
}

func hexadecimal() wording {
	return wording{value: func(v *big.Int) string {
		if v.IsUint64() && v.Uint64() < 1<<16 {
			return v.String()
		}
		return "0x" + v.Text(16)
	}}
}

func address() wording { return wording{value: ipv6, addr: true} }

func ipv6(v *big.Int) string {
	var b [16]byte
	return netip.AddrFrom16([16]byte(v.FillBytes(b[:]))).String()
}

// ipv4 writes an address that is in the upper 32 of 128 bits.
func ipv4(v *big.Int) string {
	var b [16]byte
	return netip.AddrFrom4([4]byte(v.FillBytes(b[:])[:4])).String()
}

package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/uringsim/uringsim/uapi"
)

// constant is the value of a name such as AF_INET, in upper or lower case, and the family that it belongs to.
func constant(name string) (v uint64, family *uapi.Family, ok bool) {
	name = strings.ToUpper(name)
	for _, f := range []*uapi.Family{uapi.AddressFamilies, uapi.SocketTypes, uapi.Protocols, uapi.OpenFlags,
		uapi.ResolveFlags, uapi.SQEFlags, uapi.Ops} {
		is := func(r uapi.Row) bool { return r.Name == name }
		if i := slices.IndexFunc(f.Rows, is); i >= 0 {
			return f.Rows[i].Value, f, true
		}
		if i := slices.IndexFunc(uapi.Aliases, is); i >= 0 && strings.HasPrefix(name, f.Prefix) {
			return uapi.Aliases[i].Value, f, true
		}
	}
	return 0, nil, false
}

// parseOp reads an opcode: SOCKET or IORING_OP_SOCKET, in upper or lower case, or a number.
func parseOp(s string) (uapi.Op, error) {
	v, err := uapi.Ops.Parse(strings.ToUpper(s))
	if v2, numErr := strconv.ParseUint(s, 0, 64); numErr == nil {
		v, err = v2, nil
	}
	switch {
	case err != nil:
		return 0, fmt.Errorf("found %q, expected an opcode such as SOCKET", s)
	case v >= uapi.IORING_OP_LAST:
		return 0, fmt.Errorf("found opcode %d, expected one below %d", v, uapi.IORING_OP_LAST)
	}
	return uapi.Op(v), nil
}

// parseRegisterOp reads the opcode of a register call in the same way.
func parseRegisterOp(s string) (uapi.RegisterOp, error) {
	v, err := uapi.RegisterOps.Parse(strings.ToUpper(s))
	if v2, numErr := strconv.ParseUint(s, 0, 64); numErr == nil {
		v, err = v2, nil
	}
	switch last := uint64(uapi.IORING_REGISTER_BPF_FILTER); {
	case err != nil:
		return 0, fmt.Errorf("found %q, expected a register call such as FILES", s)
	case v > last:
		return 0, fmt.Errorf("found register call %d, expected one up to %d", v, last)
	}
	return uapi.RegisterOp(v), nil
}

// parseSQEFlag reads IO_LINK or IOSQE_IO_LINK, or a number.
func parseSQEFlag(s string) (uint8, error) {
	v, err := uapi.SQEFlags.Parse(strings.ToUpper(s))
	if v2, numErr := strconv.ParseUint(s, 0, 64); numErr == nil {
		v, err = v2, nil
	}
	switch {
	case err != nil:
		return 0, fmt.Errorf("found %q, expected a flag such as IO_LINK", s)
	case v > 0x7f:
		return 0, fmt.Errorf("found flags %#x, expected at most 0x7f", v)
	}
	return uint8(v), nil
}

// prefixes of the families, as in "AF_* or SOCK_*".
func namesOf(families []*uapi.Family) string {
	var s []string
	for _, f := range families {
		s = append(s, f.Prefix+"*")
	}
	return strings.Join(s, " or ")
}

package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/uringsim/uringsim/uapi"
)

// constant returns the value of a name such as AF_INET, in upper or lower case, and the family that it belongs to.
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

// parseName reads a name of the family, with or without its prefix and in upper or lower case, or a number. What
// describes a name for the message.
func parseName(family *uapi.Family, s, what string) (uint64, error) {
	if v, err := strconv.ParseUint(s, 0, 64); err == nil {
		return v, nil
	}
	v, err := family.Parse(strings.ToUpper(s))
	if err != nil {
		return 0, fmt.Errorf("found %q, expected %s", s, what)
	}
	return v, nil
}

// parseOp reads an opcode such as SOCKET.
func parseOp(s string) (uapi.Op, error) {
	v, err := parseName(uapi.Ops, s, "an opcode such as SOCKET")
	if err == nil && v >= uapi.IORING_OP_LAST {
		err = fmt.Errorf("found opcode %d, expected one below %d", v, uapi.IORING_OP_LAST)
	}
	return uapi.Op(v), err
}

// parseRegisterOp reads the opcode of a register call such as FILES.
func parseRegisterOp(s string) (uapi.RegisterOp, error) {
	v, err := parseName(uapi.RegisterOps, s, "a register call such as FILES")
	if last := uint64(uapi.IORING_REGISTER_BPF_FILTER); err == nil && v > last {
		err = fmt.Errorf("found register call %d, expected one up to %d", v, last)
	}
	return uapi.RegisterOp(v), err
}

// parseSQEFlag reads a flag such as IO_LINK.
func parseSQEFlag(s string) (uint8, error) {
	v, err := parseName(uapi.SQEFlags, s, "a flag such as IO_LINK")
	if err == nil && v > 0x7f {
		err = fmt.Errorf("found flags %#x, expected at most 0x7f", v)
	}
	return uint8(v), err
}

// namesOf describes the constants of some families, as in "AF_* or SOCK_*".
func namesOf(families []*uapi.Family) string {
	var s []string
	for _, f := range families {
		s = append(s, f.Prefix+"*")
	}
	return strings.Join(s, " or ")
}

package policy

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/uringsim/uringsim/uapi"
)

// more are constants that are several bits, or that nothing else needs a name for.
var more = map[string]uint64{
	"O_ACCMODE": 3,
	"O_NDELAY":  uapi.O_NONBLOCK,
	"O_SYNC":    uapi.O_DSYNC | uapi.O_SYNC_,
	"O_TMPFILE": uapi.O_DIRECTORY | uapi.O_TMPFILE_,

	"AF_LOCAL": 1, "AF_AX25": 3, "AF_IPX": 4, "AF_APPLETALK": 5, "AF_NETROM": 6, "AF_BRIDGE": 7, "AF_ATMPVC": 8,
	"AF_X25": 9, "AF_ROSE": 11, "AF_NETBEUI": 13, "AF_SECURITY": 14, "AF_KEY": 15, "AF_ROUTE": 16, "AF_ASH": 18,
	"AF_ECONET": 19, "AF_ATMSVC": 20, "AF_RDS": 21, "AF_SNA": 22, "AF_IRDA": 23, "AF_PPPOX": 24, "AF_WANPIPE": 25,
	"AF_LLC": 26, "AF_IB": 27, "AF_MPLS": 28, "AF_CAN": 29, "AF_TIPC": 30, "AF_BLUETOOTH": 31, "AF_IUCV": 32,
	"AF_RXRPC": 33, "AF_ISDN": 34, "AF_PHONET": 35, "AF_IEEE802154": 36, "AF_CAIF": 37, "AF_ALG": 38, "AF_NFC": 39,
	"AF_KCM": 41, "AF_QIPCRTR": 42, "AF_SMC": 43, "AF_XDP": 44, "AF_MCTP": 45,

	"SOCK_TYPE_MASK": uapi.SOCK_TYPE_MASK, "SOCK_RDM": 4, "SOCK_DCCP": 6, "SOCK_PACKET": 10,

	"IPPROTO_DCCP": 33, "IPPROTO_ICMPV6": 58, "IPPROTO_SCTP": 132, "IPPROTO_UDPLITE": 136, "IPPROTO_RAW": 255,
	"IPPROTO_MPTCP": 262,
}

// constant is the value of a name such as AF_INET, in upper or lower case, and the family that it belongs to.
func constant(name string) (v uint64, family *uapi.Family, ok bool) {
	name = strings.ToUpper(name)
	for _, f := range []*uapi.Family{uapi.AddressFamilies, uapi.SocketTypes, uapi.Protocols, uapi.OpenFlags,
		uapi.ResolveFlags, uapi.SQEFlags, uapi.Ops} {
		for _, r := range f.Rows {
			if r.Name == name {
				return r.Value, f, true
			}
		}
		if v, ok := more[name]; ok && strings.HasPrefix(name, f.Prefix) {
			return v, f, true
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

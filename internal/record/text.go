package record

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"unicode/utf8"

	"github.com/uringsim/uringsim/uapi"
)

var le = binary.LittleEndian

// validText tells whether JSON can hold the text.
func validText(b []byte) bool { return utf8.Valid(b) }

// sockaddrText returns a socket address as traces write it, or false if they cannot.
func sockaddrText(b []byte) (text string, ok bool) {
	if len(b) < 2 {
		return "", false
	}
	switch family := le.Uint16(b); {
	case family == uapi.AF_UNIX && len(b) > 2 && b[2] == 0:
		return "unix:@" + string(b[3:]), validText(b)
	case family == uapi.AF_UNIX:
		path, _, _ := bytes.Cut(b[2:], []byte{0})
		return "unix:" + string(path), validText(path)
	case family == uapi.AF_INET && len(b) >= 8:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[4:])), binary.BigEndian.Uint16(b[2:])).String(), true
	case family == uapi.AF_INET6 && len(b) >= 24:
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[8:])), binary.BigEndian.Uint16(b[2:])).String(), true
	}
	return "", false
}

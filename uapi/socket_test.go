package uapi

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSockaddr(t *testing.T) {
	rows := []struct {
		name string
		got  []byte
		want []byte
		why  string
	}{
		{"v4", SockaddrInet(netip.MustParseAddrPort("127.0.0.1:80")),
			[]byte{2, 0, 0, 80, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0},
			"family in host order, port and address in network order"},
		{"v4 port 22", SockaddrInet(netip.MustParseAddrPort("1.2.3.4:5654")),
			[]byte{2, 0, 0x16, 0x16, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0}, ""},
		{"v6", SockaddrInet(netip.MustParseAddrPort("[2001:db8::1]:4660")),
			[]byte{10, 0, 0x12, 0x34, 0, 0, 0, 0, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0},
			"28 bytes"},
		{"mapped", SockaddrInet(netip.MustParseAddrPort("[::ffff:1.2.3.4]:1")),
			[]byte{10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 1, 2, 3, 4, 0, 0, 0, 0}, "stays AF_INET6"},
		{"unix", SockaddrUnix("/x"), []byte{1, 0, '/', 'x', 0}, "a path ends in NUL"},
		{"abstract", SockaddrUnix("\x00x"), []byte{1, 0, 0, 'x'}, "an abstract name does not"},
		{"unnamed", SockaddrUnix(""), []byte{1, 0}, "only the family"},
	}
	for _, r := range rows {
		if diff := cmp.Diff(r.want, r.got); diff != "" {
			t.Errorf("%s (%s) (-want +got):\n%s", r.name, r.why, diff)
		}
	}
}

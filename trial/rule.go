package trial

import (
	"net/netip"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/opdef"
	"github.com/uringsim/uringsim/policy"
	"github.com/uringsim/uringsim/uapi"
)

// Options say what the rules that are made of requests look at. The zero Options make them as tight as they can be on a
// release.
type Options struct {
	Families  bool // of SOCKET and CONNECT, the family only
	OpenModes bool // of opens, whether they read, write, create and truncate, and how the path is resolved
	// HostBits4 and HostBits6 are how many of the last bits of addresses of IPv4 and IPv6 do not count.
	HostBits4, HostBits6 int
	// Container leaves out what the linux.ioUring object cannot say: arguments but the family of sockets, flags and
	// register calls.
	Container bool
}

// openMode are the flags that say what an open is for.
const openMode = 3 | uapi.O_CREAT | uapi.O_TRUNC | uapi.O_PATH | uapi.O_TMPFILE_

// creates are the flags of opens that may make a file.
const creates = uapi.O_CREAT | uapi.O_TMPFILE_

// seen is a request whose fields rules are made of.
type seen struct {
	op  uapi.Op
	ctx *cbpfvm.Context
	Options
}

// leftOut says which fields a rule does not look at: what follows from others, and what the options leave out.
var leftOut = map[string]func(s *seen) bool{
	"family": func(s *seen) bool {
		return !s.Families && policy.Address(s.ctx).IsValid() && s.op == uapi.IORING_OP_CONNECT
	},
	"type":     func(s *seen) bool { return s.Families },
	"protocol": func(s *seen) bool { return s.Families },
	"mode": func(s *seen) bool {
		return s.OpenModes || s.op == uapi.IORING_OP_OPENAT && fields["flags"].Value(s.ctx)&creates == 0
	},
	"resolve": func(s *seen) bool { return s.op == uapi.IORING_OP_OPENAT },
	"port":    func(s *seen) bool { return s.Families || !policy.Address(s.ctx).IsValid() },
	"addr":    func(s *seen) bool { return s.Families || !policy.Address(s.ctx).IsValid() },
	"v4_addr": func(*seen) bool { return true },
}

// fields are those of policies by name.
var fields = func() map[string]*policy.Field {
	m := map[string]*policy.Field{}
	for _, f := range policy.Fields() {
		m[f.Name] = &f
	}
	return m
}()

// rule allows requests like this one, on a release that shows its arguments, or all of the opcode.
func (s *seen) rule(k kernel.Release) policy.Rule {
	r := policy.Rule{Action: policy.Allow, Ops: []uapi.Op{s.op}}
	if opdef.PDUSize(k, s.op) == 0 || s.Container && s.op != uapi.IORING_OP_SOCKET {
		return r
	}
	var all policy.All
	for _, f := range policy.Fields() {
		if f.Ops == nil || !f.Has(s.op) || leftOut[f.Name] != nil && leftOut[f.Name](s) {
			continue
		}
		all = append(all, s.test(&f))
	}
	switch len(all) {
	case 0:
	case 1:
		r.If = all[0]
	default:
		r.If = all
	}
	return r
}

// test is that a field is as in the request, as far as it counts.
func (s *seen) test(f *policy.Field) *policy.Test {
	v := f.Value(s.ctx)
	t := &policy.Test{Field: f.Name, Mask: f.Bits(), Rel: policy.Eq, Values: []policy.Value{{Lo: v, Hi: v}}}
	switch {
	case f.Name == "addr":
		p := s.prefix(policy.Address(s.ctx))
		if t.Values = []policy.Value{{Prefix: p}}; !p.IsSingleIP() {
			t.Rel = policy.In
		}
	case f.Name == "flags" && s.OpenModes:
		t.Mask = openMode
		t.Values = []policy.Value{{Lo: v & openMode, Hi: v & openMode}}
	}
	return t
}

// prefix is an address, or the net around it.
func (s *seen) prefix(a netip.Addr) netip.Prefix {
	bits := a.BitLen() - s.HostBits6
	if a.Is4() {
		bits = a.BitLen() - s.HostBits4
	}
	return netip.PrefixFrom(a, max(bits, 0)).Masked()
}

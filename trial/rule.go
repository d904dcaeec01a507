package trial

import (
	"net/netip"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/opdef"
	"github.com/uringsim/uringsim/policy"
	"github.com/uringsim/uringsim/uapi"
)

// Options say what suggested rules look at. With the zero Options they are as tight as the release allows.
type Options struct {
	Families  bool // look at the family of SOCKET and CONNECT only
	OpenModes bool // look only at whether an open reads, writes, creates and truncates, and at how it resolves the path
	// HostBits4 and HostBits6 are how many of the last bits of IPv4 and IPv6 addresses to ignore.
	HostBits4, HostBits6 int
	// Container leaves out what a linux.ioUring object cannot express: flags, register calls, and all arguments except
	// the family of sockets.
	Container bool
}

// openMode are the flags that say what an open is for.
const openMode = 3 | uapi.O_CREAT | uapi.O_TRUNC | uapi.O_PATH | uapi.O_TMPFILE_

// creates are the flags of opens that may create a file.
const creates = uapi.O_CREAT | uapi.O_TMPFILE_

// seen is a request from which a rule is made.
type seen struct {
	op  uapi.Op
	ctx *cbpfvm.Context
	Options
}

// leftOut says which fields a rule does not look at, since they follow from others or because of the options.
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

// fields are the fields of policies, by name.
var fields = func() map[string]*policy.Field {
	m := map[string]*policy.Field{}
	for _, f := range policy.Fields() {
		m[f.Name] = &f
	}
	return m
}()

// rule returns a rule that allows requests like this one. If the release does not show its arguments to filters, it
// allows all requests of the opcode.
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

// test returns a test that the field is as in the request, as far as the options say.
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

// prefix returns an address, or the network around it.
func (s *seen) prefix(a netip.Addr) netip.Prefix {
	bits := a.BitLen() - s.HostBits6
	if a.Is4() {
		bits = a.BitLen() - s.HostBits4
	}
	return netip.PrefixFrom(a, max(bits, 0)).Masked()
}

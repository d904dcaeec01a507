package lint

import (
	"math/bits"
	"net/netip"
	"slices"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/uapi"
)

// connects returns the filters that can see addresses.
func (s *subject) connects() []*filter {
	var all []*filter
	for _, f := range s.filters {
		if f.prog != nil && f.Op == uapi.IORING_OP_CONNECT && f.view.words[connectPort/4] != 0 {
			all = append(all, f)
		}
	}
	return all
}

// knownPorts are well-known ports that filters are likely to compare with.
var knownPorts = []uint32{20, 21, 22, 23, 25, 53, 80, 110, 111, 123, 137, 139, 143, 161, 389, 443, 445, 465, 587, 636,
	853, 993, 995, 1433, 1521, 2049, 2375, 2376, 2379, 3000, 3306, 3389, 4444, 5000, 5432, 5900, 6379, 6443, 8000, 8080,
	8443, 9000, 9090, 9200, 10250, 11211, 27017}

// hostOrderPort finds ports in the machine's byte order.
func hostOrderPort(s *subject) {
	for _, f := range s.connects() {
		for _, t := range f.tests(connectPort) {
			mask, ok := t.left.masked()
			k := t.right.now
			port := uint32(bits.ReverseBytes16(uint16(k)))
			switch {
			case !ok || mask&0xffff != 0xffff || t.op == uapi.BPF_JSET:
			case (t.op == uapi.BPF_JGT || t.op == uapi.BPF_JGE) && f.ordered(connectPort, &t):
				s.aboutInsn(f, t.pc, "connect.port is in network order, in which it is no number that could be larger than %d: "+
					"turn its bytes round first", k)
			case t.op != uapi.BPF_JEQ || k > 0xffff:
			case slices.Contains(knownPorts, k) && !slices.Contains(knownPorts, port):
				s.aboutInsn(f, t.pc, "connect.port is in network order: %#x is port %d there, and port %d is %#x", k, port, k, port)
			}
		}
	}
}

// ordered tells whether the test really compares by size: for some run, the answer of the filter changes at the border
// of the test, and nowhere near it. A binary search among single values also has tests by size, but near their borders
// the answer changes at the values themselves.
func (f *filter) ordered(off int, t *test) bool {
	const near = 4
	border := t.right.now // the largest word below
	if t.op == uapi.BPF_JGE {
		border--
	}
	mask, _ := t.left.masked()
	if border < near || border > mask-near {
		return false
	}
	for i := range min(len(f.runs), maxWitnesses) {
		if r := &f.runs[i]; slices.ContainsFunc(r.tests, func(u test) bool { return u.pc == t.pc }) &&
			f.splits(r, off, border, near) {
			return true
		}
	}
	return false
}

// splits tells whether the answer to the run's request, with another word at off, changes at the border and nowhere
// near it.
func (f *filter) splits(r *run, off int, border, near uint32) bool {
	allows := func(word uint32) bool {
		ctx, _ := f.view.with(r.ctx, off, word)
		return f.allows(&ctx)
	}
	low, high := allows(border), allows(border+1)
	for i := range near {
		if allows(border-i) != low || allows(border+1+i) != high {
			return false
		}
	}
	return low != high
}

// hostOrderAddress finds addresses and subnet masks in the machine's byte order.
func hostOrderAddress(s *subject) {
	for _, f := range s.connects() {
		for off := connectAddr; off < uapi.SizeofBPFCtx; off += 4 {
			for _, t := range f.tests(off) {
				f.checkAddressTest(s, off, &t)
			}
		}
	}
}

func (f *filter) checkAddressTest(s *subject, off int, t *test) {
	mask, ok := t.left.masked()
	k := t.right.now
	turned := bits.ReverseBytes32(k)
	switch {
	case !ok || t.op == uapi.BPF_JSET:
	case t.op != uapi.BPF_JEQ && f.ordered(off, t):
		s.aboutInsn(f, t.pc, "%s is in network order, in which it is no number that could be larger than another: turn its "+
			"bytes round first", f.view.field(off))
	case t.op != uapi.BPF_JEQ:
	case isPrefix(mask) && !isPrefix(bits.ReverseBytes32(mask)):
		s.aboutInsn(f, t.pc, "%s is in network order: the first %d bits of an address are 0x%08x there, and not 0x%08x",
			f.view.field(off), bits.OnesCount32(mask), bits.ReverseBytes32(mask), mask)
	case off == connectAddr && isLocal(turned) && !isLocal(k):
		found := s.aboutInsn(f, t.pc, "connect.v4 is in network order: 0x%08x is %s there, and %s is 0x%08x", k, address(k),
			address(turned), turned)
		if k != 0x7f000001 && k&0xff != 0 {
			found.Severity = Note // 8.8.8.10 looks like 10.8.8.8
		}
	}
}

// isPrefix tells whether the mask, in the machine's byte order, is that of a subnet.
func isPrefix(mask uint32) bool {
	return bits.LeadingZeros32(^mask) == bits.OnesCount32(mask) && mask != 0
}

// address returns the IPv4 address in a word as a filter loads it.
func address(word uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(word), byte(word >> 8), byte(word >> 16), byte(word >> 24)})
}

// isLocal tells whether the word is an address of a kind that filters often deny.
func isLocal(word uint32) bool {
	a := address(word)
	return a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast()
}

// reaches tells whether the filters of the plan allow the request.
func (s *subject) reaches(op uapi.Op, ctx *cbpfvm.Context) bool {
	filters, denied := s.plan.Stack(op)
	return !denied && !slices.ContainsFunc(filters, func(i int) bool {
		return s.filters[i].prog != nil && !s.filters[i].allows(ctx)
	})
}

// connectV4Mapped finds IPv4 addresses that are denied and can still be reached as IPv6 addresses.
func connectV4Mapped(s *subject) {
	for _, f := range s.connects() {
		for i := range f.runs {
			ctx := f.runs[i].ctx
			if f.runs[i].allows || ctx.Word(connectFamily) != uapi.AF_INET {
				continue
			}
			v4 := ctx.Word(connectAddr)
			ctx.SetWord(connectFamily, uapi.AF_INET6)
			for n, word := range []uint32{0, 0, 0xffff0000, v4} { // ::ffff:a.b.c.d
				ctx.SetWord(uint32(connectAddr+4*n), word)
			}
			if s.reaches(f.Op, &ctx) {
				s.aboutFilter(f, "it denies %s, and allows the same as an IPv6 address, ::ffff:%s: deny ::ffff:0:0/96, too",
					f.view.request(&f.runs[i].ctx), address(v4))
				break
			}
		}
	}
}

// connectAnyAddress finds filters that deny loopback and allow the unspecified address, which leads there as well.
func connectAnyAddress(s *subject) {
	for _, f := range s.connects() {
		for i := range f.runs {
			ctx := f.runs[i].ctx
			here := loopback(&ctx)
			if f.runs[i].allows || here == "" {
				continue
			}
			clear(ctx[connectAddr:])
			if s.reaches(f.Op, &ctx) {
				s.aboutFilter(f, "it denies %s, and allows to connect to the same machine as %s",
					f.view.request(&f.runs[i].ctx), here)
				break
			}
		}
	}
}

// loopback returns the unspecified address of the same family if the request connects to a loopback address, else "".
func loopback(ctx *cbpfvm.Context) string {
	switch ctx.Word(connectFamily) {
	case uapi.AF_INET:
		if address(ctx.Word(connectAddr)).IsLoopback() {
			return "0.0.0.0"
		}
	case uapi.AF_INET6:
		if netip.AddrFrom16([16]byte(ctx[connectAddr:])).IsLoopback() {
			return "::"
		}
	}
	return ""
}

package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/opdef"
	"github.com/uringsim/uringsim/srcpos"
	"github.com/uringsim/uringsim/symbolic"
	"github.com/uringsim/uringsim/uapi"
)

// standing is what a plan does with the requests of an opcode.
type standing uint8

const (
	open     standing = iota // all are allowed
	filtered                 // a filter denies some
	denied                   // a filter denies all
	closed                   // all are denied because the plan does not name the opcode
)

// standing returns what the plan does with an opcode. A filter about which too little is known counts as one that
// denies some requests.
func (s *subject) standing(op uapi.Op) standing {
	filters, rest := s.plan.Stack(op)
	is := open
	for _, i := range filters {
		switch f := s.filters[i]; {
		case f.prog == nil || f.verdict == symbolic.Allowed:
		case f.verdict == symbolic.Denied:
			return denied
		default:
			is = filtered
		}
	}
	if l := s.list(); rest || l.requests && !l.ops[op] {
		return closed
	}
	return is
}

// Route is a way around a filter: what opcodes in Guarded do can also be done with those in Open.
type Route struct {
	Guarded, Open []uapi.Op
	Why           string
}

var (
	reads = []uapi.Op{uapi.IORING_OP_READ, uapi.IORING_OP_READV, uapi.IORING_OP_READ_FIXED, uapi.IORING_OP_READV_FIXED,
		uapi.IORING_OP_READ_MULTISHOT}
	writes = []uapi.Op{uapi.IORING_OP_WRITE, uapi.IORING_OP_WRITEV, uapi.IORING_OP_WRITE_FIXED,
		uapi.IORING_OP_WRITEV_FIXED}
	sends = []uapi.Op{uapi.IORING_OP_SEND, uapi.IORING_OP_SENDMSG, uapi.IORING_OP_SEND_ZC, uapi.IORING_OP_SENDMSG_ZC}
	recvs = []uapi.Op{uapi.IORING_OP_RECV, uapi.IORING_OP_RECVMSG, uapi.IORING_OP_RECV_ZC}
)

// Routes returns the routes that the rule sibling-left-open knows.
func Routes() []Route { return slices.Clone(routes) }

var routes = []Route{
	same("all of them read from a file", reads...),
	same("all of them write to a file", writes...),
	same("both open files", uapi.IORING_OP_OPENAT, uapi.IORING_OP_OPENAT2),
	same("all of them send on a socket", sends...),
	same("all of them receive from a socket", recvs...),
	same("both hand a command to a driver", uapi.IORING_OP_URING_CMD, uapi.IORING_OP_URING_CMD128),
	same("both do nothing, and can wait and be linked", uapi.IORING_OP_NOP, uapi.IORING_OP_NOP128),
	same("both set attributes of a file", uapi.IORING_OP_SETXATTR, uapi.IORING_OP_FSETXATTR),
	same("both read attributes of a file", uapi.IORING_OP_GETXATTR, uapi.IORING_OP_FGETXATTR),
	same("both move data between files", uapi.IORING_OP_SPLICE, uapi.IORING_OP_TEE),
	same("both wait for a futex", uapi.IORING_OP_FUTEX_WAIT, uapi.IORING_OP_FUTEX_WAITV),
	{sends, writes, "writing to a connected socket sends"},
	{recvs, reads, "reading from a socket receives"},
	{[]uapi.Op{uapi.IORING_OP_CONNECT}, sends, "a datagram with an address needs no CONNECT, nor does MSG_FASTOPEN"},
	{[]uapi.Op{uapi.IORING_OP_UNLINKAT}, []uapi.Op{uapi.IORING_OP_RENAMEAT}, "renaming a file over another removes that"},
	{[]uapi.Op{uapi.IORING_OP_EPOLL_WAIT}, []uapi.Op{uapi.IORING_OP_POLL_ADD}, "both wait for events of files"},
}

func same(why string, ops ...uapi.Op) Route { return Route{ops, ops, why} }

// siblingsLeftOpen finds opcodes that can do what filters deny to others.
func siblingsLeftOpen(s *subject) {
	is := map[uapi.Op]standing{}
	for op := range uapi.Op(uapi.IORING_OP_LAST) {
		is[op] = s.standing(op)
	}
	for _, r := range routes {
		left := keep(r.Open, func(op uapi.Op) bool { return is[op] == open })
		guarded := keep(r.Guarded, func(op uapi.Op) bool {
			return is[op] == denied || is[op] == filtered && slices.ContainsFunc(left, func(other uapi.Op) bool {
				return s.keepsFrom(op, other)
			})
		})
		if len(guarded) > 0 && len(left) > 0 {
			advice := "deny these, too, as filters see none of their arguments"
			if opdef.PDUSize(s.on, left[0]) != 0 {
				advice = "filter these likewise"
			}
			s.aboutOp(left[0], "filters deny requests of %s, and none of %s: %s; %s", names(guarded), names(left), r.Why,
				advice).At = s.written(guarded)
		}
	}
}

// written returns where the filters of the opcodes are written.
func (s *subject) written(ops []uapi.Op) (at []srcpos.Pos) {
	for i := range s.plan.Filters {
		if f := &s.plan.Filters[i]; slices.Contains(ops, f.Op) {
			at = append(at, f.InsnAt(-1)...)
		}
	}
	slices.SortFunc(at, srcpos.Pos.Compare)
	return slices.Compact(at)
}

// keepsFrom tells whether the filters of op deny requests with flags that requests of other can have, too.
func (s *subject) keepsFrom(op, other uapi.Op) bool {
	_, never := opdef.FlagsSeen(s.on, other)
	filters, _ := s.plan.Stack(op)
	return slices.ContainsFunc(filters, func(i int) bool {
		f := s.filters[i]
		return slices.ContainsFunc(f.runs, func(r run) bool {
			ctx := r.ctx
			ctx[uapi.BPFCtxSQEFlags] &^= never
			return !f.allows(&ctx)
		})
	})
}

// keep returns the opcodes for which holds is true.
func keep(ops []uapi.Op, holds func(uapi.Op) bool) (kept []uapi.Op) {
	for _, op := range ops {
		if holds(op) {
			kept = append(kept, op)
		}
	}
	return kept
}

// sendMsgRingOpen finds plans that deny MSG_RING but not the register call that does the same.
func sendMsgRingOpen(s *subject) {
	if is := s.standing(uapi.IORING_OP_MSG_RING); is != denied && is != filtered {
		return
	}
	l := s.list()
	bound := l.calls && !s.on.Has(kernel.BlindOpsUnrestricted)
	if bound && !l.registerOps[uapi.IORING_REGISTER_SEND_MSG_RING] {
		return
	}
	s.aboutOp(uapi.IORING_OP_MSG_RING, "filters deny MSG_RING, and io_uring_register(-1, SEND_MSG_RING) posts the same "+
		"completions: no filter sees it, and lists of register calls bind it from 7.3 on").
		At = s.written([]uapi.Op{uapi.IORING_OP_MSG_RING})
}

// Runtime is a program that breaks if some opcodes are denied to it.
type Runtime struct {
	Name   string
	Ops    []uapi.Op
	Effect string
}

// Runtimes returns the programs that the rule runtime-needs-opcode knows.
func Runtimes() []Runtime { return slices.Clone(runtimes) }

var runtimes = []Runtime{
	{"libuv (Node.js)", []uapi.Op{uapi.IORING_OP_EPOLL_CTL}, "calls abort()"},
	{"Netty's io_uring transport", []uapi.Op{uapi.IORING_OP_LINK_TIMEOUT}, "gets EACCES"},
	{"glommio", []uapi.Op{uapi.IORING_OP_LINK_TIMEOUT, uapi.IORING_OP_READ_FIXED, uapi.IORING_OP_WRITE_FIXED},
		"gets EACCES"},
	{"compio", []uapi.Op{uapi.IORING_OP_SEND_ZC}, "gets EACCES"},
}

// runtimeNeedsOpcode names programs that the plan breaks. They cannot foresee it, since PROBE does not show what is
// denied.
func runtimeNeedsOpcode(s *subject) {
	var broken []string
	for _, r := range runtimes {
		lost := keep(r.Ops, func(op uapi.Op) bool {
			is := s.standing(op)
			return is == denied || is == closed
		})
		if len(lost) > 0 {
			broken = append(broken, fmt.Sprintf("%s %s for %s", r.Name, r.Effect, names(lost)))
		}
	}
	if broken != nil {
		s.about("IORING_REGISTER_PROBE does not show what is denied, so these programs try to use it: %s", strings.Join(broken, "; "))
	}
}

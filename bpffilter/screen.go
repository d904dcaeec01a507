package bpffilter

import (
	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/opdef"
	"github.com/uringsim/uringsim/uapi"
)

// Screen tells of plain SQEs whether filters allow them. As programs send many that filters cannot tell apart, it
// remembers some of each opcode that were allowed, and runs no filter for others that are like one of them.
type Screen struct {
	engine  cbpfvm.Engine
	ops     *opdef.Ops
	allowed [uapi.IORING_OP_LAST]allowedSQEs
	context cbpfvm.Context
}

// NewScreen is a Screen that runs filters on the engine.
func NewScreen(on cbpfvm.Engine, ops *opdef.Ops) *Screen { return &Screen{engine: on, ops: ops} }

// allowedSQEs are SQEs of an opcode that are plain and allowed.
type allowedSQEs struct {
	head  *filter       // those that allowed them; what follows it never changes
	bits  opdef.SQEBits // what is seen of them
	likes [remembered]Likeness
	n     uint // how many there have been
}

// remembered is how many SQEs of an opcode are. A program has few kinds of each, and a filter is soon run.
const remembered = 4

// Likeness is an SQE that is plain and allowed, and what others have to have in common with it to be so, too.
type Likeness struct {
	sqe  uapi.SQE
	bits *opdef.SQEBits
}

// Covers tells whether an SQE is like that one.
func (l *Likeness) Covers(sqe *uapi.SQE) bool { return l.bits.Same(&l.sqe, sqe) }

// Allows tells whether an SQE is plain (opdef.Ops.Plain) and the filters of the set, which may be nil, allow it. If so, it
// gives what others need to have in common with it, until it is called again; nil says no. The other, which may be nil,
// is known not to cover it.
func (s *Screen) Allows(set *Set, sqe *uapi.SQE, other *Likeness) *Likeness {
	op := sqe.Opcode()
	if int(op) >= len(s.allowed) {
		return nil
	}
	var head *filter
	if set != nil {
		head = set.heads[op]
	}
	a := &s.allowed[op]
	if a.head != head {
		a.n = 0
	}
	for i := range min(a.n, remembered) {
		if like := &a.likes[i]; like != other && like.Covers(sqe) {
			return like
		}
	}
	if !s.ops.Plain(sqe) || !head.allowsPlain(s, sqe) {
		return nil
	}
	if a.n == 0 {
		a.head, a.bits = head, s.ops.Behind(op, head.sees())
	}
	like := &a.likes[a.n%remembered]
	like.sqe, like.bits = *sqe, &a.bits
	a.n++
	return like
}

// allowsPlain tells whether the filters of a list allow the request of a plain SQE.
func (f *filter) allowsPlain(s *Screen, sqe *uapi.SQE) bool {
	if f.allow(s.engine) || f == denyMarker {
		return f != denyMarker
	}
	s.ops.PopulatePlain(sqe, (*[uapi.SizeofBPFCtx]byte)(&s.context))
	return f.denies(s.engine, &s.context) == nil
}

// sees is all that the filters of a list load.
func (f *filter) sees() (mask cbpfvm.Context) {
	for ; f != nil; f = f.next {
		f.prog.Sees(&mask)
	}
	return mask
}

package bpffilter

import (
	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/opdef"
	"github.com/uringsim/uringsim/uapi"
)

// Screen tells of plain SQEs whether filters allow them. As programs send many that filters cannot tell apart, it
// remembers the last one of each opcode that was allowed, and runs no filter for others that are like it.
type Screen struct {
	engine  cbpfvm.Engine
	ops     *opdef.Ops
	allowed [uapi.IORING_OP_LAST]Likeness
	context cbpfvm.Context
}

// NewScreen is a Screen that runs filters on the engine.
func NewScreen(on cbpfvm.Engine, ops *opdef.Ops) *Screen { return &Screen{engine: on, ops: ops} }

// Likeness is an SQE that is plain and allowed, and what others have to have in common with it to be so, too.
type Likeness struct {
	sqe   uapi.SQE
	bits  opdef.SQEBits
	known bool
	head  *filter // those that allowed it; what follows them never changes
}

// Covers tells whether an SQE is like that one.
func (l *Likeness) Covers(sqe *uapi.SQE) bool { return l.bits.Same(&l.sqe, sqe) }

// Allows tells whether an SQE is plain (opdef.Ops.Plain) and the filters of the set, which may be nil, allow it. If so, it
// gives what others need to have in common with it; nil says no. The other, which may be nil, is known not to cover it.
func (s *Screen) Allows(set *Set, sqe *uapi.SQE, other *Likeness) *Likeness {
	op := sqe.Opcode()
	if int(op) >= len(s.allowed) {
		return nil
	}
	var head *filter
	if set != nil {
		head = set.heads[op]
	}
	like := &s.allowed[op]
	remembered := like.known && like.head == head
	switch {
	case remembered && like != other && like.Covers(sqe):
		return like
	case !s.ops.Plain(sqe) || !head.allowsPlain(s, sqe):
		return nil
	case !remembered:
		like.known, like.head, like.bits = true, head, s.ops.Behind(op, head.sees())
	}
	like.sqe = *sqe
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

package gen

import (
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// queryCall asks what the kernel can do.
func (m *maker) queryCall(task string, fd int) {
	q := m.query(m.IntN(3))
	arg, nr := pointer(trace.Object{Query: q}), 0
	if m.chance(10) {
		nr = 1
	}
	if m.chance(10) {
		arg = trace.Pointer{Num: m.badPointer()}
	}
	m.registerCall(task, fd, uapi.IORING_REGISTER_QUERY, arg, nr)
}

func (m *maker) query(more int) *trace.Query {
	q := &trace.Query{Op: trace.Num32(pick(m, 0, 1, 1, 2, 3, 4, m.word()|4)),
		Size: trace.Num32(pick(m, 0, 1, 16, 20, 28, 32, 40, 48, 56, 100))}
	if m.chance(10) {
		q.Size = trace.Num32(pick(m, trace.PageSize, trace.PageSize+1, m.IntN(3*trace.PageSize)))
	}
	switch m.IntN(8) {
	case 0:
		q.Resv = trace.Bytes{0, 1}
	case 1:
		q.Result = 1
	case 2:
		q.Data = &trace.Pointer{Num: m.badPointer()}
	}
	if more > 0 {
		q.Next = ptr(pointer(trace.Object{Query: m.query(more - 1)}))
	}
	return q
}

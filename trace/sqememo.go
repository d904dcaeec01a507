package trace

import (
	"encoding/binary"
	"math/bits"

	"github.com/uringsim/uringsim/uapi"
)

// sqeMemo is the text of an SQE and the members that it begins with, since others begin in the same way: of a program's
// SQEs with one opcode many differ in their last members only.
type sqeMemo struct {
	text    []byte
	members []memoMember
}

// memoMember is a member: a field, its value, and where it ends in the text.
type memoMember struct {
	field uint8
	end   uint8
	value uint64
}

const (
	memos      = 64
	memoText   = 255 // bytes of a text that are kept, so that ends fit
	memoPrefix = 24  // bytes that tell which memo it is; no opcode has a longer name
)

// memo is the memo for the SQE that comes next: that of those which begin in the same way.
func (q *quick) memo() *sqeMemo {
	text := q.text[q.at:]
	if len(text) < memoPrefix {
		return &q.memos[0]
	}
	le := binary.LittleEndian
	h := (le.Uint64(text[8:]) ^ le.Uint64(text[16:])>>7) * 0x9e3779b97f4a7c15
	return &q.memos[h>>(64-6)]
}

// recall puts the members that the text has as the memo has them into the row, forgets the others, and returns how many
// these are. A member counts if what comes behind it is the same, too.
func (m *sqeMemo) recall(text []byte, row *uapi.SQE) (n int) {
	same := commonPrefix(m.text, text)
	for n < len(m.members) && int(m.members[n].end) < same {
		k := &m.members[n]
		f := &uapi.SQEFields[k.field]
		f.Put(row, k.value)
		n++
	}
	m.members = m.members[:n]
	return n
}

// add adds a member that was read.
func (m *sqeMemo) add(field int, value uint64, end int) {
	if end <= memoText {
		m.members = append(m.members, memoMember{uint8(field), uint8(end), value})
	}
}

// forget forgets all members.
func (m *sqeMemo) forget() { m.members = m.members[:0] }

// keep keeps the text of the members.
func (m *sqeMemo) keep(text []byte) { m.text = append(m.text[:0], text[:min(len(text), memoText)]...) }

// commonPrefix is how many bytes two texts have in common at their start.
func commonPrefix(a, b []byte) int {
	n := min(len(a), len(b))
	i := 0
	for ; i+8 <= n; i += 8 {
		if x := binary.LittleEndian.Uint64(a[i:]) ^ binary.LittleEndian.Uint64(b[i:]); x != 0 {
			return i + bits.TrailingZeros64(x)/8
		}
	}
	for i < n && a[i] == b[i] {
		i++
	}
	return i
}

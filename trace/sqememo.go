package trace

import (
	"encoding/binary"
	"math/bits"

	"github.com/uringsim/uringsim/uapi"
)

// sqeMemo remembers the text of an SQE and its leading members, as the SQEs of a program with one opcode often differ
// in their last members only.
type sqeMemo struct {
	text    []byte
	members []memoMember
}

// memoMember is a member: its field, its value, and the offset in the text at which it ends.
type memoMember struct {
	field uint8
	end   uint8
	value uint64
}

const (
	memos      = 64
	memoText   = 255 // most bytes of a text to keep, so that each end fits a byte
	memoPrefix = 24  // bytes by which a memo is chosen; no opcode has a longer name
)

// memo returns the memo for the SQE that comes next, chosen by how its text begins.
func (q *quick) memo() *sqeMemo {
	text := q.text[q.at:]
	if len(text) < memoPrefix {
		return &q.memos[0]
	}
	le := binary.LittleEndian
	h := (le.Uint64(text[8:]) ^ le.Uint64(text[16:])>>7) * 0x9e3779b97f4a7c15
	return &q.memos[h>>(64-6)]
}

// recall puts the members that text and memo have in common into the row, forgets the others and returns the number of
// those in common. A member is in common only if the byte behind it is the same, too.
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

// add adds a member that was read, which ends at the offset.
func (m *sqeMemo) add(field int, value uint64, end int) {
	if end <= memoText {
		m.members = append(m.members, memoMember{uint8(field), uint8(end), value})
	}
}

// forget forgets all members.
func (m *sqeMemo) forget() { m.members = m.members[:0] }

// keep remembers the text that the members stand in.
func (m *sqeMemo) keep(text []byte) { m.text = append(m.text[:0], text[:min(len(text), memoText)]...) }

// commonPrefix returns the length of the longest common prefix.
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

package opdef

import (
	"encoding/binary"

	"github.com/uringsim/uringsim/uapi"
)

// SQEBits are bits of an SQE, by its words of 64 bits.
//
// Most steps only look at SQEs that have one of a few bits, which a usual one has not. One look at all these bits
// together then stands for all such steps.
type SQEBits [uapi.SizeofSQE / 8]uint64

// bitsOf are those bits of a field that the mask has.
func bitsOf(name string, mask uint64) (b SQEBits) {
	f := field(name)
	if f.Size < 8 {
		mask &= 1<<(8*f.Size) - 1
	}
	b[f.Off/8] = mask << (8 * (f.Off % 8))
	return b
}

// bitsOfAll are all bits of the fields.
func bitsOfAll(names ...string) (b SQEBits) {
	for _, name := range names {
		more := bitsOf(name, all)
		b.add(&more)
	}
	return b
}

// add adds bits.
func (b *SQEBits) add(more *SQEBits) {
	for i := range b {
		b[i] |= more[i]
	}
}

// in tells whether the SQE has one of the bits.
func (b *SQEBits) in(s *uapi.SQE) bool {
	le := binary.LittleEndian
	return b[0]&le.Uint64(s[0:])|b[1]&le.Uint64(s[8:])|b[2]&le.Uint64(s[16:])|b[3]&le.Uint64(s[24:])|
		b[5]&le.Uint64(s[40:])|b[6]&le.Uint64(s[48:])|b[7]&le.Uint64(s[56:]) != 0 // nothing looks at user_data
}

// Same tells whether two SQEs agree in all these bits.
func (b *SQEBits) Same(s, other *uapi.SQE) bool {
	le := binary.LittleEndian
	if b[0]&(le.Uint64(s[0:])^le.Uint64(other[0:])) != 0 {
		return false // most that differ do so in opcode, flags or descriptor
	}
	return b[1]&(le.Uint64(s[8:])^le.Uint64(other[8:]))|
		b[2]&(le.Uint64(s[16:])^le.Uint64(other[16:]))|b[3]&(le.Uint64(s[24:])^le.Uint64(other[24:]))|
		b[4]&(le.Uint64(s[32:])^le.Uint64(other[32:]))|b[5]&(le.Uint64(s[40:])^le.Uint64(other[40:]))|
		b[6]&(le.Uint64(s[48:])^le.Uint64(other[48:]))|b[7]&(le.Uint64(s[56:])^le.Uint64(other[56:])) == 0
}

// known tells whether all these bits of an SQE are known, of which a mask has those that are.
func (b *SQEBits) known(mask *uapi.SQE) bool {
	for i, bits := range b {
		if bits&^binary.LittleEndian.Uint64(mask[8*i:]) != 0 {
			return false
		}
	}
	return true
}

// mask is an SQE that has all these bits, and no others.
func (b *SQEBits) mask() (mask uapi.SQE) {
	for i, bits := range b {
		binary.LittleEndian.PutUint64(mask[8*i:], bits)
	}
	return mask
}

// about says that a step passes and does nothing if the SQE has none of the field's bits that the mask has.
func about(name string, mask uint64, s Step) Step {
	b := bitsOf(name, mask)
	s.about = &b
	return s
}

// all is the mask of a whole field.
const all = ^uint64(0)

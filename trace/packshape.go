package trace

import (
	"encoding/binary"
	"slices"

	"github.com/uringsim/uringsim/uapi"
)

// The kinds of an SQE in a packed trace: how it was written. Each SQE has a row of 64 bytes, or two if it has 128 bytes.
const (
	rowBytes  = 0 // its 64 bytes, in hexadecimal
	rowBytes2 = 1 // its 128 bytes, in hexadecimal
	rowText   = 2 // in some other way; the first 8 bytes of the row are the number of its text
	rowShape  = 3 // as fields with numbers: this kind and those above it are the shapes of the block
)

const (
	maxShapes      = 256 - rowShape // in a block
	maxShapeFields = 16
	signExtended   = 0x80 // added to the size of a field's name: the number is negative
)

// shape is the list of fields that an SQE was written with, in their order. The row has their values.
type shape struct {
	fields []shapeField
	mask   [uapi.SizeofSQE / 8]uint64 // the bytes of the row that belong to the fields
}

// shapeField is a field of a shape.
type shapeField struct {
	*uapi.SQEField
	signed bool
}

// get returns the number that the row has for the field, as it was written.
func (f *shapeField) get(row *uapi.SQE) uint64 {
	v := f.Get(row)
	if shift := 64 - 8*f.Size; f.signed {
		return uint64(int64(v<<shift) >> shift)
	}
	return v
}

// decodeShape returns the first shape of a list, and the rest of the list. The shape is nil if the list does not begin
// with a valid one.
func decodeShape(list []byte) (*shape, []byte) {
	n := int(list[0])
	if list = list[1:]; n > maxShapeFields {
		return nil, nil
	}
	s := &shape{}
	var bits uapi.SQE
	for range n {
		if len(list) == 0 {
			return nil, nil
		}
		c := list[0]
		size := int(c &^ signExtended)
		if list = list[1:]; len(list) < size {
			return nil, nil
		}
		at, ok := uapi.SQEFieldIndex(list[:size])
		f := shapeField{&uapi.SQEFields[at], c&signExtended != 0}
		if !ok || s.has(f.SQEField) {
			return nil, nil
		}
		f.Put(&bits, ^uint64(0))
		s.fields, list = append(s.fields, f), list[size:]
	}
	for i := range s.mask {
		s.mask[i] = binary.LittleEndian.Uint64(bits[8*i:])
	}
	return s, list
}

func (s *shape) has(f *uapi.SQEField) bool {
	return slices.ContainsFunc(s.fields, func(g shapeField) bool { return g.SQEField == f })
}

// appendShape appends a shape, as encodeShape returns it, to a list of shapes.
func appendShape(list, fields []byte) []byte {
	list = append(list, byte(len(fields)))
	for _, c := range fields {
		name := uapi.SQEFields[c&^signExtended].Name
		list = append(append(list, byte(len(name))|c&signExtended), name...)
	}
	return list
}

// covers tells whether the row is zero outside of the fields.
func (s *shape) covers(row *uapi.SQE) bool {
	le, m := binary.LittleEndian, &s.mask
	other := le.Uint64(row[0:])&^m[0] | le.Uint64(row[8:])&^m[1] | le.Uint64(row[16:])&^m[2] | le.Uint64(row[24:])&^m[3] |
		le.Uint64(row[32:])&^m[4] | le.Uint64(row[40:])&^m[5] | le.Uint64(row[48:])&^m[6] | le.Uint64(row[56:])&^m[7]
	return other == 0
}

// encodeShape appends the fields of an SQE, each as its index in uapi.SQEFields, with signExtended if need be, and puts
// their values into the row, which must be zero. It returns false if a row and a shape cannot express the SQE.
func encodeShape(b []byte, s *SQE, row *uapi.SQE) ([]byte, bool) {
	if len(s.Fields) > maxShapeFields {
		return b, false
	}
	start := len(b)
	for i := range s.Fields {
		f := &s.Fields[i]
		at, ok := uapi.SQEFieldIndex(f.Name)
		if !ok || f.Value.Object != nil {
			return b, false
		}
		place := &uapi.SQEFields[at]
		c := byte(at)
		if bits := 8 * place.Size; bits < 64 && f.Value.Num>>bits != 0 {
			c |= signExtended
		}
		place.Put(row, f.Value.Num)
		b = append(b, c)
	}
	for i, c := range b[start:] { // a value may not fit, or be overwritten by a field in the same place
		f := shapeField{&uapi.SQEFields[c&^signExtended], c&signExtended != 0}
		if f.get(row) != s.Fields[i].Value.Num {
			return b, false
		}
	}
	return b, true
}

package trace

import (
	"encoding/binary"
	"slices"

	"github.com/uringsim/uringsim/uapi"
)

// How an SQE of a packed trace was written. Each has a row with its bytes, or two if it has 128.
const (
	rowBytes  = 0 // as 64 bytes
	rowBytes2 = 1 // as 128 bytes
	rowText   = 2 // as JSON; the row has the number of the text in its first 8 bytes
	rowShape  = 3 // as fields; this is the first shape, and all above are the others
)

const (
	maxShapes      = 256 - rowShape // in a block
	maxShapeFields = 16
	signExtended   = 0x80 // with the size of a field's name: the number was written with a sign
)

// shape is which fields an SQE was written with, in their order. The row has the values.
type shape struct {
	fields []shapeField
	mask   [uapi.SizeofSQE / 8]uint64 // the bytes that belong to the fields
}

// shapeField is a field of a shape.
type shapeField struct {
	*uapi.SQEField
	signed bool
}

// get is the number in the row, as it was written.
func (f *shapeField) get(row *uapi.SQE) uint64 {
	v := f.Get(row)
	if shift := 64 - 8*f.Size; f.signed {
		return uint64(int64(v<<shift) >> shift)
	}
	return v
}

// decodeShape is the shape that a list begins with, and the rest of the list; nil if there is none.
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

// appendShape adds a shape to a list, given as encodeShape does.
func appendShape(list, fields []byte) []byte {
	list = append(list, byte(len(fields)))
	for _, c := range fields {
		name := uapi.SQEFields[c&^signExtended].Name
		list = append(append(list, byte(len(name))|c&signExtended), name...)
	}
	return list
}

// covers tells whether all that the row has belongs to the fields.
func (s *shape) covers(row *uapi.SQE) bool {
	le, m := binary.LittleEndian, &s.mask
	other := le.Uint64(row[0:])&^m[0] | le.Uint64(row[8:])&^m[1] | le.Uint64(row[16:])&^m[2] | le.Uint64(row[24:])&^m[3] |
		le.Uint64(row[32:])&^m[4] | le.Uint64(row[40:])&^m[5] | le.Uint64(row[48:])&^m[6] | le.Uint64(row[56:])&^m[7]
	return other == 0
}

// encodeShape appends the fields of an SQE, as places in uapi.SQEFields and signExtended, and puts their values into the
// row, which is zero; false if a row and a shape do not say all of it.
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
	for i, c := range b[start:] { // what does not fit, or was overwritten by a field with the same place
		f := shapeField{&uapi.SQEFields[c&^signExtended], c&signExtended != 0}
		if f.get(row) != s.Fields[i].Value.Num {
			return b, false
		}
	}
	return b, true
}

package trace

import (
	"bytes"
	"encoding/binary"

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
	signExtended   = 0x80 // of a byte of a shape: the number was written with a sign
)

// shape is which fields an SQE was written with, in their order: places in uapi.SQEFields, and signExtended. The row has
// the values.
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

// decodeShape is the shape that the bytes say; nil if they say none.
func decodeShape(b []byte) *shape {
	s := &shape{}
	var bits uapi.SQE
	for i, c := range b {
		at := int(c &^ signExtended)
		if at >= len(uapi.SQEFields) || bytes.IndexByte(b[:i], c&^signExtended) >= 0 ||
			bytes.IndexByte(b[:i], c|signExtended) >= 0 {
			return nil
		}
		f := shapeField{&uapi.SQEFields[at], c&signExtended != 0}
		f.Put(&bits, ^uint64(0))
		s.fields = append(s.fields, f)
	}
	for i := range s.mask {
		s.mask[i] = binary.LittleEndian.Uint64(bits[8*i:])
	}
	return s
}

// covers tells whether all that the row has belongs to the fields.
func (s *shape) covers(row *uapi.SQE) bool {
	le, m := binary.LittleEndian, &s.mask
	other := le.Uint64(row[0:])&^m[0] | le.Uint64(row[8:])&^m[1] | le.Uint64(row[16:])&^m[2] | le.Uint64(row[24:])&^m[3] |
		le.Uint64(row[32:])&^m[4] | le.Uint64(row[40:])&^m[5] | le.Uint64(row[48:])&^m[6] | le.Uint64(row[56:])&^m[7]
	return other == 0
}

// encodeShape appends the shape of an SQE and puts its values into the row, which is zero; false if a row and a shape do
// not say all of it.
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

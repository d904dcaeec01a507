package trace

import (
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/uringsim/uringsim/uapi"
)

// SQE is a submission: an object with the kernel's field names, or all its 64 or 128 bytes in hexadecimal.
// Fields that hold addresses may hold the object itself.
type SQE struct {
	Raw    Bytes // all bytes; no other field is set then
	Fields []SQEField
	Cmd    Bytes   // the bytes from 64 on: the SQE has 128 bytes
	Slot   *Number `json:"slot" bits:"32"` // its place in the ring, if that is not the next one
}

// Opcode returns the opcode, which is NOP if none is written.
func (s *SQE) Opcode() uapi.Op {
	if len(s.Raw) > 0 {
		return uapi.Op(s.Raw[0])
	}
	for _, f := range s.Fields {
		if f.Name == "opcode" {
			return uapi.Op(f.Value.Num)
		}
	}
	return uapi.IORING_OP_NOP
}

// Is128 tells whether the SQE needs a ring whose SQEs have 128 bytes.
func (s *SQE) Is128() bool {
	op := s.Opcode()
	return len(s.Raw) > uapi.SizeofSQE || s.Cmd != nil || op == uapi.IORING_OP_NOP128 || op == uapi.IORING_OP_URING_CMD128
}

// SQEField is one field with its value. Name is the one that the trace uses.
type SQEField struct {
	Name  string
	Value Pointer
}

// Number is a number of up to 64 bits without names for its values.
type Number = Num[plainTag]

// sqeNamings says by which names the fields are written.
var sqeNamings = map[string]naming{
	"opcode": {uapi.Ops, false}, "flags": {uapi.SQEFlags, true}, "open_flags": {uapi.OpenFlags, true},
	"nop_flags": {uapi.NopFlags, true}, "timeout_flags": {uapi.TimeoutFlags, true},
	"cancel_flags": {uapi.CancelFlags, true}, "accept_flags": {uapi.SocketTypes, true},
}

// socketNamings are those of SOCKET, which uses other fields for its arguments.
var socketNamings = map[string]naming{
	"fd": {uapi.AddressFamilies, false}, "off": {uapi.SocketTypes, true}, "len": {uapi.Protocols, false},
}

// naming says by which names a field is written, given the fields before it.
func (s *SQE) naming(name string) naming {
	for _, f := range s.Fields {
		if f.Name == "opcode" && f.Value.Num == uint64(uapi.IORING_OP_SOCKET) {
			if n, ok := socketNamings[name]; ok {
				return n
			}
		}
	}
	return sqeNamings[name]
}

// UnmarshalJSONFrom reads either form.
func (s *SQE) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	switch dec.PeekKind() {
	case '"':
		if err := json.UnmarshalDecode(dec, &s.Raw); err != nil {
			return err
		}
		if len(s.Raw) != uapi.SizeofSQE && len(s.Raw) != 2*uapi.SizeofSQE {
			return fmt.Errorf("found %d bytes, expected the 64 or 128 of an SQE", len(s.Raw))
		}
		return nil
	case '{':
		return eachMember(dec, func(name string) error { return s.readMember(dec, name) })
	}
	return fmt.Errorf("found %s, expected an SQE as an object or as hexadecimal", kindName(dec.PeekKind()))
}

func (s *SQE) readMember(dec *jsontext.Decoder, name string) error {
	switch name {
	case "cmd":
		err := json.UnmarshalDecode(dec, &s.Cmd)
		if err == nil && len(s.Cmd) > uapi.SizeofSQE {
			err = fmt.Errorf("cmd: found %d bytes, expected at most 64", len(s.Cmd))
		}
		return err
	case "slot":
		return json.UnmarshalDecode(dec, &s.Slot)
	}
	return s.readField(dec, name)
}

func (s *SQE) readField(dec *jsontext.Decoder, name string) error {
	f, ok := uapi.SQEFieldByName(name)
	if !ok {
		return fmt.Errorf("an SQE has no field %q; the names are those of struct io_uring_sqe", name)
	}
	var p Pointer
	if dec.PeekKind() == '{' {
		if f.Size != 8 {
			return fmt.Errorf("%s has %d bits and cannot point to an object", name, 8*f.Size)
		}
		if err := json.UnmarshalDecode(dec, &p); err != nil {
			return err
		}
	} else {
		v, err := readNumber(dec, s.naming(name))
		if err != nil {
			return err
		}
		if bits := 8 * f.Size; bits < 64 && v>>bits != 0 && int64(v)>>(bits-1) != -1 {
			return fmt.Errorf("%s is %#x, which does not fit in %d bits", name, v, bits)
		}
		p.Num = v
	}
	s.Fields = append(s.Fields, SQEField{name, p})
	return nil
}

// MarshalJSONTo writes the form that was read.
func (s SQE) MarshalJSONTo(enc *jsontext.Encoder) error {
	if s.Raw != nil {
		return json.MarshalEncode(enc, s.Raw)
	}
	if err := enc.WriteToken(jsontext.BeginObject); err != nil {
		return err
	}
	for i, f := range s.Fields {
		if err := enc.WriteToken(jsontext.String(f.Name)); err != nil {
			return err
		}
		var err error
		if f.Value.Object != nil {
			err = json.MarshalEncode(enc, f.Value)
		} else {
			before := SQE{Fields: s.Fields[:i]} // the fields that a reader knows when it comes to this one
			err = enc.WriteValue(before.naming(f.Name).format(f.Value.Num))
		}
		if err != nil {
			return err
		}
	}
	for _, extra := range []struct {
		name string
		set  bool
		v    any
	}{{"cmd", s.Cmd != nil, s.Cmd}, {"slot", s.Slot != nil, s.Slot}} {
		if !extra.set {
			continue
		}
		if err := enc.WriteToken(jsontext.String(extra.name)); err != nil {
			return err
		}
		if err := json.MarshalEncode(enc, extra.v); err != nil {
			return err
		}
	}
	return enc.WriteToken(jsontext.EndObject)
}

// encode returns the 64 or 128 bytes of the SQE after placing the objects that it points to. It may return sqe itself,
// which must be zero.
func (s *SQE) encode(at placer, sqe *uapi.SQE) ([]byte, error) {
	if s.Raw != nil {
		return s.Raw, nil
	}
	for i := range s.Fields {
		f := &s.Fields[i]
		v, err := f.Value.put(at)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		i, ok := uapi.SQEFieldIndex(f.Name)
		if !ok {
			return nil, fmt.Errorf("an SQE has no field %q", f.Name)
		}
		uapi.SQEFields[i].Put(sqe, v)
	}
	if s.Cmd == nil {
		return sqe[:], nil
	}
	cmd := make([]byte, uapi.SizeofSQE)
	copy(cmd, s.Cmd)
	return slices.Concat(sqe[:], cmd), nil
}

// put places an SQE for a register call that points to it.
func (s *SQE) put(at placer) (uint64, error) {
	b, err := s.encode(at, new(uapi.SQE))
	if err != nil {
		return 0, err
	}
	return putBytes(at, b)
}

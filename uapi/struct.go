package uapi

import "encoding/binary"

// Most structs of the ABI have Append and Decode methods that go by the order and the widths of their fields, in which
// all padding is spelled out. Those that every request may need (SQE, CQE, OpenHow, SockFilter) are faster by hand.

// appendStruct appends the bytes of a struct.
func appendStruct(b []byte, s any) []byte {
	b, err := binary.Append(b, le, s)
	if err != nil {
		panic(err) // a struct without a fixed size
	}
	return b
}

// decodeStruct decodes a struct from the start of b, which must not be shorter.
func decodeStruct[S any](b []byte) (s S) {
	if _, err := binary.Decode(b, le, &s); err != nil {
		panic(err)
	}
	return s
}

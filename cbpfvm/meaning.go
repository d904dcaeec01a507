package cbpfvm

import (
	"fmt"
	"maps"
	"strconv"

	"github.com/uringsim/uringsim/uapi"
)

// Constants are the names that the assembler knows for numbers.
func Constants() map[string]uint32 { return maps.Clone(constants) }

// FieldsAt are the named words at an offset of the context that requests of the opcode have, or if it is nil, that all
// requests have. There can be two: the address of CONNECT is IPv4 or IPv6.
func FieldsAt(off uint32, op *uapi.Op) []Field {
	var found []Field
	for _, f := range fields {
		if f.Off == off && f.of(op) {
			found = append(found, f)
		}
	}
	return found
}

// of tells whether requests of the opcode have the field.
func (f *Field) of(op *uapi.Op) bool {
	for _, o := range f.Ops {
		if op != nil && o == *op {
			return true
		}
	}
	return f.Ops == nil
}

// Value says what the number means for the field, of which only the bits of mask are seen; "" if it is just a number.
func (f *Field) Value(v, mask uint32) string {
	if f.Off == uapi.BPFCtxOpcode && mask != ^uint32(0) { // not the whole word, but its first byte
		if name, ok := uapi.Ops.Name(uint64(v)); ok && mask == 0xff {
			return name
		}
		return ""
	}
	return f.words(f.show, v)
}

// Bits says what a mask of the field means; "" if it has no names.
func (f *Field) Bits(mask uint32) string {
	if show, ok := bitNames[f.Name]; ok {
		return f.words(show, mask)
	}
	return ""
}

// bitNames show the masks of fields that consist of bits.
var bitNames = map[string]func(*Context, uint32) string{
	"op":           showSQEFlags,
	"open.flags":   showFlags(uapi.OpenFlags),
	"open.resolve": showFlags(uapi.ResolveFlags),
	"connect.v4":   showV4,
}

// showSQEFlags shows the second byte of the word.
func showSQEFlags(_ *Context, v uint32) string {
	if v == 0 || v&^0xff00 != 0 {
		return fmt.Sprint(v)
	}
	return flags(uapi.SQEFlags, v>>8)
}

// words is what show says of v, unless that is only the number.
func (f *Field) words(show func(*Context, uint32) string, v uint32) string {
	var ctx Context
	ctx.SetWord(f.Off, v)
	s := show(&ctx, v)
	if n, err := strconv.ParseUint(s, 0, 32); err == nil && uint32(n) == v {
		return ""
	}
	return s
}

// Jumps are how many instructions the instruction can skip: none for those that are no jumps, one number for ja, and
// two for conditional jumps, first the one for true.
func Jumps(in uapi.SockFilter) []uint32 {
	o, _ := opOf(in.Code)
	switch {
	case o == noOp:
		return nil
	case codes[o].rule == ruleJump:
		return []uint32{in.K}
	case codes[o].rule == ruleCond:
		return []uint32{uint32(in.Jt), uint32(in.Jf)}
	}
	return nil
}

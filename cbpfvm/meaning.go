package cbpfvm

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/uringsim/uringsim/uapi"
)

// Constants returns the names that the assembler knows for numbers.
func Constants() map[string]uint32 { return maps.Clone(constants) }

// FieldsAt returns the named words at an offset of the context that requests of the opcode have or, if op is nil, that
// all requests have. There can be two: the address of CONNECT may be IPv4 or IPv6.
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
	return f.Ops == nil || op != nil && slices.Contains(f.Ops, *op)
}

// Value says what the number means for the field when only the bits of mask are seen. It returns "" if it is just a
// number.
func (f *Field) Value(v, mask uint32) string {
	if f.Off == uapi.BPFCtxOpcode && mask != ^uint32(0) { // only part of the word is seen
		if name, ok := uapi.Ops.Name(uint64(v)); ok && mask == 0xff {
			return name
		}
		return ""
	}
	return f.words(f.show, v)
}

// Bits says what a mask of the field means, or returns "" if its bits have no names.
func (f *Field) Bits(mask uint32) string {
	if show, ok := bitNames[f.Name]; ok {
		return f.words(show, mask)
	}
	return ""
}

// bitNames show the masks of fields whose bits have names.
var bitNames = map[string]func(*Context, uint32) string{
	"op":           showSQEFlags,
	"open.flags":   showFlags(uapi.OpenFlags),
	"open.resolve": showFlags(uapi.ResolveFlags),
	"connect.v4":   showV4,
}

// showSQEFlags shows the second byte of the word as flags.
func showSQEFlags(_ *Context, v uint32) string {
	if v == 0 || v&^0xff00 != 0 {
		return fmt.Sprint(v)
	}
	return flags(uapi.SQEFlags, v>>8)
}

// words returns what show makes of v, or "" if that is only the number.
func (f *Field) words(show func(*Context, uint32) string, v uint32) string {
	var ctx Context
	ctx.SetWord(f.Off, v)
	s := show(&ctx, v)
	if n, err := strconv.ParseUint(s, 0, 32); err == nil && uint32(n) == v {
		return ""
	}
	return s
}

// Jumps returns how many instructions the instruction may skip: nothing for one that is not a jump, one number for ja,
// and two for a conditional jump, the one for true first.
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

package cbpfvm

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/uringsim/uringsim/uapi"
)

// Field is a word of the context that the assembler knows by name, as in "ld [socket.family]".
type Field struct {
	Name string
	Off  uint32    // offset in bytes
	Ops  []uapi.Op // the opcodes that have it; nil means all
	show func(ctx *Context, v uint32) string
}

// Fields returns the named words of the context. Those that all requests have come first.
//
// Linux: include/uapi/linux/io_uring/bpf_filter.h:io_uring_bpf_ctx
func Fields() []Field { return slices.Clone(fields) }

var (
	socketOps  = []uapi.Op{uapi.IORING_OP_SOCKET}
	openOps    = []uapi.Op{uapi.IORING_OP_OPENAT, uapi.IORING_OP_OPENAT2}
	connectOps = []uapi.Op{uapi.IORING_OP_CONNECT}
)

var fields = []Field{
	{"user_data", 0, nil, showHex},
	{"user_data.hi", 4, nil, showHex},
	{"op", 8, nil, showOp},
	{"socket.family", 16, socketOps, showName(uapi.AddressFamilies)},
	{"socket.type", 20, socketOps, showSocketType},
	{"socket.protocol", 24, socketOps, showName(uapi.Protocols)},
	{"open.flags", 16, openOps, showFlags(uapi.OpenFlags)},
	{"open.flags.hi", 20, openOps, showHex},
	{"open.mode", 24, openOps, showOctal},
	{"open.mode.hi", 28, openOps, showHex},
	{"open.resolve", 32, openOps, showFlags(uapi.ResolveFlags)},
	{"open.resolve.hi", 36, openOps, showHex},
	{"connect.family", 16, connectOps, showName(uapi.AddressFamilies)},
	{"connect.port", 20, connectOps, showPort},
	{"connect.v4", 24, connectOps, showV4},
	{"connect.v6.0", 24, connectOps, showHex},
	{"connect.v6.1", 28, connectOps, showHex},
	{"connect.v6.2", 32, connectOps, showHex},
	{"connect.v6.3", 36, connectOps, showHex},
}

// fieldOffsets maps the names of fields to their offsets.
var fieldOffsets = func() map[string]uint32 {
	t := map[string]uint32{}
	for _, f := range fields {
		t[f.Name] = f.Off
	}
	return t
}()

// constants maps full C names to their values.
var constants = func() map[string]uint32 {
	t := map[string]uint32{}
	for _, f := range []*uapi.Family{
		uapi.Ops, uapi.SQEFlags, uapi.AddressFamilies, uapi.SocketTypes, uapi.Protocols, uapi.OpenFlags, uapi.ResolveFlags,
	} {
		for _, r := range f.Rows {
			t[r.Name] = uint32(r.Value)
		}
	}
	for _, r := range uapi.Aliases {
		t[r.Name] = uint32(r.Value)
	}
	return t
}()

// Describe describes the word at the offset, in bytes, such as "socket.family AF_INET".
func (c *Context) Describe(off uint32) string {
	req := uapi.Op(c[uapi.BPFCtxOpcode])
	if off >= uapi.BPFCtxPDU+uint32(c[uapi.BPFCtxPDUSize]) {
		return fmt.Sprintf("%s has no payload here", req)
	}
	for _, f := range fields {
		if f.Off == off && f.fits(c, req) {
			return f.Name + " " + f.show(c, c.Word(off))
		}
	}
	return "no field"
}

// fits tells whether the field means something in a context of such a request.
func (f *Field) fits(c *Context, req uapi.Op) bool {
	if f.Name == "connect.v4" && c.Word(uapi.BPFCtxPDU) == uapi.AF_INET6 {
		return false
	}
	return f.Ops == nil || slices.Contains(f.Ops, req)
}

func showHex(_ *Context, v uint32) string { return fmt.Sprintf("%#x", v) }

func showOctal(_ *Context, v uint32) string { return fmt.Sprintf("%#o", v) }

func showOp(c *Context, _ uint32) string {
	return fmt.Sprintf("%s, sqe_flags %s, pdu_size %d", uapi.Op(c[uapi.BPFCtxOpcode]),
		flags(uapi.SQEFlags, uint32(c[uapi.BPFCtxSQEFlags])), c[uapi.BPFCtxPDUSize])
}

// flags returns v as names joined by "|".
func flags(f *uapi.Family, v uint32) string {
	if v == 0 {
		return "0"
	}
	return f.FormatFlags(uint64(v))
}

func showName(f *uapi.Family) func(*Context, uint32) string {
	return func(_ *Context, v uint32) string {
		if name, ok := f.Name(uint64(v)); ok {
			return f.Prefix + name
		}
		return fmt.Sprint(v)
	}
}

func showFlags(f *uapi.Family) func(*Context, uint32) string {
	return func(_ *Context, v uint32) string { return flags(f, v) }
}

// showSocketType shows SOCK_CLOEXEC and SOCK_NONBLOCK, which filters see on some kernels, apart from the type.
func showSocketType(_ *Context, v uint32) string {
	s := showName(uapi.SocketTypes)(nil, v&uapi.SOCK_TYPE_MASK)
	if rest := v &^ uapi.SOCK_TYPE_MASK; rest != 0 {
		s += "|" + flags(uapi.SocketTypes, rest)
	}
	return s
}

// showPort converts the low half from network order.
func showPort(_ *Context, v uint32) string { return fmt.Sprint(v&0xff<<8 | v>>8&0xff) }

func showV4(c *Context, _ uint32) string {
	const off = uapi.BPFCtxPDU + 8
	return netip.AddrFrom4([4]byte(c[off : off+4])).String()
}

package lint

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/opdef"
	"github.com/uringsim/uringsim/uapi"
)

// Offsets of words of the payload, in bytes.
const (
	socketType    = uapi.BPFCtxPDU + 4
	openFlags     = uapi.BPFCtxPDU
	openFlagsHigh = uapi.BPFCtxPDU + 4
	openMode      = uapi.BPFCtxPDU + 8
	openResolve   = uapi.BPFCtxPDU + 16
	connectFamily = uapi.BPFCtxPDU
	connectPort   = uapi.BPFCtxPDU + 4
	connectAddr   = uapi.BPFCtxPDU + 8
)

// view is what the requests of one opcode can show to a filter on one release.
type view struct {
	on    kernel.Release
	op    uapi.Op
	words [uapi.SizeofBPFCtx / 4]uint32 // the bits that can be set
	set   [uapi.SizeofBPFCtx / 4]uint32 // those of them that are always set
}

// payloadBits are the bits that words of the payload can have. Words that are not listed can have all.
var payloadBits = map[uapi.Op]map[int]uint32{
	uapi.IORING_OP_SOCKET: {socketType: uapi.SOCK_TYPE_MASK | uapi.SOCK_CLOEXEC | uapi.SOCK_NONBLOCK},
	uapi.IORING_OP_OPENAT: {openFlagsHigh: 0, openMode: 0o7777, openMode + 4: 0,
		openResolve: 0, openResolve + 4: 0},
	uapi.IORING_OP_CONNECT: {connectFamily: 0xffff, connectPort: 0xffff},
}

func newView(k kernel.Release, op uapi.Op) view {
	v := view{on: k, op: op}
	size := int(opdef.PDUSize(k, op))
	head := uint32(op) | uint32(size)<<16
	_, never := opdef.FlagsSeen(k, op)
	v.words[uapi.BPFCtxOpcode/4], v.set[uapi.BPFCtxOpcode/4] = head|uint32(^never)<<8, head
	v.words[0], v.words[1] = ^uint32(0), ^uint32(0)
	for off := uapi.BPFCtxPDU; off < uapi.BPFCtxPDU+size; off += 4 {
		bits, ok := payloadBits[op][off]
		if !ok {
			bits = ^uint32(0)
		}
		v.words[off/4] = bits
	}
	if op == uapi.IORING_OP_SOCKET && !k.Has(kernel.SocketTypeUnmasked) {
		v.words[socketType/4] &= uapi.SOCK_TYPE_MASK
	}
	if op == uapi.IORING_OP_OPENAT {
		flags, _ := opdef.OpenFlags(k)
		v.words[openFlags/4] &= uint32(flags) | uapi.O_LARGEFILE
	}
	return v
}

// settle changes a context into one that a request can show: it clears bits that cannot be set, and sets those that
// always are. It leaves the context of a request as it is.
func (v *view) settle(ctx *cbpfvm.Context) {
	for i := range v.words {
		off := uint32(4 * i)
		ctx.SetWord(off, ctx.Word(off)&v.words[i]|v.set[i])
	}
	if opdef.PDUSize(v.on, v.op) == 0 {
		return
	}
	switch v.op {
	case uapi.IORING_OP_OPENAT, uapi.IORING_OP_OPENAT2:
		v.settleOpen(ctx)
	case uapi.IORING_OP_CONNECT:
		switch ctx.Word(connectFamily) {
		case uapi.AF_INET6:
		case uapi.AF_INET:
			clear(ctx[connectAddr+4:])
		default: // the kernel copies neither port nor address
			clear(ctx[connectPort:])
		}
	}
}

// settleOpen settles the flags and the mode of an open: prep sets O_LARGEFILE unless O_PATH is set, with which OPENAT
// keeps few other flags.
func (v *view) settleOpen(ctx *cbpfvm.Context) {
	_, withPath := opdef.OpenFlags(v.on)
	flags := ctx.Word(openFlags)
	switch {
	case flags&uapi.O_PATH == 0:
		flags |= uapi.O_LARGEFILE
	case v.op == uapi.IORING_OP_OPENAT:
		flags &= uint32(withPath)
	}
	ctx.SetWord(openFlags, flags)
	if v.op == uapi.IORING_OP_OPENAT && flags&(uapi.O_CREAT|uapi.O_TMPFILE_) == 0 {
		ctx.SetWord(openMode, 0)
	}
}

// least returns the context of a request that is 0 wherever it can be.
func (v *view) least() (ctx cbpfvm.Context) {
	v.settle(&ctx)
	return ctx
}

// variants returns the request, and similar ones in which the word at off can have more bits.
func (v *view) variants(ctx cbpfvm.Context, off int) []cbpfvm.Context {
	all := []cbpfvm.Context{ctx}
	change := func(off, word uint32) {
		other := ctx
		other.SetWord(off, word)
		all = append(all, other)
	}
	switch {
	case v.op == uapi.IORING_OP_CONNECT && off >= connectPort:
		change(connectFamily, uapi.AF_INET)
		change(connectFamily, uapi.AF_INET6)
	case v.op == uapi.IORING_OP_OPENAT && off == openMode:
		change(openFlags, ctx.Word(openFlags)|uapi.O_CREAT)
	}
	return all
}

// with returns the context with another word at off, and whether a request can show it.
func (v *view) with(ctx cbpfvm.Context, off int, word uint32) (_ cbpfvm.Context, ok bool) {
	ctx.SetWord(uint32(off), word)
	want := ctx
	v.settle(&ctx)
	return ctx, ctx == want
}

// field returns the name of the word at the offset; if it has several, the first.
func (v *view) field(off int) string {
	for _, f := range cbpfvm.Fields() {
		if int(f.Off) != off {
			continue
		}
		if f.Ops == nil || slices.Contains(f.Ops, v.op) {
			return f.Name
		}
	}
	return fmt.Sprintf("the word at %d", off)
}

// request describes the request that shows the context, by its words that are not 0.
func (v *view) request(ctx *cbpfvm.Context) string {
	var parts []string
	for off := 0; off < uapi.SizeofBPFCtx; off += 4 {
		switch word := ctx.Word(uint32(off)); {
		case off == uapi.BPFCtxOpcode:
			if flags := word >> 8 & 0x7f; flags != 0 {
				parts = append(parts, "sqe_flags "+uapi.SQEFlags.FormatFlags(uint64(flags)))
			}
		case word != 0:
			parts = append(parts, v.field(off)+" "+v.show(off, word))
		}
	}
	if parts == nil {
		return v.op.String()
	}
	return v.op.String() + " with " + strings.Join(parts, ", ")
}

// show returns a word in the form that people write.
func (v *view) show(off int, word uint32) string {
	switch name := v.field(off); name {
	case "socket.family", "connect.family":
		return uapi.AddressFamilies.Format(uint64(word))
	case "open.flags":
		return uapi.OpenFlags.FormatFlags(uint64(word))
	case "connect.port":
		return fmt.Sprint(bits.ReverseBytes16(uint16(word)))
	case "connect.v4":
		return address(word).String()
	}
	return fmt.Sprintf("%#x", word)
}

package lint

import (
	"fmt"
	"math/bits"
	"strings"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/opdef"
	"github.com/uringsim/uringsim/uapi"
)

// Places of payload words, in bytes.
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

// view is what requests of one opcode can show to a filter on one release.
type view struct {
	on    kernel.Release
	op    uapi.Op
	words [uapi.SizeofBPFCtx / 4]uint32 // the bits that can be set
	set   [uapi.SizeofBPFCtx / 4]uint32 // those of them that always are
}

// payloadBits are the bits that words of a payload can have: all, where nothing stands here.
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

// settle makes a context one that a request can show: it drops bits that cannot be and sets those that must. A context
// of a request stays as it is.
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
		default: // no port and no address are copied
			clear(ctx[connectPort:])
		}
	}
}

// settleOpen: prep sets O_LARGEFILE unless O_PATH is set, which leaves few other flags of OPENAT.
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

// least is the context of a request that is 0 where it can be.
func (v *view) least() (ctx cbpfvm.Context) {
	v.settle(&ctx)
	return ctx
}

// variants are the request and others like it, in which the word can have more bits.
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

// with is the context with another word, as a request can show it; ok is false if none can.
func (v *view) with(ctx cbpfvm.Context, off int, word uint32) (_ cbpfvm.Context, ok bool) {
	ctx.SetWord(uint32(off), word)
	want := ctx
	v.settle(&ctx)
	return ctx, ctx == want
}

// field is the name of the word that requests of the opcode have at the offset; of several, the first.
func (v *view) field(off int) string {
	for _, f := range cbpfvm.Fields() {
		if int(f.Off) != off {
			continue
		}
		if f.Ops == nil {
			return f.Name
		}
		for _, op := range f.Ops {
			if op == v.op {
				return f.Name
			}
		}
	}
	return fmt.Sprintf("the word at %d", off)
}

// request says in words which request shows the context to a filter: the words that are not 0.
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

// show is a word as people write it.
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

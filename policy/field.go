package policy

import (
	"math"
	"slices"
	"strings"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/uapi"
)

// Field is a property of a request that conditions can look at.
type Field struct {
	Name string
	Ops  []uapi.Op // the opcodes that have it; nil means all
	Doc  string

	off     uint32 // offset in the filter context of its first word, in bytes
	shift   uint   // position in its word, for a field that is a byte
	width   int    // bits
	ignored uint64 // bits that count as 0
	why     string // why they do
	order   order
	names   []*uapi.Family // the constants that make sense with it
}

// order is the byte order of a field in the context.
type order uint8

const (
	host    order = iota // that of the machine
	network              // most significant byte first
	address              // an address of IPv4 or IPv6, as the field family says
)

var (
	socketOps  = []uapi.Op{uapi.IORING_OP_SOCKET}
	openOps    = []uapi.Op{uapi.IORING_OP_OPENAT, uapi.IORING_OP_OPENAT2}
	connectOps = []uapi.Op{uapi.IORING_OP_CONNECT}
	familyOps  = []uapi.Op{uapi.IORING_OP_SOCKET, uapi.IORING_OP_CONNECT}
)

// Fields returns all fields. Those that all requests have come first.
func Fields() []Field { return slices.Clone(fields) }

// Linux: include/uapi/linux/io_uring/bpf_filter.h:io_uring_bpf_ctx
var fields = []Field{
	{Name: "user_data", off: 0, width: 64, Doc: "user_data of the SQE"},
	{Name: "opcode", off: 8, width: 8, names: []*uapi.Family{uapi.Ops}, Doc: "IORING_OP_*"},
	{Name: "sqe_flags", off: 8, shift: 8, width: 8, ignored: 0x80, names: []*uapi.Family{uapi.SQEFlags},
		why: "there are seven flags",
		Doc: "IOSQE_* after prep, which sets IOSQE_ASYNC itself for some opcodes"},
	{Name: "family", Ops: familyOps, off: 16, width: 32, names: []*uapi.Family{uapi.AddressFamilies}, Doc: "AF_*"},
	{Name: "type", Ops: socketOps, off: 20, width: 32, ignored: math.MaxUint32 &^ uapi.SOCK_TYPE_MASK,
		why:   "SOCK_CLOEXEC and SOCK_NONBLOCK do not show on every kernel",
		names: []*uapi.Family{uapi.SocketTypes}, Doc: "SOCK_*, without SOCK_CLOEXEC and SOCK_NONBLOCK"},
	{Name: "protocol", Ops: socketOps, off: 24, width: 32, names: []*uapi.Family{uapi.Protocols}, Doc: "IPPROTO_*"},
	{Name: "flags", Ops: openOps, off: 16, width: 64, ignored: uapi.O_LARGEFILE, names: []*uapi.Family{uapi.OpenFlags},
		why: "the kernel sets O_LARGEFILE itself",
		Doc: "O_*, without O_LARGEFILE, which the kernel sets itself"},
	{Name: "mode", Ops: openOps, off: 24, width: 64, Doc: "permissions of a file that is made"},
	{Name: "resolve", Ops: openOps, off: 32, width: 64, names: []*uapi.Family{uapi.ResolveFlags},
		Doc: "RESOLVE_*; 0 for OPENAT"},
	{Name: "port", Ops: connectOps, off: 20, width: 16, order: network,
		Doc: "the port of AF_INET and AF_INET6 addresses; 0 for others"},
	{Name: "addr", Ops: connectOps, off: 24, width: 128, order: address,
		Doc: "the address; prefixes of IPv4 fit AF_INET only, and those of IPv6 AF_INET6"},
	{Name: "v4_addr", Ops: connectOps, off: 24, width: 32, order: network,
		Doc: "the first four bytes of the address as a number, whatever the family"},
}

// fieldNamed returns the field with the name, or nil.
func fieldNamed(name string) *Field {
	for i := range fields {
		if fields[i].Name == name {
			return &fields[i]
		}
	}
	return nil
}

// Has tells whether requests of the opcode have the field.
func (f *Field) Has(op uapi.Op) bool { return f.Ops == nil || slices.Contains(f.Ops, op) }

// Bits returns the bits of the field that conditions can see.
func (f *Field) Bits() uint64 { return math.MaxUint64 >> (64 - min(f.width, 64)) &^ f.ignored }

// fieldNames lists the fields of requests of the opcode, or all fields if op is nil.
func fieldNames(op *uapi.Op) string {
	var names []string
	for i := range fields {
		if op == nil || fields[i].Has(*op) {
			names = append(names, fields[i].Name)
		}
	}
	return strings.Join(names, ", ")
}

// payload is the part of the context that only some opcodes have.
type payload struct {
	op      uapi.Op
	size    uint8
	missing kernel.Quirk // the quirk of kernels that do not show it
}

// Linux: io_uring/opdef.c:io_issue_defs, filter_pdu_size
var payloads = []payload{
	{uapi.IORING_OP_SOCKET, uapi.SizeofBPFSocket, kernel.NoFilterPayload},
	{uapi.IORING_OP_OPENAT, uapi.SizeofBPFOpen, kernel.NoFilterPayload},
	{uapi.IORING_OP_OPENAT2, uapi.SizeofBPFOpen, kernel.NoFilterPayload},
	{uapi.IORING_OP_CONNECT, uapi.SizeofBPFConnect, kernel.NoConnectPayload},
}

// payloadOf returns the payload of the opcode, or nil.
func payloadOf(op uapi.Op) *payload {
	for i := range payloads {
		if payloads[i].op == op {
			return &payloads[i]
		}
	}
	return nil
}

// on tells whether the release shows the payload to filters.
func (p *payload) on(k kernel.Release) bool { return canFilter(k) && !k.Has(p.missing) }

// since returns the first release that shows the payload.
func (p *payload) since() kernel.Release {
	for _, k := range kernel.Measured() {
		if p.on(k) {
			return k
		}
	}
	panic("policy: no release has the payload of " + p.op.String())
}

// canFilter tells whether tasks can register filters on the release.
func canFilter(k kernel.Release) bool {
	return !k.Has(kernel.NoBPFFilter) && !k.Has(kernel.NoTaskRestrictions) && !k.Has(kernel.NoFilterPayload)
}

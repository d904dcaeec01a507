package opdef

import (
	"encoding/binary"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/uapi"
)

// payload is the opcode's part of the filter context.
type payload struct {
	where   string // the kernel function that fills it
	size    uint8
	missing kernel.Quirk // kernels with this quirk have no payload here
	fields  []ContextField
}

// ContextField is one field of the filter context. Fields of a payload may share their place.
type ContextField struct {
	Name      string
	Off, Size int            // bytes, from the start of the context
	Doc       string         // what it holds
	Varies    []kernel.Quirk // what changes that

	// Of payloads, one of the two. The bytes are zero before.
	put  func(*Request, []byte)        // what prep found
	from func(kernel.Release) copyWord // what stands in the SQE
}

// copyWord is a word of 32 bits of an SQE as a filter sees it: without the bits that mask has not.
type copyWord struct {
	to, from uint8 // bytes, from the start of context and SQE
	mask     uint32
}

// sqeWord is a field of the SQE, or its low half.
func sqeWord(name string) func(kernel.Release) copyWord {
	return func(kernel.Release) copyWord { return copyWord{from: uint8(field(name).Off), mask: ^uint32(0)} }
}

// Head are the fields that filters see of all requests; what follows them is the payload.
//
// Linux: include/uapi/linux/io_uring/bpf_filter.h:io_uring_bpf_ctx
func Head() []ContextField { return append([]ContextField(nil), head...) }

var head = []ContextField{
	{Name: "user_data", Off: uapi.BPFCtxUserData, Size: 8, Doc: "u64: user_data of the SQE"},
	{Name: "opcode", Off: uapi.BPFCtxOpcode, Size: 1, Doc: "u8"},
	{Name: "sqe_flags", Off: uapi.BPFCtxSQEFlags, Size: 1, Doc: "u8: IOSQE flags after prep"},
	{Name: "pdu_size", Off: uapi.BPFCtxPDUSize, Size: 1, Doc: "u8: bytes of the payload; five bytes of 0 follow"},
}

// PayloadWhere is the kernel function that fills the opcode's payload, and "" for opcodes that never have one.
func PayloadWhere(op uapi.Op) string {
	if p := Defs[op].payload; p != nil {
		return p.where
	}
	return ""
}

// PayloadFields are the fields of the opcode's payload on kernels that have it.
func PayloadFields(op uapi.Op) []ContextField {
	if p := Defs[op].payload; p != nil {
		return append([]ContextField(nil), p.fields...)
	}
	return nil
}

// PDUSize is the size in bytes of the opcode's payload in the filter context; 0 for opcodes without one.
//
// Linux: io_uring/opdef.c:io_issue_defs, filter_pdu_size
func PDUSize(k kernel.Release, op uapi.Op) uint8 {
	p := Defs[op].payload
	if p == nil || k.Has(kernel.NoBPFFilter) || k.Has(kernel.NoFilterPayload) || k.Has(p.missing) {
		return 0
	}
	return p.size
}

// ContextSize is the size in bytes of the context that filters load from.
func ContextSize(k kernel.Release) uint32 {
	if k.Has(kernel.NoFilterPayload) {
		return uapi.BPFCtxPDU
	}
	return uapi.SizeofBPFCtx
}

// long is a field of 64 bits in the machine's order.
func long(get func(*Request) uint64) func(*Request, []byte) {
	return func(r *Request, b []byte) { binary.LittleEndian.PutUint64(b, get(r)) }
}

// Linux: io_uring/net.c:io_socket_bpf_populate
var socketPayload = payload{where: "io_uring/net.c:io_socket_bpf_populate",
	size: uapi.SizeofBPFSocket, missing: kernel.NoFilterPayload,
	fields: []ContextField{
		{Name: "family", Off: uapi.BPFCtxPDU, Size: 4, Doc: "u32: fd", from: sqeWord("fd")},
		{Name: "type", Off: uapi.BPFCtxPDU + 4, Size: 4, Doc: "u32: off, without SOCK_CLOEXEC and SOCK_NONBLOCK",
			Varies: []kernel.Quirk{kernel.SocketTypeUnmasked}, from: socketTypeWord},
		{Name: "protocol", Off: uapi.BPFCtxPDU + 8, Size: 4, Doc: "u32: len", from: sqeWord("len")},
	}}

func socketTypeWord(k kernel.Release) copyWord {
	w := sqeWord("off")(k)
	if !k.Has(kernel.SocketTypeUnmasked) {
		w.mask = uapi.SOCK_TYPE_MASK
	}
	return w
}

// Linux: io_uring/openclose.c:io_openat_bpf_populate
var openPayload = payload{where: "io_uring/openclose.c:io_openat_bpf_populate",
	size: uapi.SizeofBPFOpen, missing: kernel.NoFilterPayload,
	fields: []ContextField{
		{Name: "flags", Off: uapi.BPFCtxPDU, Size: 8, Doc: "u64: of the open_how after prep",
			put: long(func(r *Request) uint64 { return r.How.Flags })},
		{Name: "mode", Off: uapi.BPFCtxPDU + 8, Size: 8, Doc: "u64: of the open_how after prep",
			put: long(func(r *Request) uint64 { return r.How.Mode })},
		{Name: "resolve", Off: uapi.BPFCtxPDU + 16, Size: 8, Doc: "u64: of the open_how; 0 for OPENAT",
			put: long(func(r *Request) uint64 { return r.How.Resolve })},
	}}

// Linux: io_uring/net.c:io_connect_bpf_populate
var connectPayload = payload{where: "io_uring/net.c:io_connect_bpf_populate",
	size: uapi.SizeofBPFConnect, missing: kernel.NoConnectPayload,
	fields: []ContextField{
		{Name: "family", Off: uapi.BPFCtxPDU, Size: 4, Doc: "u32: sa_family; 0 if the address has less than 2 bytes",
			put: func(r *Request, b []byte) { binary.LittleEndian.PutUint16(b, r.family()) }},
		{Name: "port", Off: uapi.BPFCtxPDU + 4, Size: 2,
			Doc: "in network order, of AF_INET and AF_INET6; two bytes of 0 follow",
			put: func(r *Request, b []byte) {
				if r.isV4() || r.isV6() {
					copy(b, r.Addr[2:4])
				}
			}},
		{Name: "v4", Off: uapi.BPFCtxPDU + 8, Size: 4, Doc: "in network order, of an AF_INET address of at least 16 bytes",
			put: func(r *Request, b []byte) {
				if r.isV4() {
					copy(b, r.Addr[4:8])
				}
			}},
		{Name: "v6", Off: uapi.BPFCtxPDU + 8, Size: 16, Doc: "in network order, of an AF_INET6 address of at least 24 bytes",
			put: func(r *Request, b []byte) {
				if r.isV6() {
					copy(b, r.Addr[8:24])
				}
			}},
	}}

// family is the family of the address, or 0 if it is too short to have one.
func (r *Request) family() uint16 {
	if r.AddrLen < 2 {
		return 0
	}
	return binary.LittleEndian.Uint16(r.Addr[:])
}

func (r *Request) isV4() bool {
	return r.family() == uapi.AF_INET && r.AddrLen >= uapi.SizeofSockaddrIn
}
func (r *Request) isV6() bool {
	return r.family() == uapi.AF_INET6 && r.AddrLen >= uapi.SIN6_LEN_RFC2133
}

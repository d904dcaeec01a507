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
	fields  []PayloadField
}

// PayloadField is one field of a payload. Fields may share their place.
type PayloadField struct {
	Name      string
	Off, Size int            // bytes, from the start of the payload
	Doc       string         // what it holds
	Varies    []kernel.Quirk // what changes that

	put func(kernel.Release, *Request, []byte) // the bytes are zero before
}

// PayloadWhere is the kernel function that fills the opcode's payload, and "" for opcodes that never have one.
func PayloadWhere(op uapi.Op) string {
	if p := Defs[op].payload; p != nil {
		return p.where
	}
	return ""
}

// PayloadMissing is the quirk that takes the payload of an opcode that can have one.
func PayloadMissing(op uapi.Op) kernel.Quirk { return Defs[op].payload.missing }

// PayloadFields are the fields of the opcode's payload on kernels that have it.
func PayloadFields(op uapi.Op) []PayloadField {
	if p := Defs[op].payload; p != nil {
		return append([]PayloadField(nil), p.fields...)
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

// Populate fills the filter context with what a prepared request shows to filters; ctx has 40 bytes, of which kernels
// without payloads use the first 16.
//
// Linux: io_uring/bpf_filter.c:io_uring_populate_bpf_ctx
func Populate(k kernel.Release, r *Request, ctx *[uapi.SizeofBPFCtx]byte) {
	clear(ctx[:])
	binary.LittleEndian.PutUint64(ctx[uapi.BPFCtxUserData:], r.UserData)
	ctx[uapi.BPFCtxOpcode] = byte(r.Opcode)
	ctx[uapi.BPFCtxSQEFlags] = r.Flags & 0x7f
	if size := PDUSize(k, r.Opcode); size != 0 {
		ctx[uapi.BPFCtxPDUSize] = size
		for _, f := range Defs[r.Opcode].payload.fields {
			f.put(k, r, ctx[uapi.BPFCtxPDU+f.Off:][:f.Size])
		}
	}
}

// word and long are fields of 32 and 64 bits in the machine's order.
func word(get func(*Request) uint32) func(kernel.Release, *Request, []byte) {
	return func(_ kernel.Release, r *Request, b []byte) { binary.LittleEndian.PutUint32(b, get(r)) }
}

func long(get func(*Request) uint64) func(kernel.Release, *Request, []byte) {
	return func(_ kernel.Release, r *Request, b []byte) { binary.LittleEndian.PutUint64(b, get(r)) }
}

// Linux: io_uring/net.c:io_socket_bpf_populate
var socketPayload = payload{where: "io_uring/net.c:io_socket_bpf_populate",
	size: uapi.SizeofBPFSocket, missing: kernel.NoFilterPayload,
	fields: []PayloadField{
		{Name: "family", Off: 0, Size: 4, Doc: "u32: fd", put: word(func(r *Request) uint32 { return uint32(r.SQE.FD()) })},
		{Name: "type", Off: 4, Size: 4, Doc: "u32: off, without SOCK_CLOEXEC and SOCK_NONBLOCK",
			Varies: []kernel.Quirk{kernel.SocketTypeUnmasked}, put: putSocketType},
		{Name: "protocol", Off: 8, Size: 4, Doc: "u32: len", put: word(func(r *Request) uint32 { return r.SQE.Len() })},
	}}

func putSocketType(k kernel.Release, r *Request, b []byte) {
	typ := socketType(r)
	if !k.Has(kernel.SocketTypeUnmasked) {
		typ &= uapi.SOCK_TYPE_MASK
	}
	binary.LittleEndian.PutUint32(b, typ)
}

// Linux: io_uring/openclose.c:io_openat_bpf_populate
var openPayload = payload{where: "io_uring/openclose.c:io_openat_bpf_populate",
	size: uapi.SizeofBPFOpen, missing: kernel.NoFilterPayload,
	fields: []PayloadField{
		{Name: "flags", Off: 0, Size: 8, Doc: "u64: of the open_how after prep",
			put: long(func(r *Request) uint64 { return r.How.Flags })},
		{Name: "mode", Off: 8, Size: 8, Doc: "u64: of the open_how after prep",
			put: long(func(r *Request) uint64 { return r.How.Mode })},
		{Name: "resolve", Off: 16, Size: 8, Doc: "u64: of the open_how; 0 for OPENAT",
			put: long(func(r *Request) uint64 { return r.How.Resolve })},
	}}

// Linux: io_uring/net.c:io_connect_bpf_populate
var connectPayload = payload{where: "io_uring/net.c:io_connect_bpf_populate",
	size: uapi.SizeofBPFConnect, missing: kernel.NoConnectPayload,
	fields: []PayloadField{
		{Name: "family", Off: 0, Size: 4, Doc: "u32: sa_family; 0 if the address has less than 2 bytes",
			put: word(func(r *Request) uint32 { return uint32(r.family()) })},
		{Name: "port", Off: 4, Size: 2, Doc: "in network order, of AF_INET and AF_INET6; two bytes of 0 follow",
			put: func(_ kernel.Release, r *Request, b []byte) {
				if r.isV4() || r.isV6() {
					copy(b, r.Addr[2:4])
				}
			}},
		{Name: "v4", Off: 8, Size: 4, Doc: "in network order, of an AF_INET address of at least 16 bytes",
			put: func(_ kernel.Release, r *Request, b []byte) {
				if r.isV4() {
					copy(b, r.Addr[4:8])
				}
			}},
		{Name: "v6", Off: 8, Size: 16, Doc: "in network order, of an AF_INET6 address of at least 24 bytes",
			put: func(_ kernel.Release, r *Request, b []byte) {
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

package trace

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"reflect"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/uapi"
)

// Pointer is an address, or the object that it points to, which a replay places in the task's memory.
type Pointer struct {
	Num    uint64
	Object *Object
}

// UnmarshalJSONFrom reads a number or an object.
func (p *Pointer) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() == '{' {
		p.Object = &Object{}
		return json.UnmarshalDecode(dec, p.Object)
	}
	v, err := readNumber(dec, naming{})
	p.Num = v
	return err
}

// MarshalJSONTo writes a number or an object.
func (p Pointer) MarshalJSONTo(enc *jsontext.Encoder) error {
	if p.Object != nil {
		return json.MarshalEncode(enc, p.Object)
	}
	return enc.WriteValue(naming{}.format(p.Num))
}

// Object is what a pointer points to. Exactly one field is set.
type Object struct {
	Path             *string           `json:"path,omitzero"` // with a NUL behind it
	Bytes            *Bytes            `json:"bytes,omitzero"`
	Sockaddr         *Sockaddr         `json:"sockaddr,omitzero"`
	OpenHow          *OpenHow          `json:"open_how,omitzero"`
	Iovecs           *[]Iovec          `json:"iovecs,omitzero"`
	Timespec         *Timespec         `json:"timespec,omitzero"`
	Msghdr           *Msghdr           `json:"msghdr,omitzero"`
	BPFFilter        *BPFFilter        `json:"bpf_filter,omitzero"`
	Restrictions     *[]Restriction    `json:"restrictions,omitzero"`
	TaskRestrictions *TaskRestrictions `json:"task_restrictions,omitzero"`
	Probe            *Probe            `json:"probe,omitzero"`
	RingFDs          *[]RingFD         `json:"ring_fds,omitzero"`
	FDs              *[]Number         `json:"fds,omitzero" bits:"32"` // i32 each
	Query            *Query            `json:"query,omitzero"`
	GetEvents        *GetEvents        `json:"getevents_arg,omitzero"`
	SQE              *SQE              `json:"sqe,omitzero"`
	BufReg           *BufReg           `json:"buf_reg,omitzero"`
	BufStatus        *BufStatus        `json:"buf_status,omitzero"`
	SyncCancel       *SyncCancel       `json:"sync_cancel,omitzero"`
	NAPI             *NAPI             `json:"napi,omitzero"`
	Clock            *Clock            `json:"clock,omitzero"`
	Words            *[]Number         `json:"words,omitzero" bits:"32"` // u32 each
	RsrcRegister     *RsrcRegister     `json:"rsrc_register,omitzero"`
	RsrcUpdate       *RsrcUpdate       `json:"rsrc_update,omitzero"`
	RsrcUpdate2      *RsrcUpdate2      `json:"rsrc_update2,omitzero"`
	FileIndexRange   *FileIndexRange   `json:"file_index_range,omitzero"`
	CloneBuffers     *CloneBuffers     `json:"clone_buffers,omitzero"`
	Tags             *[]Number         `json:"tags,omitzero"` // u64 each
	MemRegion        *MemRegion        `json:"mem_region,omitzero"`
	Region           *Region           `json:"region,omitzero"`
	Resize           *ResizeParams     `json:"resize,omitzero"`
	ZCRXQueue        *ZCRXQueue        `json:"zcrx_ifq,omitzero"`
	ZCRXArea         *ZCRXArea         `json:"zcrx_area,omitzero"`
	ZCRXEvents       *ZCRXEvents       `json:"zcrx_event_desc,omitzero"`
}

// placer is memory for objects.
type placer interface {
	// place reserves size bytes, aligned to 8, and returns their address and the bytes to fill.
	place(size int) (addr uint64, b []byte)
	// limit is the size of the largest object that there is room for.
	limit() int
}

// putter is an object that places itself, and what it points to, in memory.
type putter interface {
	put(at placer) (addr uint64, err error)
}

// put places the object and what it points to.
func (o *Object) put(at placer) (addr uint64, err error) {
	var value any
	var tag reflect.StructTag
	set := 0
	for i, v := 0, reflect.ValueOf(o).Elem(); i < v.NumField(); i++ {
		if f := v.Field(i); !f.IsNil() {
			value, tag, set = f.Interface(), v.Type().Field(i).Tag, set+1
		}
	}
	if set != 1 {
		return 0, errors.New("an object that a pointer points to has exactly one key, such as path, bytes or bpf_filter")
	}
	switch v := value.(type) {
	case *string:
		return putBytes(at, append([]byte(*v), 0))
	case *Bytes:
		return putBytes(at, *v)
	case *[]Iovec:
		return putIovecs(at, *v)
	case *[]Restriction:
		return putBytes(at, encodeRestrictions(nil, *v))
	case *[]RingFD:
		return putRingFDs(at, *v)
	case *[]Number:
		return putNums(at, *v, tag)
	}
	return value.(putter).put(at)
}

// put returns the address, after placing the object if there is one.
func (p Pointer) put(at placer) (uint64, error) {
	if p.Object == nil {
		return p.Num, nil
	}
	return p.Object.put(at)
}

func putBytes(at placer, b []byte) (uint64, error) {
	if len(b) > at.limit() {
		return 0, fmt.Errorf("found an object of %d bytes, expected at most %d", len(b), at.limit())
	}
	addr, room := at.place(len(b))
	copy(room, b)
	return addr, nil
}

// Sockaddr is a socket address: "127.0.0.1:80", "[::1]:80", "unix:PATH", or "unix:@NAME" for an abstract one.
type Sockaddr string

// Encode returns the bytes of the struct sockaddr.
func (s Sockaddr) Encode() ([]byte, error) {
	if len(s) >= 5 && s[:5] == "unix:" {
		path := string(s[5:])
		if path != "" && path[0] == '@' {
			path = "\x00" + path[1:]
		}
		if len(path) > 107 {
			return nil, fmt.Errorf("sockaddr %q is too long; a path has at most 107 bytes", abbreviate(string(s)))
		}
		return uapi.SockaddrUnix(path), nil
	}
	ap, err := netip.ParseAddrPort(string(s))
	if err != nil {
		return nil, fmt.Errorf("found sockaddr %q, expected one such as 127.0.0.1:80, [::1]:80 or unix:PATH", abbreviate(string(s)))
	}
	return uapi.SockaddrInet(ap), nil
}

func (s Sockaddr) put(at placer) (uint64, error) {
	b, err := s.Encode()
	if err != nil {
		return 0, err
	}
	return putBytes(at, b)
}

// OpenHow is struct open_how. Tail is appended to it, for a struct of another size.
type OpenHow struct {
	Flags   Num[openTag]    `json:"flags,omitzero"`
	Mode    Number          `json:"mode,omitzero"`
	Resolve Num[resolveTag] `json:"resolve,omitzero"`
	Tail    Bytes           `json:"tail,omitzero"`
}

func (h *OpenHow) put(at placer) (uint64, error) {
	how := uapi.OpenHow{Flags: uint64(h.Flags), Mode: uint64(h.Mode), Resolve: uint64(h.Resolve)}
	return putBytes(at, append(how.Append(nil), h.Tail...))
}

// Iovec is struct iovec. Base may be an object, such as the first bytes of a buffer.
type Iovec struct {
	Base Pointer `json:"base,omitzero"`
	Len  Number  `json:"len,omitzero"`
}

func putIovecs(at placer, vec []Iovec) (uint64, error) {
	if len(vec)*uapi.SizeofIovec > at.limit() {
		return 0, fmt.Errorf("%d iovecs are too many", len(vec))
	}
	addr, room := at.place(len(vec) * uapi.SizeofIovec)
	for i, v := range vec {
		base, err := v.Base.put(at)
		if err != nil {
			return 0, err
		}
		binary.LittleEndian.PutUint64(room[i*uapi.SizeofIovec:], base)
		binary.LittleEndian.PutUint64(room[i*uapi.SizeofIovec+8:], uint64(v.Len))
	}
	return addr, nil
}

// Timespec is struct __kernel_timespec.
type Timespec struct {
	Sec  Number `json:"sec,omitzero"`
	Nsec Number `json:"nsec,omitzero"`
}

func (t *Timespec) put(at placer) (uint64, error) {
	return putBytes(at, binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, uint64(t.Sec)), uint64(t.Nsec)))
}

// Msghdr is struct msghdr.
type Msghdr struct {
	Name       Pointer `json:"name,omitzero"`
	Namelen    Number  `json:"namelen,omitzero" bits:"32"`
	Iov        Pointer `json:"iov,omitzero"`
	Iovlen     Number  `json:"iovlen,omitzero"`
	Control    Pointer `json:"control,omitzero"`
	Controllen Number  `json:"controllen,omitzero"`
}

func (m *Msghdr) put(at placer) (uint64, error) {
	addr, room := at.place(uapi.SizeofMsghdr)
	for i, word := range []Pointer{m.Name, {Num: uint64(uint32(m.Namelen))}, m.Iov, {Num: uint64(m.Iovlen)},
		m.Control, {Num: uint64(m.Controllen)}} {
		v, err := word.put(at)
		if err != nil {
			return 0, err
		}
		binary.LittleEndian.PutUint64(room[8*i:], v)
	}
	return addr, nil
}

// BPFFilter is struct io_uring_bpf with its program. The fields have the kernel's names; an absent one gets the value
// that makes a valid registration.
type BPFFilter struct {
	CmdType   *Number          `json:"cmd_type,omitzero" bits:"16"` // IO_URING_BPF_CMD_FILTER
	CmdFlags  Number           `json:"cmd_flags,omitzero" bits:"16"`
	Resv      Number           `json:"resv,omitzero" bits:"32"`
	Opcode    Num[opTag]       `json:"opcode" bits:"32"`
	Flags     Num[bpfFlagsTag] `json:"flags,omitzero" bits:"32"`
	FilterLen *Number          `json:"filter_len,omitzero" bits:"32"` // the number of instructions
	PDUSize   Number           `json:"pdu_size,omitzero" bits:"8"`
	Resv1     Bytes            `json:"resv1,omitzero" max:"3"`  // 3 bytes
	Resv2     Bytes            `json:"resv2,omitzero" max:"40"` // 40 bytes
	FilterPtr *Pointer         `json:"filter_ptr,omitzero"`
	Insns     []string         `json:"insns,omitzero"` // assembler, one line each
	Program   Bytes            `json:"program,omitzero"`
}

func (f *BPFFilter) put(at placer) (uint64, error) {
	code := []byte(f.Program)
	if f.Insns != nil {
		insns, err := cbpfvm.AssembleLines(f.Insns)
		if err != nil {
			return 0, fmt.Errorf("insns: %w", err)
		}
		code = uapi.EncodeSockFilters(insns)
	}
	if len(code) > at.limit() {
		return 0, fmt.Errorf("a program of %d bytes is too large", len(code))
	}
	reg := uapi.BPF{CmdType: uapi.IO_URING_BPF_CMD_FILTER, CmdFlags: uint16(f.CmdFlags), Resv: uint32(f.Resv),
		Opcode: uint32(f.Opcode), Flags: uint32(f.Flags), FilterLen: uint32(len(code) / uapi.SizeofSockFilter),
		PDUSize: uint8(f.PDUSize)}
	if f.CmdType != nil {
		reg.CmdType = uint16(*f.CmdType)
	}
	if f.FilterLen != nil {
		reg.FilterLen = uint32(*f.FilterLen)
	}
	copy(reg.Resv1[:], f.Resv1)
	fillWords(reg.Resv2[:], f.Resv2)
	addr, room := at.place(uapi.SizeofBPF)
	var err error
	if f.FilterPtr != nil {
		reg.FilterPtr, err = f.FilterPtr.put(at)
	} else {
		reg.FilterPtr, err = putBytes(at, code)
	}
	copy(room, reg.Append(nil))
	return addr, err
}

// Restriction is struct io_uring_restriction. Exactly one field is set, which says its kind.
type Restriction struct {
	RegisterOp       *Num[regOpTag]    `json:"register_op,omitzero" bits:"8"`
	SQEOp            *Num[opTag]       `json:"sqe_op,omitzero" bits:"8"`
	SQEFlagsAllowed  *Num[sqeFlagsTag] `json:"sqe_flags_allowed,omitzero" bits:"8"`
	SQEFlagsRequired *Num[sqeFlagsTag] `json:"sqe_flags_required,omitzero" bits:"8"`
	Raw              *Bytes            `json:"raw,omitzero" max:"16"` // all 16 bytes, for kinds that do not exist
}

// Restrictions returns restrictions in the form in which traces write them.
func Restrictions(list []uapi.Restriction) []Restriction {
	out := make([]Restriction, len(list))
	for i, r := range list {
		v := uint64(r.Value)
		switch r.Opcode {
		case uapi.IORING_RESTRICTION_REGISTER_OP:
			out[i].RegisterOp = new(RegisterNum(v))
		case uapi.IORING_RESTRICTION_SQE_OP:
			out[i].SQEOp = new(OpNum(v))
		case uapi.IORING_RESTRICTION_SQE_FLAGS_ALLOWED:
			out[i].SQEFlagsAllowed = new(SQEFlagsNum(v))
		case uapi.IORING_RESTRICTION_SQE_FLAGS_REQUIRED:
			out[i].SQEFlagsRequired = new(SQEFlagsNum(v))
		default:
			out[i].Raw = new(Bytes(r.Append(nil)))
		}
	}
	return out
}

// Entry returns the kernel's struct.
func (r *Restriction) Entry() uapi.Restriction {
	e := uapi.Restriction{}
	switch {
	case r.RegisterOp != nil:
		e.Opcode, e.Value = uapi.IORING_RESTRICTION_REGISTER_OP, uint8(*r.RegisterOp)
	case r.SQEOp != nil:
		e.Opcode, e.Value = uapi.IORING_RESTRICTION_SQE_OP, uint8(*r.SQEOp)
	case r.SQEFlagsAllowed != nil:
		e.Opcode, e.Value = uapi.IORING_RESTRICTION_SQE_FLAGS_ALLOWED, uint8(*r.SQEFlagsAllowed)
	case r.SQEFlagsRequired != nil:
		e.Opcode, e.Value = uapi.IORING_RESTRICTION_SQE_FLAGS_REQUIRED, uint8(*r.SQEFlagsRequired)
	case r.Raw != nil:
		raw := make([]byte, uapi.SizeofRestriction)
		copy(raw, *r.Raw)
		return uapi.DecodeRestriction(raw)
	}
	return e
}

func encodeRestrictions(b []byte, list []Restriction) []byte {
	for i := range list {
		b = list[i].Entry().Append(b)
	}
	return b
}

// TaskRestrictions is struct io_uring_task_restriction with its entries.
type TaskRestrictions struct {
	Flags   Number        `json:"flags,omitzero" bits:"16"`
	NrRes   *Number       `json:"nr_res,omitzero" bits:"16"` // the number of entries
	Resv    Bytes         `json:"resv,omitzero" max:"12"`    // 12 bytes
	Entries []Restriction `json:"entries,omitzero"`
}

func (t *TaskRestrictions) put(at placer) (uint64, error) {
	raw := make([]byte, uapi.SizeofTaskRestriction)
	copy(raw[4:], t.Resv)
	head := uapi.DecodeTaskRestriction(raw)
	head.Flags, head.NrRes = uint16(t.Flags), uint16(len(t.Entries))
	if t.NrRes != nil {
		head.NrRes = uint16(*t.NrRes)
	}
	return putBytes(at, encodeRestrictions(head.Append(nil), t.Entries))
}

// Probe is struct io_uring_probe with room for Ops opcodes. It is zero, as it must be, unless Fill overwrites its first
// bytes.
type Probe struct {
	Ops  Number `json:"ops"`
	Fill Bytes  `json:"fill,omitzero"`
}

func (p *Probe) put(at placer) (uint64, error) {
	size := uapi.SizeofProbe + uint64(p.Ops)*uapi.SizeofProbeOp
	if p.Ops > 4096 {
		return 0, fmt.Errorf("a probe for %d opcodes is too large", p.Ops)
	}
	b := make([]byte, size)
	copy(b, p.Fill)
	return putBytes(at, b)
}

// RingFD is struct io_uring_rsrc_update as RING_FDS uses it. Without an index the kernel chooses one.
type RingFD struct {
	Index *Number `json:"index,omitzero" bits:"32"`
	Resv  Number  `json:"resv,omitzero" bits:"32"`
	FD    Number  `json:"fd,omitzero"`
}

func putRingFDs(at placer, list []RingFD) (uint64, error) {
	var b []byte
	for _, f := range list {
		u := uapi.RsrcUpdate{Offset: ^uint32(0), Resv: uint32(f.Resv), Data: uint64(f.FD)}
		if f.Index != nil {
			u.Offset = uint32(*f.Index)
		}
		b = u.Append(b)
	}
	return putBytes(at, b)
}

// Query is struct io_uring_query_hdr with room for the answer.
type Query struct {
	Op     Number   `json:"op" bits:"32"`
	Size   Number   `json:"size" bits:"32"` // size of the room for the answer, in bytes
	Resv   Bytes    `json:"resv,omitzero" max:"12"`
	Result Number   `json:"result,omitzero" bits:"32"`
	Data   *Pointer `json:"data,omitzero"`
	Next   *Pointer `json:"next,omitzero"`
}

func (q *Query) put(at placer) (uint64, error) {
	h := uapi.QueryHdr{QueryOp: uint32(q.Op), Size: uint32(q.Size), Result: int32(q.Result)}
	fillWords(h.Resv[:], q.Resv)
	addr, room := at.place(uapi.SizeofQueryHdr)
	var err error
	if q.Data != nil {
		h.QueryData, err = q.Data.put(at)
	} else {
		h.QueryData, err = putBytes(at, make([]byte, min(uint64(q.Size), uint64(at.limit()))))
	}
	if err == nil && q.Next != nil {
		h.NextEntry, err = q.Next.put(at)
	}
	copy(room, h.Append(nil))
	return addr, err
}

// GetEvents is struct io_uring_getevents_arg.
type GetEvents struct {
	Sigmask     Pointer `json:"sigmask,omitzero"`
	SigmaskSize Number  `json:"sigmask_sz,omitzero" bits:"32"`
	MinWaitUsec Number  `json:"min_wait_usec,omitzero" bits:"32"`
	TS          Pointer `json:"ts,omitzero"`
}

func (g *GetEvents) put(at placer) (uint64, error) {
	addr, room := at.place(24)
	mask, err := g.Sigmask.put(at)
	if err != nil {
		return 0, err
	}
	ts, err := g.TS.put(at)
	if err != nil {
		return 0, err
	}
	le := binary.LittleEndian
	copy(room, le.AppendUint64(le.AppendUint32(le.AppendUint32(le.AppendUint64(nil, mask), uint32(g.SigmaskSize)),
		uint32(g.MinWaitUsec)), ts))
	return addr, nil
}

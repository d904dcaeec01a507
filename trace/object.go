package trace

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/uapi"
)

// Pointer is an address, or the object that it points to, which Replay places in the task's memory.
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
	FDs              *[]Num[plainTag]  `json:"fds,omitzero" bits:"32"` // i32 each
	Query            *Query            `json:"query,omitzero"`
	GetEvents        *GetEvents        `json:"getevents_arg,omitzero"`
	SQE              *SQE              `json:"sqe,omitzero"`
	BufReg           *BufReg           `json:"buf_reg,omitzero"`
	BufStatus        *BufStatus        `json:"buf_status,omitzero"`
	SyncCancel       *SyncCancel       `json:"sync_cancel,omitzero"`
	NAPI             *NAPI             `json:"napi,omitzero"`
	Clock            *Clock            `json:"clock,omitzero"`
	Words            *[]Num[plainTag]  `json:"words,omitzero" bits:"32"` // u32 each
	RsrcRegister     *RsrcRegister     `json:"rsrc_register,omitzero"`
	RsrcUpdate       *RsrcUpdate       `json:"rsrc_update,omitzero"`
	RsrcUpdate2      *RsrcUpdate2      `json:"rsrc_update2,omitzero"`
	FileIndexRange   *FileIndexRange   `json:"file_index_range,omitzero"`
	CloneBuffers     *CloneBuffers     `json:"clone_buffers,omitzero"`
	Tags             *[]Num[plainTag]  `json:"tags,omitzero"` // u64 each
	MemRegion        *MemRegion        `json:"mem_region,omitzero"`
	Region           *Region           `json:"region,omitzero"`
	Resize           *ResizeParams     `json:"resize,omitzero"`
	ZCRXQueue        *ZCRXQueue        `json:"zcrx_ifq,omitzero"`
	ZCRXArea         *ZCRXArea         `json:"zcrx_area,omitzero"`
	ZCRXEvents       *ZCRXEvents       `json:"zcrx_event_desc,omitzero"`
}

// placer writes an object into a block of memory that grows as needed, and is told where objects go.
type placer interface {
	// place reserves room for b behind what is there, aligned to 8 bytes, and returns its address and the bytes to fill.
	place(size int) (addr uint64, b []byte)
	// limit is the most bytes that one object may have.
	limit() int
}

// put places the object and what it points to.
func (o *Object) put(at placer) (addr uint64, err error) {
	set := 0
	for _, part := range []struct {
		is  bool
		put func(placer) (uint64, error)
	}{
		{o.Path != nil, func(p placer) (uint64, error) { return putBytes(p, append([]byte(*o.Path), 0)) }},
		{o.Bytes != nil, func(p placer) (uint64, error) { return putBytes(p, *o.Bytes) }},
		{o.Sockaddr != nil, func(p placer) (uint64, error) { return o.Sockaddr.put(p) }},
		{o.OpenHow != nil, func(p placer) (uint64, error) { return o.OpenHow.put(p) }},
		{o.Iovecs != nil, func(p placer) (uint64, error) { return putIovecs(p, *o.Iovecs) }},
		{o.Timespec != nil, func(p placer) (uint64, error) { return o.Timespec.put(p) }},
		{o.Msghdr != nil, func(p placer) (uint64, error) { return o.Msghdr.put(p) }},
		{o.BPFFilter != nil, func(p placer) (uint64, error) { return o.BPFFilter.put(p) }},
		{o.Restrictions != nil, func(p placer) (uint64, error) { return putBytes(p, encodeRestrictions(nil, *o.Restrictions)) }},
		{o.TaskRestrictions != nil, func(p placer) (uint64, error) { return o.TaskRestrictions.put(p) }},
		{o.Probe != nil, func(p placer) (uint64, error) { return o.Probe.put(p) }},
		{o.RingFDs != nil, func(p placer) (uint64, error) { return putRingFDs(p, *o.RingFDs) }},
		{o.FDs != nil, func(p placer) (uint64, error) { return putWords(p, *o.FDs) }},
		{o.Query != nil, func(p placer) (uint64, error) { return o.Query.put(p) }},
		{o.GetEvents != nil, func(p placer) (uint64, error) { return o.GetEvents.put(p) }},
		{o.SQE != nil, func(p placer) (uint64, error) { return o.SQE.put(p) }},
		{o.BufReg != nil, func(p placer) (uint64, error) { return o.BufReg.put(p) }},
		{o.BufStatus != nil, func(p placer) (uint64, error) { return o.BufStatus.put(p) }},
		{o.SyncCancel != nil, func(p placer) (uint64, error) { return o.SyncCancel.put(p) }},
		{o.NAPI != nil, func(p placer) (uint64, error) { return o.NAPI.put(p) }},
		{o.Clock != nil, func(p placer) (uint64, error) { return o.Clock.put(p) }},
		{o.Words != nil, func(p placer) (uint64, error) { return putWords(p, *o.Words) }},
		{o.RsrcRegister != nil, func(p placer) (uint64, error) { return o.RsrcRegister.put(p) }},
		{o.RsrcUpdate != nil, func(p placer) (uint64, error) { return o.RsrcUpdate.put(p) }},
		{o.RsrcUpdate2 != nil, func(p placer) (uint64, error) { return o.RsrcUpdate2.put(p) }},
		{o.FileIndexRange != nil, func(p placer) (uint64, error) { return o.FileIndexRange.put(p) }},
		{o.CloneBuffers != nil, func(p placer) (uint64, error) { return o.CloneBuffers.put(p) }},
		{o.Tags != nil, func(p placer) (uint64, error) { return putTags(p, *o.Tags) }},
		{o.MemRegion != nil, func(p placer) (uint64, error) { return o.MemRegion.put(p) }},
		{o.Region != nil, func(p placer) (uint64, error) { return o.Region.put(p) }},
		{o.Resize != nil, func(p placer) (uint64, error) { return o.Resize.put(p) }},
		{o.ZCRXQueue != nil, func(p placer) (uint64, error) { return o.ZCRXQueue.put(p) }},
		{o.ZCRXArea != nil, func(p placer) (uint64, error) { return o.ZCRXArea.put(p) }},
		{o.ZCRXEvents != nil, func(p placer) (uint64, error) { return o.ZCRXEvents.put(p) }},
	} {
		if !part.is {
			continue
		}
		if set++; set > 1 {
			break
		}
		addr, err = part.put(at)
	}
	if set != 1 {
		return 0, errors.New("an object that a pointer points to has exactly one key, such as path, bytes or bpf_filter")
	}
	return addr, err
}

// put places what the pointer points to, or gives the number.
func (p Pointer) put(at placer) (uint64, error) {
	if p.Object == nil {
		return p.Num, nil
	}
	return p.Object.put(at)
}

func putBytes(at placer, b []byte) (uint64, error) {
	if len(b) > at.limit() {
		return 0, fmt.Errorf("an object of %d bytes is too large; at most %d", len(b), at.limit())
	}
	addr, room := at.place(len(b))
	copy(room, b)
	return addr, nil
}

// Sockaddr is a socket address: "127.0.0.1:80", "[::1]:80", "unix:PATH", or "unix:@NAME" for an abstract one.
type Sockaddr string

// Encode is the bytes of the address.
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
		return nil, fmt.Errorf("sockaddr %q is none of 127.0.0.1:80, [::1]:80, unix:PATH", abbreviate(string(s)))
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

// OpenHow is struct open_how, with more bytes behind it if Tail is set.
type OpenHow struct {
	Flags   Num[openTag]    `json:"flags,omitzero"`
	Mode    Num[plainTag]   `json:"mode,omitzero"`
	Resolve Num[resolveTag] `json:"resolve,omitzero"`
	Tail    Bytes           `json:"tail,omitzero"`
}

func (h *OpenHow) put(at placer) (uint64, error) {
	how := uapi.OpenHow{Flags: uint64(h.Flags), Mode: uint64(h.Mode), Resolve: uint64(h.Resolve)}
	return putBytes(at, append(how.Append(nil), h.Tail...))
}

// Iovec is struct iovec. Base may be an object, such as a buffer's first bytes.
type Iovec struct {
	Base Pointer       `json:"base,omitzero"`
	Len  Num[plainTag] `json:"len,omitzero"`
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
	Sec  Num[plainTag] `json:"sec,omitzero"`
	Nsec Num[plainTag] `json:"nsec,omitzero"`
}

func (t *Timespec) put(at placer) (uint64, error) {
	return putBytes(at, binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, uint64(t.Sec)), uint64(t.Nsec)))
}

// Msghdr is struct msghdr.
type Msghdr struct {
	Name       Pointer       `json:"name,omitzero"`
	Namelen    Num[plainTag] `json:"namelen,omitzero" bits:"32"`
	Iov        Pointer       `json:"iov,omitzero"`
	Iovlen     Num[plainTag] `json:"iovlen,omitzero"`
	Control    Pointer       `json:"control,omitzero"`
	Controllen Num[plainTag] `json:"controllen,omitzero"`
}

func (m *Msghdr) put(at placer) (uint64, error) {
	addr, room := at.place(uapi.SizeofMsghdr)
	for _, f := range []struct {
		off int
		p   Pointer
	}{{0, m.Name}, {8, Pointer{Num: uint64(uint32(m.Namelen))}}, {16, m.Iov}, {24, Pointer{Num: uint64(m.Iovlen)}},
		{32, m.Control}, {40, Pointer{Num: uint64(m.Controllen)}}} {
		v, err := f.p.put(at)
		if err != nil {
			return 0, err
		}
		binary.LittleEndian.PutUint64(room[f.off:], v)
	}
	return addr, nil
}

// BPFFilter is struct io_uring_bpf with its program. The fields have the kernel's names; what is absent gets the value
// that makes a valid registration.
type BPFFilter struct {
	CmdType   *Num[plainTag]   `json:"cmd_type,omitzero" bits:"16"` // IO_URING_BPF_CMD_FILTER
	CmdFlags  Num[plainTag]    `json:"cmd_flags,omitzero" bits:"16"`
	Resv      Num[plainTag]    `json:"resv,omitzero" bits:"32"`
	Opcode    Num[opTag]       `json:"opcode" bits:"32"`
	Flags     Num[bpfFlagsTag] `json:"flags,omitzero" bits:"32"`
	FilterLen *Num[plainTag]   `json:"filter_len,omitzero" bits:"32"` // the number of instructions
	PDUSize   Num[plainTag]    `json:"pdu_size,omitzero" bits:"8"`
	Resv1     Bytes            `json:"resv1,omitzero" max:"3"`  // 3 bytes
	Resv2     Bytes            `json:"resv2,omitzero" max:"40"` // 40 bytes
	FilterPtr *Pointer         `json:"filter_ptr,omitzero"`
	Insns     []string         `json:"insns,omitzero"` // assembler, a line each
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
	resv2 := make([]byte, 8*len(reg.Resv2))
	copy(resv2, f.Resv2)
	for i := range reg.Resv2 {
		reg.Resv2[i] = binary.LittleEndian.Uint64(resv2[8*i:])
	}
	addr, room := at.place(uapi.SizeofBPF)
	switch {
	case f.FilterPtr != nil:
		ptr, err := f.FilterPtr.put(at)
		if err != nil {
			return 0, err
		}
		reg.FilterPtr = ptr
	default:
		ptr, err := putBytes(at, code)
		if err != nil {
			return 0, err
		}
		reg.FilterPtr = ptr
	}
	copy(room, reg.Append(nil))
	return addr, nil
}

// Restriction is struct io_uring_restriction, written by its kind: one key.
type Restriction struct {
	RegisterOp       *Num[regOpTag]    `json:"register_op,omitzero" bits:"8"`
	SQEOp            *Num[opTag]       `json:"sqe_op,omitzero" bits:"8"`
	SQEFlagsAllowed  *Num[sqeFlagsTag] `json:"sqe_flags_allowed,omitzero" bits:"8"`
	SQEFlagsRequired *Num[sqeFlagsTag] `json:"sqe_flags_required,omitzero" bits:"8"`
	Raw              *Bytes            `json:"raw,omitzero" max:"16"` // all 16 bytes, for what does not exist
}

// Restrictions are entries as traces write them.
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

// Entry is the struct itself.
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
	Flags   Num[plainTag]  `json:"flags,omitzero" bits:"16"`
	NrRes   *Num[plainTag] `json:"nr_res,omitzero" bits:"16"` // the number of entries
	Resv    Bytes          `json:"resv,omitzero" max:"12"`    // 12 bytes
	Entries []Restriction  `json:"entries,omitzero"`
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

// Probe is an empty struct io_uring_probe for so many opcodes; Fill is the first bytes, which must be zero to be valid.
type Probe struct {
	Ops  Num[plainTag] `json:"ops"`
	Fill Bytes         `json:"fill,omitzero"`
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

// RingFD is struct io_uring_rsrc_update as RING_FDS uses it. An absent index asks for any.
type RingFD struct {
	Index *Num[plainTag] `json:"index,omitzero" bits:"32"`
	Resv  Num[plainTag]  `json:"resv,omitzero" bits:"32"`
	FD    Num[plainTag]  `json:"fd,omitzero"`
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

// Query is struct io_uring_query_hdr with room for its answer.
type Query struct {
	Op     Num[plainTag] `json:"op" bits:"32"`
	Size   Num[plainTag] `json:"size" bits:"32"` // bytes of room for the answer
	Resv   Bytes         `json:"resv,omitzero" max:"12"`
	Result Num[plainTag] `json:"result,omitzero" bits:"32"`
	Data   *Pointer      `json:"data,omitzero"`
	Next   *Pointer      `json:"next,omitzero"`
}

func (q *Query) put(at placer) (uint64, error) {
	h := uapi.QueryHdr{QueryOp: uint32(q.Op), Size: uint32(q.Size), Result: int32(q.Result)}
	resv := make([]byte, 12)
	copy(resv, q.Resv)
	for i := range h.Resv {
		h.Resv[i] = binary.LittleEndian.Uint32(resv[4*i:])
	}
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
	Sigmask     Pointer       `json:"sigmask,omitzero"`
	SigmaskSize Num[plainTag] `json:"sigmask_sz,omitzero" bits:"32"`
	MinWaitUsec Num[plainTag] `json:"min_wait_usec,omitzero" bits:"32"`
	TS          Pointer       `json:"ts,omitzero"`
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

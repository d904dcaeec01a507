package record

import (
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// argument is a field of an SQE that points to memory which prep reads.
type argument struct {
	field string
	read  func(p program, s *uapi.SQE, addr uint64) *trace.Object // returns nil if the memory is not mapped
	when  func(s *uapi.SQE) bool                                  // whether prep reads it; nil means always
}

// The longest strings that prep reads, in bytes including the NUL.
const (
	pathMax      = 4096
	xattrNameMax = 256
)

func path(field string) argument {
	return argument{field: field, read: func(p program, _ *uapi.SQE, addr uint64) *trace.Object {
		return pathObject(p, addr, pathMax)
	}}
}

var xattrName = argument{field: "addr", read: func(p program, _ *uapi.SQE, addr uint64) *trace.Object {
	return pathObject(p, addr, xattrNameMax)
}}

var xattrValue = argument{field: "addr2", when: func(s *uapi.SQE) bool { return s.Len() > 0 && s.Len() <= 65536 },
	read: func(p program, s *uapi.SQE, addr uint64) *trace.Object {
		return bytesObject(readBytes(p, addr, int(s.Len())))
	}}

var connectAddr = argument{field: "addr", when: func(s *uapi.SQE) bool { return s.Off()-1 < maxSockaddr },
	read: func(p program, s *uapi.SQE, addr uint64) *trace.Object { return sockaddrObject(p, addr, int(s.Off())) }}

var sendAddr = argument{field: "addr2", when: func(s *uapi.SQE) bool { return uint64(s.AddrLen())-1 < maxSockaddr },
	read: func(p program, s *uapi.SQE, addr uint64) *trace.Object {
		return sockaddrObject(p, addr, int(s.AddrLen()))
	}}

// vectors are len iovecs, or one with IOSQE_BUFFER_SELECT.
var vectors = argument{field: "addr", when: func(s *uapi.SQE) bool { return s.Len()-1 < maxIovecs },
	read: func(p program, s *uapi.SQE, addr uint64) *trace.Object { return iovecs(p, addr, int(s.Len())) }}

var sendVectors = argument{field: "addr", read: vectors.read, when: func(s *uapi.SQE) bool {
	return s.IOPrio()&uapi.IORING_SEND_VECTORIZED != 0 && vectors.when(s)
}}

// integrity is struct io_uring_attr_pi.
var integrity = argument{field: "attr_ptr", when: func(s *uapi.SQE) bool { return s.Pad2() != 0 },
	read: func(p program, _ *uapi.SQE, addr uint64) *trace.Object { return bytesObject(readBytes(p, addr, 32)) }}

var sentMessage = argument{field: "addr", read: func(p program, _ *uapi.SQE, addr uint64) *trace.Object {
	return msghdr(p, addr, true)
}}

var receivedMessage = argument{field: "addr", read: func(p program, _ *uapi.SQE, addr uint64) *trace.Object {
	return msghdr(p, addr, false)
}}

// deadline is the time of a timeout, unless the SQE itself has it.
var deadline = argument{field: "addr",
	read: func(p program, _ *uapi.SQE, addr uint64) *trace.Object { return timespec(p, addr) },
	when: func(s *uapi.SQE) bool { return s.OpFlags()&uapi.IORING_TIMEOUT_IMMEDIATE_ARG == 0 }}

// newDeadline is the time that a TIMEOUT_REMOVE sets.
var newDeadline = argument{field: "addr2", read: deadline.read, when: func(s *uapi.SQE) bool {
	return s.OpFlags()&(uapi.IORING_TIMEOUT_UPDATE|uapi.IORING_LINK_TIMEOUT_UPDATE) != 0 && deadline.when(s)
}}

var openHow = argument{field: "addr2", when: func(s *uapi.SQE) bool { return s.Len() >= 24 && s.Len() <= pageSize },
	read: func(p program, s *uapi.SQE, addr uint64) *trace.Object {
		b := readBytes(p, addr, int(s.Len()))
		if b == nil {
			return nil
		}
		how := uapi.DecodeOpenHow(b)
		o := &trace.OpenHow{Mode: trace.Number(how.Mode)}
		o.Flags.Set(how.Flags)
		o.Resolve.Set(how.Resolve)
		if len(b) > 24 {
			o.Tail = b[24:]
		}
		return &trace.Object{OpenHow: o}
	}}

var epollEvent = argument{field: "addr", when: func(s *uapi.SQE) bool { return s.Len() != 2 }, // EPOLL_CTL_DEL
	read: func(p program, _ *uapi.SQE, addr uint64) *trace.Object { return bytesObject(readBytes(p, addr, 12)) }}

var waitv = argument{field: "addr", when: func(s *uapi.SQE) bool { return s.Len()-1 < 128 },
	read: func(p program, s *uapi.SQE, addr uint64) *trace.Object {
		return bytesObject(readBytes(p, addr, 24*int(s.Len())))
	}}

// updatedFiles are the descriptors of FILES_UPDATE. io_uring reads them itself, though not in prep.
var updatedFiles = argument{field: "addr",
	read: func(p program, s *uapi.SQE, addr uint64) *trace.Object { return fds(p, addr, s.Len()) }}

// written is how many bytes at addr io_uring itself writes when it carries out a request. The trace needs memory there.
var written = map[uapi.Op]uint64{uapi.IORING_OP_PIPE: 8}

// arguments are what the prep of each opcode reads. For opcodes that are not listed it only reads the SQE.
var arguments = map[uapi.Op][]argument{
	uapi.IORING_OP_READ:           {integrity},
	uapi.IORING_OP_WRITE:          {integrity},
	uapi.IORING_OP_READ_FIXED:     {integrity},
	uapi.IORING_OP_WRITE_FIXED:    {integrity},
	uapi.IORING_OP_READ_MULTISHOT: {integrity},
	uapi.IORING_OP_READV:          {integrity, vectors},
	uapi.IORING_OP_WRITEV:         {integrity, vectors},
	uapi.IORING_OP_READV_FIXED:    {integrity, vectors},
	uapi.IORING_OP_WRITEV_FIXED:   {integrity, vectors},
	uapi.IORING_OP_SEND:           {sendAddr, sendVectors},
	uapi.IORING_OP_SEND_ZC:        {sendAddr, sendVectors},
	uapi.IORING_OP_SENDMSG:        {sentMessage},
	uapi.IORING_OP_SENDMSG_ZC:     {sentMessage},
	uapi.IORING_OP_RECVMSG:        {receivedMessage},
	uapi.IORING_OP_CONNECT:        {connectAddr},
	uapi.IORING_OP_BIND:           {connectAddr},
	uapi.IORING_OP_TIMEOUT:        {deadline},
	uapi.IORING_OP_LINK_TIMEOUT:   {deadline},
	uapi.IORING_OP_TIMEOUT_REMOVE: {newDeadline},
	uapi.IORING_OP_FILES_UPDATE:   {updatedFiles},
	uapi.IORING_OP_STATX:          {path("addr")},
	uapi.IORING_OP_OPENAT:         {path("addr")},
	uapi.IORING_OP_OPENAT2:        {path("addr"), openHow},
	uapi.IORING_OP_RENAMEAT:       {path("addr"), path("addr2")},
	uapi.IORING_OP_UNLINKAT:       {path("addr")},
	uapi.IORING_OP_MKDIRAT:        {path("addr")},
	uapi.IORING_OP_SYMLINKAT:      {path("addr"), path("addr2")},
	uapi.IORING_OP_LINKAT:         {path("addr"), path("addr2")},
	uapi.IORING_OP_FSETXATTR:      {xattrName, xattrValue},
	uapi.IORING_OP_SETXATTR:       {xattrName, xattrValue, path("addr3")},
	uapi.IORING_OP_FGETXATTR:      {xattrName},
	uapi.IORING_OP_GETXATTR:       {xattrName, path("addr3")},
	uapi.IORING_OP_EPOLL_CTL:      {epollEvent},
	uapi.IORING_OP_FUTEX_WAITV:    {waitv},
}

// places are the fields that make up an SQE, each under one name.
var places = func() (list []sqePlace) {
	for _, name := range []string{"opcode", "flags", "ioprio", "fd", "off", "addr", "len", "rw_flags", "user_data",
		"buf_index", "personality", "file_index", "addr3", "__pad2"} {
		f, _ := uapi.SQEFieldByName(name)
		list = append(list, sqePlace{name, f})
	}
	return list
}()

type sqePlace struct {
	name  string
	field uapi.SQEField
}

// flagNames are better names for the flags of some opcodes, for which traces know the names of values.
var flagNames = map[uapi.Op]string{
	uapi.IORING_OP_NOP: "nop_flags", uapi.IORING_OP_OPENAT: "open_flags", uapi.IORING_OP_ACCEPT: "accept_flags",
	uapi.IORING_OP_TIMEOUT: "timeout_flags", uapi.IORING_OP_LINK_TIMEOUT: "timeout_flags",
	uapi.IORING_OP_TIMEOUT_REMOVE: "timeout_flags", uapi.IORING_OP_ASYNC_CANCEL: "cancel_flags",
}

// describe returns an SQE of 64 or 128 bytes as traces write it, with what its prep reads, and the number of pointers
// that could not be followed.
func describe(p program, raw []byte) (out trace.SQE, unread int) {
	s := uapi.SQE(raw)
	if size := written[s.Opcode()]; size > 0 {
		p.pin(s.Addr(), size)
	}
	var objects map[int]*trace.Object // by offset
	for _, a := range arguments[s.Opcode()] {
		f, _ := uapi.SQEFieldByName(a.field)
		addr := f.Get(&s)
		if addr == 0 || a.when != nil && !a.when(&s) {
			continue
		}
		o := a.read(p, &s, addr)
		if o == nil {
			unread++
			continue
		}
		if objects == nil {
			objects = map[int]*trace.Object{}
		}
		objects[f.Off] = o
	}
	out.Fields = make([]trace.SQEField, 0, 8) // few have more
	for _, place := range places {
		name, f := place.name, place.field
		v := trace.Pointer{Num: f.Get(&s), Object: objects[f.Off]}
		switch {
		case v.Object == nil && v.Num == 0 && name != "opcode":
			continue
		case name == "fd":
			v.Num = uint64(int64(int32(v.Num)))
		case name == "addr":
			v.Num = p.moved(v.Num)
		case name == "rw_flags" && flagNames[s.Opcode()] != "":
			name = flagNames[s.Opcode()]
		}
		out.Fields = append(out.Fields, trace.SQEField{Name: name, Value: v})
	}
	if len(raw) > uapi.SizeofSQE {
		out.Cmd = raw[uapi.SizeofSQE:]
	}
	return out, unread
}

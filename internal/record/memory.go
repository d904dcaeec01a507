package record

import (
	"bytes"

	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// memory is the memory of a program.
type memory interface {
	// read fills b with the bytes at addr. It fails if they are not all mapped.
	read(addr uint64, b []byte) error
	// moved returns the address that the trace uses for addr. For most memory that is addr itself.
	moved(addr uint64) uint64
}

// program is the recorded program, as far as arguments of its calls refer to it.
type program interface {
	memory
	// pin makes the trace map memory for that of the program at addr, and returns its address in the trace: addr itself
	// if the program has no such memory.
	pin(addr, size uint64) uint64
	// descriptor is called for each descriptor in an array.
	descriptor(fd int32)
}

const pageSize = 4096

// readString reads up to a NUL, but at most limit bytes, and tells whether there was one.
func readString(m memory, addr uint64, limit int) ([]byte, bool) {
	var text []byte
	for len(text) < limit {
		part := make([]byte, min(pageSize-addr%pageSize, uint64(limit-len(text))))
		if m.read(addr, part) != nil {
			return nil, false
		}
		if i := bytes.IndexByte(part, 0); i >= 0 {
			return append(text, part[:i]...), true
		}
		text, addr = append(text, part...), addr+uint64(len(part))
	}
	return text, false
}

// readBytes reads n bytes, or returns nil if they are not all mapped.
func readBytes(m memory, addr uint64, n int) []byte {
	b := make([]byte, n)
	if m.read(addr, b) != nil {
		return nil
	}
	return b
}

// number returns an address or a plain value as traces have it.
func number(v uint64) trace.Pointer { return trace.Pointer{Num: v} }

// bytesObject returns an object of these bytes, or nil if b is nil.
func bytesObject(b []byte) *trace.Object {
	if b == nil {
		return nil
	}
	return &trace.Object{Bytes: new(trace.Bytes(b))}
}

// pathObject reads a path. Text that JSON cannot hold becomes bytes.
func pathObject(m memory, addr uint64, limit int) *trace.Object {
	text, ended := readString(m, addr, limit)
	switch {
	case text == nil && !ended:
		return nil
	case !ended || !validText(text):
		if ended {
			text = append(text, 0)
		}
		return bytesObject(text)
	}
	return &trace.Object{Path: new(string(text))}
}

// sockaddrObject reads a socket address, and returns it in words if these give the same bytes again.
func sockaddrObject(m memory, addr uint64, size int) *trace.Object {
	b := readBytes(m, addr, size)
	if b == nil {
		return nil
	}
	if text, ok := sockaddrText(b); ok {
		s := trace.Sockaddr(text)
		if again, err := s.Encode(); err == nil && bytes.Equal(again, b) {
			return &trace.Object{Sockaddr: &s}
		}
	}
	return bytesObject(b)
}

// iovecs reads n structs iovec, but not what they point to.
func iovecs(m memory, addr uint64, n int) *trace.Object {
	raw := readBytes(m, addr, n*uapi.SizeofIovec)
	if raw == nil {
		return nil
	}
	list := make([]trace.Iovec, n)
	for i := range list {
		b := raw[i*uapi.SizeofIovec:]
		list[i] = trace.Iovec{Base: number(m.moved(le.Uint64(b))), Len: trace.Number(le.Uint64(b[8:]))}
	}
	return &trace.Object{Iovecs: &list}
}

// timespec reads struct __kernel_timespec.
func timespec(m memory, addr uint64) *trace.Object {
	b := readBytes(m, addr, 16)
	if b == nil {
		return nil
	}
	return &trace.Object{Timespec: &trace.Timespec{Sec: trace.Number(le.Uint64(b)), Nsec: trace.Number(le.Uint64(b[8:]))}}
}

// The most iovecs, and the most bytes of a socket address, that a call takes.
const (
	maxIovecs   = 1024
	maxSockaddr = uapi.SizeofSockaddrStorage
)

// msghdr reads struct msghdr with its iovecs, and its name if the call reads that. Prep does not read control data.
func msghdr(m memory, addr uint64, named bool) *trace.Object {
	b := readBytes(m, addr, 48) // all but its flags, which are not read
	if b == nil {
		return nil
	}
	h := trace.Msghdr{Namelen: trace.Number(le.Uint32(b[8:])), Iovlen: trace.Number(le.Uint64(b[24:])),
		Control: number(le.Uint64(b[32:])), Controllen: trace.Number(le.Uint64(b[40:]))}
	h.Name = number(le.Uint64(b))
	if size := int32(h.Namelen); named && h.Name.Num != 0 && size > 0 {
		h.Name.Object = sockaddrObject(m, h.Name.Num, int(min(size, maxSockaddr)))
	}
	h.Iov = number(le.Uint64(b[16:]))
	if h.Iovlen > 0 && h.Iovlen <= maxIovecs {
		h.Iov.Object = iovecs(m, h.Iov.Num, int(h.Iovlen))
	}
	return &trace.Object{Msghdr: &h}
}

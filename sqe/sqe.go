// Package sqe builds submissions as programs do: with a function for each helper io_uring_prep_* of liburing, under its
// name in Go form, and with methods for what programs set besides. Strings, times and socket addresses are written in
// place, and go into the memory of the task that submits them.
//
//	sqe.Connect(3, "10.0.0.1:443").Async().UserData(7)
//
// The functions write exactly what liburing's helpers write; a comment says so where liburing has no helper. Numbers are
// not checked, however wrong they are: that a kernel refuses them is often what a test is about.
package sqe

import (
	"encoding/binary"
	"slices"

	"github.com/go-json-experiment/json"

	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// SQE is a submission. It is a value: methods return a changed copy.
type SQE struct {
	fields []trace.SQEField
	wide   bool   // whether it has 128 bytes
	cmd    []byte // the bytes from 64 on
}

// Of returns an empty submission of an opcode, for what has no function here.
func Of(op uapi.Op) SQE { return SQE{}.With("opcode", uint64(op)) }

// Trace returns the submission as traces write it.
func (s SQE) Trace() trace.SQE {
	t := trace.SQE{Fields: slices.Clone(s.fields)}
	if s.wide {
		t.Cmd = trace.Bytes(append([]byte{}, s.cmd...))
	}
	return t
}

// String returns the submission in JSON, as traces write it.
func (s SQE) String() string {
	text, err := json.Marshal(s.Trace())
	if err != nil { // a path that is not UTF-8
		return err.Error()
	}
	return string(text)
}

// Opcode returns the opcode.
func (s SQE) Opcode() uapi.Op { return uapi.Op(s.Get("opcode")) }

// Is128 tells whether the submission has 128 bytes.
func (s SQE) Is128() bool { return s.wide }

// Get returns the number that was set for a field of struct io_uring_sqe under the same name, or 0.
func (s SQE) Get(field string) uint64 {
	for _, f := range slices.Backward(s.fields) {
		if f.Name == field {
			return f.Value.Num
		}
	}
	return 0
}

// With sets a field of struct io_uring_sqe to a number. It overwrites any field at the same place, whatever its name. A
// name that does not exist is an error when the SQE is submitted.
func (s SQE) With(field string, v uint64) SQE { return s.point(field, Pointer{Num: v}) }

// point is like With for what may be a pointer.
func (s SQE) point(field string, p Pointer) SQE {
	s.fields = slices.DeleteFunc(slices.Clone(s.fields), func(f trace.SQEField) bool { return f.Name == field })
	s.fields = append(s.fields, trace.SQEField{Name: field, Value: p})
	return s
}

// set is like With for a field that was not set before and so need not be set to 0.
func (s SQE) set(field string, v uint64) SQE {
	if v == 0 {
		return s
	}
	return s.With(field, v)
}

// aim is like set for what may be a pointer.
func (s SQE) aim(field string, p Pointer) SQE {
	if p == (Pointer{}) {
		return s
	}
	return s.point(field, p)
}

// prep is what most helpers begin with.
func prep(op uapi.Op, fd int32, addr Pointer, size uint32, off uint64) SQE {
	return Of(op).set("fd", uint64(int64(fd))).set("off", off).aim("addr", addr).set("len", uint64(size))
}

// Pointer is an address, or what it points to. The zero Pointer is NULL.
type Pointer = trace.Pointer

// At returns an address, which need not be mapped.
func At(addr uint64) Pointer { return Pointer{Num: addr} }

// Data points to a copy of these bytes.
func Data(b []byte) Pointer {
	bytes := trace.Bytes(append([]byte{}, b...))
	return Pointer{Object: &trace.Object{Bytes: &bytes}}
}

// Room points to n zero bytes.
func Room(n int) Pointer { return Data(make([]byte, n)) }

// text points to a string, which ends in a NUL.
func text(s string) Pointer { return Pointer{Object: &trace.Object{Path: &s}} }

// Flags adds IOSQE_* flags.
func (s SQE) Flags(flags uint8) SQE { return s.With("flags", s.Get("flags")|uint64(flags)) }

// FixedFile makes the descriptor an index of the ring's registered files.
func (s SQE) FixedFile() SQE { return s.Flags(uapi.IOSQE_FIXED_FILE) }

// Drain makes the request wait for those before it.
func (s SQE) Drain() SQE { return s.Flags(uapi.IOSQE_IO_DRAIN) }

// Link makes the next request wait for this one to succeed.
func (s SQE) Link() SQE { return s.Flags(uapi.IOSQE_IO_LINK) }

// HardLink makes the next request wait for this one, whether it succeeds or not.
func (s SQE) HardLink() SQE { return s.Flags(uapi.IOSQE_IO_HARDLINK) }

// Async gives the request to a worker.
func (s SQE) Async() SQE { return s.Flags(uapi.IOSQE_ASYNC) }

// SelectBuffer takes the buffer from a group.
func (s SQE) SelectBuffer(group uint16) SQE {
	return s.Flags(uapi.IOSQE_BUFFER_SELECT).With("buf_group", uint64(group))
}

// SkipSuccess asks for no CQE unless the request fails.
func (s SQE) SkipSuccess() SQE { return s.Flags(uapi.IOSQE_CQE_SKIP_SUCCESS) }

// UserData sets what the CQE repeats.
func (s SQE) UserData(v uint64) SQE { return s.With("user_data", v) }

// IOPrio adds to the I/O priority, which for requests on sockets has the flags IORING_RECVSEND_* and IORING_ACCEPT_*.
func (s SQE) IOPrio(v uint16) SQE { return s.With("ioprio", s.Get("ioprio")|uint64(v)) }

// Personality makes the request run with registered credentials.
func (s SQE) Personality(id uint16) SQE { return s.With("personality", uint64(id)) }

// Direct opens into a slot of the ring's registered files instead of a descriptor, or closes such a slot. As with
// liburing, the slot IORING_FILE_INDEX_ALLOC stands for any free one.
func (s SQE) Direct(slot uint32) SQE {
	if slot == uapi.IORING_FILE_INDEX_ALLOC {
		return s.DirectAlloc()
	}
	return s.With("file_index", uint64(slot)+1)
}

// DirectAlloc opens into any free slot.
func (s SQE) DirectAlloc() SQE { return s.With("file_index", uapi.IORING_FILE_INDEX_ALLOC) }

// FixedBuf makes a request on a socket use a registered buffer.
func (s SQE) FixedBuf(index uint16) SQE {
	return s.IOPrio(uapi.IORING_RECVSEND_FIXED_BUF).With("buf_index", uint64(index))
}

// Cmd sets the bytes of the command of URING_CMD: 16, or up to 80 with which the SQE has 128 bytes.
func (s SQE) Cmd(b []byte) SQE {
	const head = 16
	cmd := make([]byte, max(head, len(b)))
	copy(cmd, b)
	s = s.With("addr3", binary.LittleEndian.Uint64(cmd)).With("__pad2", binary.LittleEndian.Uint64(cmd[8:]))
	if len(cmd) > head {
		s.wide, s.cmd = true, cmd[head:]
	}
	return s
}

package register

import (
	"encoding/binary"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/mm"
	"github.com/uringsim/uringsim/uapi"
)

// Limits of a chain of questions.
const (
	maxQueryEntries = 1000
	maxQuerySize    = 48 // the largest answer in bytes
)

// query answers a chain of questions about the kernel. Each answer carries its own error; the call fails only for
// memory that cannot be read or written and for chains without end.
//
// Linux: io_uring/query.c:io_query
func (c *call) query() Outcome {
	const where = "io_uring/query.c:io_query"
	if c.nr != 0 {
		return refuse(uapi.EINVAL, where, "nr must be 0")
	}
	for addr, n := c.arg, 0; addr != 0; {
		next, o := c.queryEntry(addr)
		if o.Ret != 0 {
			return o
		}
		if n++; n >= maxQueryEntries {
			return refuse(uapi.ERANGE, where, "a chain must have fewer than 1000 entries")
		}
		addr = next
	}
	return Outcome{}
}

// Linux: io_uring/query.c:io_handle_query_entry
func (c *call) queryEntry(addr uint64) (next uint64, _ Outcome) {
	const where = "io_uring/query.c:io_handle_query_entry"
	raw := make([]byte, uapi.SizeofQueryHdr)
	if !c.task.Mem.CopyIn(raw, addr) {
		return 0, refuse(uapi.EFAULT, where, "struct io_uring_query_hdr must be readable")
	}
	h := uapi.DecodeQueryHdr(raw)
	room := h.Size
	if room > mm.PageSize && !c.kernel.Has(kernel.QueryAnySize) {
		return 0, refuse(uapi.E2BIG, where, "size must be at most a page")
	}
	var answer []byte
	result := uapi.Errno(0)
	switch {
	case h.QueryOp > c.lastQuery():
		result = uapi.EOPNOTSUPP
	case h.Resv != [3]uint32{} || h.Result != 0 || h.Size == 0:
		result = uapi.EINVAL
	case !c.task.Mem.CopyIn(make([]byte, min(room, maxQuerySize)), h.QueryData):
		return 0, refuse(uapi.EFAULT, where, "query_data must be readable")
	default:
		answer = c.answer(h.QueryOp)
	}
	h.Result = int32(result.Ret())
	h.Size = min(room, uint32(len(answer)))
	if !c.clear(h.QueryData+uint64(h.Size), uint64(room-h.Size)) || !c.task.Mem.CopyOut(h.QueryData, answer[:h.Size]) {
		return 0, refuse(uapi.EFAULT, where, "query_data must be writable")
	}
	if !c.task.Mem.CopyOut(addr, h.Append(nil)) {
		return 0, refuse(uapi.EFAULT, where, "struct io_uring_query_hdr must be writable")
	}
	return h.NextEntry, Outcome{}
}

// clear fills memory with zeros, page by page, as a program may say that there is a lot of it.
//
// Linux: include/linux/uaccess.h:copy_struct_to_user
func (c *call) clear(addr, n uint64) bool {
	for zeros := make([]byte, mm.PageSize); n > 0; {
		part := min(n, mm.PageSize)
		if !c.task.Mem.CopyOut(addr, zeros[:part]) {
			return false
		}
		addr, n = addr+part, n-part
	}
	return true
}

func (c *call) lastQuery() uint32 {
	if c.kernel.Has(kernel.NoQueryZCRXEvent) {
		return uapi.IO_URING_QUERY_SCQ
	}
	return uapi.IO_URING_QUERY_ZCRX_EVENT
}

// answer is the data of a question that exists.
func (c *call) answer(op uint32) (data []byte) {
	le := binary.LittleEndian
	switch op {
	case uapi.IO_URING_QUERY_OPCODES:
		data = le.AppendUint32(le.AppendUint32(nil, uapi.IORING_OP_LAST), c.kernel.RegisterLast())
		for _, v := range []uint64{Features, uint64(SetupFlags(c.kernel)), EnterFlags, 0x7f} {
			data = le.AppendUint64(data, v)
		}
		return le.AppendUint32(le.AppendUint32(data, c.lastQuery()+1), 0)
	case uapi.IO_URING_QUERY_ZCRX:
		return c.zcrx().answer()
	case uapi.IO_URING_QUERY_SCQ:
		return le.AppendUint64(le.AppendUint64(nil, uapi.RingCQEs), uapi.CacheLine)
	}
	data = le.AppendUint32(le.AppendUint32(nil, zcrxEvents), uapi.SizeofZCRXStats)
	return append(le.AppendUint32(data, zcrxStatsAlign), make([]byte, 36)...)
}

// Features are the IORING_FEAT_* bits, the same on 6.19 to 7.3; EnterFlags the flags that io_uring_enter(2) knows.
const (
	Features   = 0x3ffff
	EnterFlags = 0xff
)

// SetupFlags are the flags that io_uring_setup(2) knows.
func SetupFlags(k kernel.Release) uint32 {
	if k.Has(kernel.NoSQRewind) {
		return 0x0fffff
	}
	return 0x1fffff
}

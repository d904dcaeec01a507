package sqe

import (
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// Iovec is struct iovec: a buffer and its length in bytes.
type Iovec = trace.Iovec

// Rooms returns zeroed buffers of these sizes in bytes.
func Rooms(sizes ...int) []Iovec {
	vec := make([]Iovec, len(sizes))
	for i, n := range sizes {
		vec[i] = Iovec{Base: Room(n), Len: trace.Number(n)}
	}
	return vec
}

// iovecs points to an array.
func iovecs(vec []Iovec) Pointer {
	if len(vec) == 0 {
		return Pointer{}
	}
	return Pointer{Object: &trace.Object{Iovecs: &vec}}
}

func vectored(op uapi.Op, fd int32, vec []Iovec, off uint64) SQE {
	return prep(op, fd, iovecs(vec), uint32(len(vec)), off)
}

// Read reads size bytes at offset off; 2^64-1 stands for the file's own position.
func Read(fd int32, buf Pointer, size uint32, off uint64) SQE {
	return prep(uapi.IORING_OP_READ, fd, buf, size, off)
}

// Write writes size bytes at the offset off.
func Write(fd int32, buf Pointer, size uint32, off uint64) SQE {
	return prep(uapi.IORING_OP_WRITE, fd, buf, size, off)
}

// ReadMultishot reads until it is cancelled, into buffers of a group.
func ReadMultishot(fd int32, size uint32, off uint64, group uint16) SQE {
	return prep(uapi.IORING_OP_READ_MULTISHOT, fd, Pointer{}, size, off).SelectBuffer(group)
}

// ReadFixed is Read into a registered buffer.
func ReadFixed(fd int32, buf Pointer, size uint32, off uint64, bufIndex uint16) SQE {
	return prep(uapi.IORING_OP_READ_FIXED, fd, buf, size, off).set("buf_index", uint64(bufIndex))
}

// WriteFixed is Write from a registered buffer.
func WriteFixed(fd int32, buf Pointer, size uint32, off uint64, bufIndex uint16) SQE {
	return prep(uapi.IORING_OP_WRITE_FIXED, fd, buf, size, off).set("buf_index", uint64(bufIndex))
}

// Readv reads into several buffers.
func Readv(fd int32, vec []Iovec, off uint64) SQE {
	return vectored(uapi.IORING_OP_READV, fd, vec, off)
}

// Readv2 is like Readv with RWF_* flags.
func Readv2(fd int32, vec []Iovec, off uint64, flags uint32) SQE {
	return Readv(fd, vec, off).set("rw_flags", uint64(flags))
}

// ReadvFixed is Readv2 into parts of a registered buffer.
func ReadvFixed(fd int32, vec []Iovec, off uint64, flags uint32, bufIndex uint16) SQE {
	s := vectored(uapi.IORING_OP_READV_FIXED, fd, vec, off)
	return s.set("rw_flags", uint64(flags)).set("buf_index", uint64(bufIndex))
}

// Writev writes from several buffers.
func Writev(fd int32, vec []Iovec, off uint64) SQE {
	return vectored(uapi.IORING_OP_WRITEV, fd, vec, off)
}

// Writev2 is like Writev with RWF_* flags.
func Writev2(fd int32, vec []Iovec, off uint64, flags uint32) SQE {
	return Writev(fd, vec, off).set("rw_flags", uint64(flags))
}

// WritevFixed is Writev2 from parts of a registered buffer.
func WritevFixed(fd int32, vec []Iovec, off uint64, flags uint32, bufIndex uint16) SQE {
	s := vectored(uapi.IORING_OP_WRITEV_FIXED, fd, vec, off)
	return s.set("rw_flags", uint64(flags)).set("buf_index", uint64(bufIndex))
}

// Fsync flushes a file to its device. With IORING_FSYNC_DATASYNC it leaves out metadata that is not needed to read it.
func Fsync(fd int32, flags uint32) SQE {
	return prep(uapi.IORING_OP_FSYNC, fd, Pointer{}, 0, 0).set("fsync_flags", uint64(flags))
}

// SyncFileRange flushes a part of a file to its device.
func SyncFileRange(fd int32, size uint32, off uint64, flags uint32) SQE {
	return prep(uapi.IORING_OP_SYNC_FILE_RANGE, fd, Pointer{}, size, off).set("sync_range_flags", uint64(flags))
}

// Fallocate allocates size bytes of a file at the offset off.
func Fallocate(fd int32, mode uint32, off, size uint64) SQE {
	return prep(uapi.IORING_OP_FALLOCATE, fd, At(size), mode, off)
}

// Ftruncate sets the size of a file.
func Ftruncate(fd int32, size uint64) SQE {
	return prep(uapi.IORING_OP_FTRUNCATE, fd, Pointer{}, 0, size)
}

// Fadvise gives advice on a part of a file.
func Fadvise(fd int32, off uint64, size uint32, advice uint32) SQE {
	return prep(uapi.IORING_OP_FADVISE, fd, Pointer{}, size, off).set("fadvise_advice", uint64(advice))
}

// Fadvise64 is Fadvise with a size of 64 bits.
func Fadvise64(fd int32, off, size uint64, advice uint32) SQE {
	return prep(uapi.IORING_OP_FADVISE, fd, At(size), 0, off).set("fadvise_advice", uint64(advice))
}

// Madvise gives advice on memory.
func Madvise(addr Pointer, size uint32, advice uint32) SQE {
	return prep(uapi.IORING_OP_MADVISE, -1, addr, size, 0).set("fadvise_advice", uint64(advice))
}

// Madvise64 is Madvise with a size of 64 bits.
func Madvise64(addr Pointer, size uint64, advice uint32) SQE {
	return prep(uapi.IORING_OP_MADVISE, -1, addr, 0, size).set("fadvise_advice", uint64(advice))
}

// Splice moves size bytes between descriptors, one of which is a pipe. An offset of 2^64-1 stands for none.
func Splice(fdIn int32, offIn uint64, fdOut int32, offOut uint64, size, flags uint32) SQE {
	s := prep(uapi.IORING_OP_SPLICE, fdOut, Pointer{}, size, offOut).set("splice_off_in", offIn)
	return s.set("splice_fd_in", uint64(int64(fdIn))).set("splice_flags", uint64(flags))
}

// Tee copies size bytes from pipe to pipe.
func Tee(fdIn, fdOut int32, size, flags uint32) SQE {
	s := prep(uapi.IORING_OP_TEE, fdOut, Pointer{}, size, 0)
	return s.set("splice_fd_in", uint64(int64(fdIn))).set("splice_flags", uint64(flags))
}

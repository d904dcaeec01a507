package sim

import (
	"math"

	"github.com/uringsim/uringsim/tctx"
	"github.com/uringsim/uringsim/uapi"
)

// Memory is a small Issuer for tests: regular files by path, and sockets that nothing comes to. It knows OPENAT, OPENAT2,
// SOCKET, READ, WRITE, FSYNC and POLL_ADD, and leaves the rest unknown. Paths are taken as they are written: there are no
// directories, links or permissions, and every open file may be read and written.
//
// Departs: an offset of -1 is the start of the file, as open files have no position here.
type Memory struct {
	Files map[string][]byte // by path
	paths map[*tctx.File]string
}

// memoryLimit is the largest file in bytes.
const memoryLimit = 1 << 24

// pathMax is the longest path with its NUL.
const pathMax = 4096

// Issue carries out a request.
func (m *Memory) Issue(i *Issue) Completion {
	path, isFile := m.paths[i.File]
	switch i.Opcode {
	case uapi.IORING_OP_OPENAT, uapi.IORING_OP_OPENAT2:
		return m.open(i)
	case uapi.IORING_OP_SOCKET:
		return Completion{State: Done, Opens: &tctx.File{Kind: tctx.SocketFile}}
	case uapi.IORING_OP_READ:
		if isFile {
			return m.read(i, path)
		}
	case uapi.IORING_OP_WRITE:
		if isFile {
			return m.write(i, path)
		}
	case uapi.IORING_OP_FSYNC:
		if isFile {
			return Result(0)
		}
	}
	if i.File != nil && i.File.Kind == tctx.SocketFile && (i.Opcode == uapi.IORING_OP_RECV || i.Opcode == uapi.IORING_OP_POLL_ADD) {
		return Completion{State: Pending}
	}
	return Completion{}
}

// open opens a file, and makes it if it is to.
func (m *Memory) open(i *Issue) Completion {
	name, e := i.Task.Mem.CString(i.SQE.Addr(), pathMax)
	if e != 0 {
		return Fails(e)
	}
	switch _, exists := m.Files[name]; {
	case exists && i.How.Flags&(uapi.O_CREAT|uapi.O_EXCL) == uapi.O_CREAT|uapi.O_EXCL:
		return Fails(uapi.EEXIST)
	case !exists && i.How.Flags&uapi.O_CREAT == 0:
		return Fails(uapi.ENOENT)
	case !exists || i.How.Flags&uapi.O_TRUNC != 0:
		if m.Files == nil {
			m.Files = map[string][]byte{}
		}
		m.Files[name] = nil
	}
	f := &tctx.File{Kind: tctx.OtherFile}
	if m.paths == nil {
		m.paths = map[*tctx.File]string{}
	}
	m.paths[f] = name
	return Completion{State: Done, Opens: f}
}

// place is the offset of a read or write.
func place(i *Issue) uint64 {
	if i.SQE.Off() == math.MaxUint64 {
		return 0
	}
	return i.SQE.Off()
}

func (m *Memory) read(i *Issue, path string) Completion {
	data := m.Files[path]
	at := min(place(i), uint64(len(data)))
	data = data[at:min(at+uint64(i.SQE.Len()), uint64(len(data)))]
	if !i.Task.Mem.CopyOut(i.SQE.Addr(), data) {
		return Fails(uapi.EFAULT)
	}
	return Result(int32(len(data)))
}

func (m *Memory) write(i *Issue, path string) Completion {
	at, n := place(i), uint64(i.SQE.Len())
	if at > memoryLimit || at+n > memoryLimit {
		return Fails(uapi.EFBIG)
	}
	b := make([]byte, n)
	if !i.Task.Mem.CopyIn(b, i.SQE.Addr()) {
		return Fails(uapi.EFAULT)
	}
	data := m.Files[path]
	if grow := int(at+n) - len(data); grow > 0 {
		data = append(data, make([]byte, grow)...)
	}
	copy(data[at:], b)
	m.Files[path] = data
	return Result(int32(n))
}

package sim

import (
	"math"

	"github.com/uringsim/uringsim/tctx"
	"github.com/uringsim/uringsim/uapi"
)

// Memory is a small Issuer for tests: regular files by path, and sockets that nothing comes to. It knows OPENAT, OPENAT2,
// SOCKET, READ, WRITE, FSYNC and POLL_ADD, and leaves the rest unknown. Paths are taken as they are written: there are no
// directories, links or permissions, and every open file may be read and written.
type Memory struct {
	Files map[string][]byte // by path
	open  map[*tctx.File]*openFile
}

// openFile is a regular file that was opened (struct file).
type openFile struct {
	path     string
	position uint64
}

// memoryLimit is the largest file in bytes.
const memoryLimit = 1 << 24

// pathMax is the longest path with its NUL.
const pathMax = 4096

// Issue carries out a request.
func (m *Memory) Issue(i *Issue) Completion {
	f, isFile := m.open[i.File]
	switch i.Opcode {
	case uapi.IORING_OP_OPENAT, uapi.IORING_OP_OPENAT2:
		return m.openPath(i)
	case uapi.IORING_OP_SOCKET:
		return Completion{State: Done, Opens: &tctx.File{Kind: tctx.SocketFile}}
	case uapi.IORING_OP_READ:
		if isFile {
			return m.read(i, f)
		}
	case uapi.IORING_OP_WRITE:
		if isFile {
			return m.write(i, f)
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

// openPath opens a file, and makes it if it is to.
func (m *Memory) openPath(i *Issue) Completion {
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
	if m.open == nil {
		m.open = map[*tctx.File]*openFile{}
	}
	m.open[f] = &openFile{path: name}
	return Completion{State: Done, Opens: f}
}

// place is where a read or write starts: at its offset, or at the file's position if that is -1.
//
// Linux: io_uring/rw.c:io_kiocb_update_pos
func (f *openFile) place(i *Issue) uint64 {
	if atPosition(i) {
		return f.position
	}
	return i.SQE.Off()
}

func atPosition(i *Issue) bool { return i.SQE.Off() == math.MaxUint64 }

// done is the result of a read or write of n bytes, which moves the position only if it started there.
//
// Linux: io_uring/rw.c:kiocb_done
func (f *openFile) done(i *Issue, n int) Completion {
	if atPosition(i) {
		f.position += uint64(n)
	}
	return Result(int32(n))
}

func (m *Memory) read(i *Issue, f *openFile) Completion {
	data := m.Files[f.path]
	at := min(f.place(i), uint64(len(data)))
	data = data[at:min(at+uint64(i.SQE.Len()), uint64(len(data)))]
	if !i.Task.Mem.CopyOut(i.SQE.Addr(), data) {
		return Fails(uapi.EFAULT)
	}
	return f.done(i, len(data))
}

func (m *Memory) write(i *Issue, f *openFile) Completion {
	at, n := f.place(i), uint64(i.SQE.Len())
	if at > memoryLimit || at+n > memoryLimit {
		return Fails(uapi.EFBIG)
	}
	b := make([]byte, n)
	if !i.Task.Mem.CopyIn(b, i.SQE.Addr()) {
		return Fails(uapi.EFAULT)
	}
	data := m.Files[f.path]
	if grow := int(at+n) - len(data); grow > 0 {
		data = append(data, make([]byte, grow)...)
	}
	copy(data[at:], b)
	m.Files[f.path] = data
	return f.done(i, len(b))
}

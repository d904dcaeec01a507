package tctx

import "github.com/uringsim/uringsim/uapi"

// FileKind is what a file descriptor refers to, as far as io_uring tells files apart.
type FileKind string

// The kinds of files.
const (
	RingFile   FileKind = "io_uring"
	SocketFile FileKind = "socket"
	PipeFile   FileKind = "pipe"
	EventFile  FileKind = "eventfd"
	OtherFile  FileKind = "file"
)

// File is an open file; descriptors of several tasks may refer to it.
type File struct {
	Kind FileKind
	Ring any // the ring of a RingFile; its type belongs to the package that makes rings
}

// maxFDs is the soft limit of open files that tasks start with.
const maxFDs = 1024

// FDTable is a table of file descriptors, shared by threads.
type FDTable struct {
	slots map[int32]fdSlot
}

type fdSlot struct {
	file    *File
	cloexec bool
}

// newFDTable has standard input, output and error.
func newFDTable() *FDTable {
	t := &FDTable{slots: map[int32]fdSlot{}}
	for fd := range int32(3) {
		t.slots[fd] = fdSlot{file: &File{Kind: OtherFile}}
	}
	return t
}

// Install puts a file at the lowest free descriptor, or gives EMFILE.
func (t *FDTable) Install(f *File, cloexec bool) (fd int32, e uapi.Errno) {
	for fd = range int32(maxFDs) {
		if _, used := t.slots[fd]; !used {
			t.slots[fd] = fdSlot{f, cloexec}
			return fd, 0
		}
	}
	return -1, uapi.EMFILE
}

// Put puts a file at the descriptor that a real kernel chose, replacing what was there.
func (t *FDTable) Put(fd int32, f *File, cloexec bool) { t.slots[fd] = fdSlot{f, cloexec} }

// Get is the file behind fd, nil if there is none.
func (t *FDTable) Get(fd int32) *File { return t.slots[fd].file }

// Close frees fd.
func (t *FDTable) Close(fd int32) uapi.Errno {
	if t.Get(fd) == nil {
		return uapi.EBADF
	}
	delete(t.slots, fd)
	return 0
}

// SetCloexec marks fd to be closed by exec, or not.
func (t *FDTable) SetCloexec(fd int32, on bool) uapi.Errno {
	s, ok := t.slots[fd]
	if !ok {
		return uapi.EBADF
	}
	s.cloexec = on
	t.slots[fd] = s
	return 0
}

// clone is a forked child's table.
func (t *FDTable) clone() *FDTable {
	c := &FDTable{slots: make(map[int32]fdSlot, len(t.slots))}
	for fd, s := range t.slots {
		c.slots[fd] = s
	}
	return c
}

// closeOnExec is the table after exec, unshared.
func (t *FDTable) closeOnExec() *FDTable {
	c := t.clone()
	for fd, s := range c.slots {
		if s.cloexec {
			delete(c.slots, fd)
		}
	}
	return c
}

package tctx

import (
	"slices"

	"github.com/uringsim/uringsim/uapi"
)

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
	slots []fdSlot // by descriptor; those behind the end are free
}

type fdSlot struct {
	file    *File // nil if the descriptor is free
	cloexec bool
}

// newFDTable has standard input, output and error.
func newFDTable() *FDTable {
	t := &FDTable{}
	for fd := range int32(3) {
		t.Put(fd, &File{Kind: OtherFile}, false)
	}
	return t
}

// Install puts a file at the lowest free descriptor, or gives EMFILE.
func (t *FDTable) Install(f *File, cloexec bool) (fd int32, e uapi.Errno) {
	for fd = range int32(maxFDs) {
		if t.Get(fd) == nil {
			t.Put(fd, f, cloexec)
			return fd, 0
		}
	}
	return -1, uapi.EMFILE
}

// Has tells whether the table has a file that is one of those.
func (t *FDTable) Has(is func(*File) bool) bool {
	return slices.ContainsFunc(t.slots, func(s fdSlot) bool { return is(s.file) })
}

// Put puts a file at the descriptor that a real kernel chose, replacing what was there. It does nothing if no table has
// such a descriptor.
func (t *FDTable) Put(fd int32, f *File, cloexec bool) {
	if fd < 0 || fd >= maxFDs {
		return
	}
	for int(fd) >= len(t.slots) {
		t.slots = append(t.slots, fdSlot{})
	}
	t.slots[fd] = fdSlot{f, cloexec}
}

// Get is the file behind fd, nil if there is none.
func (t *FDTable) Get(fd int32) *File {
	if uint32(fd) >= uint32(len(t.slots)) {
		return nil
	}
	return t.slots[fd].file
}

// Close frees fd.
func (t *FDTable) Close(fd int32) uapi.Errno {
	if t.Get(fd) == nil {
		return uapi.EBADF
	}
	t.slots[fd] = fdSlot{}
	return 0
}

// SetCloexec marks fd to be closed by exec, or not.
func (t *FDTable) SetCloexec(fd int32, on bool) uapi.Errno {
	if t.Get(fd) == nil {
		return uapi.EBADF
	}
	t.slots[fd].cloexec = on
	return 0
}

// clone is a forked child's table.
func (t *FDTable) clone() *FDTable {
	return &FDTable{slots: slices.Clone(t.slots)}
}

// closeOnExec is the table after exec, unshared.
func (t *FDTable) closeOnExec() *FDTable {
	c := t.clone()
	for fd, s := range c.slots {
		if s.cloexec {
			c.slots[fd] = fdSlot{}
		}
	}
	return c
}

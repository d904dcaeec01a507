package register

import (
	"github.com/uringsim/uringsim/tctx"
	"github.com/uringsim/uringsim/uapi"
)

// FileTable is the registered files of a ring (struct io_file_table). It is there while it has slots.
type FileTable struct {
	slots      []*Node // nil: empty
	start, end uint32  // the slots of IORING_FILE_INDEX_ALLOC, from start up to end
	hint       uint32  // where the search for an empty one begins
}

// Registered tells whether the table is there.
func (t *FileTable) Registered() bool { return len(t.slots) != 0 }

// Lookup is what is in a slot, nil if there is nothing or no such slot.
func (t *FileTable) Lookup(slot uint32) *Node { return lookup(t.slots, slot) }

// Linux: io_uring/filetable.h:io_file_table_set_alloc_range
func (t *FileTable) setRange(off, length uint32) { t.start, t.end, t.hint = off, off+length, off }

// free is an empty slot of the range. The search goes from the hint to the end, and then from the start to the hint.
//
// Linux: io_uring/filetable.c:io_file_bitmap_get
func (t *FileTable) free() (slot uint32, ok bool) {
	if t.hint < t.start || t.hint >= t.end {
		t.hint = t.start
	}
	for _, part := range [][2]uint32{{t.hint, t.end}, {t.start, t.hint}} {
		t.hint = part[0]
		for slot = part[0]; slot < part[1] && int(slot) < len(t.slots); slot++ {
			if t.slots[slot] == nil {
				return slot, true
			}
		}
	}
	return 0, false
}

// set fills an empty slot. The next search begins behind it.
//
// Linux: io_uring/filetable.h:io_file_bitmap_set
func (t *FileTable) set(slot uint32, n *Node) { t.slots[slot], t.hint = n, slot+1 }

// clearFile empties a slot, if there is something in it. The next search begins there.
//
// Linux: io_uring/filetable.h:io_file_bitmap_clear
func (s *State) clearFile(slot uint32) {
	if s.reset(s.Files.slots, slot) {
		s.Files.hint = slot
	}
}

// InstallFile puts a file into a slot, counted from 1 as requests do, or into any with IORING_FILE_INDEX_ALLOC. It
// returns the slot, counted from 0.
//
// Linux: io_uring/filetable.c:__io_fixed_fd_install, io_install_fixed_file
func (s *State) InstallFile(f *tctx.File, index uint32) (slot uint32, e uapi.Errno, why string) {
	slot = index - 1
	if index == uapi.IORING_FILE_INDEX_ALLOC {
		var ok bool
		if slot, ok = s.Files.free(); !ok {
			return 0, uapi.ENFILE, "there must be an empty slot in the range that is allocated from"
		}
	}
	switch {
	case f.Kind == tctx.RingFile:
		return 0, uapi.EBADF, "a ring cannot be registered"
	case !s.Files.Registered():
		return 0, uapi.ENXIO, "files must be registered"
	case slot >= uint32(len(s.Files.slots)):
		return 0, uapi.EINVAL, "the slot must exist"
	}
	n := &Node{File: f, refs: 1}
	if s.reset(s.Files.slots, slot) {
		s.Files.slots[slot] = n
	} else {
		s.Files.set(slot, n)
	}
	return slot, 0, ""
}

// RemoveFile empties a slot that has a file.
//
// Linux: io_uring/filetable.c:io_fixed_fd_remove
func (s *State) RemoveFile(slot uint32) (e uapi.Errno, why string) {
	switch {
	case !s.Files.Registered():
		return uapi.ENXIO, "files must be registered"
	case slot >= uint32(len(s.Files.slots)):
		return uapi.EINVAL, "file_index must be a slot"
	case s.Files.slots[slot] == nil:
		return uapi.EBADF, "the slot must not be empty"
	}
	s.clearFile(slot)
	return 0, ""
}

// fileAllocRange says which slots IORING_FILE_INDEX_ALLOC takes.
//
// Linux: io_uring/filetable.c:io_register_file_alloc_range
func (c *call) fileAllocRange() Outcome {
	const where = "io_uring/filetable.c:io_register_file_alloc_range"
	raw := make([]byte, uapi.SizeofFileIndexRange)
	if !c.task.Mem.CopyIn(raw, c.arg) {
		return refuse(uapi.EFAULT, where, "struct io_uring_file_index_range must be readable")
	}
	r := uapi.DecodeFileIndexRange(raw)
	switch {
	case r.Off+r.Len < r.Off:
		return refuse(uapi.EOVERFLOW, where, "off and len must not overflow")
	case r.Resv != 0 || r.Off+r.Len > uint32(len(c.ring.Files.slots)):
		return refuse(uapi.EINVAL, where, "resv must be 0, and the range within the table")
	}
	c.ring.Files.setRange(r.Off, r.Len)
	return Outcome{}
}

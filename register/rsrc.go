package register

import (
	"encoding/binary"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/mm"
	"github.com/uringsim/uringsim/tctx"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// Limits of registered files and buffers.
const (
	maxFixedFiles = 1 << 20 // IORING_MAX_FIXED_FILES
	maxRegBuffers = 16384   // IORING_MAX_REG_BUFFERS

	maxPinnedPages = (1<<31 - 1) / 8
)

// Node is a registered file or buffer (struct io_rsrc_node). A table has it, and the requests that use it.
type Node struct {
	File   *tctx.File
	Buffer Buffer
	tag    uint64
	refs   int
}

// Get is for one more that uses the node, and lets go of it with Put.
func (n *Node) Get() *Node {
	n.refs++
	return n
}

// Put lets go of a node. The last one posts its tag.
//
// Linux: io_uring/rsrc.h:io_put_rsrc_node, io_uring/rsrc.c:io_free_rsrc_node
func (s *State) Put(n *Node) {
	if n.refs--; n.refs == 0 && n.tag != 0 {
		s.PostAux(uapi.CQE{UserData: n.tag})
	}
}

func lookup(table []*Node, i uint32) *Node {
	if i < uint32(len(table)) {
		return table[i]
	}
	return nil
}

// Buffer looks up a registered buffer, nil if there is none.
func (s *State) Buffer(i uint32) *Node { return lookup(s.Buffers, i) }

// reset empties a place of a table; false if it is empty.
//
// Linux: io_uring/rsrc.h:io_reset_rsrc_node
func (s *State) reset(table []*Node, i uint32) bool {
	n := table[i]
	if n != nil {
		s.Put(n)
		table[i] = nil
	}
	return n != nil
}

// freeTable lets go of a whole table, the last node first.
//
// Linux: io_uring/rsrc.c:io_rsrc_data_free
func (s *State) freeTable(table []*Node) {
	for i := len(table); i > 0; i-- {
		if n := table[i-1]; n != nil {
			s.Put(n)
		}
	}
}

// tagAt reads the tag of an entry; an array at 0 is none.
func tagAt(t *tctx.Task, tags uint64, i uint32) (tag uint64, ok bool) {
	var raw [8]byte
	if tags != 0 && !t.Mem.CopyIn(raw[:], tags+8*uint64(i)) {
		return 0, false
	}
	return binary.LittleEndian.Uint64(raw[:]), true
}

// files registers an array of descriptors; -1 leaves a slot empty.
//
// Linux: io_uring/register.c:__io_uring_register
func (c *call) files() Outcome { return c.registerFiles(c.arg, c.nr, 0) }

// registerFiles makes a table of files. Without an array all slots are empty.
//
// Linux: io_uring/rsrc.c:io_sqe_files_register
func (c *call) registerFiles(fds uint64, nr uint32, tags uint64) Outcome {
	const where = "io_uring/rsrc.c:io_sqe_files_register"
	switch {
	case c.ring.Files.Registered():
		return refuse(uapi.EBUSY, where, "files must not be registered yet")
	case nr == 0:
		return refuse(uapi.EINVAL, where, "nr must not be 0")
	case nr > maxFixedFiles || uint64(nr) > c.task.Nofile().Cur:
		return refuse(uapi.EMFILE, where, "nr must be within RLIMIT_NOFILE")
	}
	fresh := FileTable{slots: make([]*Node, nr)}
	for i := range nr {
		fd, tag, e := readFile(c.task, fds, tags, i)
		if e == 0 && fd == -1 && tag != 0 {
			return refuse(uapi.EINVAL, where, "an empty slot must have no tag")
		}
		if e != 0 {
			return refuse(e, where, "the descriptors and tags must be readable")
		}
		if fd == -1 {
			continue
		}
		n, e := nodeOf(c.task, fd, tag)
		if e != 0 {
			return refuse(e, where, "a descriptor must be open and not a ring")
		}
		fresh.slots[i] = n
	}
	fresh.setRange(0, nr)
	c.ring.Files = fresh
	return Outcome{}
}

// readFile reads the tag and the descriptor of an entry; without an array of descriptors it is -1.
func readFile(t *tctx.Task, fds, tags uint64, i uint32) (fd int32, tag uint64, e uapi.Errno) {
	tag, ok := tagAt(t, tags, i)
	raw := [4]byte{0xff, 0xff, 0xff, 0xff}
	if !ok || fds != 0 && !t.Mem.CopyIn(raw[:], fds+4*uint64(i)) {
		return 0, 0, uapi.EFAULT
	}
	return int32(binary.LittleEndian.Uint32(raw[:])), tag, 0
}

// nodeOf is a node for an open descriptor. Rings cannot be registered.
func nodeOf(t *tctx.Task, fd int32, tag uint64) (*Node, uapi.Errno) {
	f := t.Files.Get(fd)
	if f == nil || f.Kind == tctx.RingFile {
		return nil, uapi.EBADF
	}
	return &Node{File: f, tag: tag, refs: 1}, 0
}

// Linux: io_uring/rsrc.c:io_sqe_files_unregister
func (c *call) unregisterFiles() Outcome {
	if !c.ring.Files.Registered() {
		return refuse(uapi.ENXIO, "io_uring/rsrc.c:io_sqe_files_unregister", "files must be registered")
	}
	c.ring.freeTable(c.ring.Files.slots)
	c.ring.Files = FileTable{}
	return Outcome{}
}

// UpdateFiles puts descriptors into slots: -1 empties a slot, IORING_REGISTER_FILES_SKIP leaves it alone. It returns
// how many entries it did, or the first one's error. A slot whose new descriptor is bad is empty then.
//
// Linux: io_uring/rsrc.c:__io_register_rsrc_update, __io_sqe_files_update
func (s *State) UpdateFiles(t *tctx.Task, u uapi.RsrcUpdate2) (done uint32, e uapi.Errno, why string) {
	if e, why := updateRange(u, len(s.Files.slots)); e != 0 {
		return 0, e, why
	}
	if u.Data == 0 {
		return 0, uapi.EFAULT, "there must be descriptors"
	}
	for done = range u.Nr {
		fd, tag, e := readFile(t, u.Data, u.Tags, done)
		switch {
		case e != 0:
			why = "the descriptors and tags must be readable"
		case (fd == uapi.IORING_REGISTER_FILES_SKIP || fd == -1) && tag != 0:
			e, why = uapi.EINVAL, "only a descriptor can have a tag"
		case fd == uapi.IORING_REGISTER_FILES_SKIP:
		default:
			e = s.updateFile(t, u.Offset+done, fd, tag)
			why = "a descriptor must be open and not a ring"
		}
		if e != 0 && done > 0 {
			return done, 0, ""
		}
		if e != 0 {
			return 0, e, why
		}
	}
	return u.Nr, 0, ""
}

// updateFile empties a slot, and then fills it.
func (s *State) updateFile(t *tctx.Task, slot uint32, fd int32, tag uint64) uapi.Errno {
	s.clearFile(slot)
	if fd == -1 {
		return 0
	}
	n, e := nodeOf(t, fd, tag)
	if e == 0 {
		s.Files.set(slot, n)
	}
	return e
}

// updateRange checks that an update stays within a table.
func updateRange(u uapi.RsrcUpdate2, size int) (uapi.Errno, string) {
	switch {
	case u.Offset+u.Nr < u.Offset:
		return uapi.EOVERFLOW, "offset and nr must not overflow"
	case size == 0:
		return uapi.ENXIO, "there must be a table to update"
	case u.Offset+u.Nr > uint32(size):
		return uapi.EINVAL, "the update must stay within the table"
	}
	return 0, ""
}

// buffers registers an array of iovecs; NULL with length 0 leaves a slot empty.
//
// Linux: io_uring/register.c:__io_uring_register
func (c *call) buffers() Outcome { return c.registerBuffers(c.arg, c.nr, 0) }

// registerBuffers makes a table of buffers. Without an array all places are empty.
//
// Linux: io_uring/rsrc.c:io_sqe_buffers_register
func (c *call) registerBuffers(vec uint64, nr uint32, tags uint64) Outcome {
	const where = "io_uring/rsrc.c:io_sqe_buffers_register"
	if len(c.ring.Buffers) != 0 {
		return refuse(uapi.EBUSY, where, "buffers must not be registered yet")
	}
	if nr == 0 || nr > maxRegBuffers {
		return refuse(uapi.EINVAL, where, "nr must be 1 to 16384")
	}
	buffers := make([]*Node, nr)
	for i := range buffers {
		n, refusal := c.buffer(where, vec, tags, uint32(i))
		if refusal != nil {
			return refused(refusal)
		}
		buffers[i] = n
	}
	c.ring.Buffers = buffers
	return Outcome{}
}

// buffer makes the node of an entry, nil for an empty one.
//
// Linux: io_uring/rsrc.c:io_sqe_buffer_register
func (c *call) buffer(where string, vec, tags uint64, i uint32) (*Node, *verdict.Refusal) {
	var raw [uapi.SizeofIovec]byte
	if vec != 0 && !c.task.Mem.CopyIn(raw[:], vec+uint64(i)*uapi.SizeofIovec) {
		return nil, verdict.Refuse(verdict.Register, uapi.EFAULT, where, "the iovecs must be readable")
	}
	b := Buffer{binary.LittleEndian.Uint64(raw[:]), binary.LittleEndian.Uint64(raw[8:])}
	if int64(b.Len) < 0 {
		return nil, verdict.Refuse(verdict.Register, uapi.EINVAL, where, "iov_len must not be negative")
	}
	tag, ok := tagAt(c.task, tags, i)
	if !ok {
		return nil, verdict.Refuse(verdict.Register, uapi.EFAULT, where, "the tags must be readable")
	}
	if e, why := c.pin(b); e != 0 {
		return nil, verdict.Refuse(verdict.Register, e, "io_uring/rsrc.c:io_sqe_buffer_register", why)
	}
	switch {
	case b != Buffer{}:
		return &Node{Buffer: b, tag: tag, refs: 1}, nil
	case tag != 0:
		return nil, verdict.Refuse(verdict.Register, uapi.EINVAL, where, "an empty place must have no tag")
	}
	return nil, nil
}

// pin checks that a buffer can be pinned.
//
// Linux: io_uring/rsrc.c:io_validate_user_buf_range, io_uring/memmap.c:io_pin_pages
func (c *call) pin(b Buffer) (uapi.Errno, string) {
	end := b.Addr + (b.Len+mm.PageSize-1)&^uint64(mm.PageSize-1)
	first := b.Addr &^ uint64(mm.PageSize-1)
	switch {
	case b.Addr == 0 && b.Len == 0:
		return 0, ""
	case b.Addr == 0 || b.Len == 0:
		return uapi.EFAULT, "a buffer must have an address and a length"
	case c.kernel.Has(kernel.BufferLimit1G) && b.Len > 1<<30:
		return uapi.EFAULT, "a buffer must have at most 1 GiB"
	case b.Len > 1<<40:
		return uapi.EINVAL, "a buffer must have at most 1 TiB"
	case end < b.Addr || b.Len/mm.PageSize > maxPinnedPages:
		return uapi.EOVERFLOW, "a buffer must not wrap around, nor have more pages than an array can list"
	case !c.task.Mem.Pinnable(first, b.Addr+b.Len-first):
		return uapi.EFAULT, "a buffer must be writable memory"
	}
	return 0, ""
}

// Linux: io_uring/rsrc.c:io_sqe_buffers_unregister
func (c *call) unregisterBuffers() Outcome {
	if len(c.ring.Buffers) == 0 {
		return refuse(uapi.ENXIO, "io_uring/rsrc.c:io_sqe_buffers_unregister", "buffers must be registered")
	}
	c.ring.freeTable(c.ring.Buffers)
	c.ring.Buffers = nil
	return Outcome{}
}

// registerRsrc is FILES2 and BUFFERS2: with flags and tags.
//
// Linux: io_uring/rsrc.c:io_register_rsrc
func (c *call) registerRsrc() Outcome {
	const where = "io_uring/rsrc.c:io_register_rsrc"
	raw := make([]byte, uapi.SizeofRsrcRegister)
	if !c.task.Mem.CopyIn(raw, c.arg) {
		return refuse(uapi.EFAULT, where, "struct io_uring_rsrc_register must be readable")
	}
	r := uapi.DecodeRsrcRegister(raw)
	switch {
	case r.Nr == 0 || r.Resv2 != 0:
		return refuse(uapi.EINVAL, where, "nr must not be 0, resv2 must be")
	case r.Flags&^uapi.IORING_RSRC_REGISTER_SPARSE != 0:
		return refuse(uapi.EINVAL, where, "no flag but IORING_RSRC_REGISTER_SPARSE must be set")
	case r.Flags != 0 && r.Data != 0:
		return refuse(uapi.EINVAL, where, "data must be NULL with IORING_RSRC_REGISTER_SPARSE")
	case c.op == uapi.IORING_REGISTER_FILES2:
		return c.registerFiles(r.Data, r.Nr, r.Tags)
	}
	return c.registerBuffers(r.Data, r.Nr, r.Tags)
}

// filesUpdate is FILES_UPDATE: without tags, and with nr as the number of descriptors.
//
// Linux: io_uring/rsrc.c:io_register_files_update
func (c *call) filesUpdate() Outcome {
	const where = "io_uring/rsrc.c:io_register_files_update"
	if c.nr == 0 {
		return refuse(uapi.EINVAL, where, "nr must not be 0")
	}
	raw := make([]byte, uapi.SizeofRsrcUpdate)
	if !c.task.Mem.CopyIn(raw, c.arg) {
		return refuse(uapi.EFAULT, where, "struct io_uring_rsrc_update must be readable")
	}
	u := uapi.DecodeRsrcUpdate(raw)
	if u.Resv != 0 {
		return refuse(uapi.EINVAL, where, "resv must be 0")
	}
	return c.updateFiles(uapi.RsrcUpdate2{Offset: u.Offset, Data: u.Data, Nr: c.nr})
}

// updateRsrc is FILES_UPDATE2 and BUFFERS_UPDATE.
//
// Linux: io_uring/rsrc.c:io_register_rsrc_update
func (c *call) updateRsrc() Outcome {
	const where = "io_uring/rsrc.c:io_register_rsrc_update"
	raw := make([]byte, uapi.SizeofRsrcUpdate2)
	if !c.task.Mem.CopyIn(raw, c.arg) {
		return refuse(uapi.EFAULT, where, "struct io_uring_rsrc_update2 must be readable")
	}
	u := uapi.DecodeRsrcUpdate2(raw)
	if u.Nr == 0 || u.Resv != 0 || u.Resv2 != 0 {
		return refuse(uapi.EINVAL, where, "nr must not be 0, resv and resv2 must be")
	}
	if c.op == uapi.IORING_REGISTER_FILES_UPDATE2 {
		return c.updateFiles(u)
	}
	return c.updateBuffers(u)
}

func (c *call) updateFiles(u uapi.RsrcUpdate2) Outcome {
	done, e, why := c.ring.UpdateFiles(c.task, u)
	if e != 0 {
		return refuse(e, "io_uring/rsrc.c:__io_sqe_files_update", why)
	}
	return Outcome{Ret: int64(done)}
}

// updateBuffers replaces buffers. A place keeps its buffer if the new one is bad.
//
// Linux: io_uring/rsrc.c:__io_sqe_buffers_update
func (c *call) updateBuffers(u uapi.RsrcUpdate2) Outcome {
	const where = "io_uring/rsrc.c:__io_sqe_buffers_update"
	if e, why := updateRange(u, len(c.ring.Buffers)); e != 0 {
		return refuse(e, where, why)
	}
	if u.Data == 0 {
		return refuse(uapi.EFAULT, where, "there must be iovecs")
	}
	for i := range u.Nr {
		n, refusal := c.buffer(where, u.Data, u.Tags, i)
		if refusal != nil && i > 0 {
			return Outcome{Ret: int64(i)}
		}
		if refusal != nil {
			return refused(refusal)
		}
		c.ring.reset(c.ring.Buffers, u.Offset+i)
		c.ring.Buffers[u.Offset+i] = n
	}
	return Outcome{Ret: int64(u.Nr)}
}

// cloneBuffers takes over buffers of another ring, without their tags.
//
// Linux: io_uring/rsrc.c:io_register_clone_buffers
func (c *call) cloneBuffers() Outcome {
	const where = "io_uring/rsrc.c:io_register_clone_buffers"
	raw := make([]byte, uapi.SizeofCloneBuffers)
	if !c.task.Mem.CopyIn(raw, c.arg) {
		return refuse(uapi.EFAULT, where, "struct io_uring_clone_buffers must be readable")
	}
	b := uapi.DecodeCloneBuffers(raw)
	switch {
	case b.Flags&^(uapi.IORING_REGISTER_SRC_REGISTERED|uapi.IORING_REGISTER_DST_REPLACE) != 0:
		return refuse(uapi.EINVAL, where, "flags must be known")
	case b.Flags&uapi.IORING_REGISTER_DST_REPLACE == 0 && len(c.ring.Buffers) != 0:
		return refuse(uapi.EBUSY, where, "buffers must not be registered yet without IORING_REGISTER_DST_REPLACE")
	case b.Pad != [3]uint32{}:
		return refuse(uapi.EINVAL, where, "pad must be 0")
	}
	f, refusal := c.task.RingFile(verdict.Register, int32(b.SrcFD), b.Flags&uapi.IORING_REGISTER_SRC_REGISTERED != 0)
	if refusal != nil {
		return refused(refusal)
	}
	src := StateOf(f)
	if src != c.ring && src.Submitter != nil && src.Submitter != c.task {
		return refuse(uapi.EEXIST, where, "the source belongs to another task (SINGLE_ISSUER)")
	}
	if e, why := cloneRange(c.ring, src, &b); e != 0 {
		return refuse(e, "io_uring/rsrc.c:io_clone_buffers", why)
	}
	c.ring.clone(src.Buffers[b.SrcOff:b.SrcOff+b.Nr], b.DstOff)
	return Outcome{}
}

// cloneRange checks which buffers are to be cloned; nr 0 stands for all.
//
// Linux: io_uring/rsrc.c:io_clone_buffers
func cloneRange(dst, src *State, b *uapi.CloneBuffers) (uapi.Errno, string) {
	have := uint32(len(src.Buffers))
	switch {
	case dst.Payer != src.Payer:
		return uapi.EINVAL, "both rings must have been made in the same memory, and by the same user unless root"
	case b.Nr == 0 && (b.DstOff != 0 || b.SrcOff != 0):
		return uapi.EINVAL, "nr must be given with offsets"
	case have == 0:
		return uapi.ENXIO, "the source must have buffers"
	case b.Nr > have:
		return uapi.EINVAL, "nr must be at most what the source has"
	}
	if b.Nr == 0 {
		b.Nr = have
	}
	switch {
	case uint64(b.Nr)+uint64(b.SrcOff) > uint64(have):
		return uapi.EOVERFLOW, "src_off and nr must be within the source's table"
	case b.Nr+b.DstOff < b.Nr:
		return uapi.EOVERFLOW, "dst_off and nr must not overflow"
	case b.Nr+b.DstOff > maxRegBuffers:
		return uapi.EINVAL, "dst_off and nr must be at most 16384"
	}
	return 0, ""
}

// clone makes a new table of the old one with other buffers from off on, and then lets go of the old one.
//
// Linux: io_uring/rsrc.c:io_clone_buffers
func (s *State) clone(buffers []*Node, off uint32) {
	old := s.Buffers
	end := int(off) + len(buffers)
	fresh := make([]*Node, max(end, len(old)))
	for i, n := range old {
		if n != nil && (i < int(off) || i >= end) {
			fresh[i] = n.Get()
		}
	}
	for i, n := range buffers {
		if n != nil {
			fresh[int(off)+i] = &Node{Buffer: n.Buffer, refs: 1}
		}
	}
	s.freeTable(old)
	s.Buffers = fresh
}

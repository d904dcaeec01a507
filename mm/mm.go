// Package mm simulates the memory of a process: pages that system calls read and write, and the kernel's answer to bad
// pointers.
package mm

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/uringsim/uringsim/uapi"
)

// PageSize is the size of a page in bytes.
const PageSize = 4096

// TaskSizeMax is one more than the largest address of user memory with four-level page tables.
//
// Departs: x86-64 machines with five-level page tables or linear address masking accept larger addresses.
const TaskSizeMax = 1<<47 - PageSize

// MaxRWCount is the most bytes that one read or write transfers (MAX_RW_COUNT).
const MaxRWCount = 1<<31 - PageSize

// MaxResident is the most bytes of pages that one Space holds. Writes beyond it fail as if there were no memory left.
const MaxResident = 256 << 20

// Prot is the protection of a mapping.
type Prot uint8

// The protections. Writable memory can also be read.
const (
	None Prot = iota
	Read
	ReadWrite
)

// segment is a mapped range [start, end) of whole pages.
type segment struct {
	start, end uint64
	prot       Prot
}

// page is the content of a page that was written to. It belongs to at most one Space, and others copy it before they
// write, unless it is in shared memory.
type page struct {
	data   [PageSize]byte
	owner  *Space
	pinned bool // a fork copies it for the child right away
}

// sharing is a range of shared pages, from a number up to another.
type sharing struct {
	start, end uint64
	pages      map[uint64]*page // of all that share the memory, as it was mapped
}

// Space is the address space of a process. The zero Space has nothing mapped.
type Space struct {
	segs    []segment // sorted, disjoint
	pages   map[uint64]*page
	shared  []sharing // disjoint; pages has none of these
	outside Outside   // where the memory really is; nil for simulated processes
}

// Clone returns the address space of a forked child. It has the same content, and is independent from then on.
func (s *Space) Clone() *Space {
	c := &Space{segs: slices.Clone(s.segs), pages: make(map[uint64]*page, len(s.pages)), shared: slices.Clone(s.shared),
		outside: s.outside}
	for n, p := range s.pages {
		if p.pinned && p.owner == s {
			c.pages[n] = &page{data: p.data, owner: c}
			continue
		}
		p.owner = nil // both copy before they write
		c.pages[n] = p
	}
	return c
}

// Map maps zeroed memory in place of what was there. Addr and size are multiples of PageSize.
func (s *Space) Map(addr, size uint64, prot Prot) uapi.Errno {
	if addr%PageSize != 0 || size == 0 || size%PageSize != 0 {
		return uapi.EINVAL
	}
	if addr+size < addr || addr+size > TaskSizeMax {
		return uapi.ENOMEM
	}
	s.Unmap(addr, size)
	s.insert(segment{addr, addr + size, prot})
	return 0
}

// MapShared is Map of memory that children share.
func (s *Space) MapShared(addr, size uint64, prot Prot) uapi.Errno {
	e := s.Map(addr, size, prot)
	if e == 0 {
		s.shared = append(s.shared, sharing{addr / PageSize, (addr + size) / PageSize, map[uint64]*page{}})
	}
	return e
}

// Unmap removes mappings. Memory that is not mapped is not an error.
func (s *Space) Unmap(addr, size uint64) uapi.Errno {
	if addr%PageSize != 0 || size == 0 || size%PageSize != 0 || addr+size < addr || addr+size > TaskSizeMax {
		return uapi.EINVAL
	}
	s.carve(addr, addr+size)
	for n := range s.pages {
		if a := n * PageSize; a >= addr && a < addr+size {
			delete(s.pages, n)
		}
	}
	s.unshare(addr/PageSize, (addr+size)/PageSize)
	return 0
}

// unshare takes pages out of what is shared, from a number up to another.
func (s *Space) unshare(start, end uint64) {
	var kept []sharing
	for _, g := range s.shared {
		for _, part := range []sharing{{g.start, min(g.end, start), g.pages}, {max(g.start, end), g.end, g.pages}} {
			if part.start < part.end {
				kept = append(kept, part)
			}
		}
	}
	s.shared = kept
}

// pagesOf returns the pages among which one with the number is: those that are shared there, or the Space's own.
func (s *Space) pagesOf(n uint64) (pages map[uint64]*page, shared bool) {
	for _, g := range s.shared {
		if g.start <= n && n < g.end {
			return g.pages, true
		}
	}
	return s.pages, false
}

// page returns the page with the number, nil if it was never written to.
func (s *Space) page(n uint64) *page {
	pages, _ := s.pagesOf(n)
	return pages[n]
}

// resident is how many pages the Space holds, with all that it shares.
func (s *Space) resident() int {
	n := len(s.pages)
	for _, g := range s.shared {
		n += len(g.pages)
	}
	return n
}

// Protect changes the protection of mapped memory. A gap in the range gives ENOMEM after what comes before it was
// changed, as with mprotect.
func (s *Space) Protect(addr, size uint64, prot Prot) uapi.Errno {
	if addr%PageSize != 0 || size%PageSize != 0 {
		return uapi.EINVAL
	}
	end := addr + size
	if end < addr {
		return uapi.ENOMEM
	}
	for addr < end {
		i := s.find(addr)
		if i < 0 {
			return uapi.ENOMEM
		}
		stop := min(end, s.segs[i].end)
		s.carve(addr, stop)
		s.insert(segment{addr, stop, prot})
		addr = stop
	}
	return 0
}

// carve removes [start, end) from the segments, and keeps the parts outside of it.
func (s *Space) carve(start, end uint64) {
	kept := make([]segment, 0, len(s.segs)+1)
	for _, g := range s.segs {
		if g.end <= start || g.start >= end {
			kept = append(kept, g)
			continue
		}
		if g.start < start {
			kept = append(kept, segment{g.start, start, g.prot})
		}
		if g.end > end {
			kept = append(kept, segment{end, g.end, g.prot})
		}
	}
	s.segs = kept
}

func (s *Space) insert(g segment) {
	i, _ := slices.BinarySearchFunc(s.segs, g.start, func(g segment, a uint64) int { return cmp.Compare(g.start, a) })
	s.segs = slices.Insert(s.segs, i, g)
}

// find returns the index of the segment that contains addr, or -1.
func (s *Space) find(addr uint64) int {
	for i, g := range s.segs {
		if addr < g.end {
			if addr >= g.start {
				return i
			}
			return -1
		}
	}
	return -1
}

// reach returns how many of the n bytes at addr are mapped without a gap and with at least the given protection.
func (s *Space) reach(addr, n uint64, want Prot) uint64 {
	var got uint64
	for got < n {
		i := s.find(addr + got)
		if i < 0 || s.segs[i].prot < want {
			break
		}
		got += s.segs[i].end - (addr + got)
	}
	return min(got, n)
}

// AccessOK tells by the address alone whether a range is user memory (access_ok).
func AccessOK(addr, size uint64) bool {
	end := addr + size
	return end >= addr && end <= TaskSizeMax
}

// CopyIn fills dst with the bytes at addr (copy_from_user). It returns false if they are not all readable. Copying no
// bytes always succeeds.
func (s *Space) CopyIn(dst []byte, addr uint64) bool {
	n := uint64(len(dst))
	if n == 0 {
		return true
	}
	if !AccessOK(addr, n) {
		return false
	}
	if s.outside != nil {
		return s.outside.Read(addr, dst) == nil
	}
	if s.reach(addr, n, Read) < n {
		return false
	}
	s.peek(dst, addr)
	return true
}

// CopyOut stores src at addr (copy_to_user). It returns false if not all of it is writable; the bytes before the first
// gap are written.
func (s *Space) CopyOut(addr uint64, src []byte) bool {
	n := uint64(len(src))
	if n == 0 {
		return true
	}
	if !AccessOK(addr, n) {
		return false
	}
	if s.outside != nil {
		return s.outside.Write(addr, src) == nil
	}
	got := s.reach(addr, n, ReadWrite)
	return s.poke(addr, src[:got]) && got == n
}

// peek copies mapped memory. Pages that were never written are zero.
func (s *Space) peek(dst []byte, addr uint64) {
	for len(dst) > 0 {
		off := addr % PageSize
		n := min(uint64(len(dst)), PageSize-off)
		if p := s.page(addr / PageSize); p != nil {
			copy(dst[:n], p.data[off:])
		} else {
			clear(dst[:n])
		}
		dst, addr = dst[n:], addr+n
	}
}

// poke stores into mapped memory. It returns false if MaxResident is reached.
func (s *Space) poke(addr uint64, src []byte) bool {
	for len(src) > 0 {
		off := addr % PageSize
		n := min(uint64(len(src)), PageSize-off)
		p := s.own(addr / PageSize)
		if p == nil {
			return false
		}
		copy(p.data[off:], src[:n])
		src, addr = src[n:], addr+n
	}
	return true
}

// own returns the page with the number, as this Space's own, or nil if there is no room for it.
func (s *Space) own(n uint64) *page {
	pages, shared := s.pagesOf(n)
	p := pages[n]
	if p != nil && (p.owner == s || shared) {
		return p
	}
	if p == nil && s.resident() >= MaxResident/PageSize {
		return nil
	}
	fresh := &page{owner: s}
	if p != nil {
		fresh.data = p.data
	}
	if pages == nil {
		s.pages = map[uint64]*page{}
		pages = s.pages
	}
	pages[n] = fresh
	return fresh
}

// CString reads a string that ends in a NUL within limit bytes, the NUL included (strncpy_from_user). It fails with
// EFAULT, or with ENAMETOOLONG if there is no NUL.
func (s *Space) CString(addr uint64, limit int) (string, uapi.Errno) {
	var b []byte
	for len(b) < limit {
		chunk := make([]byte, min(PageSize-(addr+uint64(len(b)))%PageSize, uint64(limit-len(b))))
		if !s.CopyIn(chunk, addr+uint64(len(b))) {
			return "", uapi.EFAULT
		}
		if i := bytes.IndexByte(chunk, 0); i >= 0 {
			return string(append(b, chunk[:i]...)), 0
		}
		b = append(b, chunk...)
	}
	return "", uapi.ENAMETOOLONG
}

// Pinnable tells whether a range of whole pages is writable, as rings in user memory must be.
func (s *Space) Pinnable(addr, size uint64) bool {
	return s.reach(addr, size, ReadWrite) == size
}

package mm

import "slices"

// Pinned are pages that the kernel holds. They stay when the program unmaps them, and after a fork the parent keeps
// them.
type Pinned struct {
	first uint64 // the number of the first page
	pages []*page
}

// Pin pins a range of whole writable pages. It returns nil if the range is not writable or there is no room for it.
//
// Linux: io_uring/memmap.c:io_pin_pages
func (s *Space) Pin(addr, size uint64) *Pinned {
	if !s.Pinnable(addr, size) {
		return nil
	}
	pins := &Pinned{first: addr / PageSize}
	for n := addr / PageSize; n < (addr+size)/PageSize; n++ {
		p := s.own(n)
		if p == nil {
			return nil
		}
		p.pinned = true
		pins.pages = append(pins.pages, p)
	}
	return pins
}

// Read copies from the offset on. Beyond the pages it reads zeros.
func (p *Pinned) Read(dst []byte, offset uint64) {
	clear(dst)
	for len(dst) > 0 && offset/PageSize < uint64(len(p.pages)) {
		n := copy(dst, p.pages[offset/PageSize].data[offset%PageSize:])
		dst, offset = dst[n:], offset+uint64(n)
	}
}

// Write copies to the offset. What goes beyond the pages is lost.
func (p *Pinned) Write(offset uint64, src []byte) {
	for len(src) > 0 && offset/PageSize < uint64(len(p.pages)) {
		n := copy(p.pages[offset/PageSize].data[offset%PageSize:], src)
		src, offset = src[n:], offset+uint64(n)
	}
}

// Sees tells whether the program finds the pages where they were when they were pinned.
func (s *Space) Sees(p *Pinned) bool {
	for i, page := range p.pages {
		if s.page(p.first+uint64(i)) != page {
			return false
		}
	}
	return true
}

// Overlaps tells whether the two have a page in common.
func (p *Pinned) Overlaps(other *Pinned) bool {
	return slices.ContainsFunc(p.pages, func(q *page) bool { return slices.Contains(other.pages, q) })
}

package mm

import (
	"bytes"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/uringsim/uringsim/uapi"
)

// naive is the same as a Space, a byte at a time: the protection and content of each byte of a few pages.
type naive struct {
	prot [naivePages * PageSize]Prot
	here [naivePages * PageSize]bool
	data [naivePages * PageSize]byte
}

const naivePages = 6

// each does something to the bytes of a range of pages.
func (n *naive) each(page, pages uint64, do func(i uint64)) {
	for i := page * PageSize; i < (page+pages)*PageSize; i++ {
		do(i)
	}
}

// read is what CopyIn gives; nil where it fails.
func (n *naive) read(off, size uint64) []byte {
	var out []byte
	for i := off; i < off+size; i++ {
		if i >= uint64(len(n.here)) || !n.here[i] || n.prot[i] < Read {
			return nil
		}
		out = append(out, n.data[i])
	}
	return out
}

// write is CopyOut: up to the first byte that cannot be written.
func (n *naive) write(off uint64, b []byte) bool {
	for i, v := range b {
		at := off + uint64(i)
		if at >= uint64(len(n.here)) || !n.here[at] || n.prot[at] < ReadWrite {
			return false
		}
		n.data[at] = v
	}
	return true
}

// spaceModel drives a Space and its naive twin, and one fork of both.
type spaceModel struct {
	spaces []*Space
	twins  []*naive
}

// pick chooses one of the spaces.
func (m *spaceModel) pick(t *rapid.T) (*Space, *naive) {
	i := rapid.IntRange(0, len(m.spaces)-1).Draw(t, "space")
	return m.spaces[i], m.twins[i]
}

func (m *spaceModel) Map(t *rapid.T) {
	s, n := m.pick(t)
	page, pages, prot := drawRange(t)
	if e := s.Map(base+page*PageSize, pages*PageSize, prot); e != 0 {
		t.Fatalf("Map: %v", e)
	}
	n.each(page, pages, func(i uint64) { n.here[i], n.prot[i], n.data[i] = true, prot, 0 })
}

func (m *spaceModel) Unmap(t *rapid.T) {
	s, n := m.pick(t)
	page, pages, _ := drawRange(t)
	if e := s.Unmap(base+page*PageSize, pages*PageSize); e != 0 {
		t.Fatalf("Unmap: %v", e)
	}
	n.each(page, pages, func(i uint64) { n.here[i] = false })
}

func (m *spaceModel) Protect(t *rapid.T) {
	s, n := m.pick(t)
	page, pages, prot := drawRange(t)
	want := uapi.Errno(0)
	n.each(page, pages, func(i uint64) {
		if !n.here[i] {
			want = uapi.ENOMEM
		}
		if want == 0 {
			n.prot[i] = prot
		}
	})
	if e := s.Protect(base+page*PageSize, pages*PageSize, prot); e != want {
		t.Fatalf("Protect = %v, want %v", e, want)
	}
}

func (m *spaceModel) Write(t *rapid.T) {
	s, n := m.pick(t)
	off := rapid.Uint64Range(0, naivePages*PageSize).Draw(t, "off")
	b := bytes.Repeat([]byte{rapid.Byte().Draw(t, "byte")}, rapid.SampledFrom([]int{0, 1, 7, PageSize,
		2*PageSize + 1}).Draw(t, "n"))
	if got, want := s.CopyOut(base+off, b), n.write(off, b); got != want {
		t.Fatalf("CopyOut = %v, want %v", got, want)
	}
}

func (m *spaceModel) Fork(t *rapid.T) {
	if len(m.spaces) == 3 {
		t.Skip("enough")
	}
	s, n := m.pick(t)
	twin := *n
	m.spaces, m.twins = append(m.spaces, s.Clone()), append(m.twins, &twin)
}

// Check compares all bytes: whole pages, and a page that starts inside of one and ends inside of the next.
func (m *spaceModel) Check(t *rapid.T) {
	for i, s := range m.spaces {
		for off := uint64(0); off < naivePages*PageSize; off += PageSize / 2 {
			got := make([]byte, PageSize)
			ok := s.CopyIn(got, base+off)
			if want := m.twins[i].read(off, PageSize); ok != (want != nil) || ok && !bytes.Equal(got, want) {
				t.Fatalf("space %d at %#x: read %v, want %v", i, off, ok, want != nil)
			}
		}
		sorted := slices.IsSortedFunc(s.segs, func(a, b segment) int {
			if a.end <= b.start {
				return -1
			}
			return 1
		})
		if !sorted && len(s.segs) > 1 {
			t.Fatalf("segments are not sorted and disjoint: %v", s.segs)
		}
	}
}

func drawRange(t *rapid.T) (page, pages uint64, prot Prot) {
	page = rapid.Uint64Range(0, naivePages-1).Draw(t, "page")
	pages = rapid.Uint64Range(1, naivePages-page).Draw(t, "pages")
	return page, pages, rapid.SampledFrom([]Prot{None, Read, ReadWrite, ReadWrite}).Draw(t, "prot")
}

// TestSpaceIsAByteMap: any calls on spaces and their forks do what they would do a byte at a time.
func TestSpaceIsAByteMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &spaceModel{spaces: []*Space{{}}, twins: []*naive{{}}}
		t.Repeat(map[string]func(*rapid.T){"map": m.Map, "unmap": m.Unmap, "protect": m.Protect, "write": m.Write,
			"fork": m.Fork, "": m.Check})
	})
}

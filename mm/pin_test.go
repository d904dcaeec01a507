package mm

import (
	"slices"
	"testing"
)

// TestPin: the kernel sees what the task writes, through a fork, and nothing else any more once it is unmapped.
func TestPin(t *testing.T) {
	const at = 0x10000
	var s Space
	s.Map(at, 2*PageSize, ReadWrite)
	s.Map(at+2*PageSize, PageSize, Read)
	if s.Pin(at+PageSize, 2*PageSize) != nil {
		t.Error("a range that ends in read-only memory was pinned")
	}
	before := s.Clone()
	pins := s.Pin(at, 2*PageSize)
	child := s.Clone()
	see := func() byte {
		var b [1]byte
		pins.Read(b[:], PageSize)
		return b[0]
	}
	for _, step := range []struct {
		what string
		do   func()
		want byte
	}{
		{"the task writes", func() { s.CopyOut(at+PageSize, []byte{1}) }, 1},
		{"a child from before writes", func() { before.CopyOut(at+PageSize, []byte{2}) }, 1},
		{"a child from after writes", func() { child.CopyOut(at+PageSize, []byte{3}) }, 1},
		{"the task writes again", func() { s.CopyOut(at+PageSize, []byte{4}) }, 4},
		{"the task maps it anew", func() { s.Map(at, 2*PageSize, ReadWrite); s.CopyOut(at+PageSize, []byte{5}) }, 4},
	} {
		if step.do(); see() != step.want {
			t.Errorf("%s: the kernel sees %d, want %d", step.what, see(), step.want)
		}
	}
	b := []byte{9}
	if pins.Read(b, 2*PageSize); b[0] != 0 {
		t.Error("there is something behind the pinned pages")
	}
}

// TestMapShared: a child sees what its parent writes, and the other way round, in shared memory only.
func TestMapShared(t *testing.T) {
	const private, shared = 0x10000, 0x20000
	parent := &Space{}
	if e := parent.Map(private, PageSize, ReadWrite); e != 0 {
		t.Fatal(e)
	}
	if e := parent.MapShared(shared, 2*PageSize, ReadWrite); e != 0 {
		t.Fatal(e)
	}
	own, both := parent.Pin(private, PageSize), parent.Pin(shared, 2*PageSize)
	const late = 0x40000000 // a range larger than may be resident, of which nothing is written before the fork
	if e := parent.MapShared(late, 1<<30, ReadWrite); e != 0 {
		t.Fatal(e)
	}
	child := parent.Clone()
	child.CopyOut(late, []byte{4})
	parent.CopyOut(private, []byte{1})
	parent.CopyOut(shared, []byte{2})
	child.CopyOut(shared+PageSize, []byte{3})
	read := func(s *Space, addr uint64) byte {
		b := make([]byte, 1)
		if !s.CopyIn(b, addr) {
			t.Errorf("%#x cannot be read", addr)
		}
		return b[0]
	}
	got := []byte{read(child, private), read(child, shared), read(parent, shared+PageSize), read(parent, late)}
	if want := []byte{0, 2, 3, 4}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if !child.Sees(both) || child.Sees(own) || !parent.Sees(own) {
		t.Error("a child sees the pages that it shares, and no others")
	}
	child.Unmap(shared, PageSize)
	if child.Sees(both) || !parent.Sees(both) || read(parent, shared) != 2 {
		t.Error("what a child unmaps, its parent still has")
	}
	parent.Unmap(shared, 2*PageSize)
	parent.Map(shared, 2*PageSize, ReadWrite)
	if parent.Sees(both) || read(parent, shared) != 0 || read(child, shared+PageSize) != 3 {
		t.Error("memory that is mapped in place of shared memory is not shared, and leaves that to the child")
	}
}

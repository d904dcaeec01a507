package mm

import "testing"

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

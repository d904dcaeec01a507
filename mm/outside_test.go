package mm

import (
	"errors"
	"testing"

	"github.com/uringsim/uringsim/uapi"
)

// elsewhere is the memory of a process: a few bytes at 0x1000.
type elsewhere struct{ data []byte }

var errNoMemory = errors.New("no memory there")

func (e *elsewhere) at(addr uint64, n int) ([]byte, error) {
	if addr < 0x1000 || addr+uint64(n) > 0x1000+uint64(len(e.data)) {
		return nil, errNoMemory
	}
	return e.data[addr-0x1000:][:n], nil
}

func (e *elsewhere) Read(addr uint64, b []byte) error {
	from, err := e.at(addr, len(b))
	copy(b, from)
	return err
}

func (e *elsewhere) Write(addr uint64, b []byte) error {
	to, err := e.at(addr, len(b))
	copy(to, b)
	return err
}

// TestOutside: memory outside of the model is read and written where it is, also through a fork, and bad pointers fail.
func TestOutside(t *testing.T) {
	e := &elsewhere{[]byte("path\x00rest")}
	for _, s := range []*Space{NewOutside(e), NewOutside(e).Clone()} {
		if text, errno := s.CString(0x1000, 9); text != "path" || errno != 0 {
			t.Errorf("a string: %q, %v", text, errno)
		}
		if !s.CopyOut(0x1000, []byte("P")) || e.data[0] != 'P' {
			t.Errorf("a write gives %q", e.data)
		}
		e.data[0] = 'p'
		var b [4]byte
		if s.CopyIn(b[:], 0x2000) || s.CopyOut(0x2000, b[:]) {
			t.Error("bad pointers are good")
		}
		if s.CopyIn(b[:], TaskSizeMax) {
			t.Error("kernel memory is read")
		}
		if _, errno := s.CString(0x2000, 9); errno != uapi.EFAULT {
			t.Errorf("a bad string: %v", errno)
		}
		if s.Pin(0x1000, PageSize) != nil {
			t.Error("memory outside was pinned")
		}
	}
}

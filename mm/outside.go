package mm

// Outside is the memory of a process that is not simulated. Both methods move all bytes or give an error.
type Outside interface {
	Read(addr uint64, b []byte) error
	Write(addr uint64, b []byte) error
}

// NewOutside is the address space of such a process. It is read and written where it is, and nothing of it is kept, so
// that a program may change what was read. Mappings made here do not show in it, and none of it can be pinned.
func NewOutside(o Outside) *Space { return &Space{outside: o} }

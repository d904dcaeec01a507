package mm

// Outside is the memory of a process that is not simulated. Its methods transfer all bytes or fail.
type Outside interface {
	Read(addr uint64, b []byte) error
	Write(addr uint64, b []byte) error
}

// NewOutside returns the address space of such a process. All reads and writes go to its memory, and nothing is cached,
// so the program may change what was read. Mappings made here do not show in it, and its memory cannot be pinned.
func NewOutside(o Outside) *Space { return &Space{outside: o} }

package sysuring

import "encoding/binary"

// Where the agent's image is in the memory of a task: at the end of the part that belongs to the system, to which the
// addresses in traces do not point by chance.
const (
	ImageBase = 0x3f_ffff_0000
	ImageSize = 0x1000
)

// Sizes of the ELF headers in bytes.
const (
	ehdrSize = 64
	phdrSize = 56
	textOff  = ehdrSize + 2*phdrSize
)

// elfImage returns a static x86-64 executable that consists of the code. It has no writable segment, so a task can only
// change the shared memory, and it asks for a stack that is not executable.
func elfImage(code []byte) []byte {
	le := binary.LittleEndian
	size := uint64(textOff + len(code))
	b := []byte{0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	b = le.AppendUint16(b, 2)  // ET_EXEC
	b = le.AppendUint16(b, 62) // EM_X86_64
	b = le.AppendUint32(b, 1)
	b = le.AppendUint64(b, ImageBase+textOff) // entry
	b = le.AppendUint64(b, ehdrSize)          // program headers
	b = le.AppendUint64(b, 0)                 // no section headers
	b = le.AppendUint32(b, 0)
	for _, v := range []uint16{ehdrSize, phdrSize, 2, 0, 0, 0} {
		b = le.AppendUint16(b, v)
	}
	const ptLoad, ptGNUStack, exec, write, read = 1, 0x6474e551, 1, 2, 4
	b = appendPhdr(b, ptLoad, read|exec, [6]uint64{0, ImageBase, ImageBase, size, size, ImageSize})
	b = appendPhdr(b, ptGNUStack, read|write, [6]uint64{5: 16})
	return append(b, code...)
}

// appendPhdr appends a program header. The words are offset, virtual and physical address, size in file and in memory,
// and alignment.
func appendPhdr(b []byte, kind, flags uint32, words [6]uint64) []byte {
	b = binary.LittleEndian.AppendUint32(b, kind)
	b = binary.LittleEndian.AppendUint32(b, flags)
	for _, w := range words {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return b
}

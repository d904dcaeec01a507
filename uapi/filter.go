package uapi

// Limits of classic BPF (include/uapi/linux/filter.h, bpf_common.h).
const (
	BPF_MAXINSNS = 4096
	BPF_MEMWORDS = 16

	SizeofSockFilter = 8
)

// SockFilter is struct sock_filter, one classic BPF instruction of 8 bytes.
type SockFilter struct {
	Code uint16 // off 0
	Jt   uint8  // off 2
	Jf   uint8  // off 3
	K    uint32 // off 4
}

// Append writes the 8 bytes.
func (f SockFilter) Append(b []byte) []byte {
	b = le.AppendUint16(b, f.Code)
	b = append(b, f.Jt, f.Jf)
	return le.AppendUint32(b, f.K)
}

// DecodeSockFilters reads len(b)/8 instructions.
func DecodeSockFilters(b []byte) []SockFilter {
	prog := make([]SockFilter, len(b)/SizeofSockFilter)
	for i := range prog {
		p := b[i*SizeofSockFilter:]
		prog[i] = SockFilter{le.Uint16(p), p[2], p[3], le.Uint32(p[4:])}
	}
	return prog
}

// EncodeSockFilters writes the instructions one after the other.
func EncodeSockFilters(prog []SockFilter) []byte {
	b := make([]byte, 0, len(prog)*SizeofSockFilter)
	for _, f := range prog {
		b = f.Append(b)
	}
	return b
}

package uapi

// Sizes of a CQE in bytes: plain, and with the extra words of IORING_SETUP_CQE32 or IORING_CQE_F_32.
const (
	SizeofCQE   = 16
	SizeofCQE32 = 32
)

// CQE is struct io_uring_cqe. Big are the two extra words of a CQE of 32 bytes.
type CQE struct {
	UserData uint64    // off 0
	Res      int32     // off 8
	Flags    uint32    // off 12
	Big      [2]uint64 // off 16
}

// Append appends the 16 bytes of a plain CQE, or all 32.
func (c CQE) Append(b []byte, big bool) []byte {
	b = le.AppendUint64(b, c.UserData)
	b = le.AppendUint32(b, uint32(c.Res))
	b = le.AppendUint32(b, c.Flags)
	if big {
		b = le.AppendUint64(le.AppendUint64(b, c.Big[0]), c.Big[1])
	}
	return b
}

// DecodeCQE decodes a CQE of 16 or 32 bytes.
func DecodeCQE(b []byte) CQE {
	c := CQE{UserData: le.Uint64(b), Res: int32(le.Uint32(b[8:])), Flags: le.Uint32(b[12:])}
	if len(b) >= SizeofCQE32 {
		c.Big = [2]uint64{le.Uint64(b[16:]), le.Uint64(b[24:])}
	}
	return c
}

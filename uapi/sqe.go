package uapi

// SizeofSQE is the size of an SQE in bytes. On rings with IORING_SETUP_SQE128, and for the opcodes of 128 bytes, it is
// twice that.
const SizeofSQE = 64

// SQE is struct io_uring_sqe. Most of its fields share their place with others, so it is kept as bytes, with methods
// for the fields. Of an SQE of 128 bytes it is the first half; the command is behind it.
type SQE [SizeofSQE]byte

// SQEField is a named field of an SQE: its offset and size in bytes.
type SQEField struct {
	Name      string
	Off, Size int
}

// SQEFields are the fields of struct io_uring_sqe, unions spelled out, in order of offset.
// The first name at an offset is the one that messages use.
var SQEFields = []SQEField{
	{"opcode", 0, 1}, {"flags", 1, 1}, {"ioprio", 2, 2}, {"fd", 4, 4},
	{"off", 8, 8}, {"addr2", 8, 8}, {"cmd_op", 8, 4}, {"__pad1", 12, 4},
	{"addr", 16, 8}, {"splice_off_in", 16, 8}, {"level", 16, 4}, {"optname", 20, 4},
	{"len", 24, 4},
	{"rw_flags", 28, 4}, {"fsync_flags", 28, 4}, {"poll_events", 28, 2}, {"poll32_events", 28, 4},
	{"sync_range_flags", 28, 4}, {"msg_flags", 28, 4}, {"timeout_flags", 28, 4}, {"accept_flags", 28, 4},
	{"cancel_flags", 28, 4}, {"open_flags", 28, 4}, {"statx_flags", 28, 4}, {"fadvise_advice", 28, 4},
	{"splice_flags", 28, 4}, {"rename_flags", 28, 4}, {"unlink_flags", 28, 4}, {"hardlink_flags", 28, 4},
	{"xattr_flags", 28, 4}, {"msg_ring_flags", 28, 4}, {"uring_cmd_flags", 28, 4}, {"waitid_flags", 28, 4},
	{"futex_flags", 28, 4}, {"install_fd_flags", 28, 4}, {"nop_flags", 28, 4}, {"pipe_flags", 28, 4},
	{"user_data", 32, 8},
	{"buf_index", 40, 2}, {"buf_group", 40, 2}, {"personality", 42, 2},
	{"file_index", 44, 4}, {"splice_fd_in", 44, 4}, {"zcrx_ifq_idx", 44, 4}, {"optlen", 44, 4},
	{"addr_len", 44, 2}, {"__pad3", 46, 2}, {"write_stream", 44, 1},
	{"addr3", 48, 8}, {"attr_ptr", 48, 8}, {"optval", 48, 8},
	{"__pad2", 56, 8}, {"attr_type_mask", 56, 8},
}

// sqeFieldPlaces is a hash table of the fields by name. An entry is an index in SQEFields plus 1.
var sqeFieldPlaces = func() (places [4 * 64]uint8) {
	for i, f := range SQEFields {
		h := sqeFieldHash(f.Name)
		for places[h] != 0 {
			h++
		}
		places[h] = uint8(i + 1)
	}
	return places
}()

// sqeFieldHash hashes a name by its length and some letters.
func sqeFieldHash[T string | []byte](name T) uint8 {
	n := len(name)
	if n == 0 {
		return 0
	}
	return uint8(13*n) + 5*name[0] + 11*name[n/2] + 3*name[n-1]
}

// SQEFieldIndex returns the index in SQEFields of the field with this name.
func SQEFieldIndex[T string | []byte](name T) (index int, ok bool) {
	for h := sqeFieldHash(name); sqeFieldPlaces[h] != 0; h++ {
		if i := int(sqeFieldPlaces[h]) - 1; SQEFields[i].Name == string(name) {
			return i, true
		}
	}
	return 0, false
}

// SQEFieldByName returns the field with this name.
func SQEFieldByName(name string) (SQEField, bool) {
	i, ok := SQEFieldIndex(name)
	if !ok {
		return SQEField{}, false
	}
	return SQEFields[i], true
}

// Get returns the field's value, zero-extended.
func (f SQEField) Get(s *SQE) uint64 {
	switch b := s[f.Off:]; f.Size {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(le.Uint16(b))
	case 4:
		return uint64(le.Uint32(b))
	default:
		return le.Uint64(b)
	}
}

// Put stores the low bytes of v.
func (f SQEField) Put(s *SQE, v uint64) {
	switch b := s[f.Off:]; f.Size {
	case 1:
		b[0] = byte(v)
	case 2:
		le.PutUint16(b, uint16(v))
	case 4:
		le.PutUint32(b, uint32(v))
	default:
		le.PutUint64(b, v)
	}
}

// The fields, under the names that the kernel's prep functions use most.

func (s *SQE) Opcode() Op          { return Op(s[0]) }
func (s *SQE) Flags() uint8        { return s[1] }
func (s *SQE) IOPrio() uint16      { return le.Uint16(s[2:]) }
func (s *SQE) FD() int32           { return int32(le.Uint32(s[4:])) }
func (s *SQE) Off() uint64         { return le.Uint64(s[8:]) } // also addr2
func (s *SQE) Addr() uint64        { return le.Uint64(s[16:]) }
func (s *SQE) Len() uint32         { return le.Uint32(s[24:]) }
func (s *SQE) OpFlags() uint32     { return le.Uint32(s[28:]) } // rw_flags and its many unions
func (s *SQE) UserData() uint64    { return le.Uint64(s[32:]) }
func (s *SQE) BufIndex() uint16    { return le.Uint16(s[40:]) } // also buf_group
func (s *SQE) Personality() uint16 { return le.Uint16(s[42:]) }
func (s *SQE) FileIndex() uint32   { return le.Uint32(s[44:]) } // also splice_fd_in, optlen
func (s *SQE) AddrLen() uint16     { return le.Uint16(s[44:]) }
func (s *SQE) Addr3() uint64       { return le.Uint64(s[48:]) } // also attr_ptr
func (s *SQE) Pad2() uint64        { return le.Uint64(s[56:]) } // also attr_type_mask

func (s *SQE) SetOpcode(v Op)       { s[0] = byte(v) }
func (s *SQE) SetFlags(v uint8)     { s[1] = v }
func (s *SQE) SetIOPrio(v uint16)   { le.PutUint16(s[2:], v) }
func (s *SQE) SetFD(v int32)        { le.PutUint32(s[4:], uint32(v)) }
func (s *SQE) SetOff(v uint64)      { le.PutUint64(s[8:], v) }
func (s *SQE) SetAddr(v uint64)     { le.PutUint64(s[16:], v) }
func (s *SQE) SetLen(v uint32)      { le.PutUint32(s[24:], v) }
func (s *SQE) SetOpFlags(v uint32)  { le.PutUint32(s[28:], v) }
func (s *SQE) SetUserData(v uint64) { le.PutUint64(s[32:], v) }

package uapi

// Sizes in bytes of what registers files and buffers.
const (
	SizeofRsrcRegister   = 32
	SizeofRsrcUpdate2    = 32
	SizeofFileIndexRange = 16
	SizeofCloneBuffers   = 32
)

// IORING_REGISTER_FILES_SKIP stands for a descriptor in an update of files: the slot stays as it is.
const IORING_REGISTER_FILES_SKIP = -2

// IORING_FILE_INDEX_ALLOC asks for any free slot, where a request takes the number of one.
const IORING_FILE_INDEX_ALLOC = 1<<32 - 1

// IORING_RSRC_REGISTER_SPARSE asks for a table of empty slots.
const IORING_RSRC_REGISTER_SPARSE = 0x1

// RsrcFlags names the flags of FILES2 and BUFFERS2.
var RsrcFlags = newFamily("IORING_RSRC_REGISTER_",
	Row{"IORING_RSRC_REGISTER_SPARSE", IORING_RSRC_REGISTER_SPARSE},
)

// Flags of CLONE_BUFFERS.
const (
	IORING_REGISTER_SRC_REGISTERED = 0x1
	IORING_REGISTER_DST_REPLACE    = 0x2
)

// CloneFlags names the flags of CLONE_BUFFERS.
var CloneFlags = newFamily("IORING_REGISTER_",
	Row{"IORING_REGISTER_SRC_REGISTERED", IORING_REGISTER_SRC_REGISTERED},
	Row{"IORING_REGISTER_DST_REPLACE", IORING_REGISTER_DST_REPLACE},
)

// RsrcRegister is struct io_uring_rsrc_register, the argument of FILES2 and BUFFERS2.
type RsrcRegister struct {
	Nr    uint32 // off 0
	Flags uint32 // off 4
	Resv2 uint64 // off 8
	Data  uint64 // off 16
	Tags  uint64 // off 24
}

// Append appends the 32 bytes of the struct.
func (r RsrcRegister) Append(b []byte) []byte { return appendStruct(b, r) }

// DecodeRsrcRegister decodes 32 bytes.
func DecodeRsrcRegister(b []byte) RsrcRegister { return decodeStruct[RsrcRegister](b) }

// RsrcUpdate2 is struct io_uring_rsrc_update2, the argument of FILES_UPDATE2 and BUFFERS_UPDATE. Its first 16 bytes are
// struct io_uring_rsrc_update.
type RsrcUpdate2 struct {
	Offset uint32 // off 0
	Resv   uint32 // off 4
	Data   uint64 // off 8
	Tags   uint64 // off 16
	Nr     uint32 // off 24
	Resv2  uint32 // off 28
}

// Append appends the 32 bytes of the struct.
func (u RsrcUpdate2) Append(b []byte) []byte { return appendStruct(b, u) }

// DecodeRsrcUpdate2 decodes 32 bytes.
func DecodeRsrcUpdate2(b []byte) RsrcUpdate2 { return decodeStruct[RsrcUpdate2](b) }

// FileIndexRange is struct io_uring_file_index_range, the argument of FILE_ALLOC_RANGE.
type FileIndexRange struct {
	Off  uint32 // off 0
	Len  uint32 // off 4
	Resv uint64 // off 8
}

// Append appends the 16 bytes of the struct.
func (r FileIndexRange) Append(b []byte) []byte { return appendStruct(b, r) }

// DecodeFileIndexRange decodes 16 bytes.
func DecodeFileIndexRange(b []byte) FileIndexRange { return decodeStruct[FileIndexRange](b) }

// CloneBuffers is struct io_uring_clone_buffers, the argument of CLONE_BUFFERS.
type CloneBuffers struct {
	SrcFD  uint32    // off 0
	Flags  uint32    // off 4
	SrcOff uint32    // off 8
	DstOff uint32    // off 12
	Nr     uint32    // off 16
	Pad    [3]uint32 // off 20
}

// Append appends the 32 bytes of the struct.
func (c CloneBuffers) Append(b []byte) []byte { return appendStruct(b, c) }

// DecodeCloneBuffers decodes 32 bytes.
func DecodeCloneBuffers(b []byte) CloneBuffers { return decodeStruct[CloneBuffers](b) }

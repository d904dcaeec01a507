package uapi

// Kinds of restrictions (struct io_uring_restriction, opcode).
const (
	IORING_RESTRICTION_REGISTER_OP        = 0
	IORING_RESTRICTION_SQE_OP             = 1
	IORING_RESTRICTION_SQE_FLAGS_ALLOWED  = 2
	IORING_RESTRICTION_SQE_FLAGS_REQUIRED = 3

	IORING_RESTRICTION_LAST = 4
)

// Restrictions names the kinds of restrictions.
var Restrictions = newFamily("IORING_RESTRICTION_",
	Row{"IORING_RESTRICTION_REGISTER_OP", IORING_RESTRICTION_REGISTER_OP},
	Row{"IORING_RESTRICTION_SQE_OP", IORING_RESTRICTION_SQE_OP},
	Row{"IORING_RESTRICTION_SQE_FLAGS_ALLOWED", IORING_RESTRICTION_SQE_FLAGS_ALLOWED},
	Row{"IORING_RESTRICTION_SQE_FLAGS_REQUIRED", IORING_RESTRICTION_SQE_FLAGS_REQUIRED},
)

// Sizes in bytes.
const (
	SizeofRestriction     = 16
	SizeofTaskRestriction = 16 // the header, which the entries follow
)

// Restriction is struct io_uring_restriction. The kernel never looks at the reserved fields.
type Restriction struct {
	Opcode uint16    // off 0
	Value  uint8     // off 2: register_op, sqe_op or sqe_flags
	Resv   uint8     // off 3
	Resv2  [3]uint32 // off 4
}

// Append appends the 16 bytes of the struct.
func (r Restriction) Append(b []byte) []byte { return appendStruct(b, r) }

// DecodeRestriction decodes 16 bytes.
func DecodeRestriction(b []byte) Restriction { return decodeStruct[Restriction](b) }

// TaskRestriction is the header of struct io_uring_task_restriction, which NrRes entries follow.
type TaskRestriction struct {
	Flags uint16    // off 0
	NrRes uint16    // off 2
	Resv  [3]uint32 // off 4
}

// Append appends the 16 bytes of the struct.
func (r TaskRestriction) Append(b []byte) []byte { return appendStruct(b, r) }

// DecodeTaskRestriction decodes 16 bytes.
func DecodeTaskRestriction(b []byte) TaskRestriction { return decodeStruct[TaskRestriction](b) }

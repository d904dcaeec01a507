package opdef

import (
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/uapi"
)

// FlagsSeen says which IOSQE flags filters see of every request of the opcode, and which of none.
func FlagsSeen(k kernel.Release, op uapi.Op) (always, never uint8) {
	never = ^uint8(sqeFlagsSeen)
	if !Defs[op].BufferSelect {
		never |= uapi.IOSQE_BUFFER_SELECT
	}
	for i := range Defs[op].Prep.Steps {
		if s := &Defs[op].Prep.Steps[i]; s.On(k) {
			always, never = always|s.Always, never|s.Never
		}
	}
	return always, never
}

// FlagsAdded are IOSQE flags that filters may see of a request whose SQE does not have them: prep adds them, and
// draining does.
func FlagsAdded(k kernel.Release, op uapi.Op) uint8 {
	added := uint8(uapi.IOSQE_ASYNC | uapi.IOSQE_IO_DRAIN)
	switch op {
	case uapi.IORING_OP_NOP, uapi.IORING_OP_NOP128:
		if !k.Has(kernel.NopFixedFileHidden) {
			added |= uapi.IOSQE_FIXED_FILE
		}
	case uapi.IORING_OP_LINK_TIMEOUT:
		added &^= uapi.IOSQE_IO_DRAIN // that is added to what begins a chain
	}
	return added
}

// OpenFlags are the bits that a filter can see in the flags of an OPENAT, and those that are left of them with O_PATH.
//
// Linux: fs/open.c:build_open_how
func OpenFlags(k kernel.Release) (all, withPath uint64) {
	all, withPath = validOpenFlags, oPathFlags
	if !k.Has(kernel.OpenFlagsWithoutEmptyPath) {
		all |= uapi.O_EMPTYPATH
		withPath |= uapi.O_EMPTYPATH
	}
	return all, withPath
}

// sqeFlagsSeen are the bits of the kernel's request flags that the context holds.
const sqeFlagsSeen = 0x7f

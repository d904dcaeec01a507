package opdef

import (
	"testing"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/uapi"
)

func TestFlagsSeen(t *testing.T) {
	const fixed, async, buffer, skip = uapi.IOSQE_FIXED_FILE, uapi.IOSQE_ASYNC, uapi.IOSQE_BUFFER_SELECT, uapi.IOSQE_CQE_SKIP_SUCCESS
	const none = 0x80 // the bit that is no flag
	for _, r := range []struct {
		op            uapi.Op
		always, never uint8
		why           string
	}{
		{nop, 0, none | buffer, "nothing in particular"},
		{uapi.IORING_OP_READ, 0, none, "it takes selected buffers"},
		{openat, 0, none | buffer | fixed, "the descriptor is one of a directory"},
		{uapi.IORING_OP_STATX, async, none | buffer | fixed, "and it blocks"},
		{uapi.IORING_OP_FIXED_FD_INSTALL, fixed, none | buffer, "it is about a slot"},
		{uapi.IORING_OP_READ_MULTISHOT, buffer, none, "it wants a selected buffer"},
		{uapi.IORING_OP_SEND_ZC, 0, none | buffer | skip, "its notification has to come"},
	} {
		if always, never := FlagsSeen(kernel.V7_3, r.op); always != r.always || never != r.never {
			t.Errorf("%s: always %#x, never %#x; want %#x, %#x: %s", r.op, always, never, r.always, r.never, r.why)
		}
	}
}

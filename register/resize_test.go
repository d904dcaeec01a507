package register

import (
	"testing"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/uapi"
)

// TestResizeRings: what is looked at before the sizes, and what the ring adds to the parameters.
func TestResizeRings(t *testing.T) {
	const deferred = uapi.IORING_SETUP_DEFER_TASKRUN | uapi.IORING_SETUP_SINGLE_ISSUER
	rows := []struct {
		ring  uint32 // flags
		at    uint64
		p     uapi.Params
		want  string
		flags uint32 // of the resize
		why   string
	}{
		{0, badAt, uapi.Params{}, "EINVAL", 0, "the ring comes before the parameters"},
		{deferred, badAt, uapi.Params{}, "EFAULT", 0, ""},
		{deferred, memAt, uapi.Params{Flags: uapi.IORING_SETUP_SQE128}, "EINVAL", 0, ""},
		{deferred | uapi.IORING_SETUP_SQE128, memAt, uapi.Params{Flags: uapi.IORING_SETUP_SQE128}, "EINVAL", 0,
			"even if it is so"},
		{deferred, memAt, uapi.Params{Flags: 1 << 31}, "EINVAL", 0, ""},
		{deferred, memAt, uapi.Params{Resv: [3]uint32{1, 2, 3}}, "0", 0, "resv is not looked at"},
		{deferred | uapi.IORING_SETUP_SUBMIT_ALL, memAt, uapi.Params{Flags: resizeFlags}, "0", resizeFlags, ""},
		{deferred | uapi.IORING_SETUP_CQE32 | uapi.IORING_SETUP_NO_SQARRAY | uapi.IORING_SETUP_SQ_REWIND, memAt,
			uapi.Params{Flags: uapi.IORING_SETUP_CLAMP}, "0",
			uapi.IORING_SETUP_CLAMP | uapi.IORING_SETUP_CQE32 | uapi.IORING_SETUP_NO_SQARRAY, "what the layout needs"},
	}
	for _, k := range kernel.Measured() {
		for _, r := range rows {
			task, ring := world(r.ring)
			task.Mem.CopyOut(memAt, r.p.Append(nil))
			o := Call(k, task, &Args{FD: 3, Op: uint32(uapi.IORING_REGISTER_RESIZE_RINGS), Arg: r.at, Nr: 1})
			if got := text(o); got != r.want || ring.resized.Flags != r.flags {
				t.Errorf("%s: %+v = %s with flags %#x, want %s with %#x (%s)", k.Name, r.p, got, ring.resized.Flags, r.want,
					r.flags, r.why)
			}
		}
	}
}

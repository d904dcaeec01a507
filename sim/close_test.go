package sim

import (
	"testing"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// TestClosedThread: whether the thread of a ring that nobody holds still is one of the process takes time to tell, and
// matters only to a task that would be alone without it.
func TestClosedThread(t *testing.T) {
	rows := []struct {
		flags uint32
		calls []trace.Call
		want  string
		why   string
	}{
		{uapi.IORING_SETUP_NO_MMAP, nil, "EINVAL", "it is open"},
		{uapi.IORING_SETUP_NO_MMAP, []trace.Call{trace.Close{FD: 3}}, "not modelled", ""},
		{uapi.IORING_SETUP_NO_MMAP, []trace.Call{trace.Dup{FD: 3}, trace.Close{FD: 3}}, "EINVAL", "another descriptor"},
		{uapi.IORING_SETUP_NO_MMAP, []trace.Call{trace.Spawn{Child: "c", Kind: trace.Fork}, trace.Close{FD: 3}}, "EINVAL",
			"the child's descriptor"},
		{uapi.IORING_SETUP_NO_MMAP, []trace.Call{trace.Spawn{Child: "c", Kind: trace.Thread}, trace.Close{FD: 3}}, "EINVAL",
			"another thread anyway"},
		{uapi.IORING_SETUP_NO_MMAP | uapi.IORING_SETUP_REGISTERED_FD_ONLY, nil, "EINVAL", "it is registered"},
		{0, []trace.Call{trace.Close{FD: 3}}, "EINVAL", "its memory is mapped"},
	}
	for _, r := range rows {
		d := drive(t, kernel.V7_3)
		p := uapi.Params{Flags: uapi.IORING_SETUP_SQPOLL | r.flags}
		if r.flags != 0 {
			p.SQOff.UserAddr, p.CQOff.UserAddr = memAt+0x5000, memAt+0x6000
		}
		if res := d.setupParams("init", "r", 4, p); res.Ret < 0 {
			t.Fatalf("%v", res)
		}
		for _, c := range r.calls {
			d.do("init", c)
		}
		res := d.do("init", trace.NewUserNS{})
		got := uapi.FormatRet(res.Ret)
		if res.Unmodelled != "" {
			got = "not modelled"
		}
		if got != r.want {
			t.Errorf("flags %#x, %v: %s, want %s (%s)", r.flags, r.calls, got, r.want, r.why)
		}
	}
}

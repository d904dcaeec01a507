package sim

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// issueRows are requests whose result io_uring decides alone. The ring has descriptor 5, with two fixed files, of which
// the second is empty, and one registered buffer; 3 is a socket, 4 a file.
var issueRows = []struct {
	sqe  string
	want string // "ret: CQEs" on 7.3
	old  string // on 6.19, if that differs
	why  string
}{
	{"1 NOP nop_flags=1 len=-7", "1: 1 E2BIG", "", "an injected result"}, {"1 NOP nop_flags=1 len=7", "1: 1 7", "", ""},
	{"1 NOP len=7", "1: 1 0", "", "not without the flag"}, {"1 NOP nop_flags=2 fd=4", "1: 1 0", "", "a file"},
	{"1 NOP nop_flags=2 fd=77", "1: 1 EBADF", "1: 1 0", "nop-errors-hidden"},
	{"1 NOP nop_flags=3 fd=77 len=9", "1: 1 EBADF", "1: 1 9", "overrides the injected result"},
	{"1 NOP nop_flags=6 fd=0", "1: 1 0", "", "a slot"},
	{"1 NOP nop_flags=6 fd=1", "1: 1 EBADF", "1: 1 0", "an empty slot"},
	{"1 NOP nop_flags=6 fd=2", "1: 1 EBADF", "1: 1 0", "no slot"},
	{"1 NOP nop_flags=4 fd=77", "1: 1 0", "", "FIXED_FILE alone looks nothing up"},
	{"1 NOP nop_flags=8 buf_index=0", "1: 1 0", "", ""},
	{"1 NOP nop_flags=8 buf_index=1", "1: 1 EFAULT", "1: 1 0", "no buffer"},
	{"1 NOP nop_flags=0x10", "1: 1 0", "", "from task work"},
	{"1 CLOSE fd=4", "1: 1 0", "", ""}, {"1 CLOSE fd=77", "1: 1 EBADF", "", ""},
	{"1 CLOSE fd=5", "1: 1 EBADF", "", "a ring"},
	{"1 CLOSE file_index=1", "1: 1 0", "", "the first slot"}, {"1 CLOSE file_index=2", "1: 1 EBADF", "", "an empty one"},
	{"1 CLOSE file_index=3", "1: 1 EINVAL", "", "none"},
	{"1 ASYNC_CANCEL addr=9", "1: 1 ENOENT", "", ""}, {"1 ASYNC_CANCEL cancel_flags=1", "1: 1 0", "", "ALL counts"},
	{"1 ASYNC_CANCEL cancel_flags=4", "1: 1 0", "", "ANY too"},
	{"1 ASYNC_CANCEL cancel_flags=2 fd=77", "1: 1 EBADF", "", ""},
	{"1 ASYNC_CANCEL cancel_flags=2 fd=4", "1: 1 ENOENT", "", ""},
	{"1 ASYNC_CANCEL cancel_flags=10 fd=1", "1: 1 EBADF", "", "an empty slot"},
	{"1 MSG_RING fd=77", "1: 1 EBADF", "", ""}, {"1 MSG_RING fd=4", "1: 1 EBADFD", "", ""},
	{"1 MSG_RING fd=5 addr=2", "1: 1 EINVAL", "", "no such command"},
	{"1 MSG_RING fd=5 off=8 len=-3", "1: 8 ESRCH, 1 0", "", "to itself: the message comes first"},
	{"1 MSG_RING fd=5 addr3=1", "1: 1 EINVAL", "", ""},
	{"1 MSG_RING fd=5 msg_ring_flags=1", "1: 1 EINVAL", "", "CQE_SKIP is for files"},
	{"1 MSG_RING fd=5 file_index=2", "1: 1 EINVAL", "", "flags without FLAGS_PASS"},
	{"1 MSG_RING fd=5 file_index=2 msg_ring_flags=2 off=8", "1: 8 0/MORE, 1 0", "", ""},
	{"1 LISTEN fd=4", "1: 1 ENOTSOCK", "", ""}, {"1 SHUTDOWN fd=4", "1: 1 ENOTSOCK~", "", "on a worker"},
	{"1 SEND fd=4", "1: 1 ENOTSOCK", "", ""},
	{"1 RECV fd=4 ioprio=1", "1: 1 ENOTSOCK", "1: 1 EAGAIN~", "recv-poll-first-before-socket-check"},
	{"1 LISTEN fd=3", "1:", "", "a socket's own answer is not known"},
	{"1 READ+F fd=1", "1: 1 EBADF", "", "an empty slot"}, {"1 READ+F fd=0", "1:", "", ""},
}

// TestIssue runs them on a ring with files and a buffer.
func TestIssue(t *testing.T) {
	for _, k := range []kernel.Release{kernel.V6_19, kernel.V7_3} {
		for _, r := range issueRows {
			d := drive(t, k)
			d.must(d.do("init", trace.Socket{Domain: 2, Type: 1}), 3)
			d.must(d.do("init", trace.Open{Path: pathAt}), 4)
			d.must(d.setup("init", "r", 0), 5)
			d.write("init", regAt, []byte{0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff})
			d.must(d.register("init", "r", uapi.IORING_REGISTER_FILES, regAt, 2), 0)
			d.write("init", regAt, append([]byte{0, 0, 0, 0x20, 0, 0, 0, 0}, 16, 0, 0, 0, 0, 0, 0, 0))
			d.must(d.register("init", "r", uapi.IORING_REGISTER_BUFFERS, regAt, 1), 0)
			want := r.want
			if k.Name == "6.19" && r.old != "" {
				want = r.old
			}
			if got := d.enter("init", "r", r.sqe, 0); got != want {
				t.Errorf("%s: [%s] %s, want %s (%s)", k.Name, r.sqe, got, want, r.why)
			}
		}
	}
}

// TestCloseSlotWithoutTable: a slot of no table.
func TestCloseSlotWithoutTable(t *testing.T) {
	checkEnters(t, []enterRow{{0, "1 CLOSE file_index=1", "1: 1 ENXIO", ""}})
}

// TestHiddenNopErrors: on 6.19 the CQE does not show the error, but the chain breaks.
func TestHiddenNopErrors(t *testing.T) {
	for _, k := range kernel.Measured() {
		d := drive(t, k)
		d.must(d.setup("init", "r", 0), 3)
		want := "2: 1 EBADF, 2 ECANCELED"
		if k.Name == "6.19" {
			want = "2: 1 0, 2 ECANCELED"
		}
		if got := d.enter("init", "r", "1 NOP+L nop_flags=2 fd=77,2 NOP", 0); got != want {
			t.Errorf("%s: %s, want %s", k.Name, got, want)
		}
	}
}

// TestLinkedOpen: a descriptor is looked up when the turn of its request comes, so that an open before it counts.
func TestLinkedOpen(t *testing.T) {
	d := drive(t, kernel.V7_3)
	d.must(d.setup("init", "r", 0), 3)
	list := []string{fmt.Sprintf("1 OPENAT+L addr=%d", pathAt), "2 CLOSE fd=4"}
	got := d.enterWith("init", "r", list, trace.Enter{ToSubmit: 2, Known: []uapi.CQE{{UserData: 1, Res: 4},
		{UserData: 2}}})
	if want := "2: 1 4~, 2 0~"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := d.enter("init", "r", "4 CLOSE fd=4", 0); got != "1: 4 EBADF" {
		t.Errorf("closed by 2: %s", got)
	}
}

// TestWaits: what an enter that waits for completions says when they cannot come.
func TestWaits(t *testing.T) {
	arg := func(size uint64, at uint64, flags uint32) trace.Enter {
		return trace.Enter{Flags: getEvents | flags, MinComplete: 1, Arg: at, ArgSize: size}
	}
	const ext = uapi.IORING_ENTER_EXT_ARG
	rows := []struct {
		e    trace.Enter
		want string
		why  string
	}{
		{arg(0, 0, 0), "unmodelled: it waits for 1 completions where only 0 can come", ""},
		{arg(8, 0, 0), "unmodelled: it waits for 1 completions where only 0 can come", "no signal mask"},
		{arg(4, memAt, 0), "EINVAL:", "the size of a signal mask"}, {arg(8, 0x7000_0000, 0), "EFAULT:", ""},
		{arg(24, memAt+0x5000, ext), "unmodelled: it waits for 1 completions where only 0 can come", "no time"},
		{arg(24, memAt+0x6000, ext), "ETIME:", "a time"},
		{arg(24, memAt+0x7000, ext), "EFAULT:", "a time that cannot be read"},
		{arg(64, 0, ext|uapi.IORING_ENTER_EXT_ARG_REG), "EFAULT:", "no registered memory"},
		{arg(63, 0, ext|uapi.IORING_ENTER_EXT_ARG_REG), "EINVAL:", ""},
	}
	for _, r := range rows {
		d := drive(t, kernel.V7_3)
		d.must(d.setup("init", "r", 0), 3)
		d.write("init", memAt+0x6000+16, []byte{0x00, 0x50, 0x00, 0x20})
		d.write("init", memAt+0x7000+16, []byte{0x00, 0x00, 0x00, 0x70})
		if got := d.enterWith("init", "r", nil, r.e); got != r.want {
			t.Errorf("%+v: %s, want %s (%s)", r.e, got, r.want, r.why)
		}
	}
}

// TestSQPoll: the thread takes what is in the ring, under the ring's filters, however little the program asks for.
func TestSQPoll(t *testing.T) {
	d := drive(t, kernel.V7_3)
	d.must(d.filter("init", "", uapi.IORING_OP_NOP, flagFilter(0x10), 0), 0)
	d.must(d.setup("init", "r", uapi.IORING_SETUP_SQPOLL), 3)
	got := d.enterWith("init", "r", []string{"1 NOP", "2 NOP+A", "3 NOP", "4 200", "5 NOP"}, trace.Enter{ToSubmit: 0})
	if diff := cmp.Diff("0: 1 0, 2 EACCES, 3 0, 4 EINVAL, 5 0", got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestOrigins: a denial says who registered the filter, and when.
func TestOrigins(t *testing.T) {
	d := drive(t, kernel.V7_3)
	d.k.SetLabel("event 4")
	d.must(d.filter("init", "", uapi.IORING_OP_NOP, "ret #0", 0), 0)
	d.k.SetLabel("")
	d.must(d.setup("init", "r", submitAll), 3)
	d.must(d.filter("init", "r", uapi.IORING_OP_READ, "ret #0", 0), 0)
	var got []string
	for _, text := range []string{"1 NOP", "2 READ"} {
		s := sqe(text)
		d.tails["r"]++
		n := d.tails["r"] - 1
		r := d.do("init", trace.Enter{FD: 3, Ring: "r", Tail: d.tails["r"], ToSubmit: 1, SQEs: []trace.SlotSQE{{Slot: n,
			Data: s[:]}},
			Array: []trace.SlotIndex{{Slot: n, Value: n}}})
		got = append(got, r.Requests[0].Why.Filter.Origin)
	}
	want := []string{"registered by task init in event 4", "registered on r by task init"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if d.k.Release() != kernel.V7_3 {
		t.Error("Release")
	}
	if err := d.k.Close(); err != nil {
		t.Error(err)
	}
	if _, ok := d.k.Task("init"); ok {
		t.Error("after Close there are no tasks")
	}
}

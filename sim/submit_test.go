package sim

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// enterRow is one enter on a fresh ring of 8 entries and what it gives.
type enterRow struct {
	flags uint32 // of the ring
	sqes  string
	want  string // "ret: user_data RES, ..." on all releases
	why   string
}

func checkEnters(t *testing.T, rows []enterRow) {
	t.Helper()
	for _, k := range kernel.Measured() {
		for _, r := range rows {
			d := drive(t, k)
			d.must(d.setup("init", "r", r.flags), 3)
			if got := d.enter("init", "r", r.sqes, 0); got != r.want {
				t.Errorf("%s: [%s]\n got %s\nwant %s (%s)", k.Name, r.sqes, got, r.want, r.why)
			}
		}
	}
}

// TestStopping: when a request that fails ends the submission.
func TestStopping(t *testing.T) {
	checkEnters(t, []enterRow{
		{0, "1 NOP,2 NOP,3 NOP", "3: 1 0, 2 0, 3 0", "standalone requests in order"},
		{0, "1 NOP,2 200,3 NOP", "2: 1 0, 2 EINVAL", "the one that fails counts, the next stays in the ring"},
		{submitAll, "1 NOP,2 200,3 NOP", "3: 1 0, 2 EINVAL, 3 0", "SUBMIT_ALL goes on"},
		{0, "1 200", "1: 1 EINVAL", ""}, {0, "1 200,2 200", "1: 1 EINVAL", ""},
		{0, "1 NOP+S,2 NOP", "2: 2 0", "CQE_SKIP_SUCCESS"}, {0, "1 200+S", "1: 1 EINVAL", "does not hide a failure"},
		{0, "1 NOP ioprio=1", "1: 1 EINVAL", "no ioprio for NOP"}, {0, "1 NOP+X", "1: 1 EINVAL", "bit 7"},
		{0, "1 NOP+B", "1: 1 EOPNOTSUPP", "no selected buffer for NOP"},
		{0, "1 NOP personality=1", "1: 1 EINVAL", "not registered"},
		{0, "1 READ fd=77", "1: 1 EBADF", "the descriptor is looked up when it runs"},
		{0, "1 READ fd=77,2 NOP", "2: 1 EBADF, 2 0", "so that does not stop the submission"},
		{uapi.IORING_SETUP_IOPOLL, "1 NOP,2 FSYNC", "2: 1 0, 2 EINVAL", "FSYNC cannot poll"},
		{0, "1 NOP128", "1: 1 EINVAL", "needs large SQEs"}, {uapi.IORING_SETUP_SQE128, "1 NOP128,2 NOP", "2: 1 0, 2 0", ""},
		{uapi.IORING_SETUP_SQE_MIXED, "1 NOP128", "1: 1 EINVAL", "a second entry must follow"},
		{uapi.IORING_SETUP_SQE_MIXED, "1 NOP128,9 200,2 NOP", "3: 1 0, 2 0", "it takes two entries, and both count"},
		{uapi.IORING_SETUP_SQE_MIXED, "1 NOP,2 NOP,3 NOP,4 NOP,5 NOP,6 NOP,7 NOP,8 NOP128",
			"8: 1 0, 2 0, 3 0, 4 0, 5 0, 6 0, 7 0, 8 EINVAL",
			"not in the last slot"},
	})
}

// TestLinks: chains, with the examples of section 2.9.
func TestLinks(t *testing.T) {
	checkEnters(t, []enterRow{
		{0, "1 NOP+L,2 NOP+L,3 NOP,4 NOP", "4: 1 0, 4 0, 2 0, 3 0", "the rest of a chain runs from task work"},
		{0, "1 NOP+L,2 200+L,3 NOP,4 NOP", "4: 1 ECANCELED, 4 0, 2 EINVAL, 3 ECANCELED",
			"a failed chain: its head inline, the rest later"},
		{0, "1 NOP+L,2 200,3 NOP", "2: 1 ECANCELED, 2 EINVAL", "the last member that fails stops the submission"},
		{submitAll, "1 NOP+L,2 200,3 NOP", "3: 1 ECANCELED, 3 0, 2 EINVAL", ""},
		{0, "1 200+L,2 NOP,3 NOP", "3: 1 EINVAL, 3 0, 2 ECANCELED", "the head fails by itself"},
		{0, "1 200+H,2 NOP,3 NOP", "3: 1 EINVAL, 3 0, 2 ECANCELED", "hard links are plain ones then"},
		{0, "1 NOP+H,2 200+H,3 NOP", "3: 1 ECANCELED, 2 EINVAL, 3 ECANCELED", ""},
		{0, "1 NOP+L", "1: 1 0~", "a chain left open is issued as it is, by a worker"},
		{0, "1 NOP+L,2 NOP+L", "2: 1 0~, 2 0~", ""},
		{0, "1 200+L", "1: 1 EINVAL", ""},
		{0, "1 200+L,2 200+L,3 200", "3: 1 EINVAL, 2 EINVAL, 3 EINVAL", "each tells its own error"},
		{0, "1 NOP+L nop_flags=1 len=-5,2 NOP", "2: 1 EIO, 2 ECANCELED", "a result breaks a chain"},
		{0, "1 NOP+H nop_flags=1 len=-5,2 NOP", "2: 1 EIO, 2 0", "not a hard one"},
		{0, "1 NOP+L nop_flags=1 len=5,2 NOP", "2: 1 5, 2 0", "a positive result does not"},
		{0, "1 READ+L fd=77,2 NOP", "2: 1 EBADF, 2 ECANCELED", ""}, {0, "1 READ+H fd=77,2 NOP", "2: 1 EBADF, 2 0", ""},
		{0, "1 CLOSE+L fd=77,2 NOP", "2: 1 EBADF, 2 ECANCELED", ""},
		{0, "1 ASYNC_CANCEL+L,2 NOP", "2: 1 ENOENT, 2 ECANCELED", ""},
		{0, "1 NOP+LS,2 NOP", "2: 2 0", ""},
		{0, "1 200+LS,2 NOP,3 NOP", "3: 1 EINVAL, 3 0", "a failing head with CQE_SKIP silences the rest"},
		{0, "1 200+L,2 NOP+S", "2: 1 EINVAL, 2 ECANCELED", "a failing head without it makes all speak"},
		{0, "1 NOP+L,2 200+LS,3 NOP", "3: 1 ECANCELED, 2 EINVAL, 3 ECANCELED", "only the head's matters"},
		{0, "1 NOP+LS,2 200+L,3 NOP", "3: 1 ECANCELED", "a head cancelled by others counts as failing"},
		{deferTW, "1 NOP+L,2 200+L,3 NOP,4 NOP", "4: 1 ECANCELED, 4 0", "DEFER_TASKRUN: the rest waits for GETEVENTS"},
		{deferTW, "1 NOP+L,2 NOP", "2: 1 0", ""},
	})
}

// TestDeferredLinks: the rest of a chain comes with the enter that asks for events.
func TestDeferredLinks(t *testing.T) {
	d := drive(t, kernel.V7_3)
	d.must(d.setup("init", "r", deferTW), 3)
	got := []string{d.enter("init", "r", "1 NOP+L,2 200+L,3 NOP,4 NOP", 0), d.enter("init", "r", "", 0), d.enter("init",
		"r", "", getEvents)}
	if diff := cmp.Diff([]string{"4: 1 ECANCELED, 4 0", "0:", "0: 2 EINVAL, 3 ECANCELED"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := d.enter("init", "r", "1 NOP+L,2 200+L,3 NOP,4 NOP",
		getEvents); got != "4: 1 ECANCELED, 4 0, 2 EINVAL, 3 ECANCELED" {
		t.Errorf("at once: %s", got)
	}
}

// TestLinkTimeout: what a timeout of a chain gives, where io_uring alone decides.
func TestLinkTimeout(t *testing.T) {
	timeout := fmt.Sprintf("LINK_TIMEOUT addr=%d len=1", timeAt)
	linked := fmt.Sprintf("LINK_TIMEOUT+L addr=%d len=1", timeAt)
	checkEnters(t, []enterRow{
		{0, "1 " + timeout, "1: 1 EINVAL", "no request before it"},
		{0, "1 NOP+L,2 " + timeout, "2: 1 0, 2 ECANCELED", "the request is done first"},
		{0, "1 NOP+L,2 " + linked + ",3 " + timeout, "3: 1 ECANCELED, 2 ECANCELED, 3 EINVAL", "a timeout of a timeout"},
		{0, "1 NOP+L,2 " + linked + ",3 NOP", "3: 1 0, 2 ECANCELED, 3 0", "the chain goes on behind it"},
		{0, "1 200+L,2 " + timeout, "2: 1 EINVAL, 2 ECANCELED", "of a request that fails"},
	})
}

// TestDeniedLinkTimeout: it has armed the request before it by then, so it ends as a timeout does.
func TestDeniedLinkTimeout(t *testing.T) {
	for _, k := range kernel.Measured()[1:] {
		d := drive(t, k)
		d.must(d.setup("init", "r", 0), 3)
		d.must(d.filter("init", "r", uapi.IORING_OP_LINK_TIMEOUT, "ret #0", 0), 0)
		got := d.enter("init", "r", fmt.Sprintf("1 NOP+L,2 LINK_TIMEOUT addr=%d len=1", timeAt), 0)
		if want := "2: 1 ECANCELED, 2 ECANCELED"; got != want {
			t.Errorf("%s: %s, want %s", k.Name, got, want)
		}
	}
}

// TestDropped: an SQ array that names no SQE.
func TestDropped(t *testing.T) {
	rows := []struct {
		array []uint32
		want  string
		head  uint32
		drops uint32
		why   string
	}{
		{[]uint32{0, 1, 2}, "3: 1 0, 2 0, 3 0", 3, 0, ""},
		{[]uint32{2, 2, 0}, "3: 3 0, 3 0, 1 0", 3, 0, "in the array's order"},
		{[]uint32{0, 8, 2}, "1: 1 0", 2, 1, "the entry is gone, but does not count"},
		{[]uint32{0xffffffff, 1, 2}, "0:", 1, 1, "none counts"},
	}
	for _, r := range rows {
		d := drive(t, kernel.V7_3)
		d.must(d.setup("init", "r", submitAll), 3)
		e := trace.Enter{FD: 3, Ring: "r", Tail: 3, ToSubmit: 3}
		for i, v := range r.array {
			s := sqe(fmt.Sprintf("%d NOP", i+1))
			e.SQEs = append(e.SQEs, trace.SlotSQE{Slot: uint32(i), Data: s[:]})
			e.Array = append(e.Array, trace.SlotIndex{Slot: uint32(i), Value: v})
		}
		res := d.do("init", e)
		if got := show(res); got != r.want || res.Ring.SQHead != r.head || res.Ring.SQDropped != r.drops {
			t.Errorf("%v: %s, head %d, dropped %d, want %+v", r.array, got, res.Ring.SQHead, res.Ring.SQDropped, r)
		}
	}
}

// TestHowMany: entries are those in the ring, at most to_submit and the ring's size.
func TestHowMany(t *testing.T) {
	rows := []struct {
		flags    uint32
		tail     uint32
		toSubmit uint32
		want     int64
		head     uint32
		why      string
	}{
		{0, 2, 1, 1, 1, "to_submit"}, {0, 2, 9, 2, 2, "what is there"}, {0, 0, 3, 0, 0, "nothing"},
		{0, 2, 0, 0, 0, "none asked for"},
		{0, 100, 100, 8, 8, "no more than the ring has"},
		{uapi.IORING_SETUP_NO_SQARRAY, 3, 3, 3, 3, ""},
		{uapi.IORING_SETUP_NO_SQARRAY | uapi.IORING_SETUP_SQ_REWIND, 0, 3, 3, 0, "REWIND looks at neither head nor tail"},
	}
	for _, r := range rows {
		d := drive(t, kernel.V7_3)
		d.must(d.setup("init", "r", r.flags), 3)
		res := d.do("init", trace.Enter{FD: 3, Ring: "r", Tail: r.tail, ToSubmit: r.toSubmit}) // all SQEs are NOP 0
		if res.Ret != r.want || res.Ring.SQHead != r.head || len(res.Ring.CQEs) != int(r.want) {
			t.Errorf("tail %d, to_submit %d: %d, head %d, %d CQEs, want %+v", r.tail, r.toSubmit, res.Ret, res.Ring.SQHead,
				len(res.Ring.CQEs), r)
		}
	}
}

// TestRequests: the account of each request of an enter, in order.
func TestRequests(t *testing.T) {
	d := drive(t, kernel.V7_3)
	d.must(d.setup("init", "r", submitAll), 3)
	d.must(d.filter("init", "r", uapi.IORING_OP_MADVISE, "ret #0", 0), 0)
	d.fds["r"] = 3
	var got []string
	list := []string{"1 NOP", "2 MADVISE", "3 200+L", "4 NOP", "5 READ fd=0"}
	e := trace.Enter{FD: 3, Ring: "r", Tail: 5, ToSubmit: 5}
	for i, text := range list {
		s := sqe(text)
		e.SQEs = append(e.SQEs, trace.SlotSQE{Slot: uint32(i), Data: s[:]})
		e.Array = append(e.Array, trace.SlotIndex{Slot: uint32(i), Value: uint32(i)})
	}
	for _, q := range d.do("init", e).Requests {
		stage := "-"
		if q.Why != nil {
			stage = string(q.Why.Stage)
		}
		got = append(got, fmt.Sprintf("%d %s %v %s", q.UserData, stage, q.Issued, q.Note))
	}
	want := []string{"1 - true ", "2 filter false ", "3 init false ", "4 - false cancelled with its chain",
		"5 - true issued; its result is not known"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

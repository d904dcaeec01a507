package record

import (
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/uringsim/uringsim/internal/sysuring"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// polledPaths are what openPolled opens, again and again.
var polledPaths = []string{"/dev/null", "/dev/zero", "/dev/full"}

// polledOpens is how many files it opens.
const polledOpens = 60

// openPolled opens files by a ring with a submission thread, as an event loop does: it sleeps in a system call until a
// request is done, and then writes the path of the next where that of the last stood.
func openPolled() int {
	runtime.LockOSThread()
	ring, err := sysuring.NewRingWith(8, uapi.IORING_SETUP_SQPOLL)
	if err != nil {
		return 1
	}
	path := make([]byte, 64)
	for i := range polledOpens {
		clear(path)
		copy(path, polledPaths[i%len(polledPaths)])
		s := uapi.SQE{}
		s.SetOpcode(uapi.IORING_OP_OPENAT)
		s.SetFD(unix.AT_FDCWD)
		s.SetAddr(uint64(uintptr(unsafe.Pointer(&path[0]))))
		s.SetUserData(uint64(i))
		copy(ring.SQE(0), s[:])
		if i == 0 {
			_, err = ring.Enter(1, 0, uapi.IORING_ENTER_SQ_WAKEUP)
		} else {
			ring.Publish(1)
		}
		cqes := make([]uapi.CQE, 1)
		for err == nil && ring.Reap(cqes) == 0 {
			err = unix.Nanosleep(&unix.Timespec{Nsec: 100_000}, nil)
		}
		if err != nil || cqes[0].Res < 0 || unix.Close(int(cqes[0].Res)) != nil {
			return 2
		}
	}
	return 0
}

// TestPolled: nothing of an event loop with a submission thread is lost, and its paths are read in time.
func TestPolled(t *testing.T) {
	skipWithout(t)
	s, tr := recordTest(t, "polled", filepath.Join(t.TempDir(), "polled.jsonl"))
	if s.Status != 0 || s.SQEs != polledOpens || s.CQEs != polledOpens || s.Polled != 1 ||
		s.LostSQEs+s.LostCQEs+s.Unread != 0 {
		t.Errorf("%+v, want %d SQEs", s, polledOpens)
	}
	var got, want []string
	for _, e := range tr.Events {
		if a, ok := e.Args.(*trace.EnterArgs); ok {
			for i := range a.SQEs {
				for _, f := range a.SQEs[i].Fields {
					if f.Value.Object != nil && f.Value.Object.Path != nil {
						got = append(got, *f.Value.Object.Path)
					}
				}
			}
		}
	}
	for i := range polledOpens {
		want = append(want, polledPaths[i%len(polledPaths)])
	}
	if !slices.Equal(got, want) {
		t.Errorf("it opened %q, want %q", got, want)
	}
}

// polledBatches and polledBatch are how many requests polledBursts submits.
const polledBatches, polledBatch = 500, 8

// polledBursts submits through a submission thread as fast as it can, and calls the kernel only if the thread sleeps.
func polledBursts() int {
	runtime.LockOSThread()
	ring, err := sysuring.NewRingWith(polledBatch, uapi.IORING_SETUP_SQPOLL)
	if err != nil {
		return 1
	}
	cqes := make([]uapi.CQE, polledBatch)
	for b := range polledBatches {
		for i := range polledBatch {
			s := uapi.SQE{}
			s.SetUserData(uint64(b*polledBatch + i))
			if i == 1 {
				s.SetOpcode(uapi.IORING_OP_LAST)
			}
			copy(ring.SQE(i), s[:])
		}
		ring.Publish(polledBatch)
		for got := 0; got < polledBatch; got += ring.Reap(cqes) {
			if ring.SQFlags()&uapi.IORING_SQ_NEED_WAKEUP == 0 {
				continue
			}
			if n, err := ring.Submit(uint32(b%2), 0, uapi.IORING_ENTER_SQ_WAKEUP); err != nil || n != int64(b%2) {
				return 2
			}
		}
	}
	if n, err := ring.Submit(0, 0, uapi.IORING_ENTER_GETEVENTS); err != nil || n != 0 {
		return 3
	}
	return 0
}

// TestAsleep: of a submission thread that sleeps nothing is lost.
func TestAsleep(t *testing.T) {
	skipWithout(t)
	s, tr := recordWith(t, "bursts", filepath.Join(t.TempDir(), "bursts.jsonl"), Options{Asleep: true})
	if s.Status != 0 || s.SQEs != polledBatches*polledBatch || s.CQEs != s.SQEs ||
		s.Polled+s.LostSQEs+s.LostCQEs+s.Sampled != 0 {
		t.Errorf("%+v, want %d SQEs", s, polledBatches*polledBatch)
	}
	for i := range tr.Events {
		if a, ok := tr.Events[i].Args.(*trace.SetupArgs); ok && uint32(a.Flags) != uapi.IORING_SETUP_SQPOLL {
			t.Errorf("a setup with %#x, want what the program asked for", uint32(a.Flags))
		}
	}
}

// TestStale: entries that may have been overwritten, or whose request the program had done with, are not recorded.
func TestStale(t *testing.T) {
	rows := []struct {
		why            string
		sqHead, sqTail uint32 // now; the entries are 0 to 2, with user_data 10 to 12
		cqHead         uint32 // of two CQEs, for 10 and 11
		op             uapi.Op
		flags          uint8 // of all but the last
		open           map[uint64]int
		want           []uint64
	}{
		{"in time", 0, 3, 0, uapi.IORING_OP_OPENAT, 0, nil, []uint64{10, 11, 12}},
		{"taken, and not done", 3, 3, 0, uapi.IORING_OP_OPENAT, 0, nil, []uint64{10, 11, 12}},
		{"one is done", 3, 3, 1, uapi.IORING_OP_OPENAT, 0, nil, []uint64{11, 12}},
		{"one is done, which points nowhere", 3, 3, 1, uapi.IORING_OP_NOP, 0, nil, []uint64{10, 11, 12}},
		{"one is done, but it is another", 3, 3, 1, uapi.IORING_OP_OPENAT, 0, map[uint64]int{10: 1}, []uint64{10, 11, 12}},
		{"one of a chain is done", 3, 3, 1, uapi.IORING_OP_OPENAT, uapi.IOSQE_IO_LINK, nil, nil},
		{"the place of one may be another's by now", 3, 4, 0, uapi.IORING_OP_NOP, 0, nil, []uint64{11, 12}},
	}
	for _, r := range rows {
		f := newFakeRing(t, 0, 4, 8)
		f.open = r.open
		for i := range 3 {
			f.sqe(i, uapi.SizeofSQE, r.op, uint64(10+i))
			f.set(fakeArray+4*i, uint32(i))
			if i < 2 {
				f.sqeMem[i*uapi.SizeofSQE+1] = r.flags
			}
		}
		s, _ := f.submit(t, 0, 3)
		for i := range 2 {
			c := uapi.CQE{UserData: uint64(10 + i)}
			copy(f.words[uapi.RingCQEs+i*uapi.SizeofCQE:], c.Append(nil, false))
		}
		f.set(uapi.RingSQHead, r.sqHead)
		f.set(uapi.RingSQTail, r.sqTail)
		f.set(uapi.RingCQHead, r.cqHead)
		f.set(uapi.RingCQTail, 2)
		lost := f.dropStale(f.task, 0, &s)
		var got []uint64
		for i := range s.raw {
			got = append(got, s.raw[i].UserData())
		}
		if !slices.Equal(got, r.want) || lost != 3-len(r.want) || len(s.sqes) != len(s.raw) {
			t.Errorf("%s: %v are left, and %d lost, want %v", r.why, got, lost, r.want)
		}
	}
}

// TestMade: a descriptor that a request made is in the trace, as long as the program has it.
func TestMade(t *testing.T) {
	r := &ring{}
	open := uapi.SQE(sqe(uapi.IORING_OP_OPENAT, map[string]uint64{"user_data": 1}))
	slot := uapi.SQE(sqe(uapi.IORING_OP_OPENAT, map[string]uint64{"user_data": 2, "file_index": 1}))
	accept := uapi.SQE(sqe(uapi.IORING_OP_ACCEPT, map[string]uint64{"user_data": 3}))
	for _, s := range []*uapi.SQE{&open, &slot, &accept} {
		r.makes(s)
	}
	for _, row := range []struct {
		cqe  uapi.CQE
		want int32
		why  string
	}{
		{uapi.CQE{UserData: 1, Res: 7}, 7, "opened"},
		{uapi.CQE{UserData: 1, Res: 8}, -1, "there was one such request"},
		{uapi.CQE{UserData: 2, Res: 0}, -1, "into a slot"},
		{uapi.CQE{UserData: 3, Res: 9, Flags: uapi.IORING_CQE_F_MORE}, 9, "accepted"},
		{uapi.CQE{UserData: 3, Res: -9}, -9, "the last of them"},
		{uapi.CQE{UserData: 3, Res: 10}, -1, "there are no more"},
	} {
		if got := r.made(&row.cqe); got != row.want {
			t.Errorf("%s: %d, want %d", row.why, got, row.want)
		}
	}
}

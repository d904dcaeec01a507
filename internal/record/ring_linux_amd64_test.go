package record

import (
	"os"
	"slices"
	"testing"
	"unsafe"

	"github.com/uringsim/uringsim/internal/ptrace"
	"github.com/uringsim/uringsim/uapi"
)

// fakeRing is a ring in memory of this test, as one with NO_MMAP is in that of its program.
type fakeRing struct {
	*ring
	words, sqeMem []byte
	task          *task
	place         ptrace.Place
}

const fakeArray = 2048 // offset of the SQ array

func newFakeRing(t *testing.T, flags, sqEntries, cqEntries uint32) *fakeRing {
	t.Helper()
	f := &fakeRing{words: make([]byte, 4096), sqeMem: make([]byte, 4096)}
	p := uapi.Params{Flags: flags | uapi.IORING_SETUP_NO_MMAP, SQEntries: sqEntries, CQEntries: cqEntries,
		SQOff: uapi.SQRingOffsets{Head: uapi.RingSQHead, Tail: uapi.RingSQTail, RingEntries: uapi.RingSQEntries,
			Dropped: uapi.RingSQDropped, Array: fakeArray},
		CQOff: uapi.CQRingOffsets{Head: uapi.RingCQHead, Tail: uapi.RingCQTail, RingEntries: uapi.RingCQEntries,
			Overflow: uapi.RingCQOverflow, CQEs: uapi.RingCQEs}}
	p.CQOff.UserAddr = uint64(uintptr(unsafe.Pointer(&f.words[0])))
	p.SQOff.UserAddr = uint64(uintptr(unsafe.Pointer(&f.sqeMem[0])))
	f.ring = &ring{Ring: ptrace.NewRing(ptrace.FileID{}, p)}
	f.task = &task{Task: &ptrace.Task{TID: os.Getpid(), Process: &ptrace.Process{Space: &ptrace.Space{}}}}
	f.set(uapi.RingSQEntries, sqEntries)
	f.set(uapi.RingCQEntries, cqEntries)
	var ok bool
	if _, f.place, ok = f.Words(f.task.Task); !ok {
		t.Skip("this process may not read its own memory as that of another")
	}
	return f
}

func (f *fakeRing) set(off int, v uint32) { le.PutUint32(f.words[off:], v) }

// submit reads n entries and gives their user_data, and the slots that are written out.
func (f *fakeRing) submit(t *testing.T, first, n uint32) (s submission, userData []uint64) {
	t.Helper()
	s, ok := f.entries(&fakeProgram{}, f.task, f.place, first, n)
	if !ok {
		t.Fatal("the entries cannot be read")
	}
	for _, raw := range s.raw {
		userData = append(userData, raw.UserData())
	}
	return s, userData
}

func (f *fakeRing) sqe(slot int, size int, op uapi.Op, userData uint64) {
	copy(f.sqeMem[slot*size:], sqe(op, map[string]uint64{"user_data": userData}))
}

func TestEntries(t *testing.T) {
	f := newFakeRing(t, 0, 4, 8)
	for i := range 4 {
		f.sqe(i, uapi.SizeofSQE, uapi.IORING_OP_NOP, uint64(10+i))
		f.set(fakeArray+4*i, uint32(i))
	}
	if s, got := f.submit(t, 3, 3); !slices.Equal(got, []uint64{13, 10, 11}) || s.array != nil || s.sqes[0].Slot != nil {
		t.Errorf("around the end: %v, array %v", got, s.array)
	}
	f.set(fakeArray, 2)
	if s, got := f.submit(t, 0, 2); !slices.Equal(got, []uint64{12, 11}) || s.sqes[0].Slot == nil || *s.sqes[0].Slot != 2 {
		t.Errorf("out of place: %v", got)
	}
	f.set(fakeArray+4, 77)
	s, got := f.submit(t, 0, 3)
	if !slices.Equal(got, []uint64{12, 12}) || !slices.Equal(s.array, []uint32{2, 77, 2}) || *s.sqes[1].Slot != 2 {
		t.Errorf("an entry that names no SQE: %v, array %v", got, s.array)
	}
	f.Params.Flags |= uapi.IORING_SETUP_NO_SQARRAY
	if _, got := f.submit(t, 4, 2); !slices.Equal(got, []uint64{10, 11}) {
		t.Errorf("without an array: %v", got)
	}
	if _, ok := f.entries(&fakeProgram{}, f.task, f.place, 0, 5); ok {
		t.Error("more entries than the ring has")
	}
}

func TestWideEntries(t *testing.T) {
	f := newFakeRing(t, uapi.IORING_SETUP_NO_SQARRAY|uapi.IORING_SETUP_SQE128, 4, 8)
	f.sqe(1, 2*uapi.SizeofSQE, uapi.IORING_OP_NOP, 5)
	f.sqeMem[3*uapi.SizeofSQE] = 0xaa
	if s, got := f.submit(t, 1, 1); !slices.Equal(got, []uint64{5}) || len(s.sqes[0].Cmd) != 64 || s.sqes[0].Cmd[0] != 0xaa {
		t.Errorf("SQEs of 128 bytes: %v", got)
	}
	f = newFakeRing(t, uapi.IORING_SETUP_NO_SQARRAY|uapi.IORING_SETUP_SQE_MIXED, 4, 8)
	f.sqe(0, uapi.SizeofSQE, uapi.IORING_OP_NOP, 1)
	f.sqe(1, uapi.SizeofSQE, uapi.IORING_OP_NOP128, 2)
	f.sqe(2, uapi.SizeofSQE, uapi.IORING_OP_NOP, 99) // the second half
	f.sqe(3, uapi.SizeofSQE, uapi.IORING_OP_NOP, 3)
	if s, got := f.submit(t, 0, 4); !slices.Equal(got, []uint64{1, 2, 3}) || len(s.sqes[1].Cmd) != 64 || s.sqes[2].Cmd != nil {
		t.Errorf("SQEs of both sizes: %v", got)
	}
}

// fill writes CQEs and the tail behind them; it gives what take finds.
func (f *fakeRing) fill(t *testing.T, tail uint32, cqes ...uapi.CQE) (userData []uint64, lost uint32) {
	t.Helper()
	for i, c := range cqes {
		copy(f.words[uapi.RingCQEs+i*uapi.SizeofCQE:], c.Append(nil, c.Flags&uapi.IORING_CQE_F_32 != 0))
	}
	f.set(uapi.RingCQTail, tail)
	c, p, ok := f.Words(f.task.Task)
	if !ok {
		t.Fatal("the counters cannot be read")
	}
	list, lost := f.Take(f.task.Task, c, p)
	for _, c := range list {
		userData = append(userData, c.UserData)
	}
	return userData, lost
}

func TestTake(t *testing.T) {
	f := newFakeRing(t, 0, 4, 4)
	four := []uapi.CQE{{UserData: 1}, {UserData: 2}, {UserData: 3}, {UserData: 4}}
	for _, row := range []struct {
		tail uint32
		want []uint64
		lost uint32
		why  string
	}{
		{0, nil, 0, "nothing new"},
		{3, []uint64{1, 2, 3}, 0, "in order"},
		{6, []uint64{4, 1, 2}, 0, "around the end"},
		{20, []uint64{1, 2, 3, 4}, 10, "14 since, of which the ring has 4"},
	} {
		if got, lost := f.fill(t, row.tail, four...); !slices.Equal(got, row.want) || lost != row.lost {
			t.Errorf("%s: %v and %d lost, want %v and %d", row.why, got, lost, row.want, row.lost)
		}
	}
	f.set(uapi.RingCQTail, 3)
	if _, _, ok := f.Words(f.task.Task); ok {
		t.Error("a ring that went back is another one")
	}
	f = newFakeRing(t, uapi.IORING_SETUP_CQE_MIXED, 4, 8)
	got, _ := f.fill(t, 4, uapi.CQE{UserData: 1}, uapi.CQE{UserData: 2, Flags: uapi.IORING_CQE_F_32}, uapi.CQE{},
		uapi.CQE{UserData: 9, Flags: uapi.IORING_CQE_F_SKIP})
	if !slices.Equal(got, []uint64{1, 2}) {
		t.Errorf("CQEs of both sizes: %v", got)
	}
}

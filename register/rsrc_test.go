package register

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/mm"
	"github.com/uringsim/uringsim/tctx"
	"github.com/uringsim/uringsim/uapi"
)

const (
	files2   = uapi.IORING_REGISTER_FILES2
	buffers2 = uapi.IORING_REGISTER_BUFFERS2
	dataAt   = memAt + 0x100
	tagsAt   = memAt + 0x200
)

// give stores what a call points to, and makes it.
func give(task *tctx.Task, op uapi.RegisterOp, arg, data, tags []byte, nr uint32) string {
	task.Mem.CopyOut(memAt, arg)
	task.Mem.CopyOut(dataAt, data)
	task.Mem.CopyOut(tagsAt, tags)
	return text(Call(kernel.V7_3, task, &Args{FD: 3, Op: uint32(op), Arg: memAt, Nr: nr}))
}

// registerRows are the rows of TestRegisterRsrc.
var registerRows = []struct {
	op   uapi.RegisterOp
	r    uapi.RsrcRegister
	data []byte
	tags []byte
	want string
	why  string
}{
	{files2, uapi.RsrcRegister{}, nil, nil, "EINVAL", "nr"},
	{files2, uapi.RsrcRegister{Nr: 1, Resv2: 1 << 32}, nil, nil, "EINVAL", "resv2, all of it"},
	{files2, uapi.RsrcRegister{Nr: 1, Flags: 2}, nil, nil, "EINVAL", "an unknown flag"},
	{files2, uapi.RsrcRegister{Nr: 1, Flags: 1, Data: dataAt}, fds(0), nil, "EINVAL", "sparse, with data"},
	{files2, uapi.RsrcRegister{Nr: 2, Flags: 1}, nil, nil, "0", "sparse"},
	{files2, uapi.RsrcRegister{Nr: 2}, nil, nil, "0", "no data is sparse, too"},
	{files2, uapi.RsrcRegister{Nr: 1025}, nil, nil, "EMFILE", ""},
	{files2, uapi.RsrcRegister{Nr: 2, Data: dataAt, Tags: tagsAt}, fds(0, 4), iov(7, 8), "0", ""},
	{files2, uapi.RsrcRegister{Nr: 2, Data: dataAt, Tags: tagsAt}, fds(0, -1), iov(7, 8), "EINVAL", "a tag of nothing"},
	{files2, uapi.RsrcRegister{Nr: 1, Tags: tagsAt}, nil, iov(8), "EINVAL", "a tag of nothing"},
	{files2, uapi.RsrcRegister{Nr: 1, Data: dataAt, Tags: badAt}, fds(99), nil, "EFAULT", "tags come first"},
	{files2, uapi.RsrcRegister{Nr: 1, Data: badAt}, nil, nil, "EFAULT", ""},
	{files2, uapi.RsrcRegister{Nr: 1, Data: dataAt}, fds(-2), nil, "EBADF", "SKIP is for updates"},
	{buffers2, uapi.RsrcRegister{Nr: 2, Data: dataAt, Tags: tagsAt}, iov(memAt, 8, 0, 0), iov(7, 0), "0", ""},
	{buffers2, uapi.RsrcRegister{Nr: 2, Data: dataAt, Tags: tagsAt}, iov(memAt, 8, 0, 0), iov(7, 8), "EINVAL",
		"a tag of nothing"},
	{buffers2, uapi.RsrcRegister{Nr: 1, Data: dataAt, Tags: badAt}, iov(memAt, 1<<63), nil, "EINVAL", "iovecs come first"},
	{buffers2, uapi.RsrcRegister{Nr: 1, Data: dataAt, Tags: badAt}, iov(0, 1), nil, "EFAULT",
		"tags before what they are of"},
	{buffers2, uapi.RsrcRegister{Nr: 16384, Flags: 1}, nil, nil, "0", ""},
	{buffers2, uapi.RsrcRegister{Nr: 16385, Flags: 1}, nil, nil, "EINVAL", ""},
}

// TestRegisterRsrc: tables with tags and without data. What fails posts no tag.
func TestRegisterRsrc(t *testing.T) {
	for _, r := range registerRows {
		task, ring := world(0)
		if got := give(task, r.op, r.r.Append(nil), r.data, r.tags, 32); got != r.want {
			t.Errorf("%s %+v = %s, want %s (%s)", r.op, r.r, got, r.want, r.why)
		}
		if made := ring.Files.Registered() || ring.Buffers != nil; made != (r.want == "0") || ring.posted != nil {
			t.Errorf("%s %+v: table %v, posted %v (%s)", r.op, r.r, made, ring.posted, r.why)
		}
	}
}

// tagged are the tags that a ring posted.
func (r *ring) tagged() []uint64 {
	var tags []uint64
	for _, c := range r.posted {
		tags = append(tags, c.UserData)
	}
	return tags
}

// full is a world whose ring has four files with tags 1 to 4 and four buffers with tags 11 to 14.
func full(t *testing.T) (*tctx.Task, *ring) {
	t.Helper()
	task, ring := world(0)
	table := uapi.RsrcRegister{Nr: 4, Data: dataAt, Tags: tagsAt}.Append(nil)
	f := give(task, files2, table, fds(0, 1, 2, 4), iov(1, 2, 3, 4), 32)
	b := give(task, buffers2, table, iov(memAt, 8, memAt, 8, memAt, 8, memAt, 8), iov(11, 12, 13, 14), 32)
	if f != "0" || b != "0" {
		t.Fatalf("files %s, buffers %s", f, b)
	}
	return task, ring
}

// updateRows are the rows of TestUpdateRsrc.
var updateRows = []struct {
	op     uapi.RegisterOp
	u      uapi.RsrcUpdate2 // data and tags are filled in
	data   []byte
	tags   []byte
	want   string
	posted []uint64
	why    string
}{
	{filesUpdate2, uapi.RsrcUpdate2{}, fds(0), nil, "EINVAL", nil, "nr"},
	{filesUpdate2, uapi.RsrcUpdate2{Nr: 1, Resv: 1}, fds(0), nil, "EINVAL", nil, "resv"},
	{filesUpdate2, uapi.RsrcUpdate2{Nr: 1, Resv2: 1}, fds(0), nil, "EINVAL", nil, "resv2"},
	{filesUpdate2, uapi.RsrcUpdate2{Offset: none, Nr: 1}, fds(0), nil, "EOVERFLOW", nil, ""},
	{filesUpdate2, uapi.RsrcUpdate2{Offset: 3, Nr: 2}, fds(-1, -1), nil, "EINVAL", nil, "beyond the end"},
	{filesUpdate2, uapi.RsrcUpdate2{Offset: 1, Nr: 3}, fds(-1, -2, 0), nil, "3", []uint64{2, 4}, "SKIP keeps the tag"},
	{filesUpdate2, uapi.RsrcUpdate2{Nr: 2}, fds(99, -1), nil, "EBADF", []uint64{1}, "the slot is empty before"},
	{filesUpdate2, uapi.RsrcUpdate2{Nr: 3}, fds(-1, 3, -1), nil, "1", []uint64{1, 2}, "a ring"},
	{filesUpdate2, uapi.RsrcUpdate2{Nr: 1}, fds(-1), iov(9), "EINVAL", nil, "a tag of nothing"},
	{filesUpdate2, uapi.RsrcUpdate2{Nr: 1}, fds(-2), iov(9), "EINVAL", nil, "a tag of the old file"},
	{filesUpdate2, uapi.RsrcUpdate2{Nr: 1, Data: badAt}, nil, nil, "EFAULT", nil, ""},
	{filesUpdate2, uapi.RsrcUpdate2{Nr: 1, Tags: badAt}, fds(-1), nil, "EFAULT", nil, ""},
	{buffersUpdate, uapi.RsrcUpdate2{Nr: 2}, iov(0, 0, memAt, 8), iov(0, 9), "2", []uint64{11, 12}, ""},
	{buffersUpdate, uapi.RsrcUpdate2{Nr: 2}, iov(memAt, 8, memAt, 0), nil, "1", []uint64{11},
		"the bad one changes nothing"},
	{buffersUpdate, uapi.RsrcUpdate2{Nr: 1}, iov(0, 0), iov(9), "EINVAL", nil, "a tag of nothing"},
	{buffersUpdate, uapi.RsrcUpdate2{Nr: 1, Data: badAt}, nil, nil, "EFAULT", nil, ""},
}

const (
	filesUpdate2  = uapi.IORING_REGISTER_FILES_UPDATE2
	buffersUpdate = uapi.IORING_REGISTER_BUFFERS_UPDATE
)

// TestUpdateRsrc: an update does what it can and says how much; what goes posts its tag.
func TestUpdateRsrc(t *testing.T) {
	for _, r := range updateRows {
		task, ring := full(t)
		if r.u.Data == 0 {
			r.u.Data = dataAt
		}
		if r.u.Tags == 0 && r.tags != nil {
			r.u.Tags = tagsAt
		}
		got := give(task, r.op, r.u.Append(nil), r.data, r.tags, 32)
		if diff := cmp.Diff(r.posted, ring.tagged()); got != r.want || diff != "" {
			t.Errorf("%s %+v = %s, want %s (%s), posted (-want +got):\n%s", r.op, r.u, got, r.want, r.why, diff)
		}
	}
}

// TestTagsInOrder: a table goes from its last entry to its first, and what somebody holds later.
func TestTagsInOrder(t *testing.T) {
	task, ring := full(t)
	held := ring.Files.Lookup(2).Get()
	for _, op := range []uapi.RegisterOp{uapi.IORING_UNREGISTER_FILES, uapi.IORING_UNREGISTER_BUFFERS} {
		if got := text(Call(kernel.V7_3, task, &Args{FD: 3, Op: uint32(op)})); got != "0" {
			t.Errorf("%s = %s", op, got)
		}
	}
	ring.Put(held)
	if diff := cmp.Diff([]uint64{4, 2, 1, 14, 13, 12, 11, 3}, ring.tagged()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestAllocRange: which slots files get that ask for any.
func TestAllocRange(t *testing.T) {
	task, ring := world(0)
	file := &tctx.File{Kind: tctx.OtherFile}
	alloc := func() any {
		slot, e, _ := ring.InstallFile(file, uapi.IORING_FILE_INDEX_ALLOC)
		if e != 0 {
			return e.Error()
		}
		return slot
	}
	limit := func(off, length uint32) string {
		r := uapi.FileIndexRange{Off: off, Len: length}
		return give(task, uapi.IORING_REGISTER_FILE_ALLOC_RANGE, r.Append(nil), nil, nil, 0)
	}
	got := []any{alloc(), limit(0, 1), limit(0, 0)}
	give(task, files2, uapi.RsrcRegister{Nr: 5}.Append(nil), nil, nil, 32)
	got = append(got, alloc(), limit(2, none), limit(3, 3), limit(2, 3), alloc(), alloc(), alloc(), alloc())
	for _, slot := range []uint32{4, 3} {
		ring.RemoveFile(slot)
	}
	got = append(got, alloc(), alloc(), limit(0, 5), alloc(), alloc())
	full := uapi.ENFILE.Error()
	want := []any{full, "EINVAL", "0", uint32(0), "EOVERFLOW", "EINVAL", "0", uint32(2), uint32(3), uint32(4), full,
		uint32(3), uint32(4), "0", uint32(1), full}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// cloneRows are the rows of TestClone, on a ring with four buffers and a source with three places, of which the second
// is empty.
var cloneRows = []struct {
	b      uapi.CloneBuffers
	want   string
	there  []int // places of the table that have a buffer
	posted []uint64
	why    string
}{
	{uapi.CloneBuffers{}, "EBUSY", nil, nil, "without REPLACE"},
	{uapi.CloneBuffers{Flags: 4}, "EINVAL", nil, nil, "unknown flags come first"},
	{uapi.CloneBuffers{Flags: 2, Pad: [3]uint32{0, 0, 1}}, "EINVAL", nil, nil, ""},
	{uapi.CloneBuffers{Flags: 2, SrcFD: 99}, "EBADF", nil, nil, ""},
	{uapi.CloneBuffers{Flags: 2, SrcFD: 4}, "EOPNOTSUPP", nil, nil, "no ring"},
	{uapi.CloneBuffers{Flags: 3}, "EBADF", nil, nil, "no registered ring"},
	{uapi.CloneBuffers{Flags: 2, SrcFD: 6}, "ENXIO", nil, nil, "a source without buffers"},
	{uapi.CloneBuffers{Flags: 2, SrcFD: 7}, "EEXIST", nil, nil, "a source of another task"},
	{uapi.CloneBuffers{Flags: 2, SrcOff: 1}, "EINVAL", nil, nil, "nr must be given"},
	{uapi.CloneBuffers{Flags: 2, Nr: 4}, "EINVAL", nil, nil, "more than there are"},
	{uapi.CloneBuffers{Flags: 2, Nr: 3, SrcOff: 1}, "EOVERFLOW", nil, nil, "beyond the end"},
	{uapi.CloneBuffers{Flags: 2, Nr: 3, DstOff: none}, "EOVERFLOW", nil, nil, ""},
	{uapi.CloneBuffers{Flags: 2, Nr: 3, DstOff: 16382}, "EINVAL", nil, nil, ""},
	{uapi.CloneBuffers{Flags: 2}, "0", []int{0, 2, 3}, []uint64{13, 12, 11}, "all, and the fourth stays"},
	{uapi.CloneBuffers{Flags: 2, Nr: 2, DstOff: 3}, "0", []int{0, 1, 2, 3}, []uint64{14}, "the table grows"},
	{uapi.CloneBuffers{Flags: 2, Nr: 1, SrcOff: 2, DstOff: 5}, "0", []int{0, 1, 2, 3, 5}, nil, "with a gap"},
	{uapi.CloneBuffers{Flags: 2, SrcFD: 3, Nr: 1, DstOff: 1}, "0", []int{0, 1, 2, 3}, []uint64{12}, "from itself"},
}

// TestClone: buffers of another ring in place of one's own.
func TestClone(t *testing.T) {
	for _, r := range cloneRows {
		task, ring := full(t)
		for fd := uint32(5); fd <= 7; fd++ { // 5 is the source, 6 has nothing, 7 belongs to somebody else
			_, other := world(0)
			other.Payer = ring.Payer
			if fd != 6 {
				other.Buffers = []*Node{{refs: 1, tag: 21}, nil, {refs: 1, tag: 23}}
			}
			if fd == 7 {
				other.Submitter = tctx.NewInit("other")
			}
			task.Files.Install(&tctx.File{Kind: tctx.RingFile, Ring: other}, true)
		}
		if r.b.SrcFD == 0 && r.b.Flags&1 == 0 {
			r.b.SrcFD = 5
		}
		got := give(task, uapi.IORING_REGISTER_CLONE_BUFFERS, r.b.Append(nil), nil, nil, 1)
		if diff := cmp.Diff(r.posted, ring.tagged()); got != r.want || diff != "" {
			t.Errorf("%+v = %s, want %s (%s), posted (-want +got):\n%s", r.b, got, r.want, r.why, diff)
		}
		for i, n := range ring.Buffers {
			if r.there != nil && (n != nil) != slices.Contains(r.there, i) {
				t.Errorf("%+v: place %d has %v (%s)", r.b, i, n, r.why)
			}
		}
	}
}

// TestPayer: whose rings may clone from whose.
func TestPayer(t *testing.T) {
	root := tctx.NewInit("root")
	nobody := &tctx.Task{Mem: root.Mem, Cred: tctx.Cred{Nobody: true}}
	rows := []struct {
		t    *tctx.Task
		same bool
		why  string
	}{
		{root, true, ""},
		{&tctx.Task{Mem: root.Mem, Cred: root.Cred}, true, "a thread"},
		{&tctx.Task{Mem: &mm.Space{}, Cred: root.Cred}, false, "other memory"},
		{nobody, false, "a user pays, root does not"},
		{&tctx.Task{Mem: root.Mem, Cred: tctx.Cred{CapNS: true, NewNS: true}}, false, "root of a namespace pays"},
	}
	for _, r := range rows {
		if got := PayerOf(r.t) == PayerOf(root); got != r.same {
			t.Errorf("%s: the same is %v, want %v", r.why, got, r.same)
		}
	}
}

// TestFilesUpdate: the older call, whose nr is the number of descriptors.
func TestFilesUpdate(t *testing.T) {
	rows := []struct {
		u    uapi.RsrcUpdate
		nr   uint32
		want string
	}{
		{uapi.RsrcUpdate{}, 0, "EINVAL"}, {uapi.RsrcUpdate{Resv: 1}, 1, "EINVAL"}, {uapi.RsrcUpdate{Offset: 1}, 3, "3"},
		{uapi.RsrcUpdate{Offset: 1}, 4, "EINVAL"}, {uapi.RsrcUpdate{Offset: 1}, none, "EOVERFLOW"},
	}
	for _, r := range rows {
		task, _ := full(t)
		r.u.Data = dataAt
		if got := give(task, uapi.IORING_REGISTER_FILES_UPDATE, r.u.Append(nil), make([]byte, 16), nil, r.nr); got != r.want {
			t.Errorf("%+v, nr %d = %s, want %s", r.u, r.nr, got, r.want)
		}
	}
	task, _ := world(0)
	raw := binary.LittleEndian.AppendUint64(nil, 0)
	if got := give(task, uapi.IORING_REGISTER_FILES_UPDATE, append(raw, raw...), nil, nil, 1); got != "ENXIO" {
		t.Errorf("without a table: %s", got)
	}
}

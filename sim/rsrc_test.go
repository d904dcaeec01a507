package sim

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// table registers files or buffers with tags from first on, one for each that is not empty.
func (d *driver) table(ring string, op uapi.RegisterOp, data []byte, nr int, first uint64) {
	d.Helper()
	const dataAt, tagsAt = regAt + 0x100, regAt + 0x200
	var tags []byte
	for i := range nr {
		tag := first + uint64(i)
		if op == uapi.IORING_REGISTER_FILES2 && int32(binary.LittleEndian.Uint32(data[4*i:])) == -1 {
			tag = 0
		}
		tags = binary.LittleEndian.AppendUint64(tags, tag)
	}
	d.write("init", regAt, uapi.RsrcRegister{Nr: uint32(nr), Data: dataAt, Tags: tagsAt}.Append(nil))
	d.write("init", dataAt, data)
	d.write("init", tagsAt, tags)
	d.must(d.register("init", ring, op, regAt, 32), 0)
}

// numbers are 32-bit numbers in memory.
func numbers(values ...int32) (b []byte) {
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, uint32(v))
	}
	return b
}

// listAt holds the descriptors 0, 77, 0.
const listAt = memAt + 0x4000

// slotRows are requests on a ring at 3 with slots of tags 31 and 32, an empty one and one of tag 34, and a buffer of 16
// bytes with tag 41. The ring at 4 has one empty slot and one of tag 52.
var slotRows = []struct {
	sqes string
	want string
	why  string
}{
	{"1 NOP,2 CLOSE file_index=1", "2: 31 0, 1 0, 2 0", "a tag before CQEs of the batch"},
	{"1 NOP+F nop_flags=6 fd=0,2 CLOSE file_index=1", "2: 1 0, 2 0, 31 0", "but behind that of who uses the slot"},
	{"1 FILES_UPDATE addr=0x20004000 len=1", "1: 31 0, 1 1", "0 in place of 0"},
	{"1 FILES_UPDATE addr=0x20004000 len=2", "1: 31 0, 32 0, 1 1", "77 is not open: the slot is empty"},
	{"1 FILES_UPDATE off=1 addr=0x20004004 len=1", "1: 32 0, 1 EBADF", ""},
	{"1 FILES_UPDATE off=4 addr=0x20004000 len=1", "1: 1 EINVAL", ""},
	{"1 FILES_UPDATE off=0x1ffffffff addr=0x20004000 len=1", "1: 1 1", "the slot that is left"},
	{"1 FILES_UPDATE off=-1 addr=0x20004000 len=3", "1: 1 1", "77 is not open"},
	{"1 FILES_UPDATE off=-1 addr=0x20004000 len=1,2 FILES_UPDATE off=-1 addr=0x20004008 len=1", "2: 1 1, 2 ENFILE", "full"},
	{"1 FILES_UPDATE off=-1 addr=8 len=1", "1: 1 EFAULT", ""},
	{"1 FILES_UPDATE+A addr=0x20004000 len=1", "1: 31 0~, 1 1~", "in a worker"},
	{"1 FIXED_FD_INSTALL+F fd=0", "1: 1 5", ""}, {"1 FIXED_FD_INSTALL+F fd=2", "1: 1 EBADF", "an empty slot"},
	{"1 PIPE addr=0x20004000", "1: 1 0", ""}, {"1 PIPE addr=8", "1: 1 EFAULT", ""},
	{"1 PIPE addr=0x20004000 file_index=1", "1: 31 0, 32 0, 1 0", "two slots in a row"},
	{"1 PIPE addr=0x20004000 file_index=4", "1: 34 0, 1 EINVAL", "there is no fifth"},
	{"1 PIPE addr=0x20004000 file_index=-1", "1: 1 ENFILE", "one slot is not enough"},
	{"1 PIPE addr=0x20004000 file_index=1 pipe_flags=0x80000", "1: 1 EINVAL", "a slot has no O_CLOEXEC"},
	{"1 WRITE_FIXED fd=0 addr=0x20000000 len=17", "1: 1 EFAULT", "too long"},
	{"1 WRITE_FIXED fd=0 addr=0x1fffffff len=1", "1: 1 EFAULT", "before it"},
	{"1 WRITE_FIXED fd=0 addr=0x20000000 len=1 buf_index=1", "1: 1 EFAULT", "no buffer"},
	{"1 WRITE_FIXED fd=0 addr=0x20000000 len=16", "1:", "it may be written"},
	{"1 TEE fd=0 splice_fd_in=77", "1: 1 EBADF~", "not open"},
	{"1 TEE fd=0 splice_fd_in=2 splice_flags=0x80000000", "1: 1 EBADF~", "an empty slot"},
	{"1 SPLICE fd=0 splice_fd_in=0 splice_flags=0x80000000", "1: 1 0~", "nothing to move"},
	{"1 MSG_RING fd=4 addr=1 file_index=1 off=9", "1: 1 0", ""}, {"1 MSG_RING fd=4 addr=1 file_index=-1", "1: 1 0", "the slot"},
	{"1 MSG_RING fd=4 addr=1", "1: 1 EINVAL", "no slot"}, {"1 MSG_RING fd=3 addr=1 file_index=1", "1: 1 EINVAL", "itself"},
	{"1 MSG_RING fd=4 addr=1 len=1 file_index=1", "1: 1 EINVAL", ""},
	{"1 MSG_RING fd=4 addr=1 addr3=2 file_index=1", "1: 1 EBADF", "nothing to pass"},
}

// slotDriver has the rings that slotRows are for.
func slotDriver(t *testing.T) *driver {
	t.Helper()
	d := drive(t, kernel.V7_3)
	d.must(d.setup("init", "r", 0), 3)
	d.must(d.setup("init", "s", 0), 4)
	d.table("r", uapi.IORING_REGISTER_FILES2, numbers(0, 0, -1, 0), 4, 31)
	d.table("s", uapi.IORING_REGISTER_FILES2, numbers(-1, 0), 2, 51)
	d.table("r", uapi.IORING_REGISTER_BUFFERS2, []byte{3: 0x20, 8: 16, 15: 0}, 1, 41)
	d.write("init", listAt, numbers(0, 77, 0))
	return d
}

// TestSlots: requests that use and change slots, and the tags that come of it.
func TestSlots(t *testing.T) {
	for _, r := range slotRows {
		d := slotDriver(t)
		if got := d.enter("init", "r", r.sqes, 0); got != r.want {
			t.Errorf("[%s] %s, want %s (%s)", r.sqes, got, r.want, r.why)
		}
	}
}

// TestSendFD: a passed file drives out what was in the slot, whose tag comes before the message.
func TestSendFD(t *testing.T) {
	d := slotDriver(t)
	d.enter("init", "r", "1 MSG_RING fd=4 addr=1 file_index=2 off=9,2 MSG_RING fd=4 addr=1 file_index=-1 off=10", 0)
	d.enter("init", "r", "3 MSG_RING fd=4 addr=1 file_index=1 off=11 msg_ring_flags=1", 0)
	if got, want := d.enter("init", "s", "", getEvents), "0: 52 0, 9 0, 10 0"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestSendFDLater: the task of a ring with DEFER_TASKRUN passes a file on its way out, behind the CQEs of the batch.
func TestSendFDLater(t *testing.T) {
	d := slotDriver(t)
	d.must(d.setup("init", "defer", deferTW), 5)
	d.table("defer", uapi.IORING_REGISTER_FILES2, numbers(0), 1, 61)
	got := d.enter("init", "r", "1 MSG_RING fd=5 addr=1 file_index=1 off=9,2 CLOSE file_index=1", 0)
	got += "; " + d.enter("init", "defer", "", 0)
	if want := "2: 31 0, 2 0, 1 0; 0: 61 0, 9 0"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestRecordedSlots: a recorded result does not decide where a file went.
func TestRecordedSlots(t *testing.T) {
	rows := []struct {
		index    uint32
		recorded int32
		want     string
		why      string
	}{
		{uapi.IORING_FILE_INDEX_ALLOC, 2, "2", "the empty slot"}, {uapi.IORING_FILE_INDEX_ALLOC, 0, "2", "and no other"},
		{3, 0, "0", "a slot by its number"}, {5, 0, "EINVAL", "no slot"}, {3, -2, "ENOENT", "nothing was opened"},
	}
	for _, r := range rows {
		d := slotDriver(t)
		known := []uapi.CQE{{UserData: 1, Res: r.recorded}}
		open := fmt.Sprintf("1 OPENAT addr=%d file_index=%d", pathAt, r.index)
		got := d.enterWith("init", "r", []string{open}, trace.Enter{ToSubmit: 1, Known: known})
		if want := "1: 1 " + r.want + "~"; got != want {
			t.Errorf("slot %d, recorded %d: %s, want %s (%s)", int32(r.index), r.recorded, got, want, r.why)
		}
	}
}

// TestBufferHeld: the tag of a buffer comes behind the transfer that uses it.
func TestBufferHeld(t *testing.T) {
	d := slotDriver(t)
	d.enter("init", "r", "1 WRITE_FIXED fd=0 addr=0x20000000 len=16", 0)
	d.must(d.register("init", "r", uapi.IORING_UNREGISTER_BUFFERS, 0, 0), 0)
	if got := d.enter("init", "r", "", getEvents); got != "0:" {
		t.Errorf("%s, while the buffer is in use", got)
	}
	r := trace.Enter{Flags: getEvents, Known: []uapi.CQE{{UserData: 1, Res: 16}, {UserData: 41}}}
	if got, want := d.enterWith("init", "r", nil, r), "0: 1 16~, 41 0~"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

package register

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/mm"
	"github.com/uringsim/uringsim/tctx"
	"github.com/uringsim/uringsim/uapi"
)

const readAt = memAt + 16*mm.PageSize // a page that cannot be written to

// step is a call with a struct as its argument, and what comes of it: the result, and what is written back if it is not
// the same as before.
type step struct {
	op   uapi.RegisterOp
	arg  string // bytes; "" for NULL, "bad" for no memory, and behind "r" for memory that cannot be written to
	nr   uint32
	want string
	why  string
}

// play makes the calls one after another, on a ring with these flags, by a task that the change prepares.
func play(t *testing.T, k kernel.Release, flags uint32, change func(*tctx.Task, *ring), steps []step) {
	t.Helper()
	task, r := world(flags)
	task.Files.Install(&tctx.File{Kind: tctx.EventFile}, true) // descriptor 5
	if change != nil {
		change(task, r)
	}
	for i, s := range steps {
		if got := s.do(t, k, task); got != s.want {
			t.Errorf("%s: %d. %s(%s, %d) = %s, want %s (%s)", k, i+1, s.op, s.arg, s.nr, got, s.want, s.why)
		}
	}
}

func (s *step) do(t *testing.T, k kernel.Release, task *tctx.Task) string {
	t.Helper()
	text, readOnly := strings.CutPrefix(s.arg, "r")
	addr, prot := uint64(memAt), mm.ReadWrite
	if readOnly {
		addr, prot = readAt, mm.Read
	}
	if s.arg == "bad" {
		text, addr = "", badAt
	}
	before, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	if s.arg == "" {
		addr = 0
	} else if s.arg != "bad" {
		task.Mem.Map(addr, mm.PageSize, mm.ReadWrite)
		task.Mem.CopyOut(addr, before)
		task.Mem.Protect(addr, mm.PageSize, prot)
	}
	o := Call(k, task, &Args{FD: 3, Op: uint32(s.op), Arg: addr, Nr: s.nr})
	if o.Unmodelled != "" {
		return "?"
	}
	now := make([]byte, len(before))
	task.Mem.CopyIn(now, addr)
	if string(now) != string(before) {
		return uapi.FormatRet(o.Ret) + " " + hex.EncodeToString(now)
	}
	return uapi.FormatRet(o.Ret)
}

// TestEventfd: one eventfd a ring, in either of two ways.
func TestEventfd(t *testing.T) {
	const fd, async, off = uapi.IORING_REGISTER_EVENTFD, uapi.IORING_REGISTER_EVENTFD_ASYNC, uapi.IORING_UNREGISTER_EVENTFD
	play(t, kernel.V7_3, 0, nil, []step{
		{off, "", 0, "ENXIO", "there is none"}, {fd, "bad", 1, "EFAULT", ""}, {fd, "", 1, "EFAULT", ""},
		{fd, "63000000", 1, "EBADF", "99 is not open"}, {fd, "ffffffff", 1, "EBADF", "-1 is not none here"},
		{fd, "04000000", 1, "EINVAL", "a pipe"}, {async, "03000000", 1, "EINVAL", "a ring"},
		{async, "05000000", 1, "0", ""}, {fd, "bad", 1, "EBUSY", "before it is read"}, {off, "", 0, "0", ""},
		{fd, "05000000", 1, "0", ""}, {async, "05000000", 1, "EBUSY", ""},
	})
}

// TestClock: two clocks, and words that must be 0.
func TestClock(t *testing.T) {
	const op = uapi.IORING_REGISTER_CLOCK
	zeros := strings.Repeat("00", 12)
	play(t, kernel.V7_3, 0, nil, []step{
		{op, "01000000" + zeros, 0, "0", "CLOCK_MONOTONIC"}, {op, "07000000" + zeros, 0, "0", "CLOCK_BOOTTIME"},
		{op, "00000000" + zeros, 0, "EINVAL", "CLOCK_REALTIME"}, {op, "0b000000" + zeros, 0, "EINVAL", "CLOCK_TAI"},
		{op, "01000000" + zeros[2:] + "01", 0, "EINVAL", ""}, {op, "bad", 0, "EFAULT", ""},
	})
}

// TestSyncCancel: what is not there cannot be cancelled.
func TestSyncCancel(t *testing.T) {
	reg := func(fd int32, flags uint32, pad byte) string {
		c := uapi.SyncCancelReg{FD: fd, Flags: flags, Pad: [7]uint8{6: pad}}
		return hex.EncodeToString(c.Append(nil))
	}
	const op = uapi.IORING_REGISTER_SYNC_CANCEL
	steps := []step{
		{op, "bad", 1, "EFAULT", ""}, {op, reg(0, 0x40, 0), 1, "EINVAL", "no such flag"},
		{op, reg(0, 1, 1), 1, "EINVAL", "pad"},
		{op, reg(99, 2|1, 0), 1, "EBADF", "not open"}, {op, reg(-1, 2|1, 0), 1, "EBADF", ""},
		{op, reg(99, 0, 0), 1, "ENOENT", "not asked for"},
		{op, reg(0, 2|8, 0), 1, "ENOENT", "slot 0"}, {op, reg(1, 2|8|1, 0), 1, "EBADF", "an empty slot"},
		{op, reg(2, 2|8|1, 0), 1, "EBADF", "no slot"},
		{op, reg(0, 1, 0), 1, "0", "ALL finds none"}, {op, reg(0, 4|2, 0), 1, "0", "ANY goes with FD here"},
	}
	files := func(_ *tctx.Task, r *ring) {
		r.Files = FileTable{slots: []*Node{{File: &tctx.File{Kind: tctx.OtherFile}}, nil}}
	}
	play(t, kernel.V7_3, 0, files, steps)
	play(t, kernel.V7_3, 0, func(_ *tctx.Task, r *ring) { r.inFlight = true }, []step{
		{op, reg(99, 2, 0), 1, "EBADF", "whatever is in flight"}, {op, reg(0, 1, 0), 1, "?", ""},
		{op, reg(0, 0, 0), 1, "?", ""}})
}

// napi is struct io_uring_napi.
func napi(poll uint32, prefer, op uint8, param uint32) string {
	return hex.EncodeToString(uapi.NAPI{BusyPollTo: poll, PreferBusyPoll: prefer, Opcode: op, OpParam: param}.Append(nil))
}

// TestNAPI: the old settings are written, and then the new ones looked at.
func TestNAPI(t *testing.T) {
	const set, unset = uapi.IORING_REGISTER_NAPI, uapi.IORING_UNREGISTER_NAPI
	off, static := " "+napi(0, 0, 0, 255), " "+napi(77, 1, 0, 1)
	steps := []step{
		{set, "bad", 1, "EFAULT", ""},
		{set, napi(0, 0, 0, 0)[:14] + "01" + strings.Repeat("00", 8), 1, "EINVAL", "pad"},
		{set, napi(0, 0, 3, 0), 1, "EINVAL" + off, "no such operation"},
		{set, napi(0, 0, 0, 2), 1, "EINVAL" + off, "no such tracking"},
		{set, napi(0, 0, 1, 9000), 1, "EINVAL" + off, "not static"}, {set, "r" + napi(1, 0, 0, 0), 1, "EFAULT", ""},
		{set, napi(77, 9, 0, 1), 1, "0" + off, ""}, {set, napi(0, 0, 1, 9000), 1, "0" + static, ""},
		{set, napi(0, 0, 1, 9000), 1, "EEXIST" + static, ""}, {set, napi(0, 0, 2, 9001), 1, "ENOENT" + static, ""},
		{set, napi(0, 0, 1, 1), 1, "EINVAL" + static, "the number of a processor"},
		{set, napi(0, 0, 1, 8192), 1, "?", "perhaps one"},
		{set, napi(0, 0, 2, 9000), 1, "0" + static, ""}, {set, napi(0, 0, 1, 9000), 1, "0" + static, ""},
		{set, napi(78, 1, 0, 1), 1, "0" + static, "forgets the ids"},
		{set, napi(0, 0, 2, 9000), 1, "ENOENT " + napi(78, 1, 0, 1), ""},
		{unset, "r" + napi(1, 0, 0, 0), 1, "EFAULT", "and nothing is unset"},
		{unset, napi(9, 0, 0, 9), 1, "0 " + napi(78, 1, 0, 0), "without the tracking"},
		{set, napi(10001, 0, 0, 0), 1, "0" + off, ""}, {unset, "", 1, "0", "nowhere to write to"},
	}
	play(t, kernel.V7_3, 0, nil, steps)
	play(t, kernel.V7_3, uapi.IORING_SETUP_IOPOLL, nil, []step{{set, "bad", 1, "EINVAL", "before it is read"},
		{unset, "", 1, "0", ""}})
	for _, k := range kernel.Measured() {
		kept := uint32(10000)
		if k.Name == "6.19" {
			kept = 10001
		}
		play(t, k, 0, nil, []step{{set, napi(10001, 0, 0, 0), 1, "0" + off, ""},
			{unset, napi(0, 0, 0, 0), 1, "0 " + napi(kept, 0, 0, 0), ""}})
	}
}

// bufReg is struct io_uring_buf_reg.
func bufReg(r uapi.BufReg) string { return hex.EncodeToString(r.Append(nil)) }

// TestPBufRing: fields, then the group, then the memory.
func TestPBufRing(t *testing.T) {
	const set, unset = uapi.IORING_REGISTER_PBUF_RING, uapi.IORING_UNREGISTER_PBUF_RING
	const look = uapi.IORING_REGISTER_PBUF_STATUS
	at := func(addr uint64, entries uint32) string {
		return bufReg(uapi.BufReg{RingAddr: addr, RingEntries: entries, BGID: 7})
	}
	status := func(id, head uint32) string {
		s := uapi.BufStatus{BufGroup: id, Head: head}
		return hex.EncodeToString(s.Append(nil))
	}
	play(t, kernel.V7_3, 0, nil, []step{
		{set, "bad", 1, "EFAULT", ""},
		{set, bufReg(uapi.BufReg{RingEntries: 1, Flags: 1, Resv: [5]uint32{4: 1}}), 1, "EINVAL", ""},
		{set, bufReg(uapi.BufReg{RingEntries: 1, Flags: 4}), 1, "EINVAL", "no such flag"},
		{set, at(memAt, 0), 1, "EINVAL", ""},
		{set, at(memAt, 6), 1, "EINVAL", "no power of two"}, {set, at(memAt, 65536), 1, "EINVAL", "too many"},
		{set, bufReg(uapi.BufReg{RingEntries: 1, Flags: 1, MinLeft: 1}), 1, "EINVAL", "not incremental"},
		{set, at(0, 1), 1, "EFAULT", "no memory"}, {set, at(memAt+16, 1), 1, "EINVAL", "not a page"},
		{set, at(1<<64-4096, 1), 1, "EOVERFLOW", ""}, {set, at(1<<64-8192, 1), 1, "EFAULT", ""},
		{set, at(badAt, 1), 1, "EFAULT", ""},
		{set, at(memAt+15*mm.PageSize, 512), 1, "EFAULT", "two pages"}, {unset, at(0, 0), 1, "ENOENT", ""},
		{set, at(memAt+15*mm.PageSize, 256), 1, "0", ""}, {set, at(0, 1), 1, "EEXIST", "before the memory"},
		{look, status(7, 5), 1, "0 " + status(7, 0), ""}, {look, "r" + status(7, 5), 1, "EFAULT", ""},
		{look, "bad", 1, "EFAULT", ""},
		{look, status(0x10007, 0), 1, "ENOENT", "no group has so large a number"},
		{look, status(7, 0)[:78] + "01", 1, "EINVAL", ""},
		{unset, "bad", 1, "EFAULT", ""}, {unset, bufReg(uapi.BufReg{BGID: 7, Flags: 1}), 1, "EINVAL", ""},
		{unset, bufReg(uapi.BufReg{BGID: 7, MinLeft: 1}), 1, "0", "not looked at"},
		{look, status(7, 0), 1, "ENOENT", ""},
		{set, bufReg(uapi.BufReg{RingAddr: 1, RingEntries: 32768, Flags: 3, MinLeft: 9}), 1, "0", "the kernel's memory"},
	})
	groups := func(_ *tctx.Task, r *ring) {
		r.Groups = map[uint16]*BufferGroup{1: {}, 2: {Count: 1}, 3: {Count: 1, Pending: 1},
			4: {Ring: true, Lost: true}, 5: {Ring: true, Head: 65535}}
	}
	of := func(id uint16) string { return bufReg(uapi.BufReg{RingEntries: 1, BGID: id}) }
	play(t, kernel.V7_3, 0, groups, []step{
		{look, status(1, 0), 1, "EINVAL", "not a ring"}, {unset, of(1), 1, "EINVAL", ""},
		{set, of(1), 1, "EFAULT", "and the group is gone"},
		{look, status(1, 0), 1, "ENOENT", ""}, {set, of(2), 1, "EEXIST", "it has buffers"},
		{set, of(3), 1, "?", "perhaps it has none"},
		{look, status(4, 0), 1, "?", "nobody knows how far"}, {look, status(5, 0), 1, "0 " + status(5, 65535), ""}, {set, of(4), 1, "EEXIST", ""},
		{unset, of(4), 1, "0", ""},
	})
}

// TestMinLeft: min_left is a reserved word on 6.19.
func TestMinLeft(t *testing.T) {
	for _, k := range kernel.Measured() {
		want := "0"
		if k.Name == "6.19" {
			want = "EINVAL"
		}
		play(t, k, 0, nil, []step{
			{uapi.IORING_REGISTER_PBUF_RING, bufReg(uapi.BufReg{RingEntries: 1, Flags: 3, MinLeft: 1}), 1, want, ""},
			{uapi.IORING_REGISTER_PBUF_RING, bufReg(uapi.BufReg{RingEntries: 1, Flags: 3, BGID: 1}), 1, "0", ""},
			{uapi.IORING_UNREGISTER_PBUF_RING, bufReg(uapi.BufReg{MinLeft: 1, BGID: 1}), 1, want, ""},
		})
	}
}

// TestMaxWorkers: limits that are known, are those that were set.
func TestMaxWorkers(t *testing.T) {
	words := func(a, b uint32) string {
		return hex.EncodeToString(binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, a), b))
	}
	const op = uapi.IORING_REGISTER_IOWQ_MAX_WORKERS
	steps := []step{
		{op, "bad", 2, "EFAULT", ""}, {op, words(1<<31, 0), 2, "EINVAL", "negative"},
		{op, words(0, 0), 2, "?", "the machine's"},
		{op, words(4, 0), 2, "?", ""}, {op, "r" + words(0, 6), 2, "EFAULT", "and it is set"},
		{op, words(0, 0), 2, "0 " + words(4, 6), ""},
		{op, words(1, 2), 2, "0 " + words(4, 6), ""}, {op, words(0, 3), 2, "0 " + words(1, 2), ""},
		{op, words(0, 0), 2, "0 " + words(1, 3), ""},
		{op, words(300, 0), 2, "0 " + words(1, 3), ""}, {op, words(0, 0), 2, "?", "RLIMIT_NPROC may be smaller"},
	}
	play(t, kernel.V7_3, 0, nil, steps)
	play(t, kernel.V7_3, 0, func(_ *tctx.Task, r *ring) { r.Thread = &tctx.WorkQueue{Max: [2]uint32{8, 9}} }, []step{
		{op, words(5, 0), 2, "0 " + words(8, 9), "of the thread"}, {op, words(0, 0), 2, "0 " + words(5, 9), ""}})
	play(t, kernel.V7_3, 0, func(task *tctx.Task, _ *ring) { task.WQ = nil }, []step{
		{op, words(5, 6), 2, "0 " + words(0, 0), "no workers"}, {op, words(0, 0), 2, "0", ""}})
}

// TestUse: a task's workers keep to the limits of the ring that it uses first, and to those of any that is told.
func TestUse(t *testing.T) {
	_, a := world(0)
	_, b := world(0)
	a.MaxWorkers, b.MaxWorkers = [2]uint32{5, 0}, [2]uint32{7, 7}
	task := tctx.NewInit("other")
	a.Use(task)
	b.Use(task)
	if got := fmt.Sprint(task.WQ.Max); got != "[5 0]" || !task.Uses || !b.users[task.WQ] {
		t.Errorf("limits %s, want [5 0]: those of the first ring", got)
	}
	task.Exec(kernel.V7_3)
	if task.WQ != nil {
		t.Error("a program that was executed still has workers")
	}
}

// TestAffinity: of the processors, the first is known.
func TestAffinity(t *testing.T) {
	const set, unset = uapi.IORING_REGISTER_IOWQ_AFF, uapi.IORING_UNREGISTER_IOWQ_AFF
	steps := []step{
		{set, "01", 1, "0", ""}, {set, "00", 1, "0", "an empty mask"}, {set, "03", 1, "?", ""},
		{set, "0001", 2, "?", ""},
		{set, "01", 4096, "0", "no more than 1024 bytes are read"}, {set, "bad", 1, "EFAULT", ""},
		{unset, "", 0, "0", ""},
	}
	play(t, kernel.V7_3, 0, nil, steps)
	play(t, kernel.V7_3, 0, func(task *tctx.Task, _ *ring) { task.WQ = nil }, []step{
		{set, "bad", 1, "EFAULT", "before"}, {set, "03", 1, "EINVAL", "no workers"}, {unset, "", 0, "EINVAL", ""}})
	task, _ := world(0)
	o := Call(kernel.V7_3, task, &Args{FD: 3, Op: uint32(set), Arg: memAt + 16*mm.PageSize - 8, Nr: 1024})
	if diff := cmp.Diff("?", text(o)); diff != "" {
		t.Errorf("a mask that ends where a kernel may have read enough (-want +got):\n%s", diff)
	}
}

// TestMachine: what only the machine decides is taken from what a real kernel gave there, and nothing else is.
func TestMachine(t *testing.T) {
	const limits, affinity = uapi.IORING_REGISTER_IOWQ_MAX_WORKERS, uapi.IORING_REGISTER_IOWQ_AFF
	gave := func(e uapi.Errno, mem ...byte) *Answer { return &Answer{Ret: e.Ret(), Mem: mem} }
	eight := []byte{9, 0, 0, 0, 8, 0, 0, 0}
	for _, row := range []struct {
		op    uapi.RegisterOp
		nr    uint32
		mem   []byte
		set   uint32 // bounded workers that the task has been allowed
		known *Answer
		want  string
		why   string
	}{
		{limits, 2, make([]byte, 8), 0, gave(0, eight...), "0 0900000008000000", ""},
		{limits, 2, make([]byte, 8), 5, gave(0, eight...), "0 0500000008000000", "one is known without that"},
		{limits, 2, make([]byte, 8), 0, gave(0, eight[:4]...), "?", "half of it is not known"},
		{limits, 2, make([]byte, 8), 0, gave(uapi.EACCES, eight...), "?", "the kernel wrote nothing"},
		{limits, 2, []byte{0, 0, 0, 128, 0, 0, 0, 0}, 0, gave(0, eight...), "EINVAL", "the model knows better"},
		{affinity, 1, []byte{3}, 0, gave(0), "0", "there are two processors"},
		{affinity, 1, []byte{3}, 0, gave(uapi.EINVAL), "EINVAL", "there is one"},
		{affinity, 1, []byte{1}, 0, gave(uapi.EINVAL), "0", "the model knows better"},
		{affinity, 1, []byte{3}, 0, gave(uapi.EACCES), "?", "a verdict is not taken"},
	} {
		task, _ := world(0)
		task.WQ = &tctx.WorkQueue{Max: [2]uint32{row.set, 0}}
		task.Mem.CopyOut(memAt, row.mem)
		o := Call(kernel.V7_3, task, &Args{FD: 3, Op: uint32(row.op), Arg: memAt, Nr: row.nr, Known: row.known})
		got := text(o)
		if row.op == limits && got == "0" {
			mem := make([]byte, 8)
			task.Mem.CopyIn(mem, memAt)
			got += " " + hex.EncodeToString(mem)
		}
		if got != row.want {
			t.Errorf("%s of %x, %s: %s, want %s", row.op, row.mem, row.why, got, row.want)
		}
	}
}

package register

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/uringsim/uringsim/bpffilter"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/mm"
	"github.com/uringsim/uringsim/tctx"
	"github.com/uringsim/uringsim/uapi"
)

const (
	memAt = 0x2000_0000
	badAt = 0x7000_0000
)

// ring is what a ring looks like from here.
type ring struct {
	State
	posted   []uapi.CQE
	inFlight bool
	resized  uapi.Params
}

func (r *ring) RegisterState() *State { return &r.State }

func (r *ring) Cancel(uint32, uint64, uapi.Op, *tctx.File) (int, bool) { return 0, !r.inFlight }

func (r *ring) PostMessage(c uapi.CQE) { r.posted = append(r.posted, c) }

// Resize takes any size.
func (r *ring) Resize(_ *tctx.Task, p *uapi.Params, _ uint64) Outcome {
	r.resized = *p
	return Outcome{Resized: r.Name}
}

// world is a task with 16 pages of memory, a ring at descriptor 3 and a pipe at 4.
func world(flags uint32) (*tctx.Task, *ring) {
	t := tctx.NewInit("init")
	t.Mem.Map(memAt, 16*mm.PageSize, mm.ReadWrite)
	r := &ring{State: State{Name: "r", Flags: flags}}
	r.PostAux, r.Payer = func(c uapi.CQE) { r.posted = append(r.posted, c) }, PayerOf(t)
	t.Files.Install(&tctx.File{Kind: tctx.RingFile, Ring: r}, true)
	t.Files.Install(&tctx.File{Kind: tctx.PipeFile}, true)
	r.Use(t)
	return t, r
}

// text is an outcome in a word.
func text(o Outcome) string {
	if o.Unmodelled != "" {
		return "?"
	}
	return uapi.FormatRet(o.Ret)
}

// argRules repeats the rules for arg and nr that come before the handler: good says for (arg, nr) what is accepted.
var argRules = map[uapi.RegisterOp]struct {
	bad  []string // "arg nr" that are refused with EINVAL
	good string   // "arg nr" that gets past the rules
}{
	uapi.IORING_UNREGISTER_BUFFERS: {[]string{"1 0", "0 1"}, "0 0"}, uapi.IORING_UNREGISTER_FILES: {[]string{"1 0",
		"0 1"}, "0 0"},
	uapi.IORING_UNREGISTER_EVENTFD: {[]string{"1 0", "0 1"}, "0 0"}, uapi.IORING_REGISTER_PERSONALITY: {[]string{"1 0",
		"0 1"}, "0 0"},
	uapi.IORING_REGISTER_ENABLE_RINGS: {[]string{"1 0", "0 1"}, "0 0"}, uapi.IORING_UNREGISTER_IOWQ_AFF: {[]string{"1 0",
		"0 1"}, "0 0"},
	uapi.IORING_REGISTER_EVENTFD: {[]string{"1 0", "1 2"}, "1 1"}, uapi.IORING_REGISTER_EVENTFD_ASYNC: {[]string{"1 0",
		"1 2"}, "1 1"},
	uapi.IORING_REGISTER_PROBE:            {[]string{"0 1", "1 257"}, "1 256"},
	uapi.IORING_UNREGISTER_PERSONALITY:    {[]string{"1 1"}, "0 1"},
	uapi.IORING_REGISTER_IOWQ_AFF:         {[]string{"0 1", "1 0"}, "1 1"},
	uapi.IORING_REGISTER_IOWQ_MAX_WORKERS: {[]string{"0 2", "1 1", "1 3"}, "1 2"},
	uapi.IORING_REGISTER_FILES2:           {[]string{"1 31", "1 33", "1 0"}, "1 32"},
	uapi.IORING_REGISTER_BUFFERS2:         {[]string{"1 31", "1 33"}, "1 32"},
	uapi.IORING_REGISTER_FILES_UPDATE2:    {[]string{"1 31", "1 16"}, "1 32"},
	uapi.IORING_REGISTER_BUFFERS_UPDATE:   {[]string{"1 31", "1 16"}, "1 32"},
	uapi.IORING_REGISTER_PBUF_RING:        {[]string{"0 1", "1 0", "1 2"}, "1 1"},
	uapi.IORING_UNREGISTER_PBUF_RING:      {[]string{"0 1", "1 0"}, "1 1"},
	uapi.IORING_REGISTER_SYNC_CANCEL:      {[]string{"0 1", "1 2"}, "1 1"},
	uapi.IORING_REGISTER_FILE_ALLOC_RANGE: {[]string{"0 0", "1 1"}, "1 0"},
	uapi.IORING_REGISTER_PBUF_STATUS:      {[]string{"0 1", "1 0"}, "1 1"},
	uapi.IORING_REGISTER_NAPI:             {[]string{"0 1", "1 0"}, "1 1"},
	uapi.IORING_UNREGISTER_NAPI:           {[]string{"0 0", "1 2"}, "0 1"},
	uapi.IORING_REGISTER_CLOCK:            {[]string{"0 0", "1 1"}, "1 0"},
	uapi.IORING_REGISTER_CLONE_BUFFERS:    {[]string{"0 1", "1 0"}, "1 1"},
	uapi.IORING_REGISTER_SEND_MSG_RING:    {[]string{"0 0", "1 1", "0 1"}, ""},
	uapi.IORING_REGISTER_ZCRX_IFQ:         {[]string{"0 1", "1 0"}, "1 1"},
	uapi.IORING_REGISTER_RESIZE_RINGS:     {[]string{"0 1", "1 0"}, "1 1"},
	uapi.IORING_REGISTER_MEM_REGION:       {[]string{"0 1", "1 0"}, "1 1"},
	uapi.IORING_REGISTER_QUERY:            {[]string{"0 1", "1 1"}, "0 0"},
	uapi.IORING_REGISTER_BPF_FILTER:       {[]string{"1 0", "1 2"}, "1 1"},
	uapi.IORING_REGISTER_RING_FDS:         {[]string{"1 0", "1 17"}, "1 16"},
	uapi.IORING_UNREGISTER_RING_FDS:       {[]string{"1 0", "1 17"}, "1 16"},
}

// TestArgRules gives each register opcode on a ring arguments at the borders of what it takes.
func TestArgRules(t *testing.T) {
	call := func(op uapi.RegisterOp, args string) Outcome {
		task, _ := world(uapi.IORING_SETUP_R_DISABLED)
		var arg uint64
		var nr uint32
		fmt.Sscan(args, &arg, &nr)
		if arg != 0 {
			arg = memAt + 0x100
		}
		return Call(kernel.V7_3, task, &Args{FD: 3, Op: uint32(op), Arg: arg, Nr: nr})
	}
	for op, r := range argRules {
		for _, args := range r.bad {
			if got := call(op, args); text(got) != "EINVAL" || got.Why.Where == "" {
				t.Errorf("%s(%s) = %s, want EINVAL", op, args, text(got))
			}
		}
		if r.good == "" {
			continue
		}
		if got := call(op, r.good); got.Why != nil && got.Why.Where == whereRing {
			t.Errorf("%s(%s) = %s by the rules for arguments: %v", op, r.good, text(got), got.Why)
		}
	}
	for _, op := range []uapi.RegisterOp{uapi.IORING_REGISTER_BUFFERS, uapi.IORING_REGISTER_FILES} {
		if got := text(call(op, "0 1")); got != "EFAULT" {
			t.Errorf("%s(NULL) = %s, want EFAULT", op, got)
		}
	}
}

// TestCallOrder: what of a call is looked at first.
func TestCallOrder(t *testing.T) {
	const bit31 = uapi.IORING_REGISTER_USE_REGISTERED_RING
	restricted := func(task *tctx.Task, r *ring) { r.Restrict = bpffilter.Restriction{RegRegistered: true} }
	other := func(task *tctx.Task, r *ring) { r.Submitter = tctx.NewInit("other"); restricted(task, r) }
	rows := []struct {
		fd    int32
		op    uint32
		setup func(*tctx.Task, *ring)
		want  string
		why   string
	}{
		{99, 38, nil, "EINVAL", "the opcode before the descriptor"}, {99, 37 | bit31, nil, "EINVAL", "99 is no index"},
		{99, 8, nil, "EBADF", ""}, {4, 8, nil, "EOPNOTSUPP", "a pipe"}, {0, 8 | bit31, nil, "EBADF", "an empty index"},
		{-1, 8, nil, "EINVAL", "needs a ring"}, {-1, 8 | bit31, nil, "EINVAL", "-1 is blind with bit 31 too"},
		{-1, 35 | bit31, nil, "0", "QUERY"},
		{-1, 99, nil, "EINVAL", ""}, {-2, 8, nil, "EBADF", "only -1 is blind"},
		{3, 9, other, "EEXIST", "the issuer before the restrictions"},
		{3, 9, restricted, "EACCES", "the restrictions before the arguments"},
		{3, 31, nil, "EINVAL", "SEND_MSG_RING has no ring"}, {3, 0, restricted, "EACCES", ""},
	}
	for _, r := range rows {
		task, ring := world(0)
		if r.setup != nil {
			r.setup(task, ring)
		}
		if got := text(Call(kernel.V7_3, task, &Args{FD: r.fd, Op: r.op})); got != r.want {
			t.Errorf("fd %d, op %#x = %s, want %s (%s)", r.fd, r.op, got, r.want, r.why)
		}
	}
}

// TestRestrictedCalls: when the register restrictions of a ring bind.
func TestRestrictedCalls(t *testing.T) {
	rows := []struct {
		disabled, inherited bool
		want                string // 6.19, 7.0, 7.1, 7.2, 7.3
		why                 string
	}{
		{false, false, "EACCES EACCES EACCES EACCES EACCES", "an enabled ring's own"},
		{true, false, "1 1 1 1 1", "a disabled ring's own wait until it is enabled"},
		{true, true, "1 1 1 EACCES EACCES", "inherited ones do not, from 7.2 on"},
		{false, true, "EACCES EACCES EACCES EACCES EACCES", ""},
	}
	for _, r := range rows {
		var got string
		for _, k := range kernel.Measured() {
			flags := uint32(0)
			if r.disabled {
				flags = uapi.IORING_SETUP_R_DISABLED
			}
			task, ring := world(flags)
			ring.Restrict.RegRegistered, ring.Inherited = true, r.inherited
			if k.Name == "6.19" {
				ring.Inherited = false // nothing to inherit
			}
			got += text(Call(k, task, &Args{FD: 3, Op: uint32(uapi.IORING_REGISTER_PERSONALITY)})) + " "
		}
		if diff := cmp.Diff(r.want+" ", got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", r.why, diff)
		}
	}
}

// TestBlindRestrictions: a task's register restrictions bind calls without a ring on 7.3, whatever the opcode.
func TestBlindRestrictions(t *testing.T) {
	for _, k := range kernel.Measured()[1:] {
		for _, op := range []uapi.RegisterOp{0, uapi.IORING_REGISTER_QUERY, uapi.IORING_REGISTER_BPF_FILTER,
			uapi.IORING_REGISTER_RESTRICTIONS} {
			task, _ := world(0)
			task.Restrict = &bpffilter.Restriction{RegRegistered: true}
			want := map[uapi.RegisterOp]string{0: "EINVAL", uapi.IORING_REGISTER_QUERY: "0",
				uapi.IORING_REGISTER_BPF_FILTER:   "EINVAL",
				uapi.IORING_REGISTER_RESTRICTIONS: "EPERM"}[op]
			if k.Name == "7.3" {
				want = "EACCES"
			}
			if got := text(Call(k, task, &Args{FD: -1, Op: uint32(op)})); got != want {
				t.Errorf("%s: %s = %s, want %s", k.Name, op, got, want)
			}
		}
	}
	for _, op := range []uapi.RegisterOp{uapi.IORING_REGISTER_BPF_FILTER, uapi.IORING_REGISTER_RESTRICTIONS} {
		task, _ := world(0)
		if got := text(Call(kernel.V6_19, task, &Args{FD: -1, Op: uint32(op), Arg: memAt, Nr: 1})); got != "EINVAL" {
			t.Errorf("6.19: %s = %s, want EINVAL", op, got)
		}
	}
}

// putBPF stores a registration that denies NOP.
func putBPF(task *tctx.Task) {
	reg := uapi.BPF{CmdType: 1, FilterLen: 1, FilterPtr: memAt + 0x200}
	task.Mem.CopyOut(memAt+0x100, reg.Append(nil))
	task.Mem.CopyOut(memAt+0x200, uapi.SockFilter{Code: 6}.Append(nil))
}

const (
	restrict = uapi.IORING_REGISTER_RESTRICTIONS
	filter   = uapi.IORING_REGISTER_BPF_FILTER
	files    = uapi.IORING_REGISTER_FILES
	buffers  = uapi.IORING_REGISTER_BUFFERS
)

// user takes the task's capabilities away, limited lets it have restrictions as well, header stores one at memAt.
func user(t *tctx.Task) { t.DropPrivileges() }

func limited(t *tctx.Task) { user(t); t.Restrict = &bpffilter.Restriction{} }

func header(h uapi.TaskRestriction) func(*tctx.Task) {
	return func(t *tctx.Task) { t.Mem.CopyOut(memAt, h.Append(nil)) }
}

// taskCallRows are the rows of TestTaskCalls.
var taskCallRows = []struct {
	op    uapi.RegisterOp
	arg   uint64
	nr    uint32
	setup func(*tctx.Task)
	want  string
	why   string
}{
	{restrict, memAt, 2, limited, "EPERM", "once in a life comes first"},
	{restrict, memAt, 2, user, "EACCES", "privilege before nr"},
	{restrict, badAt, 2, nil, "EINVAL", "nr before the memory"}, {restrict, badAt, 1, nil, "EFAULT", ""},
	{restrict, 0, 1, nil, "EFAULT", "NULL too"},
	{restrict, memAt, 1, nil, "0", "a header of zeros denies all"},
	{restrict, memAt, 1, header(uapi.TaskRestriction{Flags: 1}), "EINVAL", ""},
	{restrict, memAt, 1, header(uapi.TaskRestriction{Resv: [3]uint32{0, 0, 1}}), "EINVAL", ""},
	{restrict, memAt, 1, header(uapi.TaskRestriction{NrRes: 107}), "0", ""},
	{restrict, memAt, 1, header(uapi.TaskRestriction{NrRes: 108}), "EINVAL", ""},
	{restrict, memAt + 16*mm.PageSize - 16, 1, nil, "0", "no entries behind it"},
	{filter, badAt, 2, user, "EACCES", "privilege before nr"}, {filter, badAt, 2, limited, "EACCES", ""},
	{filter, badAt, 2, nil, "EINVAL", ""},
	{filter, badAt, 1, nil, "EFAULT", ""}, {filter, memAt + 0x100, 1, putBPF, "0", ""},
	{filter, memAt + 0x100, 1, func(t *tctx.Task) { putBPF(t); user(t); t.NoNewPrivs = true }, "0",
		"no_new_privs will do"},
}

// TestTaskCalls: the order of errors when a task restricts or filters itself.
func TestTaskCalls(t *testing.T) {
	for _, k := range kernel.Measured()[1:] {
		for _, r := range taskCallRows {
			task, _ := world(0)
			if r.setup != nil {
				r.setup(task)
			}
			before := task.Restrict
			if got := text(Call(k, task, &Args{FD: -1, Op: uint32(r.op), Arg: r.arg, Nr: r.nr})); got != r.want {
				t.Errorf("%s: %s = %s, want %s (%s)", k.Name, r.op, got, r.want, r.why)
			}
			if changed := task.Restrict != before; changed != (r.want == "0") {
				t.Errorf("%s: %s, %s: restrictions changed %v", k.Name, r.op, r.why, changed)
			}
		}
	}
}

// TestTaskOnce: after a filter, or a list, there is no list; after a list that could not be read there is.
func TestTaskOnce(t *testing.T) {
	list := func(task *tctx.Task, kind uint16) Outcome {
		head := uapi.TaskRestriction{NrRes: 1}
		task.Mem.CopyOut(memAt, uapi.Restriction{Opcode: kind}.Append(head.Append(nil)))
		return Call(kernel.V7_2, task, &Args{FD: -1, Op: uint32(uapi.IORING_REGISTER_RESTRICTIONS), Arg: memAt, Nr: 1})
	}
	filter := func(task *tctx.Task) Outcome {
		putBPF(task)
		return Call(kernel.V7_2, task, &Args{FD: -1, Op: uint32(uapi.IORING_REGISTER_BPF_FILTER), Arg: memAt + 0x100, Nr: 1})
	}
	task, _ := world(0)
	got := []string{text(list(task, 9)), text(list(task, 1)), text(list(task, 1)), text(filter(task)), text(filter(task))}
	got = append(got, text(list(task.Fork(kernel.V7_2, "child"), 1)))
	task, _ = world(0)
	got = append(got, text(filter(task)), text(list(task, 1)))
	want := []string{"EINVAL", "0", "EPERM", "0", "0", "EPERM", "0", "EPERM"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestRingRestrictions: a ring takes one list, while it is disabled.
func TestRingRestrictions(t *testing.T) {
	const disabled = uapi.IORING_SETUP_R_DISABLED
	task, r := world(disabled)
	call := func(op uapi.RegisterOp, arg uint64, nr uint32) string {
		return text(Call(kernel.V7_3, task, &Args{FD: 3, Op: uint32(op), Arg: arg, Nr: nr}))
	}
	restrict := func(nr uint32) string { return call(uapi.IORING_REGISTER_RESTRICTIONS, memAt, nr) }
	entries := uapi.Restriction{Opcode: 1, Value: 0}.Append(uapi.Restriction{Opcode: 9}.Append(nil))
	task.Mem.CopyOut(memAt, entries)
	got := []string{restrict(2), restrict(108), call(uapi.IORING_REGISTER_RESTRICTIONS, 0, 0),
		call(uapi.IORING_REGISTER_RESTRICTIONS, badAt, 1)}
	task.Mem.CopyOut(memAt, uapi.Restriction{Opcode: 1, Value: 0}.Append(nil))
	got = append(got, restrict(1), restrict(1), call(uapi.IORING_REGISTER_ENABLE_RINGS, 0, 0), restrict(1),
		call(uapi.IORING_REGISTER_ENABLE_RINGS, 0, 0))
	want := []string{"EINVAL", "EINVAL", "EINVAL", "EFAULT", "0", "EBUSY", "0", "EBADFD", "EBADFD"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !r.Restrict.OpRegistered || r.Restrict.RegRegistered || r.Flags&disabled != 0 {
		t.Errorf("%+v", r.Restrict)
	}
	task, r = world(disabled)
	r.Restrict.RegRegistered = true // inherited, on a kernel that does not enforce it yet
	if got := text(Call(kernel.V7_1, task, &Args{FD: 3, Op: uint32(uapi.IORING_REGISTER_RESTRICTIONS), Arg: memAt, Nr: 1})); got != "EBUSY" {
		t.Errorf("inherited restrictions: %s, want EBUSY", got)
	}
}

// TestEnable: who enables a SINGLE_ISSUER ring owns it; 6.19 closes the call by any list.
func TestEnable(t *testing.T) {
	task, r := world(uapi.IORING_SETUP_R_DISABLED | uapi.IORING_SETUP_SINGLE_ISSUER)
	thread := task.Thread(kernel.V7_3, "thread")
	const op = uint32(uapi.IORING_REGISTER_ENABLE_RINGS)
	if got := text(Call(kernel.V7_3, thread, &Args{FD: 3, Op: op})); got != "0" || r.Submitter != thread {
		t.Errorf("%s, issuer %v", got, r.Submitter)
	}
	if got := text(Call(kernel.V7_3, task, &Args{FD: 3, Op: op})); got != "EEXIST" {
		t.Errorf("another thread: %s", got)
	}
	for _, k := range kernel.Measured() {
		task, _ := world(uapi.IORING_SETUP_R_DISABLED)
		task.Mem.CopyOut(memAt, uapi.Restriction{Opcode: 1}.Append(nil))
		Call(k, task, &Args{FD: 3, Op: uint32(uapi.IORING_REGISTER_RESTRICTIONS), Arg: memAt, Nr: 1})
		Call(k, task, &Args{FD: 3, Op: op})
		want := "EBADFD"
		if k.Name == "6.19" {
			want = "EACCES" // single-restriction-switch
		}
		if got := text(Call(k, task, &Args{FD: 3, Op: op})); got != want {
			t.Errorf("%s: enabled again with an SQE_OP list: %s, want %s", k.Name, got, want)
		}
	}
}

// TestProbe: a probe wants zeros, and fills in as many opcodes as it has room for.
func TestProbe(t *testing.T) {
	for _, nr := range []uint32{0, 1, 65, 256} {
		task, _ := world(0)
		if got := text(Call(kernel.V7_3, task, &Args{FD: 3, Op: uint32(uapi.IORING_REGISTER_PROBE), Arg: memAt, Nr: nr})); got != "0" {
			t.Fatalf("%d: %s", nr, got)
		}
		raw := make([]byte, 16+8*257)
		task.Mem.CopyIn(raw, memAt)
		n := min(int(nr), 65)
		want := make([]byte, len(raw))
		want[0], want[1] = 64, byte(n)
		for i := range n {
			want[16+8*i], want[16+8*i+2] = byte(i), 1
		}
		if diff := cmp.Diff(want, raw); diff != "" {
			t.Errorf("%d (-want +got):\n%s", nr, diff)
		}
	}
	rows := []struct {
		at   uint64
		prot mm.Prot
		fill int // offset of a byte that is not zero, -1 for none
		want string
	}{
		{memAt, mm.ReadWrite, 0, "EINVAL"}, {memAt, mm.ReadWrite, 23, "EINVAL"}, {memAt, mm.ReadWrite, 24, "0"},
		{badAt, mm.ReadWrite, -1, "EFAULT"}, {memAt, mm.Read, -1, "EFAULT"},
	}
	for _, r := range rows {
		task, _ := world(0)
		if r.fill >= 0 {
			task.Mem.CopyOut(memAt+uint64(r.fill), []byte{1})
		}
		task.Mem.Protect(memAt, mm.PageSize, r.prot)
		if got := text(Call(kernel.V7_3, task, &Args{FD: 3, Op: uint32(uapi.IORING_REGISTER_PROBE), Arg: r.at, Nr: 1})); got != r.want {
			t.Errorf("%+v: %s", r, got)
		}
	}
}

// TestPersonalities: numbers from 1 on, each used once before they come round.
func TestPersonalities(t *testing.T) {
	task, _ := world(0)
	call := func(op uapi.RegisterOp, nr uint32) string {
		return text(Call(kernel.V7_3, task, &Args{FD: 3, Op: uint32(op), Nr: nr}))
	}
	const add, remove = uapi.IORING_REGISTER_PERSONALITY, uapi.IORING_UNREGISTER_PERSONALITY
	got := []string{call(add, 0), call(add, 0), call(remove, 1), call(remove, 1), call(add, 0), call(remove, 0),
		call(remove, 0x10002), call(remove, 2)}
	want := []string{"1", "2", "0", "EINVAL", "3", "EINVAL", "EINVAL", "0"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for range 65534 { // of 65535 numbers one is taken
		call(add, 0)
	}
	if got := []string{call(add, 0), call(remove, 7), call(add, 0)}; cmp.Diff([]string{"EBUSY", "0", "7"}, got) != "" {
		t.Errorf("all numbers: %v", got)
	}
}

// fds and iov are the arrays that FILES and BUFFERS take.
func fds(fds ...int32) (b []byte) {
	for _, fd := range fds {
		b = binary.LittleEndian.AppendUint32(b, uint32(fd))
	}
	return b
}

func iov(vs ...uint64) (b []byte) {
	for _, v := range vs {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}

// tableRows are the rows of TestFilesAndBuffers.
var tableRows = []struct {
	op   uapi.RegisterOp
	data []byte
	nr   uint32
	want string
	why  string
}{
	{files, fds(0, -1, 4), 3, "0", "-1 leaves a slot empty"}, {files, nil, 0, "EINVAL", ""},
	{files, fds(99), 1, "EBADF", ""},
	{files, fds(3), 1, "EBADF", "a ring"}, {files, fds(-2), 1, "EBADF", "only -1 is no file"},
	{files, nil, 1025, "EMFILE", ""},
	{buffers, iov(memAt, 16), 1, "0", ""}, {buffers, iov(0, 0), 1, "0", "an empty slot"},
	{buffers, iov(0, 16), 1, "EFAULT", ""},
	{buffers, iov(memAt, 0), 1, "EFAULT", ""}, {buffers, iov(badAt, 16), 1, "EFAULT", ""},
	{buffers, iov(memAt, 1<<40+1), 1, "EINVAL", "more than 1 TiB"},
	{buffers, iov(memAt, 1<<63), 1, "EINVAL", "negative"}, {buffers, nil, 0, "EINVAL", ""},
	{buffers, nil, 16385, "EINVAL", ""},
	{buffers, iov(memAt+16*mm.PageSize-8, 16), 1, "EFAULT", "half of it is there"},
}

// TestFilesAndBuffers: tables are made once, of what exists.
func TestFilesAndBuffers(t *testing.T) {
	for _, r := range tableRows {
		task, ring := world(0)
		task.Mem.CopyOut(memAt, r.data)
		if got := text(Call(kernel.V7_3, task, &Args{FD: 3, Op: uint32(r.op), Arg: memAt, Nr: r.nr})); got != r.want {
			t.Errorf("%s of %d = %s, want %s (%s)", r.op, r.nr, got, r.want, r.why)
		}
		if made := ring.Files.Registered() || ring.Buffers != nil; made != (r.want == "0") {
			t.Errorf("%s of %d: table %v (%s)", r.op, r.nr, made, r.why)
		}
	}
}

// TestTablesOnce: a table is made once, until it is given up.
func TestTablesOnce(t *testing.T) {
	for _, op := range []uapi.RegisterOp{files, buffers} {
		task, _ := world(0)
		task.Mem.CopyOut(memAt, make([]byte, 32))
		got := []string{}
		for _, c := range []struct {
			op  uapi.RegisterOp
			arg uint64
			nr  uint32
		}{{op + 1, 0, 0}, {op, memAt, 1}, {op, memAt, 1}, {op + 1, 0, 0}, {op + 1, 0, 0}, {op, memAt, 1}} {
			got = append(got, text(Call(kernel.V7_3, task, &Args{FD: 3, Op: uint32(c.op), Arg: c.arg, Nr: c.nr})))
		}
		if diff := cmp.Diff([]string{"ENXIO", "0", "EBUSY", "0", "ENXIO", "0"}, got); diff != "" {
			t.Errorf("%s and its opposite (-want +got):\n%s", op, diff)
		}
	}
}

type ups = []uapi.RsrcUpdate

const none = ^uint32(0)

func up(offset, resv uint32, data uint64) uapi.RsrcUpdate {
	return uapi.RsrcUpdate{Offset: offset, Resv: resv, Data: data}
}

// ringFDRows are the rows of TestRingFDs.
var ringFDRows = []struct {
	updates ups
	want    string
	index   [4]bool // of the first indices, taken
	why     string
}{
	{ups{up(none, 0, 3)}, "1", [4]bool{true}, "any index"}, {ups{up(2, 0, 3)}, "1", [4]bool{2: true}, "that one"},
	{ups{up(none, 0, 3), up(none, 0, 3)}, "2", [4]bool{true, true}, ""},
	{ups{up(none, 1, 3)}, "EINVAL", [4]bool{}, "resv"},
	{ups{up(16, 0, 3)}, "EINVAL", [4]bool{}, "no such index"}, {ups{up(none, 0, 99)}, "EBADF", [4]bool{}, ""},
	{ups{up(none, 0, 4)}, "EOPNOTSUPP", [4]bool{}, "a pipe"},
	{ups{up(none, 0, 3), up(none, 0, 99)}, "1", [4]bool{true}, "what worked counts"},
	{ups{up(1, 0, 3), up(1, 0, 3)}, "1", [4]bool{1: true}, "taken"},
}

// TestRingFDs: rings at indices of the task.
func TestRingFDs(t *testing.T) {
	for _, r := range ringFDRows {
		task, _ := world(0)
		var raw []byte
		for _, u := range r.updates {
			raw = u.Append(raw)
		}
		task.Mem.CopyOut(memAt, raw)
		n := uint32(len(r.updates))
		if got := text(Call(kernel.V7_3, task, &Args{FD: 3, Op: uint32(uapi.IORING_REGISTER_RING_FDS), Arg: memAt, Nr: n})); got != r.want {
			t.Errorf("%v = %s, want %s (%s)", r.updates, got, r.want, r.why)
		}
		var taken [4]bool
		for i := range taken {
			taken[i] = task.Rings[i] != nil
		}
		if diff := cmp.Diff(r.index, taken); diff != "" {
			t.Errorf("%v: %s (-want +got):\n%s", r.updates, r.why, diff)
		}
	}
}

// TestUnregisterRingFDs: an index that is free already is no error.
func TestUnregisterRingFDs(t *testing.T) {
	task, _ := world(0)
	task.Mem.CopyOut(memAt, up(none, 0, 3).Append(nil))
	Call(kernel.V7_3, task, &Args{FD: 3, Op: uint32(uapi.IORING_REGISTER_RING_FDS), Arg: memAt, Nr: 1})
	got := []string{}
	updates := ups{up(0, 1, 0), up(0, 0, 1), up(16, 0, 0), up(0, 0, 0), up(0, 0, 0)}
	for _, u := range updates {
		task.Mem.CopyOut(memAt, u.Append(nil))
		got = append(got, text(Call(kernel.V7_3, task, &Args{FD: 3, Op: uint32(uapi.IORING_UNREGISTER_RING_FDS), Arg: memAt, Nr: 1})))
	}
	if diff := cmp.Diff([]string{"EINVAL", "EINVAL", "EINVAL", "1", "1"}, got); diff != "" || task.Rings[0] != nil {
		t.Errorf("unregister (-want +got):\n%s", diff)
	}
}

// ask asks one question with so much room for the answer.
func ask(k kernel.Release, h uapi.QueryHdr, room uint32) (string, uapi.QueryHdr, []byte) {
	task, _ := world(0)
	h.QueryData, h.Size = memAt+0x100, room
	task.Mem.CopyOut(memAt, h.Append(nil))
	ret := text(Call(k, task, &Args{FD: -1, Op: uint32(uapi.IORING_REGISTER_QUERY), Arg: memAt}))
	raw, data := make([]byte, 40), make([]byte, 64)
	task.Mem.CopyIn(raw, memAt)
	task.Mem.CopyIn(data, memAt+0x100)
	return ret, uapi.DecodeQueryHdr(raw), data
}

// TestQuery asks about opcodes, in a chain, and wrongly.
func TestQuery(t *testing.T) {
	for _, k := range kernel.Measured() {
		ret, h, data := ask(k, uapi.QueryHdr{}, 64)
		le := binary.LittleEndian
		got := []uint64{uint64(le.Uint32(data)), uint64(le.Uint32(data[4:])), le.Uint64(data[8:]), le.Uint64(data[16:]),
			le.Uint64(data[24:]), le.Uint64(data[32:])}
		want := []uint64{65, uint64(k.RegisterLast()), 0x3ffff, 0x1fffff, 0xff, 0x7f}
		if k.Name == "6.19" {
			want[3] = 0xfffff
		}
		if diff := cmp.Diff(want, got); diff != "" || ret != "0" || h.Size != 48 || h.Result != 0 {
			t.Errorf("%s: %s, %+v (-want +got):\n%s", k.Name, ret, h, diff)
		}
		_, h, _ = ask(k, uapi.QueryHdr{QueryOp: 3}, 64)
		if known := h.Result == 0; known != (k.Name == "7.2" || k.Name == "7.3") {
			t.Errorf("%s: ZCRX_EVENT gives %d", k.Name, h.Result)
		}
	}
	for name, want := range map[string]string{"6.19": "0100000000000000 0100000000000000 02000000 00000000 08000000",
		"7.1": "0300000000000000 0100000000000000 02000000 01000000 08000000",
		"7.3": "0300000000000000 0100000000000000 04000000 03000000 80000000"} {
		k, _ := kernel.Parse(name)
		want += " 40000000 0000000000000000"
		_, h, data := ask(k, uapi.QueryHdr{QueryOp: 1}, 64)
		if got := fmt.Sprintf("%x", data[:40]); got != strings.ReplaceAll(want, " ", "") || h.Size != 40 {
			t.Errorf("%s: ZCRX: %+v, %s, want %s", name, h, got, want)
		}
	}
	for room, want := range map[uint32]string{4096: "0", 4097: "E2BIG"} {
		if ret, _, _ := ask(kernel.V7_3, uapi.QueryHdr{QueryOp: 99}, room); ret != want {
			t.Errorf("room for %d bytes: %s, want %s", room, ret, want)
		}
	}
	for name, h := range map[string]uapi.QueryHdr{"resv": {Resv: [3]uint32{0, 1, 0}}, "result": {Result: 1}} {
		if ret, got, _ := ask(kernel.V7_3, h, 64); ret != "0" || got.Result != -22 {
			t.Errorf("%s: %s, result %d, want the error in the answer", name, ret, got.Result)
		}
	}
	if ret, h, data := ask(kernel.V7_3, uapi.QueryHdr{}, 4); ret != "0" || h.Size != 4 || data[0] != 65 || data[4] != 0 {
		t.Errorf("little room: %s, %+v, % x", ret, h, data[:8])
	}
	if ret, h, _ := ask(kernel.V7_3, uapi.QueryHdr{QueryOp: 99}, 64); ret != "0" || h.Result != -95 {
		t.Errorf("an unknown question: %s, %+v", ret, h)
	}
	if ret, _, _ := ask(kernel.V7_3, uapi.QueryHdr{NextEntry: memAt}, 64); ret != "ERANGE" && ret != "0" {
		t.Errorf("a chain without end: %s", ret)
	}
}

// sendMsgRingRows are the rows of TestSendMsgRing.
var sendMsgRingRows = []struct {
	edit  func(*uapi.SQE)
	ring  uint32 // flags of the target
	on    string // the releases that give want; the others post
	want  string
	flags uint32 // of the CQE
	why   string
}{
	{func(s *uapi.SQE) {}, 0, "", "0", 0, "addr, len: user_data, res"},
	{func(s *uapi.SQE) { s.SetFlags(4) }, 0, "", "EINVAL", 0, "no flags"},
	{func(s *uapi.SQE) { s.SetOpcode(0) }, 0, "", "EINVAL", 0, "no other opcode"},
	{func(s *uapi.SQE) { s[40] = 1 }, 0, "", "EINVAL", 0, "buf_index"},
	{func(s *uapi.SQE) { s[42] = 1 }, 0, "", "EINVAL", 0, "personality"},
	{func(s *uapi.SQE) { s.SetOpFlags(4) }, 0, "", "EINVAL", 0, "an unknown flag"},
	{func(s *uapi.SQE) { s.SetAddr(1) }, 0, "", "EINVAL", 0, "SEND_FD needs a ring"},
	{func(s *uapi.SQE) { s.SetAddr(1); s.SetFD(99) }, 0, "", "EINVAL", 0, "the command before the descriptor"},
	{func(s *uapi.SQE) { s.SetFD(99) }, 0, "", "EBADF", 0, ""},
	{func(s *uapi.SQE) { s.SetFD(4) }, 0, "", "EBADFD", 0, "a pipe, not EOPNOTSUPP"},
	{func(s *uapi.SQE) { s[48] = 1 }, 0, "", "EINVAL", 0, "addr3"},
	{func(s *uapi.SQE) { s.SetOpFlags(1) }, 0, "", "EINVAL", 0, "CQE_SKIP"},
	{func(s *uapi.SQE) { s[44] = 1 }, 0, "", "EINVAL", 0, "file_index without FLAGS_PASS"},
	{func(s *uapi.SQE) { s[44] = 2; s.SetOpFlags(2) }, 0, "", "0", 2, "flags of the CQE"},
	{func(s *uapi.SQE) {}, uapi.IORING_SETUP_R_DISABLED, "", "EBADFD", 0, "a disabled target"},
	{func(s *uapi.SQE) { s[45] = 0x80; s.SetOpFlags(2) }, 0, "7.2 7.3", "EINVAL", 0x8000,
		"a large CQE on a ring of small ones"},
	{func(s *uapi.SQE) { s[45] = 0x80; s.SetOpFlags(2) }, uapi.IORING_SETUP_CQE_MIXED, "", "0", 0x8000, ""},
}

// TestSendMsgRing: a message without a ring of one's own, with what is wrong about it in order.
func TestSendMsgRing(t *testing.T) {
	for _, k := range kernel.Measured() {
		for _, r := range sendMsgRingRows {
			task, ring := world(r.ring)
			var s uapi.SQE
			s.SetOpcode(uapi.IORING_OP_MSG_RING)
			s.SetFD(3)
			s.SetOff(7)
			s.SetLen(9)
			r.edit(&s)
			task.Mem.CopyOut(memAt, s[:])
			want, posted := r.want, []uapi.CQE(nil)
			if r.on != "" && !strings.Contains(r.on, k.Name) {
				want = "0"
			}
			if want == "0" {
				posted = []uapi.CQE{{UserData: 7, Res: 9, Flags: r.flags}}
			}
			got := text(Call(k, task, &Args{FD: -1, Op: uint32(uapi.IORING_REGISTER_SEND_MSG_RING), Arg: memAt, Nr: 1}))
			if diff := cmp.Diff(posted, ring.posted); diff != "" || got != want {
				t.Errorf("%s: %s, want %s (%s) (-want +got):\n%s", k.Name, got, want, r.why, diff)
			}
		}
	}
}

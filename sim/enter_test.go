package sim

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// TestEnterErrors: what of an enter is looked at first.
func TestEnterErrors(t *testing.T) {
	const registered = uapi.IORING_ENTER_REGISTERED_RING
	rows := []struct {
		ring uint32 // flags
		e    trace.Enter
		want string
		why  string
	}{
		{0, trace.Enter{FD: 99, Flags: 0x100}, "EINVAL", "flags before the descriptor"},
		{0, trace.Enter{FD: 3, Flags: 0x80}, "0", "the last flag"},
		{0, trace.Enter{FD: 99}, "EBADF", ""}, {0, trace.Enter{FD: 0}, "EOPNOTSUPP", "no ring"},
		{0, trace.Enter{FD: 3, Flags: registered}, "EBADF", "an empty index"},
		{0, trace.Enter{FD: 16, Flags: registered}, "EINVAL", ""},
		{disabled, trace.Enter{FD: 3}, "EBADFD", "also for nothing"},
		{disabled, trace.Enter{FD: 3, ToSubmit: 1}, "EBADFD", ""},
		{0, trace.Enter{FD: 3, Flags: getEvents | uapi.IORING_ENTER_EXT_ARG, ArgSize: 23}, "EINVAL", ""},
		{0, trace.Enter{FD: 3, Flags: getEvents | uapi.IORING_ENTER_EXT_ARG, ArgSize: 24}, "EFAULT", "NULL"},
		{0, trace.Enter{FD: 3, Flags: uapi.IORING_ENTER_EXT_ARG, ArgSize: 1}, "0", "without GETEVENTS it is not looked at"},
		{uapi.IORING_SETUP_SQPOLL, trace.Enter{FD: 3, ToSubmit: 77}, "77", "the thread's business"},
	}
	for _, k := range kernel.Measured() {
		for _, r := range rows {
			d := drive(t, k)
			d.must(d.setup("init", "r", r.ring), 3)
			if got := uapi.FormatRet(d.do("init", r.e).Ret); got != r.want {
				t.Errorf("%s: %+v = %s, want %s (%s)", k.Name, r.e, got, r.want, r.why)
			}
		}
	}
}

// TestGetEventsError: errors of the wait only show if nothing was submitted.
func TestGetEventsError(t *testing.T) {
	d := drive(t, kernel.V7_3)
	d.must(d.setup("init", "r", 0), 3)
	bad := trace.Enter{Flags: getEvents | uapi.IORING_ENTER_EXT_ARG, ArgSize: 1}
	nothing := d.enterWith("init", "r", nil, bad)
	bad.ToSubmit = 1
	something := d.enterWith("init", "r", []string{"1 NOP"}, bad)
	if diff := cmp.Diff([]string{"EINVAL:", "1: 1 0"}, []string{nothing, something}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestNoWaitAfterFailure: an enter that consumed less than it was asked to does not wait for completions.
func TestNoWaitAfterFailure(t *testing.T) {
	for sqes, want := range map[string]string{"1 200,2 NOP": "1: 1 EINVAL",
		"1 NOP,2 NOP": "unmodelled: it waits for 5 completions where only 2 can come"} {
		d := drive(t, kernel.V7_3)
		d.must(d.setup("init", "r", 0), 3)
		e := trace.Enter{ToSubmit: 2, Flags: getEvents, MinComplete: 5}
		if got := d.enterWith("init", "r", strings.Split(sqes, ","), e); got != want {
			t.Errorf("[%s]: %s, want %s", sqes, got, want)
		}
	}
}

// TestSingleIssuer: only the task that made the ring, or enabled it, may submit to it.
func TestSingleIssuer(t *testing.T) {
	const single = uapi.IORING_SETUP_SINGLE_ISSUER
	d := drive(t, kernel.V7_3)
	d.must(d.setup("init", "own", single), 3)
	d.must(d.setup("init", "late", single|disabled), 4)
	d.do("init", trace.Spawn{Child: "other", Kind: trace.Thread})
	d.must(d.register("other", "late", uapi.IORING_REGISTER_ENABLE_RINGS, 0, 0), 0)
	got := []string{
		d.enter("other", "own", "1 NOP", 0), d.enter("other", "own", "", 0), d.enter("init", "own", "", 0),
		d.enter("init", "late", "2 NOP", 0), d.enter("other", "late", "", 0),
	}
	want := []string{"EEXIST:", "0:", "0:", "EEXIST:", "0:"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := text(d.register("other", "own", uapi.IORING_REGISTER_PERSONALITY, 0, 0)); got != "EEXIST" {
		t.Errorf("register by another: %s", got)
	}
}

func text(r trace.Result) string { return uapi.FormatRet(r.Ret) }

// TestRestrictionsOfRings: what of restrictions and other checks speaks first for a request.
func TestRestrictionsOfRings(t *testing.T) {
	rows := []struct{ list, sqes, want, why string }{
		{"sqe NOP", "1 NOP,2 READ fd=77", "2: 1 0, 2 EACCES", ""},
		{"sqe NOP", "1 READ ioprio=1", "1: 1 EACCES", "before ioprio and prep"},
		{"sqe NOP", "1 READ personality=9", "1: 1 EACCES", "before the personality"},
		{"sqe NOP", "1 200", "1: 1 EINVAL", "the opcode before"},
		{"sqe NOP", "1 FSYNC+X", "1: 1 EINVAL", "an unknown flag before"},
		{"sqe NOP", "1 FSYNC+B", "1: 1 EOPNOTSUPP", "BUFFER_SELECT before"},
		{"sqe NOP", "1 NOP+L,2 FSYNC", "2: 1 EACCES, 2 EACCES", "LINK is not allowed by itself, but still links"},
		{"sqe NOP, allow 4", "1 NOP+L,2 NOP", "2: 1 0, 2 0", ""}, {"sqe NOP, require 0x10", "1 NOP", "1: 1 EACCES", ""},
		{"sqe NOP, require 0x10", "1 NOP+A", "1: 1 0~", ""}, {"allow 0x7f", "1 NOP", "1: 1 EACCES", "a list without opcodes"},
		{"", "1 NOP", "1: 1 EACCES", "the empty list"},
		{"reg FILES", "1 NOP", "1: 1 0", "register entries are another family"},
		{"sqe FSYNC, require 0x10", "1 FSYNC fd=77", "1: 1 EACCES", "the flags of the program, not those that prep adds"},
	}
	for _, k := range kernel.Measured() {
		for _, r := range rows {
			want := r.want
			if k.Name == "6.19" && r.list == "reg FILES" {
				want = "1: 1 EACCES" // single-restriction-switch
			}
			d := drive(t, k)
			d.must(d.setup("init", "r", disabled), 3)
			d.must(d.restrict("init", "r", r.list), 0)
			d.must(d.register("init", "r", uapi.IORING_REGISTER_ENABLE_RINGS, 0, 0), 0)
			if got := d.enter("init", "r", r.sqes, 0); got != want {
				t.Errorf("%s: {%s} [%s]: %s, want %s (%s)", k.Name, r.list, r.sqes, got, want, r.why)
			}
		}
	}
}

// TestFiltersOfRings: filters come after prep, and before the descriptor is looked up.
func TestFiltersOfRings(t *testing.T) {
	rows := []struct{ sqes, want, why string }{
		{"1 READ fd=77", "1: 1 EACCES", "a deny hides the bad descriptor"},
		{"1 READ ioprio=1", "1: 1 EINVAL", "prep before the filter"},
		{"1 READ+L fd=77,2 NOP", "2: 1 EACCES, 2 ECANCELED", "a denied head"},
		{"1 NOP+H,2 READ", "2: 1 ECANCELED, 2 EACCES", "a denied member"},
		{"1 READ,2 NOP", "1: 1 EACCES", "it stops the submission"}, {"1 READ+S", "1: 1 EACCES", "and always tells"},
		{"1 READ+D,2 NOP", "1: 1 EACCES", ""},
	}
	for _, k := range kernel.Measured()[1:] {
		for _, r := range rows {
			d := drive(t, k)
			d.must(d.setup("init", "r", 0), 3)
			d.must(d.filter("init", "r", uapi.IORING_OP_READ, "ret #0", 0), 0)
			if got := d.enter("init", "r", r.sqes, 0); got != r.want {
				t.Errorf("%s: [%s]: %s, want %s (%s)", k.Name, r.sqes, got, r.want, r.why)
			}
		}
	}
}

// TestKnownResults: what a recording says of a request that io_uring does not decide is taken. An EACCES is not, once
// there are filters.
func TestKnownResults(t *testing.T) {
	rows := []struct {
		known []uapi.CQE
		want  string
	}{
		{nil, "1:"}, {[]uapi.CQE{}, "1:"}, {[]uapi.CQE{{UserData: 1, Res: 7}}, "1: 1 7~"},
		{[]uapi.CQE{{UserData: 2, Res: 7}}, "1:"},
		{[]uapi.CQE{{UserData: 1, Res: -13}}, "1:"}, {[]uapi.CQE{{UserData: 1, Res: -5}}, "1: 1 EIO~"},
	}
	for _, r := range rows {
		d := drive(t, kernel.V7_3)
		d.must(d.setup("init", "r", 0), 3)
		d.must(d.filter("init", "r", uapi.IORING_OP_CLOSE, "ret #0", 0), 0)
		if got := d.enterWith("init", "r", []string{"1 READ fd=0 len=7"}, trace.Enter{ToSubmit: 1,
			Known: r.known}); got != r.want {
			t.Errorf("known %v: %s, want %s", r.known, got, r.want)
		}
	}
	d := drive(t, kernel.V7_3)
	d.must(d.setup("init", "r", 0), 3)
	denied := trace.Enter{ToSubmit: 1, Known: []uapi.CQE{{UserData: 1, Res: -13}}}
	if got := d.enterWith("init", "r", []string{"1 OPENAT"}, denied); got != "1: 1 EFAULT" {
		t.Errorf("what fails in prep is no business of the recording: %s", got)
	}
	if got, want := d.enterWith("init", "r", []string{"1 READ fd=0 len=7"}, denied), "1: 1 EACCES~"; got != want {
		t.Errorf("EACCES without filters and restrictions: %s, want %s", got, want)
	}
	both := trace.Enter{ToSubmit: 2, Known: []uapi.CQE{{UserData: 1}, {UserData: 1, Res: 7}}}
	if got, want := d.enterWith("init", "r", []string{"1 NOP", "1 READ fd=0 len=7"}, both), "2: 1 0, 1 7~"; got != want {
		t.Errorf("two requests with the same user_data: %s, want %s", got, want)
	}
	d = drive(t, kernel.V7_3)
	d.must(d.setup("init", "r", 0), 3)
	d.enterWith("init", "r", []string{"1 READ+L fd=0 len=7", "2 NOP"}, trace.Enter{ToSubmit: 2, Known: []uapi.CQE{}})
	got := show(d.do("init", trace.Reap{Ring: "r", Known: []uapi.CQE{{UserData: 1, Res: 3}, {UserData: 2, Res: -125}}}))
	if want := "0: 1 3~, 2 ECANCELED~"; got != want {
		t.Errorf("a short read that ends later: %s, want %s", got, want)
	}
}

// TestSystemErrors: calls that make no sense are errors of the system, not of the kernel.
func TestSystemErrors(t *testing.T) {
	d := drive(t, kernel.V7_3)
	d.must(d.setup("init", "r", 0), 3)
	rows := []struct {
		task string
		c    trace.Call
		want string
	}{
		{"nobody", trace.Exec{}, `there is no task "nobody"`},
		{"init", trace.Setup{Ring: "r"}, `there is a ring "r" already`},
		{"init", trace.Enter{Ring: "x"}, `there is no ring "x"`}, {"init", trace.Reap{Ring: "x"}, `there is no ring "x"`},
		{"init", trace.Spawn{Child: "init", Kind: trace.Fork}, `a child needs a new name, not "init"`},
		{"init", trace.Spawn{Kind: trace.Fork}, `a child needs a new name, not ""`},
		{"init", trace.Spawn{Child: "c", Kind: "x"}, `unknown kind of child "x"`},
		{"init", trace.Write{Addr: 1, Data: []byte{1}}, "task init cannot write 1 bytes at 0x1"},
		{"init", trace.Enter{Ring: "r", SQEs: []trace.SlotSQE{{Slot: 8, Data: make([]byte, 64)}}},
			`ring "r" has 8 SQEs; slot 8 is not one of them`},
		{"init", trace.Enter{Ring: "r", SQEs: []trace.SlotSQE{{Slot: 7, Data: make([]byte, 128)}}},
			`ring "r" has 8 SQEs; slot 7 is not one of them`},
		{"init", trace.Enter{Ring: "r", Array: []trace.SlotIndex{{Slot: 8}}},
			`ring "r" has an SQ array of 8 entries; 8 is not one of them`},
		{"init", nil, "unknown call <nil>"},
	}
	for _, r := range rows {
		if got := d.k.Do(r.task, r.c); got.Err == nil || got.Err.Error() != r.want {
			t.Errorf("%T: %v, want %s", r.c, got.Err, r.want)
		}
	}
	d.do("init", trace.Spawn{Child: "c", Kind: trace.VFork})
	for task, then := range map[string]trace.Call{"init": trace.Exec{}} {
		if got := d.k.Do(task, then); got.Err == nil {
			t.Error("a task that waits in vfork cannot make calls")
		}
	}
	d.do("c", trace.Exit{})
	if got := d.k.Do("c", trace.Exec{}); got.Err == nil {
		t.Error("nor can one that has ended")
	}
	if _, err := d.k.Read("init", 1, 1); err == nil || errors.Is(err, uapi.EFAULT) {
		t.Errorf("Read: %v", err)
	}
}

// TestFileCalls: the calls that prepare descriptors.
func TestFileCalls(t *testing.T) {
	d := drive(t, kernel.V7_3)
	rows := []struct {
		c    trace.Call
		want string
	}{
		{trace.Open{Path: pathAt, Flags: uapi.O_CLOEXEC}, "3"}, {trace.Open{Path: 0x7000_0000}, "EFAULT"},
		{trace.Socket{Type: 1}, "4"}, {trace.Dup{FD: 3}, "5"}, {trace.Dup{FD: 99}, "EBADF"},
		{trace.Pipe{FDs: memAt + 0x5000}, "0"}, {trace.Close{FD: 6}, "0"}, {trace.Close{FD: 6}, "EBADF"},
		{trace.Socketpair{FDs: 0}, "EFAULT"}, {trace.Cloexec{FD: 4, On: true}, "0"},
		{trace.Cloexec{FD: 99}, "EBADF"}, {trace.Exec{}, "0"}, {trace.Close{FD: 3}, "EBADF"}, {trace.Close{FD: 4}, "EBADF"},
		{trace.Close{FD: 5}, "0"}, {trace.Map{Addr: 1, Size: 4096}, "EINVAL"},
		{trace.Unmap{Addr: 1, Size: 4096}, "EINVAL"}, {trace.NoNewPrivs{}, "0"}, {trace.NewUserNS{}, "0"},
		{trace.DropPrivileges{}, "EINVAL"},
	}
	for _, r := range rows {
		if got := text(d.do("init", r.c)); got != r.want {
			t.Errorf("%T %+v: %s, want %s", r.c, r.c, got, r.want)
		}
	}
}
